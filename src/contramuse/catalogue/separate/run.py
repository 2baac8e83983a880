"""stems: the sources of every track of a library, made by a separator and kept in its store.

What is finished is in the journal track by track, so a run that was killed goes on after the last one; ``prepare`` run
again keeps these stems for as long as a track's file stays the same.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contramuse.audio.decode import to_int16
from contramuse.audio.stereo import Music, MusicFile, StoredMusic
from contramuse.audio.store import ShardWriter
from contramuse.catalogue.decoding import content_hash
from contramuse.catalogue.index import add_separated, own_id
from contramuse.catalogue.journal import Journal
from contramuse.catalogue.library import Library
from contramuse.catalogue.separate.base import Separator, separated
from contramuse.errors import ContramuseError, DecodeError, LibraryError, StorageError, UserError
from contramuse.files import replacing, write_json

SPARE_BYTES = 64 << 20
SPOOLED_BYTES = 8 << 20
"""A stem is kept in memory up to this size, then in a file without a name."""

Advance = Callable[[float], None]
"""Called with the seconds of audio that were separated since the last call."""


def no_progress(seconds: float) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Work:
    """What there is to do.

    Args:
        names: of the stems that are made.
        rows: tracks that lack some of them.
        missing: for each of these the stems that it lacks.
        kept: tracks that have them all.
        seconds: of audio to separate.
        size: bytes that will be written.
        free: bytes that the disk has.
    """

    names: tuple[str, ...]
    rows: list[int]
    missing: list[tuple[str, ...]]
    kept: int
    seconds: float
    size: int
    free: int


@dataclass
class Summary:
    """What a run did.

    Args:
        work: what there was to do.
        tracks: tracks separated now.
        from_store: of these, tracks whose file is gone or changed: their audio is the library's own.
        failed: path and reason of each track that could not be separated.
    """

    work: Work
    tracks: int = 0
    from_store: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def separable(root: Path) -> Library:
    """A library whose tracks can be taken apart; asked before a model is fetched for it.

    Raises:
        LibraryError: the folder is no library of audio, or was not prepared here.
    """
    library = Library.open(root)
    if library.info.get("kind", "audio") != "audio":
        raise LibraryError("holds features, no audio", name="library", value=root, fix="Prepare the music itself.")
    if not (root / "work" / "journal.sqlite").is_file():
        fix = "Separate in the folder that `contramuse prepare` wrote, with its folder work."
        raise LibraryError("has no journal", name="library", value=root, fix=fix)
    return library


class Separation:
    """One run over one library, from ``with`` to its end.

    Args:
        root: folder of the library.
        separator: the model.
        names: of the stems to make; all that the model gives by default.

    Raises:
        LibraryError: the folder is no library of audio, or was not prepared here.
        UserError: the model gives no such stem, or another run is at work on the library.
    """

    def __init__(self, root: Path, separator: Separator, *, names: Sequence[str] = ()) -> None:
        self._library, self._separator = separable(root), separator
        fix = f"{separator.name} gives: {', '.join(separator.sources)}."
        for name in names:
            if name not in separator.sources:
                raise UserError("is no source of the model", name="--stems", value=name, fix=fix)
        self._paths: list[bytes] = self._library.column("path_bytes")
        self._names = tuple(name for name in separator.sources if not names or name in names)

    def __enter__(self) -> Separation:
        root = self._library.root
        self._journal = Journal(root, {})
        try:
            committed = self._journal.committed()
            self._check(committed)
            self._writer = ShardWriter(root, committed=committed)
        except BaseException:
            self._journal.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is finished into the library's index, however the run ended."""
        try:
            self._writer.close()
            self._journal.commit()
            _write_stems(self._library, self._journal)
        finally:
            self._journal.close()

    def _check(self, committed: dict[int, int]) -> None:
        """The journal must know all audio of the index: what it does not know is overwritten."""
        store = self._library.store
        ends = np.where(store.lengths > 0, store.offset + store.lengths, 0)
        for shard in np.unique(store.shard[store.lengths > 0]).tolist():
            if committed.get(shard, 0) < ends[store.shard == shard].max():
                fix = "Run `contramuse prepare` on its music again."
                root = self._library.root
                raise LibraryError("its journal is of another library", name="library", value=root, fix=fix)

    def work(self) -> Work:
        """What there is to do, and the room that it needs.

        Raises:
            StorageError: the disk has not that room.
        """
        library, made = self._library, self._journal.separated()
        rows, missing, samples, written = [], [], 0, 0
        for row, (key, stems) in enumerate(zip(library.ids.tolist(), library.column("stems"), strict=True)):
            model = {stem["name"]: stem["model"] for stem in made.get(key, ())}
            has = {stem["name"] for stem in stems or ()}
            lacks = tuple(
                name for name in self._names if (name not in has or name in model)
                and model.get(name) != self._separator.name
            )  # fmt: skip
            if lacks:
                rows.append(row)
                missing.append(lacks)
                samples += int(library.store.lengths[row])
                written += 2 * len(lacks) * int(library.store.lengths[row])
        free = shutil.disk_usage(library.root).free
        if written + SPARE_BYTES > free:
            raise StorageError(
                f"the stems need {written / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB left",
                name="library", value=library.root, fix="Free some space, or make fewer stems with --stems.",
            )  # fmt: skip
        seconds = samples / library.sample_rate
        return Work(self._names, rows, missing, len(library) - len(rows), seconds, written, free)

    def run(self, work: Work, *, advance: Advance = no_progress) -> Summary:
        """Separate what ``work`` says, track by track."""
        summary = Summary(work)
        for row, names in zip(work.rows, work.missing, strict=True):
            try:
                music = self._music(row, summary)
                self._separate(row, names, music, advance)
            except (DecodeError, RuntimeError, MemoryError) as error:
                reason = error.problem if isinstance(error, ContramuseError) else str(error).split("\n")[0][:200]
                summary.failed.append((self._library.paths[row], reason))
                continue
            summary.tracks += 1
        return summary

    def _music(self, row: int, summary: Summary) -> Music:
        """The track's own file, whose rate is the better one; where it is gone or has changed, the store's audio."""
        library, rate = self._library, self._separator.sample_rate
        path = os.path.join(os.fsencode(self._journal.settled("folder") or ""), self._paths[row])
        content = _id(path)
        if content and library.ids[row] in (content, own_id(content, self._paths[row])):
            seconds = float(library.store.lengths[row]) / library.sample_rate
            return MusicFile(path, sample_rate=rate, seconds=seconds)
        summary.from_store += 1
        return StoredMusic(library.store, row, sample_rate=rate)

    def _separate(self, row: int, names: Sequence[str], music: Music, advance: Advance) -> None:
        """Make and enter the stems of one track; they are as long as the track."""
        length, folder = int(self._library.store.lengths[row]), str(self._journal.path.parent)
        with ExitStack() as stack:
            files: dict[str, IO[bytes]] = {
                name: stack.enter_context(tempfile.SpooledTemporaryFile(SPOOLED_BYTES, dir=folder)) for name in names
            }
            for stems in self._resampled(music, advance):
                for name, file in files.items():
                    file.write(to_int16(stems[self._separator.sources.index(name)]).astype("<i2").tobytes())
            for name, file in files.items():
                file.seek(0)
                data = file.read(2 * length)
                place = self._writer.append(data + bytes(2 * length - len(data)))
                self._journal.separate(str(self._library.ids[row]), name, self._separator.name, (*place, length))
            self._writer.flush()
            self._journal.commit()

    def _resampled(self, music: Music, advance: Advance) -> Iterator[NDArray[np.float32]]:
        """The sources at the library's rate, float32 [s t], block by block."""
        import soxr

        level = music.level if self._separator.scaling == "track" else (0.0, 1.0)
        count, rate = len(self._separator.sources), self._separator.sample_rate
        same = rate == self._library.sample_rate
        resampler = soxr.ResampleStream(rate, self._library.sample_rate, count, dtype="float32")
        for stems in separated(music.blocks(), self._separator, level=level):
            advance(stems.shape[1] / rate)
            yield stems if same else resampler.resample_chunk(np.ascontiguousarray(stems.T)).T
        if not same:
            yield resampler.resample_chunk(np.zeros((0, count), np.float32), last=True).T


def _id(path: bytes) -> str:
    """Content hash of a file, "" if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return content_hash(file)
    except OSError:
        return ""


def _write_stems(library: Library, journal: Journal) -> None:
    """Bring the stems in index.parquet and library.json up to date with the journal."""
    path, made = library.root / "index.parquet", journal.separated()
    table = pq.read_table(path)
    stems: list[list[dict[str, Any]]] = []
    for key, before in zip(table["id"].to_pylist(), table["stems"].to_pylist(), strict=True):
        ours = {stem["name"] for stem in made.get(key, ())}
        stems.append([stem for stem in before or () if stem["name"] not in ours])
        add_separated(stems[-1], made.get(key, ()))
    column = pa.array(stems, table.schema.field("stems").type)
    table = table.set_column(table.column_names.index("stems"), table.schema.field("stems"), column)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    write_json(library.root / "library.json", library.info | {"separated": journal.separators()})
