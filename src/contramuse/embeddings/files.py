"""Embedding files that are in no library: each is decoded as it is embedded, in constant memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from contramuse.audio.stored import Stored
from contramuse.catalogue.decoding import content_hash
from contramuse.catalogue.scan import scan
from contramuse.catalogue.tags import read_tags
from contramuse.checkpoint.model import Model
from contramuse.checkpoint.windows import Blocks, Source, file_source
from contramuse.embeddings.writer import (
    Advance,
    Entry,
    Settings,
    Summary,
    Writer,
    embed_entries,
    provenance,
    silent_progress,
)
from contramuse.errors import DecodeError, UserError


def embed_files(
    model: Model,
    files: Iterable[str | Path | bytes],
    out: str | Path,
    *,
    window: float | None = None,
    hop: float | None = None,
    keep: str = "vectors",
    dtype: str = "float32",
    batch: int = 16,
    corrupt: Sequence[str | Mapping[str, Any]] = (),
    advance: Advance = silent_progress,
) -> Summary:
    """Embed files into the folder ``out``; what is finished there is kept, what cannot be read is listed.

    Args:
        model: from ``contramuse.load``.
        files: paths of audio files.
        out: the folder to write.
        window: seconds per window; the model's by default.
        hop: seconds from window to window; the model's by default.
        keep: "vectors" or "windows".
        dtype: "float32" or "float16".
        batch: windows per forward pass.
        corrupt: augmentations that every window goes through, as ``checkpoint.corruption`` reads them.
        advance: called with (tracks, seconds) as they are done.

    Raises:
        EmbeddingsError: ``out`` holds embeddings of something else.
        UserError: the model takes stored features.
    """
    needs_audio(model)
    settings = Settings(window=window, hop=hop, keep=keep, dtype=dtype, batch=batch, corrupt=tuple(corrupt))
    writer = Writer(out, provenance(model, settings, {"decoders": _decoders()}))
    entries = _entries(files, model.sample_rate)
    return embed_entries(model, entries, writer, settings, advance=advance, summary=Summary(Path(out)))


def needs_audio(model: Model) -> None:
    """Refuse a model of stored features, which no audio file can be given to.

    Raises:
        UserError: it is one.
    """
    if isinstance(model.tower.frontend, Stored):
        fix = "Prepare the arrays as a library (`contramuse prepare FOLDER -o LIBRARY --features`), and embed that."
        raise UserError("takes stored features, no audio files", name="model", value=model.path, fix=fix)


def _entries(files: Iterable[str | Path | bytes], sample_rate: int) -> Iterator[Entry]:
    for file in files:
        raw = os.fsencode(file)
        try:
            entry = describe(raw)
        except OSError as error:
            yield Entry(id="", path=_shown(raw), source=_unreadable(_shown(raw), error))
        else:
            yield replace(entry, source=file_source(raw, sample_rate))


def _unreadable(path: str, error: OSError) -> Source:
    def open_file() -> Blocks:
        problem = f"cannot be read ({error.strerror or error})"
        raise DecodeError(problem, name="file", value=path, fix="Check the path and its permissions.")

    return open_file


def describe(path: bytes) -> Entry:
    """A file's id, path and tags, not yet with a source.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        identity = content_hash(file)
        file.seek(0)
        tags = read_tags(file)
    shown = _shown(path)
    return Entry(
        id=identity,
        path=shown,
        title=tags.get("title") or Path(shown).stem,
        artist="; ".join(tags.get("artist", ())),
        album=tags.get("album", ""),
    )


def _decoders() -> dict[str, str]:
    """Versions of what may decode a file here."""
    found = {}
    for name in ("soundfile", "av", "soxr"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def find_files(paths: Iterable[str | Path]) -> list[bytes]:
    """The files that are meant: files as they are, folders by the audio files under them, sorted.

    Raises:
        UserError: nothing is found.
    """
    found: list[bytes] = []
    visited: set[tuple[int, int]] = set()

    def first_visit(device: int, inode: int) -> bool:
        new = (device, inode) not in visited
        visited.add((device, inode))
        return new

    for path in paths:
        raw = os.fsencode(path)
        if os.path.isdir(raw):
            seen = scan(raw, first_visit=first_visit, leave_out=b"")
            found += [os.path.join(raw, file.path) for file in seen]
        else:
            found.append(raw)
    if not found:
        raise UserError(
            "holds no audio files", name="music", value=", ".join(map(str, paths)), fix="Give files, or another folder."
        )
    return sorted(found)
