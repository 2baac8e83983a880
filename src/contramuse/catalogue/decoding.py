"""Decoding the files that wait in the journal, in worker processes, into the store."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from contramuse.audio import ingest
from contramuse.audio.decode import MAX_SECONDS, MIN_SECONDS, decode, other_streams
from contramuse.audio.sniff import other_format
from contramuse.audio.store import ShardWriter
from contramuse.catalogue.journal import Journal
from contramuse.catalogue.scan import read_head
from contramuse.catalogue.stems import DEFAULT, Naming, holds_stems
from contramuse.catalogue.tags import read_tags
from contramuse.errors import DecodeError
from contramuse.files import sha256

COMMIT_FILES = 256
COMMIT_SECONDS = 3.0
BYTES_PER_SECOND = 2 << 20
"""A file has the deadline of the settings and a second more for each of these bytes."""
KEPT = ("ok", "repaired")


@dataclass(frozen=True)
class Decoding:
    """How files are decoded.

    Args:
        sample_rate: of the store, in Hz.
        min_seconds: shorter files are "too short".
        max_seconds: what lies beyond is left out, and said.
        timeout: seconds that a small file may take; larger ones have a second more for every 2 MiB.
        workers: number of processes; None: one per core.
        memory_bytes: address space of a worker.
        frame_rate: of stored features, in Hz; 0 for audio.
        bands: of stored features; 0 for audio.
    """

    sample_rate: int
    min_seconds: float = MIN_SECONDS
    max_seconds: float = MAX_SECONDS
    timeout: float = 60.0
    workers: int | None = None
    memory_bytes: int = ingest.MEMORY_BYTES
    frame_rate: float = 0.0
    bands: int = 0


@dataclass(frozen=True)
class FileTask:
    """One file to decode.

    Args:
        path: relative to the folder.
        absolute: where it is.
        stem: whether it may be a stem, whose audio is kept even if it is short or silent.
        settings: how to decode.
    """

    path: bytes
    absolute: bytes
    stem: bool
    settings: Decoding


def decode_file(task: FileTask) -> tuple[dict[str, Any], bytes | memoryview]:
    """The job of a worker: hash, tags and audio of one file.

    Returns:
        Facts for the journal, and the samples as little-endian int16 (nothing for a file that is not kept).
    """
    path, settings = task.absolute, task.settings
    facts: dict[str, Any] = dict.fromkeys(("audio", "source_rate", "channels")) | {"tags": {}, "decoder": ""}
    try:
        with open(path, "rb") as file:
            facts["id"] = content_hash(file)
            file.seek(0)
            facts["tags"] = read_tags(file)
        decoded = decode(
            path,
            sample_rate=settings.sample_rate,
            min_seconds=settings.min_seconds,
            max_seconds=settings.max_seconds,
        )
    except OSError as error:
        return facts | {"id": None} | _failed(f"cannot be read ({error.strerror})"), b""
    except DecodeError as error:
        other = other_format(read_head(path))
        return facts | _failed(f"is {other}" if other else error.problem), b""
    clips = [decoded.samples]
    if holds_stems(path):
        clips += other_streams(path, sample_rate=settings.sample_rate, max_seconds=settings.max_seconds)
        facts["tags"]["streams"] = [len(clip) for clip in clips]  # their samples lie one after another
    whole = np.concatenate(clips) if len(clips) > 1 else clips[0]
    data = memoryview(whole.astype("<i2", copy=False).view(np.uint8).data)
    names = ("verdict", "note", "decoder", "seconds", "damaged_seconds", "source_rate", "channels")
    facts |= {name: getattr(decoded, name) for name in names}
    facts["audio"] = hashlib.blake2b(data, digest_size=16).hexdigest()
    return facts, data if task.stem or decoded.verdict in KEPT else b""


def load_libraries() -> None:
    """Import what decoding needs, so that no file's deadline pays for it."""
    import av  # noqa: F401
    import mutagen  # noqa: F401
    import soundfile  # noqa: F401
    import soxr  # noqa: F401


def content_hash(file: Any) -> str:
    """32 hexadecimal digits of the SHA-256 of an open file."""
    return sha256(file)[:32]


def _failed(reason: str) -> dict[str, Any]:
    return {"verdict": "failed", "note": reason, "seconds": 0.0, "damaged_seconds": 0.0}


def decode_waiting(
    journal: Journal,
    writer: ShardWriter,
    folder: bytes,
    settings: Decoding,
    *,
    console: Console,
    job: ingest.Job = decode_file,
    stems: Naming = DEFAULT,
) -> int:
    """Decode every file that waits, entering each in the journal; return how many were decoded.

    What is in the journal is on the disk: shards are flushed before each commit. An exception (Ctrl-C, a full disk)
    commits what is whole first.
    """
    total, _ = journal.count("waiting")
    if not total:
        return 0
    count, pending, due = 0, 0, time.monotonic() + COMMIT_SECONDS
    hours = 0.0
    with _bar(console) as bar:
        shown = bar.add_task("decoding", total=total, rate="", hours="")
        begun = time.monotonic()
        outcomes = ingest.run(
            _tasks(journal, folder, settings, stems),
            job,
            warm_up=ingest.no_warm_up if settings.frame_rate else load_libraries,
            workers=settings.workers,
            memory_bytes=settings.memory_bytes,
        )
        try:
            for outcome in outcomes:
                hours += _enter(journal, writer, outcome) / 3600.0
                count, pending = count + 1, pending + 1
                if pending >= COMMIT_FILES or time.monotonic() > due:
                    _commit(journal, writer)
                    pending, due = 0, time.monotonic() + COMMIT_SECONDS
                rate = count / max(1e-9, time.monotonic() - begun)
                bar.update(shown, completed=count, rate=f"{rate:.1f} files/s", hours=f"{hours:.2f} h of audio")
        finally:
            outcomes.close()
            _commit(journal, writer)
    return count


def _tasks(journal: Journal, folder: bytes, settings: Decoding, stems: Naming) -> Iterator[ingest.Task]:
    for path, size in journal.waiting():
        task = FileTask(path, os.path.join(folder, path), stems.may_be(path), settings)
        yield ingest.Task(task, settings.timeout + size / BYTES_PER_SECOND)


def _enter(journal: Journal, writer: ShardWriter, outcome: ingest.Outcome) -> float:
    """Store one file's audio, unless the same audio is there already, and return its seconds."""
    path = outcome.task.payload.path
    if outcome.failure:
        journal.fail(path, outcome.failure)
        return 0.0
    place = None
    if outcome.data:
        place = journal.placed(outcome.facts["audio"])
        if place is None:
            place = (*writer.append(outcome.data), len(outcome.data) // 2)
    journal.done(path, outcome.facts, place)
    return float(outcome.facts["seconds"])


def _commit(journal: Journal, writer: ShardWriter) -> None:
    writer.flush()
    journal.commit()


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TextColumn("{task.fields[hours]}"), TimeRemainingColumn(), console=console)
