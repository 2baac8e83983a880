"""Vectors that a library keeps beside its audio, a row per track: collaborative filtering, genres, anything given.

``LIBRARY/vectors/<name>.parquet`` holds the columns id and vector (float32), tracks without a vector have no row;
``<name>.json`` says how they were made. Optionally ``<name>.classes.parquet`` holds a vector per class of label fields
(columns field, class and vector), from which an encoder of tags may start.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contramuse.errors import LibraryError, UserError
from contramuse.files import replacing, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contramuse.catalogue.library import Library

FORMAT = 1
FOLDER = "vectors"


@dataclass(frozen=True)
class ClassVectors:
    """A vector per class.

    Args:
        classes: (label field, name) of each.
        vectors: float32 [c d].
    """

    classes: tuple[tuple[str, str], ...]
    vectors: NDArray[np.float32]


def write_vectors(
    library: Library,
    name: str,
    vectors: NDArray[np.float32],
    *,
    provenance: Mapping[str, Any],
    classes: ClassVectors | None = None,
) -> Path:
    """Store a vector per track in the library, in place of earlier ones of this name.

    Args:
        library: whose tracks.
        name: letters, digits, ``-`` and ``_``.
        vectors: float32 [n d], a row of NaN where a track has none.
        provenance: how they were made, plain values.
        classes: vectors of the classes that they were made from.

    Returns:
        The Parquet file.

    Raises:
        UserError: the name cannot be a file's.
        StorageError: the library cannot be written.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UserError("is no name for vectors", name="name", value=name, fix="Use letters, digits, - and _.")
    known = np.isfinite(vectors).all(axis=1)
    folder = library.root / FOLDER
    table = pa.table({"id": pa.array(library.ids[known].tolist()), "vector": _column(vectors[known])})
    parts = {"parquet": table}
    if classes is not None:
        names = {key: [pair[i] for pair in classes.classes] for i, key in enumerate(("field", "class"))}
        parts["classes.parquet"] = pa.table({**names, "vector": _column(classes.vectors)})
    for suffix, part in parts.items():
        with replacing(folder / f"{name}.{suffix}") as temporary:
            pq.write_table(part, temporary)
    if classes is None:
        (folder / f"{name}.classes.parquet").unlink(missing_ok=True)
    write_json(
        folder / f"{name}.json",
        {
            "format": FORMAT, "name": name, "dim": int(vectors.shape[1]), "tracks": int(known.sum()),
            "library_fingerprint": library.fingerprint,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"), **provenance,
        },
    )  # fmt: skip
    return folder / f"{name}.parquet"


def read_vectors(root: Path, name: str, ids: Sequence[str] | NDArray[np.str_]) -> NDArray[np.float32]:
    """The vectors called ``name`` of the tracks ``ids``: float32 [n d], a row of NaN where unknown.

    Raises:
        LibraryError: the library has no such vectors, or they are damaged.
    """
    table = _table(root, name, "parquet")
    known, vectors = table["id"].to_pylist(), _matrix(table["vector"])
    place = {track: row for row, track in enumerate(known)}
    found = np.array([place.get(track, -1) for track in np.asarray(ids).tolist()], np.int64)
    out = np.full((len(found), vectors.shape[1]), np.nan, np.float32)
    out[found >= 0] = vectors[found[found >= 0]]
    return out


def read_class_vectors(library: Library, name: str, *, field: str) -> NDArray[np.float32]:
    """The vectors of a field's classes that were stored with the vectors called ``name``.

    Returns:
        float32 [c d], in the order of the field's classes; zeros for a class that has none.

    Raises:
        LibraryError: there are none, they are damaged, or are of other fields.
    """
    table = _table(library.root, name, "classes.parquet")
    vectors = _matrix(table["vector"])
    pairs = zip(table["field"].to_pylist(), table["class"].to_pylist(), strict=True)
    place = {pair: row for row, pair in enumerate(pairs)}
    if field not in library.fields or field not in table["field"].to_pylist():
        fix = f"Run `contramuse vectors genre {library.root} --field {field}`."
        raise LibraryError(f"has no vectors of the classes of {field}", name="vectors", value=name, fix=fix)
    out = np.zeros((len(library.fields[field].classes), vectors.shape[1]), np.float32)
    for row, known in enumerate(library.fields[field].classes):
        if (field, known) in place:
            out[row] = vectors[place[field, known]]
    return out


def vectors_hash(vectors: NDArray[np.float32]) -> str:
    """Changes with any number of ``vectors`` [n d]: factors that are made anew are turned some other way."""
    return hashlib.sha256(np.ascontiguousarray(vectors, "<f4").tobytes()).hexdigest()[:16]


def stored_vectors(root: Path) -> list[dict[str, Any]]:
    """What the library in ``root`` has: the provenance of all its vectors, by name."""
    found = []
    for file in sorted((root / FOLDER).glob("*.json")):
        try:
            found.append(dict(json.loads(file.read_text(encoding="utf-8"))))
        except ValueError as error:
            raise _damaged(file, str(error)) from error
    return found


def _table(root: Path, name: str, suffix: str) -> Any:
    file = root / FOLDER / f"{name}.{suffix}"
    try:
        return pq.read_table(file)
    except FileNotFoundError as error:
        names = ", ".join(path.stem for path in sorted((root / FOLDER).glob("*.json"))) or "none"
        fix = f"It has: {names}. Make some with `contramuse vectors cf {root}` or `contramuse vectors genre {root}`."
        what = "class vectors" if suffix.startswith("classes") else "vectors"
        raise LibraryError(f"the library has no such {what}", name="vectors", value=name, fix=fix) from error
    except (OSError, pa.ArrowException) as error:
        raise _damaged(file, str(error)) from error


def _damaged(file: Path, why: str) -> LibraryError:
    return LibraryError(f"is damaged ({why})", name="vectors", value=file, fix="Delete it and make the vectors again.")


def _column(vectors: NDArray[np.float32]) -> Any:
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel(), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, int(vectors.shape[1]))


def _matrix(column: Any) -> NDArray[np.float32]:
    if not pa.types.is_fixed_size_list(column.type):
        lengths = {len(value) for value in column.to_pylist()}
        if len(lengths) != 1:
            raise LibraryError("differ in length", name="vectors", value=sorted(lengths), fix="Write one length.")
        return np.array(column.to_pylist(), np.float32)
    joined = column.combine_chunks()
    return np.asarray(joined.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(-1, column.type.list_size)
