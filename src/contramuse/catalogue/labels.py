"""Labels from a file beside the music: columns typed by content, rows joined to tracks by path or by name."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from contramuse.catalogue.tables import read_table
from contramuse.catalogue.track import KEYS, KINDS, Empty, Kind, LabelField
from contramuse.errors import UserError

JOIN_COLUMNS = (
    "path", "file", "filename", "file_name", "filepath", "file_path", "mp3_path", "audio_path", "audio", "location",
    "track_path",
)  # fmt: skip
FACTS = ("title", "artist", "album", "year")
GROUPS = ("artist", "album", "playlists")
SEPARATORS = (";", "|")
EMPTY = frozenset(("", "nan", "none", "null", "n/a", "na", "-", "?"))
ONE_HOT_COLUMNS = 8

_KEY = re.compile(r"\s*([A-Ga-g])\s*(#|♯|b|♭|sharp|flat)?[\s:_-]*(major|minor|maj|min|m|M)?\s*")
_PITCH = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass
class Labels:
    """A labels file, typed.

    Args:
        source: name of the file.
        kinds: label columns and their kinds.
        values: of each label column, by row: class, list of classes or number, None where unknown.
        groups: of each group column, by row.
        facts: title, artist, album and year columns, by row.
        splits: by row; None when the file gives none.
        names: what each row is joined by, as the file has it.
        said: how each column was understood, a line each.
        classes: of fields whose classes are given in a stored order, whether or not all of them occur.
        empty: of fields in which the absence of a tag is no lack of knowledge; see ``LabelField``.
        absent: of fields of ``empty`` "stated": the tags that each row is known not to have.
        join: what joins rows to files: "path or name", or "path" alone.
        duplicates: "once": files of the same audio are one track; "each": every one that has a row is a track.
    """

    source: str = ""
    kinds: dict[str, Kind] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)
    groups: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    splits: list[str] | None = None
    names: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    empty: dict[str, Empty] = field(default_factory=dict)
    absent: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    join: Literal["path or name", "path"] = "path or name"
    duplicates: Literal["once", "each"] = "once"

    def fields(self, rows: Iterable[int]) -> dict[str, LabelField]:
        """The label fields, with the classes that occur in ``rows``."""
        used = [row for row in rows if row >= 0]
        out = {}
        for name, kind in self.kinds.items():
            classes = self.classes.get(name, ())
            if kind == "key":
                classes = KEYS
            elif classes:
                pass
            elif kind != "numeric":
                column = self.values[name]
                found = (column[row] for row in used if column[row] is not None)
                classes = tuple(sorted({c for value in found for c in (value if kind == "multilabel" else [value])}))
            out[name] = LabelField(name, kind, classes, self.source, self.empty.get(name, "unknown"))
        return out


def read_labels(
    file: Path,
    *,
    separator: str | None = None,
    groups: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    join: str | None = None,
) -> Labels:
    """Read and type a labels file.

    Args:
        file: .csv, .tsv, .parquet or .jsonl.
        separator: between the labels of one cell; None: ";" or "|" where they occur.
        groups: columns that are groups (what belongs together), not labels, beside artist, album and playlists.
        kinds: kinds of columns whose content would be understood otherwise; "text" leaves a column out.
        join: the column that names the files; None: the first of the usual names.

    Raises:
        UserError: the file cannot be read, has no column to join by, or lacks a column that was named.
    """
    table = read_table(file)
    wanted = dict(kinds or {})
    for name in (*groups, *wanted, *([join] if join else [])):
        if name not in table:
            raise UserError("is no column of the labels file", name=str(file), value=name, fix=_columns(table))
    for name, kind in wanted.items():
        if kind not in (*KINDS, "text"):
            raise UserError(
                "is not a kind of labels", name=f"--field {name}", value=kind, fix=f"Kinds: {', '.join(KINDS)}, text."
            )
    lower = {name.lower(): name for name in reversed(table)}
    key = join or next((lower[name] for name in JOIN_COLUMNS if name in lower), None)
    if key is None:
        fix = f"Name it with --join. {_columns(table)}"
        raise UserError("has no column that names the files", name="labels", value=file, fix=fix)
    out = Labels(source=file.name, names=[_text(value) for value in table.pop(key)])
    out.said.append(f"{key}: names the files, {len(out.names)} rows")
    for name, column in _one_hot(table, out, wanted).items():
        _understand(out, name, column, separator, groups, wanted)
    return out


def _columns(table: Mapping[str, Any]) -> str:
    return "Columns: " + ", ".join(table) + "."


def _understand(
    out: Labels,
    name: str,
    column: list[Any],
    separator: str | None,
    groups: Sequence[str],
    wanted: Mapping[str, str],
) -> None:
    """Enter one column as a split, a group, a fact or labels."""
    low = name.lower()
    if low == "split" and name not in wanted:
        from contramuse.catalogue.splits import split_named

        out.splits = [split_named(text) if (text := _text(value)) else "" for value in column]
        out.said.append(f"{name}: the splits")
        return
    if name in groups or low in GROUPS:
        mark = separator or (";" if low != "album" else None)
        key = name if name in groups else low
        out.groups[key] = [tuple(_parts(value, mark)) for value in column]
        count = len({group for cell in out.groups[key] for group in cell})
        out.said.append(f"{name}: groups, {count} of them")
    if low in FACTS and name not in wanted:
        out.facts[low] = [_text(value) for value in column]
        if low not in GROUPS:
            out.said.append(f"{name}: a fact about the track")
    elif name not in groups and low not in GROUPS:
        kind, values, said = typed(column, separator=separator, kind=wanted.get(name))
        out.said.append(f"{name}: {said}")
        if kind is not None:
            out.kinds[name], out.values[name] = kind, values


def typed(
    column: Sequence[Any], *, separator: str | None = None, kind: str | None = None
) -> tuple[Kind | None, list[Any], str]:
    """Kind and values of a column, by its content.

    In this order: lists are multilabel; musical keys ("C minor", "F#m") are key; numbers are numeric; cells with a
    separator are multilabel; few distinct texts are multiclass; mostly distinct ones are text, which is no label.

    Args:
        column: cells.
        separator: between the labels of one cell.
        kind: a kind to read it as whatever its content looks like.

    Returns:
        The kind (None: no labels), the values by row (None where unknown), and what was understood, in words.
    """
    texts = [_text(value) for value in column]
    filled = [text for text in texts if text]
    mark = separator or next((s for s in SEPARATORS if any(s in text for text in filled)), None)
    if kind is None:
        kind = _guess(column, filled, mark)
    if kind == "text":
        return None, [], f"text, {len(set(filled))} distinct; left out"
    values: list[Any]
    if kind == "multilabel":
        values = [parts if (parts := _parts(value, mark)) else None for value in column]
    elif kind == "numeric":
        values = [_number(text) for text in texts]
    elif kind == "key":
        values = [parse_key(text) for text in texts]
    else:
        values = [text or None for text in texts]
    known = [value for value in values if value is not None]
    distinct = len({c for value in known for c in (value if kind == "multilabel" else [value])})
    if distinct < 2:
        return None, [], f"{'always the same' if distinct else 'empty'}; left out"
    lost = len(filled) - len(known)
    detail = f"{min(known):g} to {max(known):g}" if kind == "numeric" else f"{distinct} classes"
    said = f"{kind}, {detail}" + (f", {lost} cells are none and count as unknown" if lost else "")
    return kind, values, said  # type: ignore[return-value]


def _guess(column: Sequence[Any], filled: Sequence[str], mark: str | None) -> str:
    if any(isinstance(value, (list, tuple)) for value in column):
        return "multilabel"
    count = len(filled)
    keys = [_KEY.fullmatch(text) for text in filled]
    if count and sum(k is not None for k in keys) >= 0.95 * count and any(k and k.group(3) for k in keys):
        return "key"
    if count and all(_number(text) is not None for text in filled):
        return "numeric"
    if mark is not None and any(mark in text for text in filled):
        return "multilabel"
    return "text" if len(set(filled)) > max(20, count // 2) else "multiclass"


def parse_key(text: str) -> str | None:
    """A musical key as one of ``KEYS`` ("Dbm" is "C# minor"; no mode is major), None if it is none."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    letter, accidental, mode = found.groups()
    shift = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}.get(accidental, 0)
    minor = mode in ("minor", "min", "m")
    return KEYS[(_PITCH[letter.upper()] + shift) % 12 + 12 * minor]


