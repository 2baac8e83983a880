"""Embedding a library: whole tracks from the decoded store, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from contramuse.audio.features import FeatureStore
from contramuse.audio.stored import Stored
from contramuse.checkpoint.model import Model
from contramuse.checkpoint.windows import Blocks, Source
from contramuse.embeddings.store import TEXT
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
    from contramuse.catalogue.library import Library

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
    corrupt: Sequence[str | Mapping[str, Any]] = (),
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
        corrupt: augmentations that every window goes through, as ``checkpoint.corruption`` reads them.
        advance: called with (tracks, seconds) as they are done.

    Raises:
        EmbeddingsError: ``out`` holds embeddings of something else.
        LibraryError: the library has another sample rate than the model, or holds features where it wants audio.
    """
    from contramuse.catalogue.library import Library

    opened = Library.open(library) if isinstance(library, (str, Path)) else library
    check_fits(opened, sample_rate=model.sample_rate, frontend=model.tower.frontend)
    settings = Settings(window=window, hop=hop, keep=keep, dtype=dtype, batch=batch, corrupt=tuple(corrupt))
    source = {
        "library_root": str(Path(opened.root).resolve()), "library_fingerprint": opened.fingerprint,
        "decoders": _decoders(Path(opened.root)),
    }  # fmt: skip
    writer = Writer(out, provenance(model, settings, source))
    if writer.before and writer.before["library_fingerprint"] != opened.fingerprint:
        refresh(writer, opened)
    return embed_entries(model, _entries(opened), writer, settings, advance=advance, summary=Summary(Path(out)))


def check_fits(library: Library, *, sample_rate: int, frontend: nn.Module) -> None:
    """Make sure that a model takes what a library holds.

    Args:
        library: of tracks.
        sample_rate: of the model, Hz.
        frontend: of the model.

    Raises:
        LibraryError: the library has another sample rate, or holds features for a model of audio, or the reverse.
    """
    stored = isinstance(library.store, FeatureStore)
    if stored != isinstance(frontend, Stored):
        holds, wants = ("stored features", "audio") if stored else ("audio", "stored features")
        raise LibraryError(
            f"holds {holds}, the model wants {wants}", name="library", value=library.root,
            fix="Give a library of the kind that the model was trained on.",
        )  # fmt: skip
    if library.sample_rate != sample_rate:
        raise LibraryError(
            f"has {library.sample_rate} Hz, the model wants {sample_rate} Hz", name="library", value=library.root,
            fix=f"Prepare a library at {sample_rate} Hz, or embed the music's folder itself.",
        )  # fmt: skip


def _decoders(root: Path) -> dict[str, int]:
    """Tracks by the decoder that made the store, from the library's ledger; empty without one."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(root / "ledger.parquet", columns=["role", "verdict", "decoder"])
    except (OSError, pa.ArrowException):
        return {}
    kept = pc.and_(pc.equal(table["role"], "track"), pc.is_in(table["verdict"], pa.array(["ok", "repaired"])))
    counts = pc.value_counts(table["decoder"].filter(kept)).to_pylist()
    return {item["values"]: item["counts"] for item in counts if item["values"]}


def text_columns(library: Library, row: int) -> dict[str, str]:
    """The columns of text that embeddings have of a track, "" where it has none."""
    track = library.track(row)
    return {name: getattr(track, name) or "" for name in TEXT}


def _entries(library: Library) -> Iterator[Entry]:
    for row in range(len(library)):
        yield Entry(source=store_source(library.store, row), **text_columns(library, row))


def refresh(writer: Writer, library: Library) -> None:
    """Bring the finished tracks of a library that changed up to date: splits and tags anew, removed tracks away."""
    place = {key: row for row, key in enumerate(zip(library.ids.tolist(), library.paths, strict=True))}

    def change(old: dict[str, str]) -> dict[str, str] | None:
        row = place.get((old["id"], old["path"]))
        return None if row is None else text_columns(library, row)

    writer.rewrite(change)


def store_source(store: Any, row: int) -> Source:
    """One track of a decoded store, or of stored features, as a source of blocks."""

    def open_row() -> Blocks:
        length = int(store.lengths[row])
        if isinstance(store, FeatureStore):
            yield store.read(row).astype(np.float32)
            return
        for start in range(0, length, BLOCK):
            samples = store.read(row, start, min(length, start + BLOCK))
            yield samples.astype(np.float32) / np.float32(32768.0)

    return open_row
