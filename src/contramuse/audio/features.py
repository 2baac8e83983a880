"""Stored features: mel spectrograms and the like in place of audio, in the layout of the decoded store.

A shard holds frames one after another, each of ``bands`` little-endian float16 numbers. float16 has 11 bits: of
decibels between -128 and 128 it loses at most 0.03 dB, of log-mels less; that is below what can be seen or heard.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contramuse.audio.store import Store

NUMBER = np.dtype("<f2")
LARGEST = 65504.0
"""What float16 can hold."""


class FeatureStore(Store):
    """Features of tracks, one row each; what ``Store`` counts in samples is counted in frames here.

    Args:
        root: folder of the library.
        sample_rate: frames per second, rounded to a whole number.
        bands: numbers in a frame, f.
        shard: int32 [n], the shard of each row.
        offset: int64 [n], where the row starts in its shard, in numbers.
        frames: int64 [n], its length; 0 is a row without features.
    """

    suffix = "f16"

    def __init__(
        self,
        root: Path | str,
        *,
        sample_rate: int,
        bands: int,
        shard: ArrayLike,
        offset: ArrayLike,
        frames: ArrayLike,
    ) -> None:
        super().__init__(root, sample_rate=sample_rate, shard=shard, offset=offset, samples=frames)
        self.bands = bands

    def read(self, row: int, start: int = 0, stop: int | None = None) -> NDArray[np.float16]:  # type: ignore[override]
        """Frames ``start`` to ``stop`` of a row, float16 [f n], a view of the memory map; see ``Store.read``."""
        length = int(self.lengths[row])
        stop = length if stop is None else min(stop, length)
        start = min(max(0, start), max(0, stop))
        if stop <= start:
            return np.zeros((self.bands, 0), np.float16)
        begin = int(self.offset[row])
        numbers = self._map(int(self.shard[row]), begin + self.bands * length)
        piece = numbers[begin + self.bands * start : begin + self.bands * stop]
        frames: NDArray[np.float16] = piece.view(NUMBER).reshape(-1, self.bands).T
        return frames

    def gather(  # type: ignore[override]
        self, rows: ArrayLike, starts: ArrayLike, length: int
    ) -> NDArray[np.float32]:
        """Crops of equal length, float32 [n f length]; what lies outside a row is its smallest number (silence).

        See ``Store.gather``.
        """
        rows, starts = np.asarray(rows, np.int64), np.asarray(starts, np.int64)
        out = np.zeros((len(rows), self.bands, length), np.float32)
        for crop, row, start in zip(out, rows.tolist(), starts.tolist(), strict=True):
            piece = self.read(row, start, start + length)
            before = min(length, max(0, -start))
            if piece.shape[1] < length and self.lengths[row]:
                crop[...] = self.read(row).min()
            crop[:, before : before + piece.shape[1]] = piece
        return out
