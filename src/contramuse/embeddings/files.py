"""Embedding files that are in no library: each is decoded as it is embedded, in constant memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from contramuse.checkpoint.model import Model
from contramuse.checkpoint.windows import file_source
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
        advance: called with (tracks, seconds) as they are done.

    Raises:
        EmbeddingsError: ``out`` holds embeddings of something else.
    """
    settings = Settings(window=window, hop=hop, keep=keep, dtype=dtype, batch=batch)
    writer = Writer(out, provenance(model, settings, {"decoder": "files"}))
    summary = Summary(Path(out))
    return embed_entries(
        model, _entries(files, model.sample_rate, summary), writer, settings, advance=advance, summary=summary
    )


def _entries(files: Iterable[str | Path | bytes], sample_rate: int, summary: Summary) -> Iterator[Entry]:
    for file in files:
        raw = os.fsencode(file)
        shown = raw.decode("utf-8", "backslashreplace")
        try:
            identity = content_id(raw)
        except OSError as error:
            summary.failed.append((shown, f"cannot be read ({error.strerror or error})"))
            continue
        yield Entry(id=identity, path=shown, source=file_source(raw, sample_rate), title=Path(shown).stem)


def content_id(path: bytes) -> str:
    """Hash of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
