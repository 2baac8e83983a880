"""Music for a separator: two channels at its own rate, in blocks, from a file or from a decoded store."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contramuse.audio.decode import TOLERANCE_SECONDS, resampled
from contramuse.audio.decoders import READERS, Block, Facts, Reader, RefusedError, as_bytes
from contramuse.audio.store import Store
from contramuse.errors import DecodeError

BLOCK = 1 << 18
MOST_SECONDS = 1e6


class Music(ABC):
    """One recording, which can be gone through more than once.

    Args:
        sample_rate: of the blocks, in Hz.
        seconds: what lies beyond is left out.
    """

    def __init__(self, *, sample_rate: int, seconds: float) -> None:
        self.sample_rate, self._most = sample_rate, round(seconds * sample_rate)

    @abstractmethod
    def _blocks(self) -> Iterator[Block]:
        """Source's rate, and samples [t 2] at that rate."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The samples, float32 [2 t] in [-1, 1]."""
        left = self._most
        for block in resampled(self._blocks(), self.sample_rate, channels=2):
            piece = block[:left].T
            left -= piece.shape[1]
            if piece.shape[1]:
                yield piece
            if not left:
                return

    @cached_property
    def level(self) -> tuple[float, float]:
        """Mean and standard deviation of the mean of both channels."""
        count, total, squares = 0, 0.0, 0.0
        for block in self.blocks():
            middle = block.mean(0, dtype=np.float64)
            count, total, squares = count + len(middle), total + middle.sum(), squares + np.square(middle).sum()
        mean = total / max(1, count)
        return mean, math.sqrt(max(0.0, squares / max(1, count) - mean * mean))


class MusicFile(Music):
    """A file, with its two channels; a file of one or of more than two gives their mean twice.

    Args:
        path: the file.
        sample_rate: of the blocks, in Hz.
        seconds: what lies beyond is left out; a decoder that gives less is not believed while there is another.

    Raises:
        DecodeError: no decoder gives any audio.
    """

    def __init__(self, path: bytes | str | Path, *, sample_rate: int, seconds: float | None = None) -> None:
        super().__init__(sample_rate=sample_rate, seconds=MOST_SECONDS if seconds is None else seconds)
        self._path, self._wanted = as_bytes(path), seconds or 0.0
        self._reader = self._choose()

    def _choose(self) -> Reader:
        """The first decoder that reads as far as is wanted without an error, else the one that comes farthest."""
        best, longest, reasons = None, 0.0, []
        for reader in READERS.values():
            seconds, refused = 0.0, ""
            try:
                for rate, block in _two(reader(self._path, Facts(layout="stereo"))):
                    seconds += len(block) / rate
            except RefusedError as error:
                refused = str(error)
                reasons.append(refused)
            if seconds > longest + TOLERANCE_SECONDS * (best is not None):
                best, longest = reader, seconds
            if best is reader and not refused and seconds >= self._wanted - TOLERANCE_SECONDS:
                break
        if best is None:
            shown = self._path.decode("utf-8", "backslashreplace")
            fix = "Replace the file or leave it out."
            raise DecodeError("; ".join(reasons) or "yields no audio", name="file", value=shown, fix=fix)
        return best

    def _blocks(self) -> Iterator[Block]:
        try:
            yield from _two(self._reader(self._path, Facts(layout="stereo")))
        except RefusedError:
            return  # as when it was chosen: what came before is the audio


class StoredMusic(Music):
    """A row of a decoded store: the same in both channels.

    Args:
        store: the store.
        row: of the track.
        sample_rate: of the blocks, in Hz.
    """

    def __init__(self, store: Store, row: int, *, sample_rate: int) -> None:
        super().__init__(sample_rate=sample_rate, seconds=float(store.lengths[row]) / store.sample_rate)
        self._store, self._row = store, row

    def _blocks(self) -> Iterator[Block]:
        for start in range(0, int(self._store.lengths[self._row]), BLOCK):
            samples = self._store.read(self._row, start, start + BLOCK).astype(np.float32) / np.float32(32768.0)
            yield self._store.sample_rate, np.stack([samples, samples], axis=1)


def _two(blocks: Iterator[Block]) -> Iterator[Block]:
    """Blocks [t 2]."""
    for rate, block in blocks:
        yield rate, np.ascontiguousarray(block.T if block.ndim == 2 else np.stack([block, block], axis=1))
