"""Writing embeddings: parts that are finished one by one, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contramuse import __version__
from contramuse.checkpoint.corruption import Corruption
from contramuse.checkpoint.model import Model
from contramuse.checkpoint.windows import Blocks, Pooled, Source
from contramuse.embeddings.store import (
    FORMAT,
    IDENTITY,
    META,
    TEXT,
    VERSION,
    corrupted_by,
    open_part,
    output_of,
    part_files,
    read_meta,
)
from contramuse.errors import EmbeddingsError, UserError
from contramuse.files import replacing, stable_hash, write_json

PART_ROWS = 2000
PART_SECONDS = 60.0
PART_BYTES = 128 << 20
GROUP_ROWS = 256

Advance = Callable[[int, float], None]
"""Called after each track with (tracks, seconds of audio) done since the last call."""


def silent_progress(tracks: int, seconds: float) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Settings:
    """How to embed.

    Args:
        window: seconds per window; None takes the model's.
        hop: seconds from window to window; None takes the model's.
        keep: "vectors" or "windows" (the windows' vectors too).
        dtype: "float32" or "float16", of the stored numbers.
        batch: windows per forward pass; changes the speed, not the result.
        corrupt: augmentations that every window goes through, as ``checkpoint.corruption`` reads them.
    """

    window: float | None = None
    hop: float | None = None
    keep: str = "vectors"
    dtype: str = "float32"
    batch: int = 16
    corrupt: tuple[str | Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("hop", self.hop)):
            if value is not None and not 0.01 <= value <= 3600.0:
                raise UserError("is out of range", name=name, value=value, fix="Give seconds from 0.01 to 3600.")
        if self.dtype not in ("float32", "float16"):
            raise UserError("is not a storage type", name="dtype", value=self.dtype, fix="Give float32 or float16.")
        if self.keep not in ("vectors", "windows"):
            raise UserError("is not known", name="keep", value=self.keep, fix='Give "vectors" or "windows".')
        if self.batch < 1:
            raise UserError("must be at least 1", name="batch", value=self.batch, fix="Give 16, for example.")

    def corruption(self, model: Model) -> Corruption | None:
        """What the windows go through before ``model`` sees them; None: they are as they are."""
        return Corruption(self.corrupt, sample_rate=model.sample_rate) if self.corrupt else None


@dataclass
class Summary:
    """What a run of embedding did.

    Args:
        out: the folder.
        tracks: tracks embedded now.
        kept: tracks that were finished before.
        seconds: of audio embedded now.
        failed: (path, reason) of every track without a vector.
    """

    out: Path
    tracks: int = 0
    kept: int = 0
    seconds: float = 0.0
    failed: list[tuple[str, str]] = field(default_factory=list)


def no_source() -> Blocks:
    """A track without audio."""
    return iter(())


@dataclass(frozen=True)
class Entry:
    """A track to embed: its columns, and how to open it."""

    id: str
    path: str
    source: Source = no_source
    title: str = ""
    artist: str = ""
    album: str = ""
    split: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What a finished track is recognised by."""
        return self.id, self.path


def provenance(model: Model, settings: Settings, source: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``embeddings.json`` before the first track."""
    steps = model.preprocessing(window=settings.window, hop=settings.hop)
    if (corruption := settings.corruption(model)) is not None:
        steps |= {"corrupt": corruption.steps}
    return {
        "format": FORMAT, "version": VERSION, "complete": False, "tracks": 0, "seconds": 0.0,
        "model_hash": model.model_hash, "preprocessing_hash": stable_hash(steps), "dim": model.dim,
        "dtype": settings.dtype, "windows": "kept" if settings.keep == "windows" else "dropped",
        "output": list(model.output), "parts": model.parts,
        "window": steps["window"], "hop": steps["hop"], "preprocessing": steps,
        "model_path": str(model.path) if model.path else None, "recipe_hash": model.info.get("recipe_hash"),
        "randomised": model.info.get("extra", {}).get("randomised"),
        "library_root": None, "library_fingerprint": None, **source,
        "code_version": __version__, "failed": [],
    }  # fmt: skip


class Writer:
    """Collects tracks and writes them part by part.

    Args:
        out: the folder; what an earlier run of the same embedding finished in it is kept.
        meta: from ``provenance``.

    Raises:
        EmbeddingsError: the folder holds embeddings of another model or preprocessing, or something else.
    """

    def __init__(self, out: str | Path, meta: Mapping[str, Any]) -> None:
        self.out, self.meta = Path(out), dict(meta)
        self.before = self._refuse_others()
        self.schema = _schema(self.meta)
        self.done: set[tuple[str, str]] = set()
        self.seconds = 0.0
        self._next = 0
        for file in part_files(self.out):
            table = open_part(file, self.meta).read(columns=["id", "path", "seconds"]).to_pydict()
            self.done.update(zip(table["id"], table["path"], strict=True))
            self.seconds += sum(table["seconds"])
            self._next = int(file.stem.removeprefix("part-")) + 1
        self._rows: list[dict[str, Any]] = []
        self._bytes, self._since = 0, time.monotonic()
        self._note(self.before or self.meta)

    def begin(self) -> None:
        """Note what is embedded from now on; call it when finished tracks have been brought up to date."""
        self._note(self.meta)

    def _note(self, meta: Mapping[str, Any]) -> None:
        state = {"complete": False, "tracks": len(self.done), "seconds": round(self.seconds, 3)}
        write_json(self.out / META, {**meta, **state})

    def _refuse_others(self) -> dict[str, Any]:
        """What ``embeddings.json`` says of an earlier run, checked to be of the same kind; empty without one."""
        if (self.out / META).exists():
            old = read_meta(self.out)
            if differing := [key for key in IDENTITY if old[key] != self.meta[key]]:
                there, now = ({**facts, "output": ",".join(output_of(facts))} for facts in (old, self.meta))
                told = ["output"] if there["output"] != now["output"] and "model_hash" not in differing else differing
                shown = "; ".join(f"{k}: {str(there[k])[:40]} there, {str(now[k])[:40]} now" for k in told)
                before, after = (corrupted_by(facts) or "nothing" for facts in (old, self.meta))
                if before != after:
                    shown = f"corrupted by {before} there, by {after} now"
                raise EmbeddingsError(
                    f"holds embeddings of another model or preprocessing ({shown})", name="-o", value=self.out,
                    fix="Choose another folder, or delete this one: embeddings of different models do not mix.",
                )  # fmt: skip
            if old.get("library_root") != self.meta.get("library_root"):
                raise EmbeddingsError(
                    f"holds embeddings of {old.get('library_root') or 'single files'}", name="-o", value=self.out,
                    fix="Choose another folder for this music, or delete this one.",
                )  # fmt: skip
            return old
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise EmbeddingsError(
                "exists and holds no embeddings", name="-o", value=self.out, fix="Choose a new or an empty folder."
            )
        return {}

    def add(self, entry: Entry, result: Pooled) -> None:
        """Take one embedded track; writes a part when enough is collected."""
        row: dict[str, Any] = {name: getattr(entry, name) for name in TEXT}
        row["seconds"] = result.samples / self.meta["preprocessing"]["sample_rate"]
        row["count"], row["vector"] = result.count, result.vector
        if self.meta["windows"] == "kept":
            row["windows"] = result.windows
            self._bytes += 0 if result.windows is None else result.windows.nbytes
        self._rows.append(row)
        late = time.monotonic() - self._since > PART_SECONDS
        if len(self._rows) >= PART_ROWS or self._bytes >= PART_BYTES or late:
            self.flush()

    def rewrite(self, change: Callable[[dict[str, str]], Mapping[str, str] | None]) -> None:
        """Give every finished track new text columns, or drop it; its vectors stay as they are.

        Args:
            change: the text columns of a track -> its columns now, None to drop it.
        """
        import pyarrow as pa

        self.done.clear()
        self.seconds = 0.0
        for file in part_files(self.out):
            table = open_part(file, self.meta).read()
            changed = [change(row) for row in table.select(TEXT).to_pylist()]
            kept = [row for row in changed if row is not None]
            new = table.filter(pa.array([row is not None for row in changed], pa.bool_()))
            for place, name in enumerate(TEXT):
                new = new.set_column(place, name, pa.array([row[name] for row in kept], pa.string()))
            if not kept:
                file.unlink()
            elif not new.equals(table):
                _write(new.replace_schema_metadata(self.schema.metadata), file)
            self.done.update((row["id"], row["path"]) for row in kept)
            self.seconds += sum(new["seconds"].to_pylist())

    def flush(self) -> None:
        """Write the collected tracks as one part and note it in ``embeddings.json``."""
        if self._rows:
            _write(_table(self._rows, self.schema, self.meta), self.out / f"part-{self._next:05d}.parquet")
            self._next += 1
            self.done.update((row["id"], row["path"]) for row in self._rows)
            self.seconds += sum(row["seconds"] for row in self._rows)
        self._rows, self._bytes, self._since = [], 0, time.monotonic()

    def close(self, failed: Sequence[tuple[str, str]], stale: Collection[tuple[str, str]]) -> None:
        """Write what is left, drop the tracks with the keys ``stale``, and mark the folder as complete."""
        self.flush()
        if stale:
            self.rewrite(lambda row: None if (row["id"], row["path"]) in stale else row)
        done = {"complete": True, "tracks": len(self.done), "seconds": round(self.seconds, 3)}
        listed = [{"path": path, "reason": reason} for path, reason in failed]
        write_json(self.out / META, {**self.meta, **done, "failed": listed})


def _schema(meta: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    number = pa.float16() if meta["dtype"] == "float16" else pa.float32()
    vector = pa.list_(number, meta["dim"])
    fields = [pa.field(name, pa.string()) for name in TEXT]
    fields += [pa.field("seconds", pa.float64()), pa.field("count", pa.int32()), pa.field("vector", vector)]
    if meta["windows"] == "kept":
        fields.append(pa.field("windows", pa.list_(vector)))
    kept = {k: v for k, v in meta.items() if k not in ("complete", "tracks", "seconds", "failed")}
    return pa.schema(fields, metadata={b"contramuse": json.dumps(kept).encode()})


def _write(table: Any, file: Path) -> None:
    import pyarrow.parquet

    with replacing(file) as temporary:
        pyarrow.parquet.write_table(table, temporary, compression="zstd", row_group_size=GROUP_ROWS)


def _table(rows: Sequence[Mapping[str, Any]], schema: Any, meta: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    kind = np.dtype(meta["dtype"])

    def fixed(vectors: Any) -> Any:
        return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(vectors, kind).ravel()), meta["dim"])

    columns = [pa.array([row[name] for row in rows], schema.field(name).type) for name in (*TEXT, "seconds", "count")]
    columns.append(fixed(np.stack([row["vector"] for row in rows])))
    if meta["windows"] == "kept":
        offsets = np.cumsum([0, *(len(row["windows"]) for row in rows)]).astype(np.int32)
        columns.append(pa.ListArray.from_arrays(pa.array(offsets), fixed(np.concatenate([r["windows"] for r in rows]))))
    return pa.Table.from_arrays(columns, schema=schema)


def embed_entries(
    model: Model, entries: Iterable[Entry], writer: Writer, settings: Settings, *, advance: Advance, summary: Summary
) -> Summary:
    """Embed what the writer does not have yet, write it, and complete the folder.

    A finished track whose file has other content now is embedded again, and its old row dropped.
    """
    writer.begin()
    waiting: dict[int, Entry] = {}
    ids: list[str] = []
    known = {path: (identity, path) for identity, path in writer.done}
    stale: set[tuple[str, str]] = set()

    def sources() -> Iterable[Source]:
        index = 0
        for entry in entries:
            if entry.key in writer.done:
                summary.kept += 1
                advance(1, 0.0)
                continue
            waiting[index] = entry
            ids.append(entry.id)
            index += 1
            yield entry.source

    results = model.embed_sources(
        sources(), window=settings.window, hop=settings.hop, batch=settings.batch, keep=settings.keep,
        corruption=settings.corruption(model), identify=ids.__getitem__,
    )  # fmt: skip
    for result in results:
        entry = waiting.pop(result.index)
        seconds = result.samples / model.sample_rate
        if result.vector is None:
            summary.failed.append((entry.path, result.failure))
        else:
            writer.add(entry, result)
            stale.update({known[entry.path]} if entry.path in known else ())
            summary.tracks += 1
            summary.seconds += seconds
        advance(1, seconds)
    writer.close(summary.failed, stale)
    return summary
