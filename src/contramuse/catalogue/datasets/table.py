"""Any table with a column that names audio files: CSV, TSV, Parquet or JSON lines."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading
from contramuse.catalogue.datasets.by_id import relative
from contramuse.catalogue.datasets.places import audio_below
from contramuse.catalogue.labels import Labels, read_labels
from contramuse.catalogue.tables import SUFFIXES
from contramuse.errors import UserError

USUAL = ("labels", "metadata", "annotations", "index", "tracks", "dataset")


@dataclass(frozen=True, kw_only=True)
class Table(Dataset):
    """Rows of a table with the files that they name; columns are typed by what they hold, as `contramuse prepare` does.

    A file is named by its path (relative to the root or to the table, or absolute), or by its name where only one file
    is called so.

    Args:
        file: the table, relative to the root; "": labels, metadata, annotations, index, tracks or dataset with a usual
            ending, or the only table there is.
        join: the column that names the files; "": path, file, filename or another usual name.
        groups: columns that are groups beside artist, album and playlists, separated by commas.
        kinds: how columns are read whose content would be understood otherwise, as "mood=multilabel,year=text".
        separator: between the labels of one cell; "": ";" or "|" where they occur.
    """

    about: ClassVar = About(
        title="Any table (CSV, TSV, Parquet, JSONL)",
        home="",
        audio="Your own files, in any format that can be decoded.",
        licence="Yours.",
        citation="",
    )

    file: str = ""
    join: str = ""
    groups: str = ""
    kinds: str = ""
    separator: str = ""

    @property
    def split_name(self) -> str:
        """The split's name."""
        return "as the table's column split gives it, else made here"

    def needed(self) -> tuple[Needed, ...]:
        """The table, where it is named."""
        return (Needed(self.file, "the table", "Your own: give file=NAME, relative to the root."),) if self.file else ()

    def read(self, root: Path) -> Reading:
        """The rows whose file is below the root, whether or not it is there."""
        file = self._file(root)
        labels = read_labels(
            file,
            separator=self.separator or None,
            groups=[name.strip() for name in self.groups.split(",") if name.strip()],
            kinds=_pairs(self.kinds),
            join=self.join or None,
        )
        paths = _paths(labels.names, root, file)
        entries: list[Entry] = []
        left_out: dict[str, list[str]] = defaultdict(list)
        seen: dict[str, int] = {}
        for row, (name, path) in enumerate(zip(labels.names, paths, strict=True)):
            if not name.strip():
                left_out["rows that name no file"].append(f"row {row + 2}")
            elif path is None:
                left_out["files that are not below the root"].append(name)
            elif path in seen:
                left_out["files that an earlier row names"].append(f"row {row + 2}: {name} (as row {seen[path] + 2})")
            else:
                seen[path] = row
                entries.append(_entry(labels, row, path))
        if not entries:
            fix = "Check join= and that the paths are relative to the root or the table."
            raise UserError("names no file below the root", name=str(file), value=root, fix=fix)
        fields = [Field(name, kind) for name, kind in labels.kinds.items()]
        if any("year" in entry.labels for entry in entries) and "year" not in labels.kinds:
            fields.append(Field("year", "numeric"))
        return Reading(tuple(fields), entries, left_out, [f"{file.name}: {line}" for line in labels.said])

    def _file(self, root: Path) -> Path:
        if self.file:
            return self.table(root, self.file, what="the table")
        found = [root / (name + suffix) for name in USUAL for suffix in SUFFIXES if suffix != ".txt"]
        found = [one for one in found if one.is_file()]
        if not found:
            found = sorted(one for one in root.iterdir() if one.suffix.lower() in SUFFIXES and one.suffix != ".txt")
        if len(found) != 1:
            what = (
                f"holds {len(found)} tables ({', '.join(one.name for one in found[:4])})" if found else "holds no table"
            )
            raise UserError(what, name="--root", value=root, fix="Give file=NAME, relative to the root.")
        return found[0]


def _pairs(text: str) -> dict[str, str]:
    """ "a=b,c=d" as a mapping."""
    found = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        name, equals, kind = one.rpartition("=")
        if not equals:
            raise UserError(
                "is not column=kind", name="kinds", value=one, fix='Write kinds="mood=multilabel,year=text".'
            )
        found[name.strip()] = kind.strip()
    return found


def _paths(names: list[str], root: Path, file: Path) -> list[str | None]:
    """The path of each row's file relative to the root; None where it is elsewhere."""
    beside = os.path.relpath(file.parent, root)
    by_name: dict[str, str | None] | None = None
    out: list[str | None] = []
    for name in names:
        first = relative(name, root)
        if first is not None and not (root / first).exists():
            other = relative(os.path.join(beside, name), root)
            if other is not None and (root / other).exists():
                first = other
            else:
                by_name = _names(root) if by_name is None else by_name
                stem = os.path.splitext(os.path.basename(first))[0]
                first = by_name.get(os.path.basename(first)) or by_name.get(stem) or first
        out.append(first)
    return out


def _names(root: Path) -> dict[str, str | None]:
    """Audio by file name, with and without its ending; None where several are called so."""
    found: dict[str, str | None] = {}
    for path in sorted(audio_below(root, root)):
        name = os.path.basename(path)
        for key in dict.fromkeys((name, os.path.splitext(name)[0])):
            found[key] = None if key in found else path
    return found


def _entry(labels: Labels, row: int, path: str) -> Entry:
    values: dict[str, Any] = {name: column[row] for name, column in labels.values.items() if column[row] is not None}
    groups = {name: column[row] for name, column in labels.groups.items() if column[row]}
    for fact in ("artist", "album"):
        if fact in labels.facts and labels.facts[fact][row] and fact not in groups:
            groups[fact] = (labels.facts[fact][row],)
    if "year" in labels.facts and labels.facts["year"][row].isdecimal():
        values["year"] = float(labels.facts["year"][row])
    title = labels.facts["title"][row] if "title" in labels.facts else ""
    return Entry(path, labels.splits[row] if labels.splits else "", values, groups=groups, title=title)
