"""Vectors that another program wrote: Parquet, CSV, JSON lines, npz, and npy with a list of names."""

from __future__ import annotations

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from contramuse.errors import UserError

NAMES = (
    "id", "track_id", "path", "file", "filename", "file_name", "filepath", "file_path", "audio", "audio_path",
    "mp3_path", "track", "name",
)  # fmt: skip
"""Columns and arrays that name the tracks, the first one that is there; their plurals too."""
VECTORS = ("vector", "embedding", "embeddings", "vectors", "features", "x")
"""Columns of lists and arrays that are taken where there are several, the first one that is there."""
KINDS = (".parquet", ".pq", ".csv", ".tsv", ".jsonl", ".ndjson", ".npz", ".npy")


@dataclass(frozen=True)
class Named:
    """Vectors with names.

    Args:
        names: what each row calls its track.
        vectors: float32 [n d].
        said: where both were found, in words.
    """

    names: list[str]
    vectors: Float[np.ndarray, "n d"]
    said: str


def read_vectors_file(
    file: str | Path, *, id_column: str | None = None, vector_column: str | None = None, names: str | Path | None = None
) -> Named:
    """Names and vectors of a file; nothing in it is unpickled.

    Args:
        file: .parquet, .csv, .tsv, .jsonl, .npz or .npy.
        id_column: column or array that names the tracks; None: the first of the usual names.
        vector_column: column of lists, or array; None: the only one, or the first of the usual names. Where a table
            has none, its columns whose names end in a number are the numbers of the vectors.
        names: text file with a name per line, for .npy.

    Raises:
        UserError: the file cannot be read, or does not say which vector is whose.
    """
    path = Path(file)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise _bad(path, "is of no known kind", f"Use one of {', '.join(KINDS)}.")
    if names is not None and kind != ".npy":
        raise UserError("goes with a .npy file", name="--names", value=names, fix="Leave it out, or give --id-column.")
    if not path.is_file():
        raise _bad(path, "there is no such file", "Check the path.")
    if kind == ".npz":
        found = _npz(path, id_column, vector_column)
    elif kind == ".npy":
        found = _npy(path, names)
    else:
        found = _table(path, id_column, vector_column)
    if not len(found.vectors) or not found.vectors.shape[1]:
        raise _bad(path, "holds no vectors", "Write them again.")
    return found


def _bad(file: Path, problem: str, fix: str) -> UserError:
    return UserError(problem, name="vectors", value=file, fix=fix)


def _npy(path: Path, names: str | Path | None) -> Named:
    if names is None:
        fix = "Give --names FILE, a text file with one id or path per line, in the order of the rows."
        raise _bad(path, "does not say whose the vectors are", fix)
    try:
        lines = Path(names).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("cannot be read", name="--names", value=names, fix="Give a text file in UTF-8.") from error
    while lines and not lines[-1].strip():
        lines.pop()
    values = _loaded(path)
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "fiu":
        raise _bad(path, "is no matrix of numbers", "Give one row per track, one column per number.")
    if len(lines) != len(values):
        problem = f"has {len(lines)} names for {len(values)} vectors"
        raise UserError(problem, name="--names", value=names, fix="Give a line for each row.")
    return Named([line.strip() for line in lines], values.astype(np.float32), f"rows, named by {Path(names).name}")


