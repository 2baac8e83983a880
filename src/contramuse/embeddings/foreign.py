"""Embeddings of a library that another program made: joined to its tracks, and written as ours are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from contramuse import __version__
from contramuse.checkpoint.windows import Pooled
from contramuse.embeddings.library import refresh, text_columns
from contramuse.embeddings.store import FORMAT, VERSION
from contramuse.embeddings.vector_files import Named, read_vectors_file
from contramuse.embeddings.writer import Advance, Entry, Writer, no_source, silent_progress
from contramuse.errors import UserError
from contramuse.files import sha256, stable_hash

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library

OUTPUT = "vectors"
WAYS = ("id", "path", "file name", "name without its ending")


@dataclass
class Joined:
    """What became of the names in a file.

    Args:
        rows: library row of every name that is joined.
        ways: how many were joined by id, path, file name, and name without its ending.
        unknown: names that fit no track.
        ambiguous: names that fit several tracks, or a track that another name fits better or as well.
    """

    rows: dict[str, int] = field(default_factory=dict)
    ways: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)


@dataclass
class Imported:
    """What an import of vectors did.

    Args:
        out: the folder.
        dim: numbers per vector.
        rows: of the file.
        tracks: that have a vector now.
        kept: of these, how many were there before.
        joined: by what.
        without: paths of the library's tracks that have none.
        failed: (path, reason) of tracks whose vector is none.
        said: where names and vectors were found.
    """

    out: Path
    dim: int
    rows: int
    joined: Joined
    said: str
    tracks: int = 0
    kept: int = 0
    without: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def import_vectors(
    file: str | Path,
    library: Library | str | Path,
    out: str | Path,
    *,
    id_column: str | None = None,
    vector_column: str | None = None,
    names: str | Path | None = None,
    name: str | None = None,
    keep: str = "vectors",
    advance: Advance = silent_progress,
) -> Imported:
    """Write the vectors of a file as embeddings of a library: probe, search and report take them.

    Several rows of one name are the windows of that track; its vector is their mean.

    Args:
        file: .parquet, .csv, .tsv, .jsonl, .npz, or .npy with ``names``.
        library: whose tracks they are of, or its folder.
        out: the folder to write.
        id_column: column or array that names the tracks, by id, path or file name.
        vector_column: column of lists, or array.
        names: text file with a name per line, for .npy.
        name: of the model that made them, for tables; that of the file by default.
        keep: "vectors" or "windows" (the rows of each track too).
        advance: called with (tracks, seconds) as they are done.

    Raises:
        UserError: the file cannot be read, or none of its names is a track's.
        EmbeddingsError: ``out`` holds other embeddings.
    """
    from contramuse.catalogue.library import Library

    opened = Library.open(library) if isinstance(library, (str, Path)) else library
    found = read_vectors_file(file, id_column=id_column, vector_column=vector_column, names=names)
    joined = join(list(dict.fromkeys(found.names)), opened.ids.tolist(), opened.paths)
    if not joined.rows:
        fix = f"Names in the file: {', '.join(found.names[:3])}; paths in the library: {', '.join(opened.paths[:3])}."
        raise UserError("names no track of the library", name="vectors", value=file, fix=fix)
    with open(file, "rb") as stream:
        identity = sha256(stream)
    facts = {
        "name": name or Path(file).stem, "from": "file", "file": Path(file).name, "sha256": identity,
        "columns": found.said,
    }  # fmt: skip
    dim = found.vectors.shape[1]
    writer = Writer(out, foreign_meta(opened, facts, dim=dim, keep=keep))
    if writer.before and writer.before["library_fingerprint"] != opened.fingerprint:
        refresh(writer, opened)
    writer.begin()
    made = Imported(Path(out), dim, len(found.names), joined, found.said)
    _write(found, opened, writer, made, advance)
    return made


def _write(found: Named, library: Library, writer: Writer, made: Imported, advance: Advance) -> None:
    places: dict[int, list[int]] = {}
    for place, name in enumerate(found.names):
        if name in made.joined.rows:
            places.setdefault(made.joined.rows[name], []).append(place)
    for row in range(len(library)):
        columns = text_columns(library, row)
        if row not in places:
            made.without.append(columns["path"])
            continue
        entry, samples = Entry(source=no_source, **columns), int(library.store.lengths[row])
        if entry.key in writer.done:
            made.kept += 1
        elif np.isfinite(windows := found.vectors[places[row]]).all():
            writer.add(entry, pooled(windows, samples))
        else:
            made.failed.append((entry.path, "its vector holds values that are not finite"))
        advance(1, samples / library.sample_rate)
    writer.close(made.failed, ())
    made.tracks = len(writer.done)


def pooled(windows: np.ndarray[Any, Any], samples: int) -> Pooled:
    """What a writer takes, of a track's windows [w h]."""
    vector = windows.mean(axis=0, dtype=np.float64).astype(np.float32)
    return Pooled(0, vector, windows.astype(np.float32), len(windows), samples)


