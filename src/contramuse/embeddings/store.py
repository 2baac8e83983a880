"""Reading embeddings: a folder of Parquet parts and ``embeddings.json``. See docs/embeddings.md for the format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contramuse.errors import EmbeddingsError

FORMAT = "contramuse embeddings"
VERSION = 1
META = "embeddings.json"
TEXT = ("id", "path", "title", "artist", "album", "split")
IDENTITY = ("model_hash", "preprocessing_hash", "dim", "dtype", "windows")
"""What all parts of one folder must agree on: vectors that differ in these are not comparable, or not of one type."""


def read_meta(folder: Path) -> dict[str, Any]:
    """The checked content of ``embeddings.json``.

    Raises:
        EmbeddingsError: it is missing, damaged, another program's, or of a newer format version.
    """
    file = folder / META

    def refuse(problem: str, fix: str) -> EmbeddingsError:
        return EmbeddingsError(problem, name="embeddings", value=file, fix=fix)

    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise refuse("is missing", "Give a folder that `contramuse embed MODEL MUSIC -o FOLDER` wrote.") from error
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})", "Check the path and its permissions.") from error
    except ValueError as error:
        raise refuse("is not valid JSON", "The file is damaged: delete the folder and embed again.") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise refuse("was not written by contramuse", "Give a folder that `contramuse embed` wrote.")
    if not isinstance(meta.get("version"), int) or meta["version"] > VERSION:
        raise refuse(
            f"has format version {meta.get('version')!r}, this contramuse reads up to {VERSION}",
            "Update contramuse: pip install -U contramuse.",
        )
    if missing := [key for key in IDENTITY if key not in meta]:
        raise refuse(f"lacks {', '.join(missing)}", "The file is damaged: delete the folder and embed again.")
    return meta


def output_of(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """What the vectors are, as ``Tower.emit`` takes it; the encoder's where nothing is said."""
    return tuple(meta.get("output", ("encoder",)))


def corrupted_by(meta: Mapping[str, Any]) -> str:
    """What the windows went through before they were embedded, in words; "" where they are as they were."""
    from contramuse.recipe.chains import chain_in_words

    return chain_in_words(meta["preprocessing"]["corrupt"]) if "corrupt" in meta.get("preprocessing", {}) else ""


def foreign_name(meta: Mapping[str, Any]) -> str:
    """The name of the other program's model that made the vectors; "" where a model of ours did."""
    return str(meta.get("foreign", {}).get("name", ""))


def part_files(folder: Path) -> list[Path]:
    """The finished parts, in order."""
    return sorted(folder.glob("part-*.parquet"))


