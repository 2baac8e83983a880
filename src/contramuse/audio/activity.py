"""Where a source sounds: mean magnitudes of windows of a decoded store, and draws of windows that are loud enough.

A source counts as active in a window where the mean of |x| over that very window, of samples in [-1, 1] as they are
stored, is above a threshold (0.01 in MSCOL, Garoufis et al. 2023). Sums over short hops, computed once and kept beside
the library, tell nearly all windows; what they leave open is read from the samples, so that no answer is a guess.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from contramuse.audio.store import Store
from contramuse.errors import StorageError
from contramuse.files import replacing

THRESHOLD = 0.01
HOPS_PER_SECOND = 10
NOWHERE = -1
"""The start of a window that is not to be had."""
FULL_SCALE = 32768
_BLOCK_HOPS = 1024


class Activity:
    """How loud the rows of a store are, window by window.

    Args:
        store: of a source, as ``Library.stems(name)`` gives it, or of the mixes; kept as the attribute ``store``.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.hop = max(1, store.sample_rate // HOPS_PER_SECOND)
        hops = -(-store.lengths // self.hop)
        self._first = np.concatenate([np.zeros(1, np.int64), np.cumsum(hops)])

    def __getstate__(self) -> dict[str, Any]:
        # As the store's: a worker opens its own memory map.
        return {name: value for name, value in self.__dict__.items() if name != "_sums"}

    def mean_level(self, rows: ArrayLike, starts: ArrayLike, length: int) -> NDArray[np.float64]:
        """Mean of |x| over windows, exact, float64 [n] in [0, 1].

        Args:
            rows: int64 [n].
            starts: int64 [n], first sample of each window.
            length: samples per window; what lies outside the row counts as zero.
        """
        magnitudes = _magnitude(self.store.gather(rows, starts, length))
        return np.asarray(magnitudes.sum(axis=1, dtype=np.int64) / (length * FULL_SCALE))

    def active(
        self, rows: ArrayLike, starts: ArrayLike, length: int, *, threshold: float = THRESHOLD
    ) -> NDArray[np.bool_]:
        """Bool [n]: where the mean of |x| over the window itself is above ``threshold``; see ``mean_level``."""
        return np.asarray(self.mean_level(rows, starts, length) > threshold)

    def draw_active(
        self, rows: ArrayLike, length: int, *, threshold: float = THRESHOLD, generator: torch.Generator
    ) -> NDArray[np.int64]:
        """An active window of each row, drawn uniformly from those that begin on the grid of hops.

        Args:
            rows: int64 [n]; a row may occur more than once.
            length: samples per window. A row that is shorter has one window: from its start, zeros following.
            threshold: of the mean of |x|.
            generator: source of the draws.

        Returns:
            First samples, int64 [n]; -1 for a row without any active window.
        """
        rows = np.asarray(rows, np.int64)
        starts = np.full(len(rows), NOWHERE, np.int64)
        place, begin, sure = self._candidates(rows, length, threshold)
        open_rows = np.ones(len(rows), np.bool_)
        while len(place):
            counts = np.bincount(place, minlength=len(rows))
            waiting = np.flatnonzero(open_rows & (counts > 0))
            share = torch.rand(len(waiting), generator=generator, dtype=torch.float64).numpy()
            pick = (np.cumsum(counts) - counts)[waiting] + (share * counts[waiting]).astype(np.int64)
            found = sure[pick]
            unsure = pick[~found]
            found[~found] = self.active(rows[place[unsure]], begin[unsure], length, threshold=threshold)
            starts[waiting[found]] = begin[pick[found]]
            open_rows[waiting[found]] = False
            # A window that turned out silent is out; the draw goes on among the others, so it stays uniform.
            left = open_rows[place]
            left[pick[~found]] = False
            place, begin, sure = place[left], begin[left], sure[left]
        return starts

    def somewhere(self, rows: ArrayLike, length: int, *, threshold: float = THRESHOLD) -> NDArray[np.bool_]:
        """Bool [n]: which rows have an active window of ``length`` samples (those that ``draw_active`` can draw)."""
        found = self.draw_active(rows, length, threshold=threshold, generator=torch.Generator().manual_seed(0))
        return np.asarray(found != NOWHERE)

    def _candidates(
        self, rows: NDArray[np.int64], length: int, threshold: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Windows that may be active, by row.

        Returns:
            Position in ``rows``, in ascending order, first sample, and whether the window is active for sure.
        """
        lengths = self.store.lengths[rows]
        hops = self._first[rows + 1] - self._first[rows]
        count = np.where(lengths > 0, np.maximum(lengths - length, 0) // self.hop + 1, 0)
        place, number = _each(count)
        owner, hop = _each(hops)
        total = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._sums[self._first[rows][owner] + hop])])
        first = np.cumsum(hops) - hops

        def sum_of(whole: int) -> NDArray[np.int64]:
            end = np.minimum(number + whole, hops[place])
            return np.asarray(total[first[place] + end] - total[first[place] + number])

        # Divided as in mean_level, so that both round alike.
        within, around = (sum_of(n) / (length * FULL_SCALE) for n in (length // self.hop, -(-length // self.hop)))
        may = around > threshold
        return place[may], number[may] * self.hop, (within > threshold)[may]

    @cached_property
    def _sums(self) -> NDArray[np.int64]:
        """Sum of |x| over every hop of every row, row after row; kept in ``activity/`` of the library's folder."""
        path = self.store.root / "activity" / f"{self.store.fingerprint}.{self.hop}.u32"
        count, stamp = int(self._first[-1]), self.store.stamp.encode()
        if not _is_of(path, stamp, count):
            sums = np.empty(count, "<u4")
            for row in range(len(self.store)):
                sums[self._first[row] : self._first[row + 1]] = self._row_sums(row)
            try:
                with replacing(path) as temporary:
                    temporary.write_bytes(stamp + sums.tobytes())
            except StorageError:
                return sums  # a library that is only to be read: every run computes them for itself
        return np.memmap(path, "<u4", "r", len(stamp)).view(np.ndarray) if count else np.zeros(0, "<u4")

    def _row_sums(self, row: int) -> NDArray[np.int64]:
        block, length = _BLOCK_HOPS * self.hop, int(self.store.lengths[row])
        parts = [np.zeros(0, np.int64)]
        for start in range(0, length, block):
            magnitudes = _magnitude(self.store.read(row, start, start + block))
            parts.append(np.add.reduceat(magnitudes, np.arange(0, len(magnitudes), self.hop), dtype=np.int64))
        return np.concatenate(parts)


def _is_of(path: Path, stamp: bytes, count: int) -> bool:
    """Whether a file of sums is whole, and of the audio that has this ``stamp``."""
    if not path.is_file() or path.stat().st_size != len(stamp) + 4 * count:
        return False
    with open(path, "rb") as file:
        return file.read(len(stamp)) == stamp


def _magnitude(x: NDArray[np.int16]) -> NDArray[np.uint16]:
    """|x|, of -32,768 too: its magnitude overflows int16 into the very bits of the unsigned one."""
    return np.abs(x).view(np.uint16)


def _each(count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts [n] the pairs (i, 0 .. count[i] - 1), one after another."""
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