def foreign_meta(library: Library, facts: Mapping[str, Any], *, dim: int, keep: str) -> dict[str, Any]:
    """The content of ``embeddings.json`` of vectors that no model of ours made.

    Args:
        library: that they are of.
        facts: where they are from; ``name`` is shown in tables.
        dim: numbers per vector.
        keep: "vectors" or "windows".

    Raises:
        UserError: an unknown ``keep``.
    """
    if keep not in ("vectors", "windows"):
        raise UserError("is not known", name="keep", value=keep, fix='Give "vectors" or "windows".')
    steps = {"foreign": facts["name"], "sample_rate": library.sample_rate}
    return {
        "format": FORMAT, "version": VERSION, "complete": False, "tracks": 0, "seconds": 0.0,
        "model_hash": stable_hash(dict(facts), length=64), "preprocessing_hash": stable_hash(steps), "dim": dim,
        "dtype": "float32", "windows": "kept" if keep == "windows" else "dropped",
        "output": [OUTPUT], "parts": {OUTPUT: dim}, "preprocessing": steps, "foreign": dict(facts),
        "model_path": None, "recipe_hash": None, "randomised": None,
        "library_root": str(Path(library.root).resolve()), "library_fingerprint": library.fingerprint, "decoders": {},
        "code_version": __version__, "failed": [],
    }  # fmt: skip


def join(names: Sequence[str], ids: Sequence[str], paths: Sequence[str]) -> Joined:
    """Find the track of each name: by id, by path (relative, or as the end of a longer one), by unique file name.

    Args:
        names: all different.
        ids, paths: of the tracks.
    """
    joined = Joined()
    by_id = {identity.casefold(): row for row, identity in enumerate(ids)}
    by_path = {_slashes(path): row for row, path in enumerate(paths)}
    taken: dict[int, str] = {}
    left: list[str] = []
    for name in names:
        row, way = by_id.get(name.strip().casefold(), -1), WAYS[0]
        if row < 0:
            row, way = next((by_path[tail] for tail in _tails(name) if tail in by_path), -1), WAYS[1]
        if row < 0:
            left.append(name)
        elif row in taken:
            joined.ambiguous.append(name)
        else:
            joined.rows[name], taken[row] = row, name
            joined.ways[way] += 1
    free = [row for row in range(len(paths)) if row not in taken]
    for way, key in ((WAYS[2], _base), (WAYS[3], _stem)):
        left, free = _by_name(joined, left, free, paths, way=way, key=key)
    joined.unknown = left
    return joined


def _by_name(
    joined: Joined, names: Sequence[str], free: Sequence[int], paths: Sequence[str], *, way: str, key: Any
) -> tuple[list[str], list[int]]:
    """Join what one key fits one to one; return the names and rows that it fits not at all."""
    own = Counter(key(name) for name in names)
    rows: dict[str, list[int]] = {}
    for row in free:
        rows.setdefault(key(paths[row]), []).append(row)
    left = []
    for name in names:
        fitting = rows.get(key(name), [])
        if len(fitting) == 1 and own[key(name)] == 1:
            joined.rows[name] = fitting[0]
            joined.ways[way] += 1
        elif fitting:
            joined.ambiguous.append(name)
        else:
            left.append(name)
    taken = set(joined.rows.values())
    return left, [row for row in free if row not in taken]


def _slashes(path: str) -> str:
    return os.path.normpath(path.strip().replace("\\", "/"))


def _tails(name: str) -> list[str]:
    """A path, and what is left of it without its first folder, the first two, ..."""
    parts = _slashes(name).split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _base(path: str) -> str:
    return os.path.basename(_slashes(path)).casefold()


def _stem(path: str) -> str:
    return os.path.splitext(_base(path))[0]
