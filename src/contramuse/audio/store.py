"""The decoded store: mono 16-bit samples of all tracks in a few flat files, read through memory maps.

A shard is little-endian int16 and nothing else; where a clip lies (shard, offset, samples) is kept by the index.
Only numpy is needed here, so that a machine without audio libraries can train from a store.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contramuse.errors import LibraryError, StorageError
from contramuse.files import stable_hash

SHARD_BYTES = 1 << 30
SAMPLE = np.dtype("<i2")


def shard_path(root: Path, shard: int, suffix: str = "i16") -> Path:
    """The file of shard number ``shard`` under the library at ``root``."""
    return root / "shards" / f"{shard:05d}.{suffix}"


class Store:
    """Decoded clips, one per row.

    Args:
        root: folder of the library.
        sample_rate: in Hz.
        shard: int32 [n], the shard of each row.
        offset: int64 [n], where the row starts in its shard, in samples.
        samples: int64 [n], its length; 0 is a row without audio.
    """

    suffix = "i16"

    def __init__(
        self, root: Path | str, *, sample_rate: int, shard: ArrayLike, offset: ArrayLike, samples: ArrayLike
    ) -> None:
        self.root, self.sample_rate = Path(root), sample_rate
        self.shard = np.asarray(shard, np.int32)
        self.offset = np.asarray(offset, np.int64)
        self.lengths: NDArray[np.int64] = np.asarray(samples, np.int64)
        self._maps: dict[int, NDArray[np.int16]] = {}

    def __len__(self) -> int:
        return len(self.lengths)

    def __getstate__(self) -> dict[str, Any]:
        # A memory map pickles its whole content: a worker opens its own instead.
        return {**self.__dict__, "_maps": {}}

    @property
    def fingerprint(self) -> str:
        """Hash of where the rows lie, 16 hexadecimal digits: the same for the same rows of the same library."""
        digest = hashlib.sha256(str(self.sample_rate).encode())
        for column in (self.shard, self.offset, self.lengths):
            digest.update(column.astype("<i8").tobytes())
        return digest.hexdigest()[:16]

    @property
    def stamp(self) -> str:
        """Hash of size and time of the shards that hold the rows: another one once anything was written to them."""
        seen = []
        for shard in np.unique(self.shard[self.lengths > 0]).tolist():
            path = shard_path(self.root, shard, self.suffix)
            if path.is_file():  # one that is lost is told by who reads it
                seen.append([shard, path.stat().st_size, path.stat().st_mtime_ns])
        return stable_hash(seen)

    def read(self, row: int, start: int = 0, stop: int | None = None) -> NDArray[np.int16]:
        """Samples ``start`` to ``stop`` (exclusive; None: the end) of a row, int16 [t], a view of the memory map.

        Positions outside the row are cut off, as slices are; negative ones are not positions here.

        Raises:
            LibraryError: a shard is missing or shorter than the index says.
        """
        length = int(self.lengths[row])
        stop = length if stop is None else min(stop, length)
        start = max(0, start)
        if stop <= start:
            return np.zeros(0, np.int16)
        begin = int(self.offset[row])
        return self._map(int(self.shard[row]), begin + length)[begin + start : begin + stop]

    def gather(self, rows: ArrayLike, starts: ArrayLike, length: int) -> NDArray[np.int16]:
        """Crops of equal length, int16 [n length].

        Args:
            rows: int64 [n].
            starts: int64 [n], first sample of each crop, counted from the start of its row.
            length: samples per crop; what lies outside the row (before or after) is zero.
        """
        rows, starts = np.asarray(rows, np.int64), np.asarray(starts, np.int64)
        out = np.empty((len(rows), length), np.int16)
        for line, row, start in zip(out, rows.tolist(), starts.tolist(), strict=True):
            piece = self.read(row, start, start + length)
            before = min(length, max(0, -start))
            end = before + len(piece)
            line[before:end] = piece
            line[:before] = 0
            line[end:] = 0
        return out

    def _map(self, shard: int, needed: int) -> NDArray[np.int16]:
        found = self._maps.get(shard)
        if found is None:
            path = shard_path(self.root, shard, self.suffix)
            try:
                found = np.memmap(path, SAMPLE, "r").view(np.ndarray)
            except (OSError, ValueError) as error:
                raise _damaged(path, f"cannot be read ({error})") from error
            self._maps[shard] = found
        if len(found) < needed:
            path = shard_path(self.root, shard, self.suffix)
            raise _damaged(path, f"has {len(found)} samples where the index needs {needed}")
        return found


def _damaged(path: Path, problem: str) -> LibraryError:
    fix = "Audio of the library is lost: delete the library and run `contramuse prepare` again."
    return LibraryError(problem, name="shard", value=path, fix=fix)


class ShardWriter:
    """Appends clips to shards. What lies beyond ``committed`` is an interrupted run's and is cut off at the start.

    Args:
        root: folder of the library.
        committed: shard -> samples that are known to be whole.
        shard_bytes: a new shard is begun rather than pass this size; a longer clip has a shard to itself.
        suffix: of the files: "i16", or "f16" for features, whose numbers are as long as samples and counted as such.

    Raises:
        LibraryError: a shard holds less than was committed.
        StorageError: the folder cannot be written.
    """

    def __init__(
        self,
        root: Path,
        *,
        committed: Mapping[int, int] | None = None,
        shard_bytes: int = SHARD_BYTES,
        suffix: str = Store.suffix,
    ) -> None:
        self.root, self.shard_bytes, self.suffix = root, shard_bytes, suffix
        self._file: IO[bytes] | None = None
        known = dict(committed or {})
        with _told(root / "shards"):
            (root / "shards").mkdir(parents=True, exist_ok=True)
            self._recover(known)
        self.shard = max(known, default=0)
        self._samples = known.get(self.shard, 0)

    def _recover(self, known: Mapping[int, int]) -> None:
        for path in sorted((self.root / "shards").glob(f"*.{self.suffix}")):
            if path.stem.isdecimal() and int(path.stem) not in known:
                path.unlink()
        for shard, samples in known.items():
            path = shard_path(self.root, shard, self.suffix)
            size = path.stat().st_size if path.exists() else 0
            if size < 2 * samples:
                raise _damaged(path, f"has {size} bytes where {2 * samples} were written")
            if size > 2 * samples:
                os.truncate(path, 2 * samples)

    def append(self, clip: NDArray[np.int16] | Sequence[int] | bytes) -> tuple[int, int]:
        """Write one clip (int16 [t], or its little-endian bytes) and return its shard and its offset in samples.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        data = clip if isinstance(clip, bytes) else np.asarray(clip).astype(SAMPLE, copy=False).tobytes()
        if self._samples and 2 * self._samples + len(data) > self.shard_bytes:
            self.flush()
            self.close()
            self.shard, self._samples = self.shard + 1, 0
        path = shard_path(self.root, self.shard, self.suffix)
        with _told(path):
            if self._file is None:
                self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open until the shard is full
            view = memoryview(data)
            while len(view):
                view = view[self._file.write(view) :]
        offset, self._samples = self._samples, self._samples + len(data) // 2
        return self.shard, offset

    def flush(self) -> None:
        """Return when everything appended is on the disk."""
        if self._file is not None:
            with _told(shard_path(self.root, self.shard, self.suffix)):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the open shard."""
        if self._file is not None:
            self._file.close()
            self._file = None


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn an operating system's error into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot be written ({error.strerror or error})",
            name="library",
            value=path,
            fix="Free some space or choose another folder, then run the same command again: it goes on from here.",
        ) from error
