"""Embedding a library: whole tracks from the decoded store, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from contramuse.checkpoint.model import Model
from contramuse.checkpoint.windows import Blocks, Source
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
from contramuse.errors import LibraryError

if TYPE_CHECKING:
    from contramuse.catalogue import Library

BLOCK = 1 << 20
"""Samples that are read at a time."""


def embed_library(
    model: Model,
    library: Library | str | Path,
    out: str | Path,
    *,
    window: float | None = None,
    hop: float | None = None,
    keep: str = "vectors",
    dtype: str = "float32",
    batch: int = 16,
    advance: Advance = silent_progress,
) -> Summary:
    """Embed every track of a library into the folder ``out``; what is finished there is kept.

    Args:
        model: from ``contramuse.load``.
        library: a library, or its folder.
        out: the folder to write.
        window: seconds per window; the model's by default.
        hop: seconds from window to window; the model's by default.
        keep: "vectors" or "windows".
        dtype: "float32" or "float16".
        batch: windows per forward pass.
        advance: called with (tracks, seconds) as they are done.

    Raises:
        EmbeddingsError: ``out`` holds embeddings of something else.
        LibraryError: the library has another sample rate than the model.
    """
    from contramuse.catalogue import Library

    opened = Library.open(library) if isinstance(library, (str, Path)) else library
    if opened.sample_rate != model.sample_rate:
        raise LibraryError(
            f"has {opened.sample_rate} Hz, the model wants {model.sample_rate} Hz", name="library", value=opened.root,
            fix=f"Prepare a library at {model.sample_rate} Hz, or embed the music's folder itself.",
        )  # fmt: skip
    settings = Settings(window=window, hop=hop, keep=keep, dtype=dtype, batch=batch)
    source = {
        "library_root": str(Path(opened.root).resolve()), "library_fingerprint": opened.fingerprint,
        "decoder": "library store",
    }  # fmt: skip
    writer = Writer(out, provenance(model, settings, source))
    return embed_entries(model, _entries(opened), writer, settings, advance=advance, summary=Summary(Path(out)))


def _entries(library: Library) -> Iterator[Entry]:
    for row in range(len(library)):
        track = library.track(row)
        yield Entry(
            id=track.id, path=track.path, source=store_source(library.store, row), title=track.title or "",
            artist=track.artist or "", album=track.album or "", split=track.split or "",
        )  # fmt: skip


def store_source(store: Any, row: int) -> Source:
    """One track of a decoded store as a source of blocks."""

    def open_row() -> Blocks:
        length = int(store.lengths[row])
        for start in range(0, length, BLOCK):
            samples = store.read(row, start, min(length, start + BLOCK))
            yield samples.astype(np.float32) / np.float32(32768.0)

    return open_row
