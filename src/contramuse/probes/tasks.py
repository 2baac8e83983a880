"""What a probe predicts: one label field of a library, for the tracks at hand."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import NDArray

from contramuse.catalogue.splits import components
from contramuse.errors import LibraryError
from contramuse.probes.estimators import Kind, shares
from contramuse.probes.metrics import key_table, usable_tags

FieldKind = Literal["multiclass", "multilabel", "numeric", "key"]


class LabelField(Protocol):
    """The label field of a library."""

    @property
    def name(self) -> str:
        """Name of the field."""

    @property
    def kind(self) -> Any:
        """One of "multiclass", "multilabel", "numeric", "key"."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes or tags."""


class Catalogue(Protocol):
    """What the probes ask of a library; ``catalogue.Library`` gives it."""

    @property
    def root(self) -> Path:
        """The folder."""

    @property
    def fingerprint(self) -> str:
        """Hash of what the library holds."""

    @property
    def sample_rate(self) -> int:
        """Hertz."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """Label fields by name."""

    @property
    def ids(self) -> NDArray[Any]:
        """Content hash of every track."""

    @property
    def store(self) -> Any:
        """The decoded tracks, in the order of ``ids``."""

    def track(self, i: int) -> Any:
        """The facts about one row."""

    @property
    def info(self) -> Mapping[str, Any]:
        """What library.json says."""

    @property
    def paths(self) -> Any:
        """Path of every track."""

    def column(self, name: str) -> Any:
        """One column of the index."""

    def labels(self, field: str) -> NDArray[Any]:
        """The labels of every track."""

    def known(self, field: str) -> NDArray[np.bool_]:
        """Which tracks are labelled."""

    def stated(self, field: str) -> NDArray[np.bool_] | None:
        """Which tags of which tracks are stated; None where all of a track's are."""

    def rows(self, split: Any) -> NDArray[np.int64]:
        """Rows of a split."""

    def groups(self, name: str) -> list[tuple[str, ...]]:
        """The groups of every track."""


