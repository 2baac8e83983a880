"""Library: a prepared folder of music, opened for reading. Needs numpy and pyarrow, no audio library."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contramuse.audio.activity import Activity
from contramuse.audio.features import FeatureStore
from contramuse.audio.store import Store
from contramuse.catalogue.track import FORMAT, SPLITS, LabelField, Track
from contramuse.catalogue.vectors import read_vectors
from contramuse.errors import LibraryError
from contramuse.rows import UNKNOWN


class Library:
    """The tracks of a library, in the order of its index; open one with ``Library.open``.

    Attributes:
        root: its folder.
        sample_rate: of the stored audio, in Hz.
        fingerprint: hash of the tracks' ids and splits, the rate and the label fields.
        seed: that the splits were made with.
        fields: label field by name.
        info: all of library.json.
    """

    def __init__(self, root: Path, info: dict[str, Any], table: pa.Table) -> None:
        self.root, self.info, self._table = root, info, table
        self.sample_rate: int = info["sample_rate"]
        self.fingerprint: str = info["fingerprint"]
        self.seed: int = info["seed"]
        self.fields = {item["name"]: LabelField.from_json(item) for item in info["fields"]}
        self._store: Store | None = None
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._activities: dict[str, Activity] = {}

    @classmethod
    def open(cls, path: Path | str) -> Library:
        """Open the library in the folder ``path``.

        Raises:
            LibraryError: the folder is no library, a damaged one, or one of a later version.
        """
        root = Path(path)
        fix = "Give the folder that `contramuse prepare FOLDER -o LIBRARY` wrote."
        try:
            info = json.loads((root / "library.json").read_text(encoding="utf-8"))
            if info.get("format", 0) > FORMAT:
                problem = f"was written by a later version (format {info['format']}, this one reads {FORMAT})"
                raise LibraryError(problem, name="library", value=root, fix="Upgrade contramuse.")
            table = pq.read_table(root / "index.parquet", memory_map=True)
            stamp = (table.schema.metadata or {}).get(b"fingerprint", info["fingerprint"].encode())
            if stamp.decode() != info["fingerprint"]:
                fix = "Run `contramuse prepare` again: it writes both anew without decoding."
                problem = "index.parquet and library.json are of different runs"
                raise LibraryError(problem, name="library", value=root, fix=fix)
            return cls(root, info, table)
        except FileNotFoundError as error:
            raise LibraryError("is not a finished library", name="library", value=root, fix=fix) from error
        except NotADirectoryError as error:
            raise LibraryError("is a file", name="library", value=root, fix=fix) from error
        except LibraryError:
            raise
        except (OSError, ValueError, KeyError, AttributeError, pa.ArrowException) as error:
            raise LibraryError(f"is damaged ({error})", name="library", value=root, fix=fix) from error

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(Library.open(state["root"]).__dict__)

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """Content hashes, str [n]."""
        return np.array(self._table["id"].to_pylist(), dtype=np.str_)

    @property
    def paths(self) -> list[str]:
        """Paths relative to the folder that was prepared."""
        return list(self._table["path"].to_pylist())

    def column(self, name: str) -> list[Any]:
        """A column of the index as Python values.

        Raises:
            LibraryError: there is no such column.
        """
        if name not in self._table.column_names:
            raise self._lacks("column", name, self._table.column_names)
        return list(self._table[name].to_pylist())

    def track(self, i: int) -> Track:
        """The facts about row ``i``."""
        row = self._table.slice(i, 1).to_pylist()[0]
        labels = {name: row[f"label.{name}"] for name in self.fields}
        groups = {name.removeprefix("group."): value for name, value in row.items() if name.startswith("group.")}
        return Track(
            id=row["id"],
            path=row["path"],
            title=row["title"],
            artist=row["artist"],
            album=row["album"],
            genre=row["genre"],
            year=row["year"],
            seconds=row["seconds"],
            split=row["split"],
            labels={name: value for name, value in labels.items() if value is not None},
            groups={name: tuple(value or ()) for name, value in groups.items()},
            stems=tuple(stem["name"] for stem in row["stems"] or ()),
        )

    def rows(self, split: str) -> NDArray[np.int64]:
        """Rows of a split ("train", "valid", "test" or "all"), int64 [n].

        Raises:
            LibraryError: there is no such split.
        """
        if split == "all":
            return np.arange(len(self), dtype=np.int64)
        if split not in SPLITS:
            raise self._lacks("split", split, (*SPLITS, "all"))
        return np.flatnonzero(pc.equal(self._table["split"], split).to_numpy(zero_copy_only=False)).astype(np.int64)

    def labels(self, field: str) -> NDArray[Any]:
        """Labels of every track.

        Returns:
            multilabel: float32 [n c], a row of zeros where unknown; multiclass and key: int64 [n] positions in
            ``fields[field].classes``, -1 where unknown; numeric: float64 [n], NaN where unknown.

        Raises:
            LibraryError: there is no such field.
        """
        if field not in self.fields:
            raise self._lacks("label field", field, self.fields)
        spec, column = self.fields[field], self._table[f"label.{field}"]
        if spec.kind == "numeric":
            return pc.fill_null(column, float("nan")).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
        classes = pa.array(spec.classes, pa.string())
        if spec.kind != "multilabel":
            found = pc.fill_null(pc.index_in(column, classes), UNKNOWN)
            return found.to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]
        return self._hot(column, spec.classes)

    def _hot(self, column: Any, classes: tuple[str, ...]) -> NDArray[np.float32]:
        """Lists of classes as 0 and 1, float32 [n c]."""
        out = np.zeros((len(self), len(classes)), np.float32)
        parents, values = pc.list_parent_indices(column), pc.list_flatten(column)
        known = pa.array(classes, pa.string())
        positions = pc.fill_null(pc.index_in(values, known), UNKNOWN).to_numpy(zero_copy_only=False)
        rows = parents.to_numpy(zero_copy_only=False)
        out[rows[positions >= 0], positions[positions >= 0]] = 1.0
        return out

    def known(self, field: str) -> NDArray[np.bool_]:
        """Which tracks are labelled, bool [n]; in a field of ``empty`` "none" also those that are known to have no tag.

        Raises:
            LibraryError: there is no such field.
        """
        labels = self.labels(field)
        spec = self.fields[field]
        if spec.kind == "numeric":
            return np.asarray(np.isfinite(labels))
        if spec.kind != "multilabel":
            return np.asarray(labels >= 0)
        if spec.empty == "none":
            return np.asarray(self._table[f"label.{field}"].is_valid().to_numpy(zero_copy_only=False))
        stated = self.stated(field)
        return np.asarray((labels > 0).any(axis=1) if stated is None else stated.any(axis=1))

    def stated(self, field: str) -> NDArray[np.bool_] | None:
        """Which tags of which tracks are stated, as present or absent, bool [n c]; None where all of a track's are.

        Raises:
            LibraryError: there is no such field.
        """
        present = self.labels(field)
        spec = self.fields[field]
        if spec.empty != "stated":
            return None
        return np.asarray((present > 0) | (self._hot(self._table[f"absent.{field}"], spec.classes) > 0))

    def groups(self, name: str) -> list[tuple[str, ...]]:
        """The groups called ``name`` of every track ("artist", "album", "playlists", ...).

        Raises:
            LibraryError: the library has no such groups.
        """
        if name not in self.group_names:
            raise self._lacks("group", name, self.group_names)
        return [tuple(value or ()) for value in self._table[f"group.{name}"].to_pylist()]

    def group(self, name: str) -> NDArray[np.int64]:
        """Id of the first group called ``name`` of every track, int64 [n]; -1 where unknown.

        Ids count the groups in alphabetical order.
        """
        first = [value[0] if value else None for value in self.groups(name)]
        order = {value: i for i, value in enumerate(sorted({value for value in first if value is not None}))}
        return np.array([UNKNOWN if value is None else order[value] for value in first], np.int64)

    @property
    def group_names(self) -> list[str]:
        """Names of the groups: "artist", "album", "playlists", ..."""
        return [c.removeprefix("group.") for c in self._table.column_names if c.startswith("group.")]

    def members(self, name: str) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
        """Who is in which of the groups called ``name``.

        Returns:
            The groups in alphabetical order, and of every membership the track's row and the group's number, int64 [m].

        Raises:
            LibraryError: the library has no such groups.
        """
        if name not in self.group_names:
            raise self._lacks("group", name, self.group_names)
        column = self._table[f"group.{name}"]
        values = pc.list_flatten(column)
        known = sorted(pc.unique(values).to_pylist())
        numbers = pc.index_in(values, pa.array(known, pa.string())).to_numpy(zero_copy_only=False)
        rows = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        return known, rows.astype(np.int64), numbers.astype(np.int64)

    def vectors(self, name: str) -> NDArray[np.float32]:
        """The vectors called ``name`` of every track, float32 [n d], a row of NaN where a track has none; read once.

        Raises:
            LibraryError: the library has no such vectors (see ``contramuse vectors``).
        """
        if name not in self._vectors:
            self._vectors[name] = read_vectors(self.root, name, self.ids)
            self._vectors[name].flags.writeable = False
        return self._vectors[name]

    @property
    def store(self) -> Store:
        """The decoded audio, or the stored features of a library of ``kind`` "features"; its rows are the tracks."""
        if self._store is None:
            shard, offset, samples = (self._table[name].to_numpy() for name in ("shard", "offset", "samples"))
            rate = self.sample_rate
            if self.info.get("kind") == "features":
                self._store = FeatureStore(
                    self.root, sample_rate=rate, bands=self.info["bands"], shard=shard, offset=offset, frames=samples
                )
            else:
                self._store = Store(self.root, sample_rate=rate, shard=shard, offset=offset, samples=samples)
        return self._store

    def stems(self, name: str) -> Store:
        """The stems called ``name`` ("bass", "drums", ...); a track without it has length 0.

        Raises:
            LibraryError: no track has a stem of this name.
        """
        shard, offset, samples = (np.zeros(len(self), np.int64) for _ in range(3))
        known: set[str] = set()
        for row, stems in enumerate(self._table["stems"].to_pylist()):
            for stem in stems or ():
                known.add(stem["name"])
                if stem["name"] == name:
                    shard[row], offset[row], samples[row] = stem["shard"], stem["offset"], stem["samples"]
        if name not in known:
            raise self._lacks("stem", name, sorted(known))
        return Store(self.root, sample_rate=self.sample_rate, shard=shard, offset=offset, samples=samples)

    def activity(self, name: str) -> Activity:
        """Where the stems called ``name`` sound; ``activity(name).store`` is ``stems(name)``, opened once.

        Raises:
            LibraryError: no track has a stem of this name.
        """
        if name not in self._activities:
            self._activities[name] = Activity(self.stems(name))
        return self._activities[name]

    def _lacks(self, what: str, value: str, known: Any) -> LibraryError:
        names = ", ".join(known) or "none"
        return LibraryError(f"the library has no such {what}", name=what, value=value, fix=f"It has: {names}.")