def _loaded(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        pickled = "pickle" in str(error)
        problem = "holds Python objects, and to read such objects is to run code" if pickled else "is damaged"
        raise _bad(path, problem, "Write it again, with arrays of numbers and of text.") from error


def _npz(path: Path, id_column: str | None, vector_column: str | None) -> Named:
    with _loaded(path) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise _bad(path, "is no npz file", "Write it with numpy.savez.")
        try:
            arrays = {name: archive[name] for name in archive.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            fix = "Write it again, with arrays of numbers and of text (dtype=str, not object)."
            problem = "holds Python objects, and to read such objects is to run code"
            raise _bad(path, problem if "pickle" in str(error) else "is damaged", fix) from error
    numbers = {name: value for name, value in arrays.items() if value.dtype.kind in "fiu"}
    matrices = [name for name, value in numbers.items() if value.ndim == 2]
    if not matrices and vector_column is None and _one_each(arrays):
        said = "an array for each track"
        return Named(list(arrays), np.stack(list(arrays.values())).astype(np.float32), said)
    vector = _chosen(path, matrices, vector_column, VECTORS, "--vector-column", "matrix")
    lists = [name for name, value in arrays.items() if value.ndim == 1 and value.dtype.kind in "Uiu"]
    name = _chosen(path, lists, id_column, (*NAMES, *(f"{one}s" for one in NAMES)), "--id-column", "list of names")
    if len(arrays[name]) != len(arrays[vector]):
        raise _bad(path, f"has {len(arrays[name])} names for {len(arrays[vector])} vectors", "Write it again.")
    return Named([str(one) for one in arrays[name]], arrays[vector].astype(np.float32), f"{vector}, named by {name}")


def _one_each(arrays: dict[str, NDArray[Any]]) -> bool:
    """Whether every array is the vector of a track, whose name it has."""
    return bool(arrays) and {(value.ndim, value.dtype.kind, value.shape) for value in arrays.values()} == {
        (1, "f", next(iter(arrays.values())).shape)
    }


def _chosen(path: Path, there: Sequence[str], wanted: str | None, usual: Sequence[str], option: str, what: str) -> str:
    """The name that is wanted, else the first usual one, else the only one."""
    listed = ", ".join(there[:20]) or "none"
    if wanted is not None:
        if wanted not in there:
            raise UserError(f"is no {what} in {path.name}", name=option, value=wanted, fix=f"There: {listed}.")
        return wanted
    lower = {name.lower(): name for name in reversed(there)}
    found = next((lower[name] for name in usual if name in lower), there[0] if len(there) == 1 else None)
    if found is None:
        raise _bad(path, f"has no {what} that is known by its name", f"Name it with {option}. There: {listed}.")
    return found


def _table(path: Path, id_column: str | None, vector_column: str | None) -> Named:
    import pyarrow as pa

    try:
        table = _read_table(path, id_column)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _bad(path, f"cannot be read ({str(error).splitlines()[0]})", "Write it again.") from error
    texts = [f.name for f in table.schema if pa.types.is_integer(f.type) or _is_text(f.type)]
    name = _chosen(path, texts, id_column, NAMES, "--id-column", "column of names")
    names = [str(one) for one in table[name].to_pylist()]
    lists = [f.name for f in table.schema if _is_list(f.type)]
    if vector_column in table.column_names and vector_column not in lists:
        lists.append(str(vector_column))  # a text that holds a list, as CSV does
    elif not lists and vector_column is None:
        lists = [n for n in table.column_names if n != name and _looks_like_lists(table, n)]
    if lists or vector_column is not None:
        column = _chosen(path, lists, vector_column, VECTORS, "--vector-column", "column of lists")
        return Named(names, _from_lists(path, table[column]), f"{column}, named by {name}")
    columns = _numbered(path, [n for n in table.column_names if n != name], table)
    said = f"{columns[0]} to {columns[-1]}, named by {name}"
    matrix = np.stack([table[n].cast(pa.float32()).to_numpy() for n in columns], axis=1)
    return Named(names, np.ascontiguousarray(matrix, np.float32), said)


def _read_table(path: Path, id_column: str | None) -> Any:
    kind = path.suffix.lower()
    if kind in (".parquet", ".pq"):
        import pyarrow.parquet as pq

        return pq.read_table(path)
    if kind in (".jsonl", ".ndjson"):
        import pyarrow.json

        return pyarrow.json.read_json(path)
    import pyarrow as pa
    import pyarrow.csv

    with open(path, encoding="utf-8-sig") as stream:
        header = stream.readline()
    mark = "\t" if kind == ".tsv" else max(",;\t", key=header.count)
    columns = [name.strip().strip('"') for name in header.split(mark)]
    texts = {name: pa.string() for name in columns if name == id_column or name.lower() in NAMES}  # "00012" stays so
    return pyarrow.csv.read_csv(
        path, parse_options=pyarrow.csv.ParseOptions(delimiter=mark),
        convert_options=pyarrow.csv.ConvertOptions(column_types=texts),
    )  # fmt: skip


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(listed and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _looks_like_lists(table: Any, name: str) -> bool:
    """Whether a column of text begins with a list of numbers, as programs write them into CSV."""
    first = str(table[name][0].as_py()) if len(table) and _is_text(table.schema.field(name).type) else ""
    return first.lstrip().startswith("[")


def _from_lists(path: Path, column: Any) -> NDArray[np.float32]:
    rows = column.to_pylist() if _is_text(column.type) else None
    if rows is None:
        joined = column.combine_chunks()
        lengths = set(joined.value_lengths().to_pylist()) if not _fixed(column.type) else {column.type.list_size}
        if joined.null_count or len(lengths) != 1:
            raise _bad(path, f"has vectors of {len(lengths)} lengths, or none in some rows", "Leave such rows out.")
        values = joined.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        return values.reshape(len(joined), -1)  # type: ignore[no-any-return]
    try:
        listed = [json.loads(row) if "," in row else row.strip("[] \n").split() for row in rows]
        return np.array(listed, np.float32)
    except (ValueError, TypeError) as error:
        problem = "has a row that is no list of numbers, or one of another length"
        raise _bad(path, problem, "Write lists as [0.1, 0.2].") from error


def _fixed(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind))


def _numbered(path: Path, columns: Sequence[str], table: Any) -> list[str]:
    """Columns of numbers whose names end in a number, by that number: the largest set with one beginning.

    Raises:
        UserError: there are none, or one is missing among them.
    """
    import pyarrow as pa

    sets: dict[str, dict[int, str]] = defaultdict(dict)
    for name in columns:
        if match := re.fullmatch(r"(.*?)(\d+)", name):
            sets[match[1]][int(match[2])] = name
    kinds = {name: table.schema.field(name).type for name in columns}
    numbers = {name for name, kind in kinds.items() if pa.types.is_floating(kind) or pa.types.is_integer(kind)}
    found = max(sets.values(), key=lambda one: len(numbers & set(one.values())), default={})
    if not numbers & set(found.values()):
        fix = f"Name a column of lists with --vector-column. Columns: {', '.join(columns[:20])}."
        raise _bad(path, "has neither a column of lists nor numbered columns", fix)
    if texts := sorted(set(found.values()) - numbers):
        raise _bad(path, f"holds text among its numbers, in column {texts[0]}", "Write it again.")
    if missing := set(range(min(found), max(found) + 1)) - found.keys():
        raise _bad(path, f"has numbered columns without {min(missing)}", "Write one column for each number.")
    return [found[number] for number in sorted(found)]