def _one_hot(table: dict[str, list[Any]], out: Labels, wanted: Mapping[str, str]) -> dict[str, list[Any]]:
    """The table with its columns of only 0 and 1, if they are many, put together as one multilabel column "tags"."""
    binary = [
        name
        for name, column in table.items()
        if name not in wanted and {_text(value) for value in column} <= {"0", "1", "0.0", "1.0", "False", "True"}
    ]
    if len(binary) < ONE_HOT_COLUMNS or "tags" in table:
        return table
    rest = {name: column for name, column in table.items() if name not in binary}
    columns = [(name, [_text(value) in ("1", "1.0", "True") for value in table[name]]) for name in binary]
    rest["tags"] = [[name for name, column in columns if column[row]] for row in range(len(out.names))]
    out.said.append(f"{len(binary)} columns of 0 and 1 are read as one field, tags")
    return rest


def _text(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text.lower() in EMPTY else text


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _parts(value: Any, mark: str | None) -> list[str]:
    """The labels of a cell, without repeats."""
    items = value if isinstance(value, (list, tuple)) else _text(value).split(mark) if mark else [value]
    return list(dict.fromkeys(text for item in items if (text := _text(item))))


@dataclass(frozen=True)
class Joined:
    """Which row of the labels each file has.

    Args:
        rows: by file, -1 for none.
        by_name: how many were joined by their name alone.
        ambiguous: files whose name fits several rows, or rows whose name fits several files; not joined.
        unused: rows that fit no file.
    """

    rows: list[int]
    by_name: int
    ambiguous: int
    unused: list[int]


def join_rows(
    names: Sequence[str],
    paths: Sequence[bytes],
    *,
    folder: Path,
    beside: Path,
    called: Mapping[bytes, str] | None = None,
    by: str = "path or name",
) -> Joined:
    """Join rows to files by path (relative to the folder or to the labels file, or absolute), else by unique name.

    Args:
        names: what each row names its file.
        paths: files, relative to ``folder``.
        folder: that was prepared.
        beside: the folder of the labels file.
        called: names of files that are not called as their path ends: ``song`` of ``song/mixture.wav``.
        by: "path or name", or "path": relative to the folder; nothing else joins.
    """
    own = called or {}
    by_path: dict[str, int] = {}
    by_stem: dict[str, int] = {}
    for row, name in enumerate(names):
        clean = os.path.normpath(name.replace("\\", "/") if "/" not in name and "\\" in name else name)
        for known in (name, clean):
            by_path.setdefault(known, row)
        stem = _stem(clean)
        by_stem[stem] = row if by_stem.get(stem, row) == row else -2
    if by == "path":  # relative to the folder and nothing else, or a row could be two files
        rows = [by_path.get(path.decode("utf-8", "backslashreplace"), -1) for path in paths]
        used = set(rows)
        return Joined(rows, 0, 0, [row for row in range(len(names)) if row not in used])
    rows = [_by_path(by_path, path, folder, beside) for path in paths]
    taken = set(rows)
    known_as = [own.get(path) or _stem(os.fsdecode(path)) for path in paths]
    guesses = [by_stem.get(name, -1) if row < 0 else -1 for name, row in zip(known_as, rows, strict=True)]
    fits = Counter(guesses)
    by_name = ambiguous = 0
    for i, guess in enumerate(guesses):
        if guess == -2 or (guess >= 0 and fits[guess] > 1 and guess not in taken):
            ambiguous += 1
        elif guess >= 0 and guess not in taken:
            rows[i], by_name = guess, by_name + 1
    used = set(rows)
    return Joined(rows, by_name, ambiguous, [row for row in range(len(names)) if row not in used])


def _by_path(by_path: Mapping[str, int], path: bytes, folder: Path, beside: Path) -> int:
    relative = path.decode("utf-8", "backslashreplace")
    absolute = os.path.join(folder, relative)
    for name in (relative, f"{folder.name}/{relative}", absolute, os.path.relpath(absolute, beside)):
        if name in by_path:
            return by_path[name]
    return -1


def _stem(name: str) -> str:
    return os.path.splitext(os.path.basename(name))[0]
