"""Several libraries as one, such as a large unlabelled one and a small labelled one.

Rows are the tracks of the first library, then those of the second, and so on. What a library does not know of its
tracks (labels, groups, vectors, stems) is unknown. An artist of the same name is the same artist; other groups of the
same name (playlist 1, Greatest Hits) are not. A recording that is in two of the libraries is one row: that of its test
copy, else of its valid copy, else of the first library, with the labels and groups of all copies. What a library says
of tags that tracks lack (``LabelField.empty``) holds for its tracks: where libraries differ, it is stated tag by tag.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from contramuse.audio.store import Store
from contramuse.catalogue.library import Library
from contramuse.catalogue.splits import leaks
from contramuse.catalogue.track import Empty, LabelField
from contramuse.errors import LibraryError
from contramuse.files import stable_hash

_RANK = {"test": 0, "valid": 1, "train": 2}
_KNOWS: tuple[Empty, ...] = ("unknown", "none", "stated")
"""From what says least of absent tags to what can say everything."""


class JoinedStore(Store):
    """Rows of several stores as one.

    Args:
        parts: the stores.
        part: int64 [n], the store of each row.
        row: int64 [n], its row there; -1 for a row without audio.
    """

    def __init__(self, parts: Sequence[Store], *, part: NDArray[np.int64], row: NDArray[np.int64]) -> None:
        lengths = np.zeros(len(part), np.int64)
        for number, store in enumerate(parts):
            here = (part == number) & (row >= 0)
            lengths[here] = store.lengths[row[here]]
        nowhere = np.zeros(len(part), np.int64)
        super().__init__(
            parts[0].root, sample_rate=parts[0].sample_rate, shard=nowhere, offset=nowhere, samples=lengths
        )
        self._parts, self._part, self._row = tuple(parts), part, row

    @property
    def fingerprint(self) -> str:
        """See ``Store.fingerprint``."""
        return stable_hash([[p.fingerprint for p in self._parts], self._part.tolist(), self._row.tolist()])

    @property
    def stamp(self) -> str:
        """See ``Store.stamp``."""
        return stable_hash([part.stamp for part in self._parts])

    def read(self, row: int, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """See ``Store.read``."""
        number, own = int(self._part[row]), int(self._row[row])
        return self._parts[number].read(own, start, stop) if own >= 0 else self._parts[0].read(0, 0, 0)

    def gather(self, rows: ArrayLike, starts: ArrayLike, length: int) -> NDArray[Any]:
        """See ``Store.gather``."""
        rows, starts = np.asarray(rows, np.int64), np.asarray(starts, np.int64)
        none = self._parts[0].gather(rows[:0], starts[:0], length)
        out = np.zeros((len(rows), *none.shape[1:]), none.dtype)
        for number, store in enumerate(self._parts):
            here = np.flatnonzero((self._part[rows] == number) & (self.lengths[rows] > 0))
            if len(here):
                out[here] = store.gather(self._row[rows[here]], starts[here], length)
        return out


class Joined(Library):
    """Several libraries as one; made by ``join``.

    Attributes:
        said: what there is to say: recordings in both, artists in two splits.
        root: of the first library.
    """

    def __init__(self, libraries: Sequence[Library]) -> None:
        self._libraries = tuple(libraries)
        _check(libraries)
        fields = _fields(libraries)
        whole = pa.concat_tables(_tables(libraries, fields), promote_options="permissive").combine_chunks()
        part = np.repeat(np.arange(len(libraries)), [len(library) for library in libraries])
        row = np.concatenate([np.arange(len(library)) for library in libraries])
        keep, table, said = _without_copies(whole, part)
        if "audio" in table.column_names:
            table = _replaced(table, "audio", pc.coalesce(table["audio"], table["id"]))
        self._part, self._row = part[keep], row[keep]
        first = libraries[0]
        info = {
            **{name: fact for name, fact in first.info.items() if name != "dataset"},  # it is not that split any more
            "fields": [spec.to_json() for spec in fields.values()],
            "groups": [c.removeprefix("group.") for c in table.column_names if c.startswith("group.")],
            "fingerprint": stable_hash(["joined", *(library.fingerprint for library in libraries)]),
            "joined": [str(library.root) for library in libraries],
            "tracks": table.num_rows,
            "seconds": float(np.sum(table["seconds"].to_numpy(), dtype=np.float64)),
        }
        super().__init__(first.root, info, table)
        self.said = [*said, *_torn_artists(self)]

    def __getstate__(self) -> dict[str, Any]:
        return {"libraries": self._libraries}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(Joined(state["libraries"]).__dict__)

    @property
    def roots(self) -> list[Path]:
        """Folders of the libraries."""
        return [library.root for library in self._libraries]

    @property
    def parts(self) -> NDArray[np.int64]:
        """Number of the library that each track is from, int64 [n]."""
        return self._part

    @property
    def store(self) -> Store:
        """See ``Library.store``."""
        if self._store is None:
            parts = [library.store for library in self._libraries]
            self._store = JoinedStore(parts, part=self._part, row=self._row)
        return self._store

    def stems(self, name: str) -> Store:
        """See ``Library.stems``; tracks of a library without such stems have length 0."""
        found: list[Store] = []
        number = np.zeros(len(self._libraries), np.int64)
        for i, library in enumerate(self._libraries):
            try:
                found.append(library.stems(name))
                number[i] = len(found)
            except LibraryError as error:
                missing = error
        if not found:
            raise missing
        part = number[self._part] - 1
        return JoinedStore(found, part=part, row=np.where(part >= 0, self._row, -1))

    def vectors(self, name: str) -> NDArray[np.float32]:
        """See ``Library.vectors``.

        Raises:
            LibraryError: no library has such vectors, or they are of different widths.
        """
        if name not in self._vectors:
            found: dict[int, NDArray[np.float32]] = {}
            for i, library in enumerate(self._libraries):
                try:
                    found[i] = library.vectors(name)
                except LibraryError as error:
                    missing = error
            if not found:
                raise missing
            widths = sorted({vectors.shape[1] for vectors in found.values()})
            if len(widths) > 1:
                fix = "Make them anew with the same settings, or train on one library."
                problem = f"are of different widths in the libraries ({', '.join(map(str, widths))})"
                raise LibraryError(problem, name="vectors", value=name, fix=fix)
            out = np.full((len(self), widths[0]), np.nan, np.float32)
            for i, vectors in found.items():
                out[self._part == i] = vectors[self._row[self._part == i]]
            out.flags.writeable = False
            self._vectors[name] = out
        return self._vectors[name]


def join(libraries: Sequence[Library]) -> Library:
    """The libraries as one; a single one is itself.

    Raises:
        LibraryError: they differ in sample rate, or in what they hold, or a label field is of kinds that do not agree.
    """
    return libraries[0] if len(libraries) == 1 else Joined(libraries)


def _check(libraries: Sequence[Library]) -> None:
    first = libraries[0]
    for other in libraries[1:]:
        if other.sample_rate != first.sample_rate:
            raise LibraryError(
                f"has {other.sample_rate} Hz and {first.root} has {first.sample_rate} Hz", name="library",
                value=other.root, fix="Prepare both at one rate (prepare --rate).",
            )  # fmt: skip
        for fact in ("kind", "bands", "frame_rate"):
            if other.info.get(fact, "audio") != first.info.get(fact, "audio"):
                said = f"{fact} {other.info.get(fact, 'audio')}, {first.root} {first.info.get(fact, 'audio')}"
                fix = "Join libraries of audio, or of features of one kind."
                raise LibraryError(f"holds {said}", name="library", value=other.root, fix=fix)


def _fields(libraries: Sequence[Library]) -> dict[str, LabelField]:
    """Label fields of all; the classes of the first library, then those that only others have."""
    out: dict[str, LabelField] = {}
    for library in libraries:
        for name, spec in library.fields.items():
            known = out.get(name, spec)
            kinds = {known.kind, spec.kind}
            if len(kinds) > 1 and kinds != {"multiclass", "multilabel"}:
                raise LibraryError(
                    f"is {known.kind} in one library and {spec.kind} in {library.root}", name="label field",
                    value=name, fix=f"Prepare one of them anew with --field {name}=KIND.",
                )  # fmt: skip
            kind = "multilabel" if len(kinds) > 1 else spec.kind
            classes = tuple(dict.fromkeys((*known.classes, *spec.classes)))
            empty = max(known.empty, spec.empty, key=_KNOWS.index)
            out[name] = LabelField(name, kind, classes, known.source, empty)
    return out


def _tables(libraries: Sequence[Library], fields: dict[str, LabelField]) -> list[pa.Table]:
    """The index of each library with names that mean the same in all."""
    tables = [library._table.replace_schema_metadata(None) for library in libraries]
    artists: dict[str, str] = {}
    for number, (library, table) in enumerate(zip(libraries, tables, strict=True)):
        for name, spec in library.fields.items():
            if spec.kind != fields[name].kind:
                lists = [None if value is None else [value] for value in table[f"label.{name}"].to_pylist()]
                table = _replaced(table, f"label.{name}", pa.array(lists, pa.list_(pa.string())))
            if fields[name].empty != spec.empty:
                table = _restated(table, spec, fields[name].empty)
        for name in library.group_names:
            values = table[f"group.{name}"].to_pylist()
            if name == "artist":
                told = [[artists.setdefault(_folded(a), a) for a in value or ()] for value in values]
            else:
                taken = _taken(tables[:number], f"group.{name}")
                mark = f" (library {number + 1})"
                told = [[g + mark if g in taken else g for g in value or ()] for value in values]
            table = _replaced(table, f"group.{name}", pa.array(told, pa.list_(pa.string())))
        tables[number] = table
    return tables


def _restated(table: pa.Table, spec: LabelField, empty: Empty) -> pa.Table:
    """What a library knows of a multi-label field, as a field of another ``empty``, which can say more, has it."""
    label = f"label.{spec.name}"
    held = [cell if cell or spec.empty == "none" else None for cell in table[label].to_pylist()]
    table = _replaced(table, label, pa.array(held, pa.list_(pa.string())))
    if empty != "stated":
        return table
    lacks = [None if cell is None else [name for name in spec.classes if name not in cell] for cell in held]
    return table.append_column(f"absent.{spec.name}", pa.array(lacks, pa.list_(pa.string())))


def _taken(tables: Sequence[pa.Table], column: str) -> set[str]:
    return {g for t in tables if column in t.column_names for value in t[column].to_pylist() for g in value or ()}


def _replaced(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _without_copies(table: pa.Table, part: NDArray[np.int64]) -> tuple[NDArray[np.int64], pa.Table, list[str]]:
    """One row for each recording that is in several libraries; copies within one, which its split has, stay.

    Returns:
        The rows that are kept, int64 [k], their table with the labels and groups of all copies, and what to say.
    """
    splits, places = table["split"].to_pylist(), defaultdict(list)
    for row, key in enumerate(_recordings(table)):
        places[key].append(row)
    several = []
    for rows in places.values():
        if len({part[row] for row in rows}) > 1:
            best, *rest = sorted(rows, key=lambda i: (_RANK[splits[i]], i))
            several.append([best, *(row for row in rest if part[row] != part[best])])
    if not several:
        return np.arange(table.num_rows), table, []
    for name in table.column_names:
        if name.startswith(("label.", "group.")):
            values, absent = table[name].to_pylist(), name.replace("label.", "absent.", 1)
            lacks = (
                table[absent].to_pylist() if absent != name and absent in table.column_names else [None] * len(values)
            )
            for rows in several:
                told = next((i for i in rows if values[i] not in (None, []) or lacks[i]), None)
                told = next((i for i in rows if values[i] is not None), rows[0]) if told is None else told
                values[rows[0]], lacks[rows[0]] = values[told], lacks[told]
            table = _replaced(table, name, pa.array(values, table[name].type))
            if absent != name and absent in table.column_names:
                table = _replaced(table, absent, pa.array(lacks, table[absent].type))
    copies = sum(len(rows) - 1 for rows in several)
    said = [f"{copies} recordings are in two of the libraries: each is one row, with the labels of both"]
    torn = Counter(" and ".join(sorted({splits[i] for i in rows}, key=_RANK.__getitem__)) for rows in several)
    torn = Counter({names: count for names, count in torn.items() if " and " in names})
    if torn:
        pairs = ", ".join(f"{count} in {names}" for names, count in sorted(torn.items()))
        said.append(
            f"warning: {sum(torn.values())} recordings were in two splits ({pairs}): the first of these is kept"
        )
    gone = [i for rows in several for i in rows[1:]]
    keep = np.setdiff1d(np.arange(table.num_rows), gone)
    return keep, table.take(keep), said


def _recordings(table: pa.Table) -> list[Any]:
    """What tells recordings apart: their audio; their ids where a library does not know the hash of the audio."""
    if "audio" in table.column_names and not table["audio"].null_count:
        return list(table["audio"].to_pylist())
    return list(table["id"].to_pylist())


def _torn_artists(library: Library) -> list[str]:
    found = leaks(library.column("split"), library.groups("artist")) if "artist" in library.group_names else {}
    if not found:
        return []
    some = ", ".join(list(found)[:5]) + (", ..." if len(found) > 5 else "")
    return [f"warning: {len(found)} artists are in more than one split of the joined libraries: {some}"]
