"""Datasets that mirdata knows, by mirdata's own index: an adapter for what has no reader here."""

from __future__ import annotations

import difflib
import importlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading
from contramuse.catalogue.datasets.by_id import relative
from contramuse.catalogue.labels import typed
from contramuse.catalogue.splits import split_named
from contramuse.catalogue.track import SPLITS
from contramuse.errors import UserError

LOOKED_AT = 20
GROUPS = {"artist": "artist", "artists": "artist", "album": "album", "performer": "artist"}
NO_LABELS = frozenset(("track_id", "title", "split", *GROUPS))
_TROUBLE = (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError)


@dataclass(frozen=True, kw_only=True)
class Mirdata(Dataset):
    """Tracks as mirdata's loader gives them; attributes that are a word, a number or a list of words become fields.

    Args:
        dataset: its name in mirdata, such as gtzan_genre.
        version: of its index; "default" is mirdata's.
        index: a file of the index, relative to the root; "": the one that mirdata has downloaded.
        audio: the attribute of a track that says where its audio is.
        validate: "presence": only whether files are there; "checksums": mirdata reads every file, and tracks of which
            one has another checksum than its index says are left out.
    """

    about: ClassVar = About(
        title="A dataset that mirdata knows",
        home="https://mirdata.readthedocs.io",
        audio="mirdata says where it is to be had, or downloads it: "
        "python -c \"import mirdata; mirdata.initialize('NAME', data_home='ROOT').download()\"",
        licence="As mirdata tells it for each dataset (it is among what is said when it is read).",
        citation="R. M. Bittner, M. Fuentes, D. Rubinstein, A. Jansson, K. Choi, T. Kell: mirdata: software for "
        "reproducible usage of datasets. ISMIR 2019; and the dataset's own.",
    )

    dataset: str = ""
    version: str = "default"
    index: str = ""
    audio: str = "audio_path"
    validate: Literal["presence", "checksums"] = "presence"

    @property
    def split_name(self) -> str:
        """The split's name."""
        return f"mirdata {self.dataset} {self.version}: the split of its loader, else made here"

    def needed(self) -> tuple[Needed, ...]:
        """The index, where one is named."""
        what = "an index in mirdata's format"
        return (Needed(self.index, what, "Your own, or leave index= out."),) if self.index else ()

    def read(self, root: Path) -> Reading:
        """The tracks of mirdata's index."""
        loader = self._loader(root)
        tracks = self._tracks(loader)
        found = {item: getattr(track, self.audio, None) for item, track in tracks.items()}
        if not any(found.values()):
            known = ", ".join(name for name in dir(next(iter(tracks.values()))) if name.endswith("_path"))
            raise UserError(
                "is no attribute with a path of audio", name="audio", value=self.audio, fix=f"There are {known}."
            )
        columns, said = _columns(list(tracks.values()))
        fields, values = [], {}
        for name, column in columns.items():
            if name in NO_LABELS:
                continue
            kind, cells, how = typed(column)
            said.append(f"{name}: {how}")
            if kind is not None:
                fields.append(Field(name, kind, _classes(kind, cells)))
                values[name] = cells
        differ, splits = self._differing(loader), _splits(loader, columns, list(tracks), said)
        entries: list[Entry] = []
        left_out: dict[str, list[str]] = defaultdict(list)
        for row, (item, path) in enumerate(found.items()):
            below = relative(str(path), root) if path else None
            if below is None:
                left_out["no audio in mirdata's index"].append(item)
            elif item in differ:
                left_out["another checksum than mirdata's index"].append(item)
            else:
                entries.append(_entry(row, below, splits[row], columns, values))
        licence = " ".join(str(getattr(loader, "_license_info", "") or "not stated").split())
        said = [f"licence, as mirdata tells it: {licence}", *said]
        group = "artist" if any("artist" in entry.groups for entry in entries) else ""
        return Reading(tuple(fields), entries, left_out, said, group=group)

    def _loader(self, root: Path) -> Any:
        try:
            mirdata: Any = importlib.import_module("mirdata")
        except ImportError as error:
            fix = 'Install it: pip install "contramuse[mirdata]" (or pip install mirdata).'
            raise UserError("is not installed", name="mirdata", value=self.dataset, fix=fix) from error
        known = list(mirdata.list_datasets())
        if self.dataset not in known:
            near = difflib.get_close_matches(self.dataset, known, 3) or known[:5]
            fix = f"Give dataset=NAME, for example {', '.join(near)}; mirdata.list_datasets() lists all."
            raise UserError("is no dataset of mirdata", name="dataset", value=self.dataset, fix=fix)
        try:
            loader = mirdata.initialize(self.dataset, data_home=str(root.absolute()), version=self.version)
        except ValueError as error:
            raise UserError(
                f"is no version ({error})", name="version", value=self.version, fix="Use default."
            ) from error
        if self.index:
            loader.index_path = str(self.table(root, self.index, what="the index"))
        return loader

    def _tracks(self, loader: Any) -> dict[str, Any]:
        try:
            if found := dict(loader.load_tracks()):
                return found
        except FileNotFoundError as error:
            call = (
                f"mirdata.initialize('{self.dataset}', version='{self.version}').download(partial_download=['index'])"
            )
            fix = f'Fetch the index once: python -c "import mirdata; {call}"; other files are part of the dataset.'
            problem = f"lacks a file that mirdata needs ({error})"
            raise UserError(problem, name="dataset", value=self.dataset, fix=fix) from error
        except _TROUBLE as error:
            problem = f"cannot be read by mirdata ({type(error).__name__}: {error})"
            raise UserError(problem, name="dataset", value=self.dataset, fix="Check the root and the index.") from error
        raise UserError("has an index without tracks", name="dataset", value=self.dataset, fix="Check the index.")

    def _differing(self, loader: Any) -> set[str]:
        """Tracks with a file of another checksum."""
        if self.validate == "presence":
            return set()
        _, invalid = loader.validate(verbose=False)
        return {item for part in invalid.values() for item in part}


