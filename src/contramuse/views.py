"""What is seen of a track: crops of its audio, and the facts that say who each row is.

The only place where seconds become samples.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Int16
from torch import Tensor

from contramuse.errors import LibraryError, RecipeError
from contramuse.rows import UNKNOWN, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


def samples_of(seconds: float, *, sample_rate: int) -> int:
    """Whole samples in ``seconds``: floor(seconds * rate + 1e-6).

    The millionth of a sample forgives the rounding of seconds that were written as decimals: 0.29 s at 100 Hz are 29
    samples though 0.29 * 100 is 28.999999999999996. 2.678 s at 22,050 Hz give 59,049.
    """
    return math.floor(seconds * sample_rate + 1e-6)


class Take(ABC):
    """What a view sees of the tracks of a batch."""

    @property
    @abstractmethod
    def per_track(self) -> int:
        """Rows that each track gives."""

    @abstractmethod
    def usable(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool [n]: which of the library ``rows`` this view can take; the others are left out of training."""

    @abstractmethod
    def take(
        self, library: Library, rows: NDArray[np.int64], generator: torch.Generator
    ) -> tuple[Int16[Tensor, "m 1 t"], Rows]:
        """What is seen of the tracks ``rows`` (int64 [b]), int16 [m 1 t], and who the m rows are."""


@dataclass(frozen=True, kw_only=True)
class Crop(Take):
    """``count`` stretches of ``seconds`` from each track.

    Args:
        seconds: length of each crop.
        count: crops of each track.
        rule: "independent", each crop starts anywhere, uniformly, and crops may overlap; "adjacent", the crops follow
            one another with ``gap`` between them, and the first starts anywhere that leaves room for the rest.
        gap: seconds between the end of a crop and the start of the next (adjacent).
        short: what becomes of a track too short for this: "pad", it is taken from its start and zeros follow; "skip",
            it is left out of training (``usable`` tells which).
    """

    seconds: float
    count: int = 2
    rule: Literal["independent", "adjacent"] = "independent"
    gap: float = 0.0
    short: Literal["pad", "skip"] = "pad"

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise RecipeError("a crop needs a length", name="seconds", value=self.seconds, fix="Give more than 0.")
        if self.count < 1:
            raise RecipeError("a view needs a crop", name="count", value=self.count, fix="Give 1 or more.")
        if self.gap < 0 or (self.gap and self.rule != "adjacent"):
            raise RecipeError(
                f"there is no such gap between {self.rule} crops",
                name="gap",
                value=self.gap,
                fix="Give 0 or more with rule: adjacent, or leave it out.",
            )

    @property
    def per_track(self) -> int:
        """``count``."""
        return self.count

    def span(self, sample_rate: int) -> int:
        """Samples from the first to the last that one draw needs of a track."""
        length = samples_of(self.seconds, sample_rate=sample_rate)
        if self.rule == "independent":
            return length
        return self.count * length + (self.count - 1) * samples_of(self.gap, sample_rate=sample_rate)

    def usable(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool [n]: which ``rows`` this view takes; under ``short: pad`` all of them."""
        if self.short == "pad":
            return np.ones(len(rows), dtype=bool)
        return np.asarray(library.store.lengths[rows] >= self.span(library.sample_rate))

    def starts(self, lengths: NDArray[np.int64], *, sample_rate: int, generator: torch.Generator) -> NDArray[np.int64]:
        """First samples of the crops: int64 [count n], for tracks of ``lengths`` int64 [n] samples."""
        room = torch.as_tensor(lengths) - self.span(sample_rate) + 1
        draws = self.count if self.rule == "independent" else 1
        # float64: a float32 in [0, 1) has 2^24 values, fewer than the samples of a 13-minute track.
        share = torch.rand(draws, len(lengths), generator=generator, dtype=torch.float64)
        first = (share * room.clamp(min=1)).long().numpy()
        if self.rule == "independent":
            return np.asarray(first)
        step = samples_of(self.seconds, sample_rate=sample_rate) + samples_of(self.gap, sample_rate=sample_rate)
        return np.asarray(first + step * np.arange(self.count)[:, None])

    def take(
        self, library: Library, rows: NDArray[np.int64], generator: torch.Generator
    ) -> tuple[Int16[Tensor, "m 1 t"], Rows]:
        """Crops of the tracks ``rows`` (int64 [b]).

        Returns:
            The crops, int16 [m 1 t] with m = count * b: the first crop of every track, then the second of every track.
            Who they are: ids "track" (library row), "group" (the track), "view" and "segment" (number of the crop),
            "start" (first sample); silent where a crop holds nothing but zeros.
        """
        starts = self.starts(library.store.lengths[rows], sample_rate=library.sample_rate, generator=generator)
        every = np.tile(rows, self.count)
        length = samples_of(self.seconds, sample_rate=library.sample_rate)
        x = library.store.gather(every, starts.reshape(-1), length)
        track = torch.from_numpy(every)
        crop = torch.arange(self.count).repeat_interleave(len(rows))
        who = Rows.of(
            silent=torch.from_numpy(~x.any(axis=1)),
            track=track,
            group=track,
            view=crop,
            segment=crop,
            start=torch.from_numpy(starts.reshape(-1)),
        )
        return torch.from_numpy(x)[:, None], who


TAKES: dict[str, type[Take]] = {"crop": Crop}


class Facts:
    """What a library knows of its tracks, read once as tensors that every batch indexes.

    Args:
        library: the library.
        fields: the label fields that are wanted, those that the targets of a recipe name.

    Raises:
        LibraryError: the library has no such field.
    """

    def __init__(self, library: Library, *, fields: Sequence[str] = ()) -> None:
        self._ids: dict[str, Tensor] = {}
        for name in ("artist", "album"):
            with suppress(LibraryError):  # a library without such groups: its rows have no such id
                self._ids[name] = torch.from_numpy(library.group(name))
        self._labels: dict[str, Tensor] = {}
        self._values: dict[str, Tensor] = {}
        for name in fields:
            found = torch.from_numpy(np.array(library.labels(name)))  # a copy: the index is read-only
            kind = library.fields[name].kind
            if kind == "numeric":
                self._values[name] = found.float().reshape(len(found), -1)
            elif kind == "multilabel":
                self._labels[name] = found.float()
            else:
                self._labels[name] = multi_hot(found, classes=len(library.fields[name].classes))
                self._ids[name] = found.long()

    def told(self, who: Rows) -> Rows:
        """``who`` with the artists, albums, labels and values of its tracks."""
        track = who.ids["track"]
        return replace(
            who,
            ids={**who.ids, **{name: ids[track] for name, ids in self._ids.items()}},
            labels={name: labels[track] for name, labels in self._labels.items()},
            values={name: values[track] for name, values in self._values.items()},
        )


def multi_hot(ids: Tensor, *, classes: int) -> Tensor:
    """Class numbers int64 [n] as float32 [n c]; an unknown one gives a row of zeros."""
    known = ids != UNKNOWN
    out = torch.zeros(len(ids), classes)
    out[known, ids[known]] = 1.0
    return out
