"""Tables of labels from CSV, TSV, Parquet and JSON lines, as columns of Python values."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from contramuse.errors import UserError

SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson")


def read_table(file: Path) -> dict[str, list[Any]]:
    """The columns of a table, all of one length.

    CSV is UTF-8 (with or without a byte order mark) or else Latin-1; its separator is the one of comma, semicolon
    and tab that its header has most of.

    Raises:
        UserError: the file cannot be read, is no such table, or a row has another number of cells than the header.
    """
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise _bad(file, "is of no known kind", f"Use one of {', '.join(SUFFIXES)}.")
    try:
        if suffix in (".parquet", ".pq"):
            return _parquet(file)
        data = file.read_bytes()
    except OSError as error:
        raise _bad(file, f"cannot be read ({error.strerror or error})", "Check --labels.") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    table = _json_lines(file, text) if suffix in (".jsonl", ".ndjson") else _csv(file, text, suffix)
    if not table or not next(iter(table.values())):
        raise _bad(file, "holds no rows", "It needs a line of column names and a line for each file.")
    return table


def _bad(file: Path, problem: str, fix: str) -> UserError:
    return UserError(problem, name="labels", value=file, fix=fix)


def _parquet(file: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return dict(pq.read_table(file).to_pydict())
    except pa.ArrowException as error:
        raise _bad(file, f"is no Parquet file that can be read ({error})", "Write it again, or use CSV.") from error


def _csv(file: Path, text: str, suffix: str) -> dict[str, list[Any]]:
    first = text.split("\n", 1)[0]
    delimiter = "\t" if suffix in (".tsv", ".tab") else max(",;\t", key=first.count)
    csv.field_size_limit(1 << 24)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise _bad(file, f"is no table that can be read ({error})", "Write it again as CSV.") from error
    header = [name.strip() for name in rows[0]] if rows else []
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise _bad(file, f"has several columns called {repeated[0]!r}", "Rename them.")
    for number, row in enumerate(rows):
        if len(row) != len(header):
            problem = f"row {number + 1} has {len(row)} cells, the header has {len(header)}"
            raise _bad(file, problem, "Quote cells that hold the separator or a line break.")
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(header)}


def _json_lines(file: Path, text: str) -> dict[str, list[Any]]:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n")):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise _bad(file, f"line {number + 1} is not JSON ({error})", "Write one object per line.") from error
            if not isinstance(row, dict):
                raise _bad(file, f"line {number + 1} is not an object", "Write one object per line.")
            rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