def _classes(kind: str, cells: Sequence[Any]) -> tuple[str, ...]:
    """Those that occur, sorted; an index has the same tracks everywhere, so that this order is one and the same."""
    if kind in ("numeric", "key"):
        return ()
    return tuple(sorted({one for cell in cells if cell for one in (cell if kind == "multilabel" else [cell])}))


def _columns(tracks: Sequence[Any]) -> tuple[dict[str, list[Any]], list[str]]:
    """Attributes that are words, numbers or lists of words, by name and track; and what could not be read."""
    names = [name for name in dir(tracks[0]) if _may_be_label(tracks[0], name)]
    columns: dict[str, list[Any]] = {}
    said = []
    for name in names:
        first = [_value(track, name) for track in tracks[:LOOKED_AT]]
        known = [value for value, _ in first if value is not None]
        if not known:
            if troubles := [trouble for _, trouble in first if trouble]:
                said.append(f"{name}: mirdata cannot read it for any of the first {len(first)} tracks ({troubles[0]})")
            continue
        if any(_plain(value) is None for value in known):
            continue
        cells = [_value(track, name) for track in tracks]
        columns[name] = [_plain(value) for value, _ in cells]
        if troubles := [trouble for _, trouble in cells if trouble]:
            said.append(f"{name}: unknown for {len(troubles)} tracks, for which mirdata cannot read it ({troubles[0]})")
    return columns, said


def _may_be_label(track: Any, name: str) -> bool:
    """Whether an attribute may be a label: no method, no path, nothing that would decode audio."""
    if name.startswith("_") or name.endswith("path") or "audio" in name or "spectrogram" in name:
        return False
    return not callable(getattr(type(track), name, None))


def _value(track: Any, name: str) -> tuple[Any, str]:
    """An attribute, which a loader may read from a file, and why that failed."""
    try:
        return getattr(track, name), ""
    except _TROUBLE as error:
        return None, f"{type(error).__name__}: {error}"


def _plain(value: Any) -> Any:
    """A word, a number or a list of words; None for anything else."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, Real)):
        return value
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, str) for one in value):
        return list(value)
    return None


def _entry(row: int, path: str, split: str, columns: dict[str, list[Any]], values: dict[str, list[Any]]) -> Entry:
    labels = {name: cells[row] for name, cells in values.items() if cells[row] is not None}
    groups: dict[str, tuple[str, ...]] = {}
    for name, group in GROUPS.items():
        cell = columns[name][row] if name in columns else None
        if cell and group not in groups:
            groups[group] = tuple(cell) if isinstance(cell, list) else (str(cell),)
    title = str(columns["title"][row] or "") if "title" in columns else ""
    return Entry(path, split, labels, groups=groups, title=title)


def _splits(loader: Any, columns: Mapping[str, Sequence[Any]], items: Sequence[str], said: list[str]) -> list[str]:
    """The split of every track: by its attribute "split", or by a list of the loader's own; "" for none."""
    words: Sequence[Any] = columns.get("split") or [None] * len(items)
    if "split" not in columns and "get_track_splits" in vars(type(loader)):
        given = {str(item): name for name, part in loader.get_track_splits().items() for item in part}
        words = [given.get(item) for item in items]
    splits = {word: _split(str(word)) for word in dict.fromkeys(words) if word}
    if strange := [str(word) for word, split in splits.items() if not split]:
        said.append(f"split: {', '.join(strange[:5])}: these words mean none of {', '.join(SPLITS)}")
    return [splits.get(word, "") for word in words]


def _split(word: str) -> str:
    """The split that a word means, or a part of it ("split01_train"); "" for none."""
    for part in (word, *re.split("[^a-zA-Z]+", word)):
        with suppress(UserError):
            return split_named(part)
    return ""
