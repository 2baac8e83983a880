"""What a view is: what is seen of the tracks of a batch, and who the rows are."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from contramuse.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library
    from contramuse.sampling import Drawn


def samples_of(seconds: float, *, sample_rate: int) -> int:
    """Whole samples in ``seconds``: floor(seconds * rate + 1e-6).

    The millionth of a sample forgives the rounding of seconds that were written as decimals: 0.29 s at 100 Hz are 29
    samples though 0.29 * 100 is 28.999999999999996. 2.678 s at 22,050 Hz give 59,049.
    """
    return math.floor(seconds * sample_rate + 1e-6)


@dataclass(frozen=True)
class Chance:
    """Where a view's random draws come from.

    Args:
        own: differs between the processes that train together.
        shared: gives the same in all of them, for what holds for a whole batch.
    """

    own: torch.Generator
    shared: torch.Generator


class Take(ABC):
    """What a view sees of the tracks of a batch."""

    @property
    def per_track(self) -> int:
        """Rows that each track gives; each has a number of its own ("view")."""
        return 1

    @property
    def after(self) -> str:
        """Another view that must be taken before this one, or ""."""
        return ""

    def fields(self) -> frozenset[str]:
        """The label fields of the library that this take reads."""
        return frozenset()

    def usable(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool [n]: which of the library ``rows`` this view can take; the others are left out of training."""
        return np.ones(len(rows), dtype=bool)

    def width(self, library: Library) -> int:
        """How wide what is taken is where the library says so: size of a vector, number of tags; 0: it does not."""
        return 0

    @abstractmethod
    def take(self, library: Library, drawn: Drawn, chance: Chance, seen: Mapping[str, Rows]) -> tuple[Tensor, Rows]:
        """What is seen of the tracks that were ``drawn`` [b].

        Args:
            library: where the tracks are.
            drawn: the tracks.
            chance: source of the random draws.
            seen: who the rows of the views before this one are.

        Returns:
            int16 [m 1 t] audio, float32 [m f n] stored features, float32 [m w] vectors or int64 [m k] tags; and who
            the m rows are, the first of every track, then the second of every track. Ids: "track" (library row),
            "group", "view", "segment", "labelled", and for what has a place in time "start" (first sample).
        """


def who_is(drawn: Drawn, *, count: int = 1, silent: Tensor | None = None, start: Tensor | None = None) -> Rows:
    """The rows of ``drawn`` [b], ``count`` of each track: m = count b, see ``Take.take``."""
    view = torch.arange(count).repeat_interleave(len(drawn))
    ids: dict[str, Tensor] = {
        "track": torch.from_numpy(np.tile(drawn.rows, count)),
        "group": torch.from_numpy(np.tile(drawn.group, count)),
        "view": view,
        "segment": view,
        "labelled": torch.from_numpy(np.tile(drawn.labelled, count)).long(),
    }
    if start is not None:
        ids["start"] = start
    absent = torch.zeros(count * len(drawn), dtype=torch.bool) if silent is None else silent
    return Rows(ids=ids, silent=absent)
