"""Crops of a track's audio, by themselves or tied to the crops of another view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from contramuse.errors import RecipeError
from contramuse.rows import Rows
from contramuse.views.base import Chance, Take, samples_of, who_is

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library
    from contramuse.sampling import Drawn

Rule = Literal["independent", "same", "adjacent", "apart", "near", "around"]


@dataclass(frozen=True, kw_only=True)
class Crop(Take):
    """``count`` stretches of ``seconds`` from each track.

    Args:
        seconds: length of each crop.
        count: crops of each track.
        rule: where the second and further crops lie, seen from the first; or, under ``of``, where crop i lies, seen
            from crop i of that view. "independent": anywhere. "same": the same stretch (the views differ by their
            augmentation alone). "adjacent": next to it, ``gap`` seconds away (under ``of`` before or after it, by a
            fair coin where both have room). "apart": anywhere without overlap (before or after by a fair coin, then
            uniformly). "near": without overlap and at most ``within`` seconds from start to start. "around": at most
            ``within`` seconds from start to start, overlapping or not. Where a track has no room for the rule, the
            crop lies as far away as it can.
        of: name of another view, taken before this one, whose crops these are tied to.
        gap: seconds between the end of a crop and the start of the next (adjacent).
        within: seconds (near, around).
        short: what becomes of a track too short for this: "pad", it is taken from its start and zeros follow; "skip",
            it is left out of training (``usable`` tells which).
    """

    seconds: float
    count: int = 2
    rule: Rule = "independent"
    of: str = ""
    gap: float = 0.0
    within: float = 10.0
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
                fix="Give 0 or more with rule: adjacent, and gap=0 with any other rule.",
            )
        if not self.within > 0:
            raise RecipeError("must be above 0", name="within", value=self.within, fix="PlaylistContrastive uses 10.")

    @property
    def per_track(self) -> int:
        """``count``."""
        return self.count

    @property
    def after(self) -> str:
        """The view that the crops are tied to."""
        return self.of

    def span(self, sample_rate: int) -> int:
        """Samples from the first to the last that one draw needs of a track."""
        length = samples_of(self.seconds, sample_rate=sample_rate)
        if self.rule in ("independent", "same", "around"):
            return length
        crops = 2 if self.of or self.rule != "adjacent" else self.count
        return crops * length + (crops - 1) * samples_of(self.gap, sample_rate=sample_rate)

    def usable(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool [n]: which ``rows`` this view takes; under ``short: pad`` all of them."""
        if self.short == "pad":
            return super().usable(library, rows)
        return np.asarray(library.store.lengths[rows] >= self.span(library.sample_rate))

    def starts(self, lengths: NDArray[np.int64], *, sample_rate: int, generator: torch.Generator) -> NDArray[np.int64]:
        """First samples of crops that are tied to no other view: int64 [count n], for tracks of ``lengths`` [n]."""
        length = samples_of(self.seconds, sample_rate=sample_rate)
        run = self.rule == "adjacent"
        draws = self.count if self.rule == "independent" else 1
        room = torch.as_tensor(lengths) - (self.span(sample_rate) if run else length) + 1
        # float64: a float32 in [0, 1) has 2^24 values, fewer than the samples of a 13-minute track.
        share = torch.rand(draws, len(lengths), generator=generator, dtype=torch.float64)
        first = (share * room.clamp(min=1)).long().numpy()
        if self.rule == "independent":
            return np.asarray(first)
        if run:
            step = length + samples_of(self.gap, sample_rate=sample_rate)
            every = first + step * np.arange(self.count)[:, None]
            return np.minimum(every, np.maximum(np.asarray(lengths) - length, 0))  # beyond the end is nothing
        rest = [
            self.tied(first[0], lengths, sample_rate=sample_rate, generator=generator) for _ in range(self.count - 1)
        ]
        return np.stack([first[0], *rest])

    def tied(
        self,
        anchors: NDArray[np.int64],
        lengths: NDArray[np.int64],
        *,
        sample_rate: int,
        generator: torch.Generator,
    ) -> NDArray[np.int64]:
        """First samples of crops that lie as ``rule`` says, seen from crops that start at ``anchors``: int64 [m].

        Args:
            anchors: int64 [m], first samples of the crops that these are tied to, taken as equally long.
            lengths: int64 [m], samples of their tracks.
            sample_rate: Hz.
            generator: source of the draws.
        """
        length = samples_of(self.seconds, sample_rate=sample_rate)
        last = np.maximum(lengths - length, 0)
        share = torch.rand(2, len(anchors), generator=generator, dtype=torch.float64).numpy()
        if self.rule == "same":
            return np.minimum(anchors, last)
        if self.rule == "independent":
            return np.asarray(share[0] * (last + 1)).astype(np.int64)
        before, after = self._sides(anchors, last, length, sample_rate)
        rooms = np.stack([np.maximum(high - low + 1, 0) for low, high in (before, after)])
        if self.rule in ("near", "around"):
            second = share[1] * rooms.sum(0) >= rooms[0]
        else:
            second = np.where(rooms.min(0) > 0, share[1] < 0.5, rooms[1] > 0)
        low, room = np.where(second, after[0], before[0]), np.where(second, rooms[1], rooms[0])
        farthest = np.where(anchors * 2 > last, 0, last)
        drawn = low + np.asarray(share[0] * room).astype(np.int64)
        return np.asarray(np.where(room > 0, drawn, farthest))

    def _sides(
        self, anchors: NDArray[np.int64], last: NDArray[np.int64], length: int, sample_rate: int
    ) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """(lowest, highest) start before and after the anchors; lowest above highest: no room."""
        away = samples_of(self.within, sample_rate=sample_rate)
        zero = np.zeros_like(anchors)
        if self.rule == "around":
            whole = (np.maximum(anchors - away, 0), np.minimum(anchors + away, last))
            return whole, (zero + 1, zero)
        step = length + samples_of(self.gap, sample_rate=sample_rate)
        if self.rule == "adjacent":
            behind, ahead = anchors - step, anchors + step
            return (np.where(behind >= 0, behind, 1), np.where(behind >= 0, behind, 0)), (
                ahead,
                np.minimum(ahead, last),
            )
        low, high = (zero, last) if self.rule == "apart" else (np.maximum(anchors - away, 0), anchors + away)
        return (low, anchors - length), (anchors + length, np.minimum(high, last))

    def take(self, library: Library, drawn: Drawn, chance: Chance, seen: Mapping[str, Rows]) -> tuple[Tensor, Rows]:
        """Crops of the tracks: int16 [m 1 t], or float32 [m f n] of a library of stored features.

        Rows are silent where the crop holds nothing but zeros.

        Raises:
            RecipeError: the view that these are tied to has another number of crops.
        """
        every, rate = np.tile(drawn.rows, self.count), library.sample_rate
        if self.of:
            starts = self._beside(library, every, chance, seen[self.of])
        else:
            lengths = library.store.lengths[drawn.rows]
            starts = self.starts(lengths, sample_rate=rate, generator=chance.own).reshape(-1)
        x = torch.from_numpy(library.store.gather(every, starts, samples_of(self.seconds, sample_rate=rate)))
        silent = ~x.flatten(1).any(dim=1)
        who = who_is(drawn, count=self.count, silent=silent, start=torch.from_numpy(starts))
        return (x[:, None] if x.ndim == 2 else x), who

    def _beside(self, library: Library, every: NDArray[np.int64], chance: Chance, other: Rows) -> NDArray[np.int64]:
        if "start" not in other.ids or len(other) != len(every):
            raise RecipeError(
                "its crops cannot be tied to those of a view with another number of them",
                name=f"views.{self.of}.take.count", value=self.count, fix="Give both views the same count.",
            )  # fmt: skip
        return self.tied(
            other.ids["start"].numpy(), library.store.lengths[every],
            sample_rate=library.sample_rate, generator=chance.own,
        )  # fmt: skip