@dataclass(frozen=True)
class Task:
    """One label field for n tracks.

    Args:
        name: of the field.
        field: its kind in the library.
        classes: names; empty for numeric.
        y: multiclass and key int64 [n], multilabel float32 [n c] (NaN where nothing is stated), numeric float64 [n].
        known: which tracks have a label, bool [n].
    """

    name: str
    field: FieldKind
    classes: tuple[str, ...]
    y: Shaped[np.ndarray, "n ..."]
    known: Bool[np.ndarray, " n"]

    @property
    def kind(self) -> Kind:
        """What the estimators see: a key is one of its classes."""
        return "multiclass" if self.field == "key" else self.field

    @property
    def columns(self) -> int:
        """Columns of a probe's scores."""
        return 1 if self.field == "numeric" else len(self.classes)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, the first is the one that sentences are about."""
        if self.field == "key":
            return ("key_score", "accuracy") if key_table(self.classes) is not None else ("accuracy",)
        if self.field == "multiclass":
            return ("accuracy", "balanced_accuracy")
        return ("roc_auc", "average_precision") if self.field == "multilabel" else ("r2",)


def library_tasks(library: Catalogue, rows: Int[np.ndarray, " n"], names: Sequence[str] | None) -> list[Task]:
    """The tasks for the library's fields ``names`` (None: all of them), for the tracks at ``rows``.

    Raises:
        LibraryError: no such field.
    """
    for name in names or ():
        if name not in library.fields:
            raise LibraryError(
                "the library has no such label field",
                name="--task",
                value=name,
                fix=f"It has {', '.join(library.fields) or 'none: run `contramuse prepare` again with --labels'}.",
            )
    return [_task(library, name, rows) for name in (names or tuple(library.fields))]


def _task(library: Catalogue, name: str, rows: Int[np.ndarray, " n"]) -> Task:
    field = library.fields[name]
    y = np.asarray(library.labels(name))[rows]
    if field.kind == "multilabel":
        tags, stated = y.astype(np.float32), library.stated(name)
        if stated is not None:
            tags[~stated[rows]] = np.nan
        return Task(name, "multilabel", tuple(field.classes), tags, library.known(name)[rows])
    if field.kind == "numeric":
        return Task(name, "numeric", (), y.astype(np.float64), np.isfinite(y))
    return Task(name, field.kind, tuple(field.classes), y.astype(np.int64), y >= 0)


def codes(names: Sequence[tuple[str, ...]]) -> Int[np.ndarray, " n"]:
    """A number for the first group of every track, -1 where it has none."""
    table: dict[str, int] = {}
    return np.array([table.setdefault(group[0], len(table)) if group else -1 for group in names], dtype=np.int64)


def membership(library: Catalogue, name: str, rows: Int[np.ndarray, " n"]) -> list[tuple[str, ...]]:
    """The groups called ``name`` of the tracks at ``rows``: the library's, the classes of a field, or their folders.

    Albums of the same title are one only where they share an artist, or a folder that holds no other album.

    Raises:
        LibraryError: the library has neither.
    """
    if name in library.fields and library.fields[name].kind in ("multiclass", "key"):
        classes, y = library.fields[name].classes, library.labels(name)
        return [(classes[y[row]],) if y[row] >= 0 else () for row in rows]
    if name == "folder":
        return [(os.path.dirname(library.paths[row]),) for row in rows]
    try:
        everything = library.groups(name)
    except (LibraryError, KeyError) as error:
        raise LibraryError(
            "the library has no such group or class field",
            name="group",
            value=name,
            fix="Name one of artist, album, playlists or a class field of the library.",
        ) from error
    if name == "album" and "artist" in library.track(0).groups:
        everything = _albums(everything, library.groups("artist"), [os.path.dirname(path) for path in library.paths])
    return [everything[row] for row in rows]


def _albums(
    titles: Sequence[tuple[str, ...]], artists: Sequence[tuple[str, ...]], folders: Sequence[str]
) -> list[tuple[str, ...]]:
    """The album of every track, told apart from others of its title."""
    held: dict[str, set[str]] = {}
    for title, folder in zip(titles, folders, strict=True):
        held.setdefault(folder, set()).update(title[:1])
    keys = [
        (
            *(f"by {by} / {title[0]}" for by in artist),
            f"in {folder} / {title[0]}" if len(held[folder]) == 1 or not artist else f"alone {i}",
        )
        if title
        else (f"none {i}",)
        for i, (title, artist, folder) in enumerate(zip(titles, artists, folders, strict=True))
    ]
    found = components(keys)
    return [(f"{title[0]} [{found[i]}]",) if title else () for i, title in enumerate(titles)]


def unlearnable(task: Task, group: Int[np.ndarray, " n"] | None) -> str | None:
    """Why a task cannot be probed, or None: too few labels, one value only, or no class in two groups of the folds."""
    y = task.y[task.known]
    if len(y) < 20:
        return f"only {len(y)} of {len(task.known)} tracks have a label (20 are needed)"
    if task.kind == "numeric":
        return "every track has the same value" if np.ptp(y) == 0 else None
    if task.kind == "multilabel":
        return None if ((y > 0).any(axis=0) & (y <= 0).any(axis=0)).any() else "no tag divides the tracks"
    present = np.unique(y)
    if len(present) < 2:
        return "every track has the same class"
    if group is not None:
        inside = group[task.known]
        spread = sum(len(np.unique(inside[y == c])) + np.count_nonzero(inside[y == c] < 0) > 1 for c in present)
        if spread < 2:
            return "its classes stand in one group each, so that folds by group never see a tested class in training"
    return None


def baseline_score(task: Task, y: Shaped[np.ndarray, "n ..."]) -> dict[str, float]:
    """What an answer without features reaches on the labels ``y`` of the tested tracks, for each metric."""
    if task.field == "numeric":
        return {"r2": 0.0}
    if task.field == "multilabel":
        share: Float[np.ndarray, " c"] = shares(y)[usable_tags(y)]
        return {"roc_auc": 0.5, "average_precision": float(share.mean()) if len(share) else float("nan")}
    counts = np.bincount(y, minlength=len(task.classes))
    floor = {"accuracy": float(counts.max() / counts.sum()), "balanced_accuracy": 1 / int(np.count_nonzero(counts))}
    table = key_table(task.classes) if task.field == "key" else None
    if table is not None:
        floor["key_score"] = float((counts @ table / counts.sum()).max())
    return floor


def group_names(library: Catalogue) -> list[str]:
    """The library's groups, then a class field called "track" (excerpts of one recording)."""
    names = list(library.track(0).groups) if len(library.ids) else []
    return names + (["track"] if "track" in library.fields and "track" not in names else [])


def split_group(library: Catalogue) -> str | None:
    """The group by which the library made its split; None where splits were given or are by track."""
    made = str(library.info.get("split_groups", ""))
    # Made by itself it reads "artist (240 tracks), album (0), folder (0)": the first that ties any track.
    for part in made.split(", "):
        name, _, count = part.partition(" (")
        if name not in ("", "given", "track") and not count.startswith("0"):
            return name
    return None