def open_part(file: Path, meta: Mapping[str, Any]) -> Any:
    """A part as ``pyarrow.parquet.ParquetFile``, checked to be of the same model and preprocessing as ``meta``.

    Raises:
        EmbeddingsError: it is damaged, or of another model or preprocessing.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        part = pyarrow.parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise EmbeddingsError(
            "cannot be read as Parquet", name="embeddings", value=file,
            fix="The part is damaged: delete it and run the same embed command again; the other parts are kept.",
        ) from error  # fmt: skip
    stored = json.loads((part.schema_arrow.metadata or {}).get(b"contramuse", b"{}"))
    if differing := [key for key in IDENTITY if stored.get(key) != meta[key]]:
        shown = "; ".join(f"{key} {_short(stored.get(key))}, the folder has {_short(meta[key])}" for key in differing)
        raise EmbeddingsError(
            f"belongs to other embeddings ({shown})", name="embeddings", value=file,
            fix="Embeddings of different models or preprocessing do not compare: keep each in a folder of its own.",
        )  # fmt: skip
    return part


def _short(value: object) -> str:
    return str(value)[:12]


class Embeddings:
    """The vectors of a collection, row by row, with who the rows are. Columns are read when they are first asked for.

    Attributes:
        root: the folder.
        meta: ``embeddings.json``: model_hash, preprocessing_hash, library_root, library_fingerprint, ...
    """

    def __init__(self, root: Path, meta: Mapping[str, Any], parts: Sequence[Any]) -> None:
        self.root, self.meta, self._parts = root, dict(meta), list(parts)
        self._columns: dict[str, NDArray[Any]] = {}

    @classmethod
    def open(cls, folder: str | Path, *, incomplete: str = "refuse") -> Embeddings:
        """Open what ``contramuse embed`` wrote.

        Args:
            folder: the folder.
            incomplete: "refuse" or "allow" a folder whose embedding was interrupted.

        Raises:
            EmbeddingsError: it is not ours, is damaged, mixes models, or is not finished.
        """
        root = Path(folder)
        meta = read_meta(root)
        if incomplete == "refuse" and not meta.get("complete"):
            raise EmbeddingsError(
                "are not finished", name="embeddings", value=root,
                fix="Run the same `contramuse embed` command again: it goes on where it stopped.",
            )  # fmt: skip
        found = cls(root, meta, [open_part(file, meta) for file in part_files(root)])
        if incomplete == "refuse" and len(found) < meta.get("tracks", 0):
            raise EmbeddingsError(
                f"hold {len(found)} of {meta['tracks']} tracks: parts are missing", name="embeddings", value=root,
                fix="Run the same `contramuse embed` command again: it embeds what is missing.",
            )  # fmt: skip
        return found

    def __len__(self) -> int:
        return sum(part.metadata.num_rows for part in self._parts)

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self.meta["dim"])

    @property
    def parts(self) -> dict[str, int]:
        """Widths of the parts of a vector by name, in order: heads, or one part, "encoder" or "head"."""
        return dict(self.meta.get("parts") or {output_of(self.meta)[0]: self.dim})

    def column(self, name: str) -> NDArray[Any]:
        """A column by name: text [n] for id, path, title, artist, album, split; float64 [n] for seconds; int for count.

        Raises:
            EmbeddingsError: there is no such column.
        """
        if name not in self._columns:
            if name not in (*TEXT, "seconds", "count"):
                raise EmbeddingsError(
                    "is not a column", name="column", value=name, fix=f"Columns: {', '.join(TEXT)}, seconds, count."
                )
            tables = [part.read(columns=[name]).column(0).to_numpy() for part in self._parts]
            joined = np.concatenate(tables) if tables else np.zeros(0)
            self._columns[name] = joined.astype(np.str_) if name in TEXT else joined
        return self._columns[name]

    @property
    def ids(self) -> NDArray[np.str_]:
        """Content hash of each track's file."""
        return self.column("id")

    @property
    def paths(self) -> NDArray[np.str_]:
        """Path of each file; relative to the scanned folder for a library."""
        return self.column("path")

    @property
    def titles(self) -> NDArray[np.str_]:
        """Title, "" where unknown."""
        return self.column("title")

    @property
    def artists(self) -> NDArray[np.str_]:
        """Artist, "" where unknown."""
        return self.column("artist")

    @property
    def albums(self) -> NDArray[np.str_]:
        """Album, "" where unknown."""
        return self.column("album")

    @property
    def splits(self) -> NDArray[np.str_]:
        """train, valid, test, or "" where there are none."""
        return self.column("split")

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Length of each track, seconds."""
        return self.column("seconds")

    def batches(self, rows: int = 16384) -> Iterator[NDArray[np.float32]]:
        """The vectors as float32 [b h], at most ``rows`` at a time, in row order."""
        for part in self._parts:
            for batch in part.iter_batches(batch_size=rows, columns=["vector"]):
                values = batch.column(0).flatten().to_numpy(zero_copy_only=False)
                yield values.astype(np.float32, copy=False).reshape(-1, self.dim)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """All vectors, float32 [n h]."""
        out = np.empty((len(self), self.dim), np.float32)
        row = 0
        for batch in self.batches():
            out[row : row + len(batch)] = batch
            row += len(batch)
        return out

    def vector(self, row: int) -> NDArray[np.float32]:
        """One track's vector, float32 [h]; reads no more than its row group."""
        if "vectors" in self.__dict__:
            return np.asarray(self.vectors[row])
        values: NDArray[Any] = self._cell(row, "vector").flatten().to_numpy(zero_copy_only=False)
        return values.astype(np.float32)

    def windows(self, row: int) -> NDArray[np.float32]:
        """The vectors of one track's windows, float32 [w h].

        Raises:
            EmbeddingsError: they were not kept.
        """
        if self.meta["windows"] != "kept":
            raise EmbeddingsError(
                "hold no windows", name="embeddings", value=self.root,
                fix="Embed into a new folder with --keep-windows.",
            )  # fmt: skip
        values: NDArray[Any] = self._cell(row, "windows").flatten().flatten().to_numpy(zero_copy_only=False)
        return values.astype(np.float32).reshape(-1, self.dim)

    def every_window(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The vectors of the windows of all tracks, one track after another, float32 [w h], and how many each has [n].

        Raises:
            EmbeddingsError: they were not kept.
        """
        if not len(self) or self.meta["windows"] != "kept":
            self.windows(0)
        vectors, counts = [], []
        for part in self._parts:
            for batch in part.iter_batches(columns=["windows"]):
                column = batch.column(0)
                counts.append(column.value_lengths().to_numpy().astype(np.int64))
                values: NDArray[Any] = column.flatten().flatten().to_numpy(zero_copy_only=False)
                vectors.append(values.astype(np.float32, copy=False).reshape(-1, self.dim))
        return np.concatenate(vectors), np.concatenate(counts)

    def _cell(self, row: int, column: str) -> Any:
        """An Arrow array of the one value."""
        if row < 0:
            raise IndexError(row)
        for part in self._parts:
            for group in range(part.num_row_groups):
                count = part.metadata.row_group(group).num_rows
                if row < count:
                    read = part.read_row_group(group, columns=[column]).column(0)
                    return read.slice(row, 1).combine_chunks()
                row -= count
        raise IndexError(row)
