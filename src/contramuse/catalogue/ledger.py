"""Reading the ledger of a library: what became of every file that looks like audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contramuse.errors import LibraryError

VERDICTS = ("ok", "repaired", "failed", "too short", "silent", "duplicate", "no file")


def _open(library: Path) -> pq.ParquetFile:
    path = library / "ledger.parquet"
    if not path.exists():
        fix = "Give the folder that `contramuse prepare FOLDER -o LIBRARY` wrote."
        raise LibraryError("has no ledger", name="library", value=library, fix=fix)
    try:
        return pq.ParquetFile(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        fix = "Run `contramuse prepare` again: it writes the ledger anew without decoding."
        raise LibraryError(f"is damaged ({error})", name="ledger", value=path, fix=fix) from error


def entries(library: Path, *, verdict: str | None = None) -> Iterator[dict[str, Any]]:
    """The ledger's rows in order of path, a few thousand in memory at a time.

    Args:
        library: folder of the library.
        verdict: only rows with this one.

    Yields:
        path, role ("track", "stem", "folder", "label"), verdict, note, decoder, seconds, damaged_seconds, source_rate,
        channels, size, id, duplicate_of, labelled.

    Raises:
        LibraryError: there is no ledger, or no such verdict.
    """
    file = _open(library)
    if verdict is not None and verdict not in VERDICTS:
        raise LibraryError("is no verdict", name="--verdict", value=verdict, fix=f"Use one of: {', '.join(VERDICTS)}.")
    for batch in file.iter_batches(4096):
        chosen = batch if verdict is None else batch.filter(pc.equal(batch["verdict"], verdict))
        for row in chosen.to_pylist():
            del row["path_bytes"]  # no JSON; "path" has its bytes as text
            yield row


def counts(library: Path) -> dict[str, int]:
    """Number of rows with each verdict.

    Raises:
        LibraryError: there is no ledger.
    """
    out = dict.fromkeys(VERDICTS, 0)
    for batch in _open(library).iter_batches(65536, columns=["verdict"]):
        for item in pc.value_counts(batch["verdict"]).to_pylist():
            out[item["values"]] = out.get(item["values"], 0) + item["counts"]
    return {name: count for name, count in out.items() if count}
