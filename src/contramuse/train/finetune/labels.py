"""What is learnt: the labels of a field (or of several numeric ones) for the tracks of a library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from contramuse.catalogue.powerset import powerset_share
from contramuse.catalogue.stratify import stratified_share, with_none
from contramuse.errors import LibraryError
from contramuse.probes.tasks import FieldKind, Task

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.train.finetune.settings import Settings


@dataclass(frozen=True)
class Labels:
    """Labels of the n tracks of a library.

    Args:
        fields: names; several only where they are numeric.
        kind: of the fields in the library.
        classes: names; for numeric the fields themselves.
        y: multiclass and key int64 [n]; multilabel float32 [n c]; numeric float64 [n c], one column per field.
        known: bool [n], tracks that have a label.
    """

    fields: tuple[str, ...]
    kind: FieldKind
    classes: tuple[str, ...]
    y: Shaped[np.ndarray, "n ..."]
    known: Bool[np.ndarray, " n"]

    @property
    def loss(self) -> Literal["binary", "classes", "numbers"]:
        """Which loss they are learnt by: cross-entropy per label, cross-entropy, or squared error."""
        return {"multilabel": "binary", "numeric": "numbers"}.get(self.kind, "classes")  # type: ignore[return-value]

    def rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the library ``rows`` that have a label."""
        return np.asarray(rows[self.known[rows]])

    def tasks(self, rows: NDArray[np.int64]) -> list[Task]:
        """What the metrics see, for labelled tracks at ``rows``: one task, or one for each numeric field."""
        known = np.ones(len(rows), np.bool_)
        if self.kind == "numeric":
            return [Task(name, "numeric", (), self.y[rows, i], known) for i, name in enumerate(self.fields)]
        return [Task(self.fields[0], self.kind, self.classes, self.y[rows], known)]

    def keep(self, wanted: Sequence[str], *, untagged: str) -> Labels:
        """With the classes ``wanted`` in that order; tracks of other classes become unlabelled."""
        if self.kind == "numeric" or tuple(wanted) == self.classes:
            return self
        place = [self.classes.index(name) if name in self.classes else -1 for name in wanted]
        if self.kind == "multilabel":
            wide = np.concatenate([self.y, np.zeros((len(self.y), 1), np.float32)], axis=1)
            y: NDArray[Any] = wide[:, place]
            lost = (self.y > 0).any(axis=1) & ~(y > 0).any(axis=1)  # their only tags are not among the wanted
            known = self.known & (~lost | (untagged == "in"))
            return replace(self, classes=tuple(wanted), y=y, known=known)
        number = np.full(len(self.classes) + 1, -1, np.int64)
        for new, old in enumerate(place):
            if old >= 0:
                number[old] = new
        y = number[self.y]  # the last entry stands for -1, unknown
        return replace(self, classes=tuple(wanted), y=y, known=y >= 0)


def read_labels(library: Library, fields: Sequence[str], *, untagged: str) -> Labels:
    """The labels of ``fields``.

    Raises:
        LibraryError: there is no such field, or several that are not all numeric.
    """
    for name in fields:
        if name not in library.fields:
            known = ", ".join(library.fields) or "none: run `contramuse prepare` again with --labels"
            raise LibraryError(
                "the library has no such label field", name="--field", value=name, fix=f"It has {known}."
            )
    specs = [library.fields[name] for name in fields]
    if len(specs) > 1 and any(spec.kind != "numeric" for spec in specs):
        kinds = ", ".join(f"{spec.name} is {spec.kind}" for spec in specs)
        fix = "Several fields are learnt together only where all are numeric: give one."
        raise LibraryError(f"cannot be learnt together ({kinds})", name="--field", value="+".join(fields), fix=fix)
    names, spec = tuple(fields), specs[0]
    if spec.kind == "numeric":
        y = np.stack([np.asarray(library.labels(name), np.float64) for name in names], axis=1)
        return Labels(names, "numeric", names, y, np.asarray(np.isfinite(y).all(axis=1)))
    y = np.asarray(library.labels(spec.name))
    if spec.kind == "multilabel" and (stated := library.stated(spec.name)) is not None:
        y = np.where(stated, y, np.float32("nan"))
    tagged = library.known(spec.name) | (spec.kind == "multilabel" and untagged == "in")
    return Labels(names, spec.kind, tuple(spec.classes), y, np.asarray(tagged))


def choose(labels: Labels, rows: NDArray[np.int64], settings: Settings) -> NDArray[np.int64]:
    """The labelled tracks of ``rows`` that are learnt from: the share that the settings ask for."""
    labelled = labels.rows(rows)
    if settings.share == 1:
        return labelled
    # What is not stated counts as absent here, and only here.
    y = labels.y[labelled][:, 0] if labels.kind == "numeric" else with_none(labels.y[labelled])
    if settings.share_rule == "powerset" and labels.kind != "numeric":
        return labelled[powerset_share(y, share=settings.share, seed=settings.seed)]
    return labelled[stratified_share(y, share=settings.share, seed=settings.seed)]


def without_empty(labels: Labels, rows: NDArray[np.int64], *, empty: str, untagged: str) -> Labels:
    """The labels without classes that no track of ``rows`` has.

    Raises:
        LibraryError: there are such classes and they are not to be dropped.
    """
    if labels.kind == "numeric":
        return labels
    counts = (
        (labels.y[rows] > 0).sum(axis=0)
        if labels.kind == "multilabel"
        else np.bincount(labels.y[rows], minlength=len(labels.classes))
    )
    lost = [name for name, count in zip(labels.classes, counts, strict=True) if not count]
    if not lost:
        return labels
    if empty == "refuse" and len(rows):
        shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        fix = "Nothing can be learnt about them: leave them out with --empty drop, or raise --share."
        raise LibraryError(f"no training track has {shown}", name="--field", value=labels.fields[0], fix=fix)
    return labels.keep([name for name in labels.classes if name not in lost], untagged=untagged)


def check_divided(labels: Labels, rows: NDArray[np.int64], *, split: str) -> None:
    """Make sure that the labels of the tracks at ``rows`` differ.

    Raises:
        LibraryError: there is no labelled track, or all of them are of one class or value.
    """
    name, fix = "+".join(labels.fields), "Choose another field, or prepare the library with other splits."
    if not len(rows):
        raise LibraryError(f"no track of the {split} split has a label", name="--field", value=name, fix=fix)
    y = labels.y[rows]
    if labels.kind == "multilabel":
        divided = bool(((y > 0).any(axis=0) & (y <= 0).any(axis=0)).any())
    else:
        divided = bool((y != y[0]).reshape(len(y), -1).any(axis=0).all())
    if not divided:
        what = "value" if labels.kind == "numeric" else "class" if labels.kind != "multilabel" else "labels"
        problem = f"every track of the {split} split has the same {what}: there is nothing to tell apart"
        raise LibraryError(problem, name="--field", value=name, fix=fix)


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of numbers, learnt on the training tracks; 0 and 1 for other labels.

    Args:
        mean: float64 [c].
        deviation: float64 [c].
    """

    mean: Float[np.ndarray, " c"]
    deviation: Float[np.ndarray, " c"]

    @classmethod
    def of(cls, labels: Labels, rows: NDArray[np.int64]) -> Scale:
        """Of the tracks at ``rows``."""
        if labels.kind != "numeric":
            return cls(np.zeros(len(labels.classes)), np.ones(len(labels.classes)))
        y = labels.y[rows]
        return cls(y.mean(axis=0), y.std(axis=0))

    def targets(self, labels: Labels, rows: NDArray[np.int64]) -> Tensor:
        """What the loss compares with: int64 [b], or float32 [b c]."""
        y = labels.y[rows]
        if labels.loss == "classes":
            return torch.from_numpy(y.astype(np.int64))
        return torch.from_numpy(((y - self.mean) / self.deviation).astype(np.float32))


def loss_of(logits: Tensor, targets: Tensor, *, kind: Literal["binary", "classes", "numbers"]) -> Tensor:
    """Mean loss of ``logits`` [b c] in float32, a scalar; tags of which nothing is stated (NaN) have no part in it."""
    if kind == "classes":
        return functional.cross_entropy(logits.float(), targets)
    if kind == "binary":
        stated = ~targets.isnan()
        cells = functional.binary_cross_entropy_with_logits(
            logits.float(), targets.nan_to_num(0.0), weight=stated.float(), reduction="sum"
        )
        return cells / stated.sum().clamp(min=1)
    return functional.mse_loss(logits.float(), targets)
