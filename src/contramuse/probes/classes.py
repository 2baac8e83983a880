"""What a task's metrics are made of: each tag or class by itself, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contramuse.probes import metrics
from contramuse.probes.intervals import interval
from contramuse.probes.tasks import Task

Array = NDArray[np.float64]


def by_class(task: Task, y: NDArray[Any], scores: Array, w: NDArray[np.float32]) -> dict[str, Array]:
    """Metrics of every class or tag, [c r]: ROC-AUC and average precision, or recall; none of numbers.

    A tag that does not divide the tracks has NaN.
    """
    if task.kind == "numeric":
        return {}
    if task.kind == "multiclass":
        return {"recall": metrics.recalls(y, scores, w)}
    found = {name: np.full((len(task.classes), w.shape[1]), np.nan) for name in ("roc_auc", "average_precision")}
    for name, values in zip(found, metrics.tag_ranking(y, scores, w), strict=True):
        found[name][metrics.usable_tags(y)] = values
    return found


def class_rows(
    task: Task, y: NDArray[Any], system: str, values: Mapping[str, Array], resampled: Mapping[str, Array]
) -> list[dict[str, Any]]:
    """A line for each class of one system, with intervals: values [c], resampled [c r]."""
    rows = []
    for c, name in enumerate(task.classes):
        own = y[:, c] if task.kind == "multilabel" else (y == c).astype(np.float32)
        row: dict[str, Any] = {
            "system": system,
            "class": name,
            "positives": int((own > 0).sum()),
            "tested": int((~np.isnan(own)).sum()),
        }
        for metric, value in values.items():
            span = interval(float(value[c]), resampled[metric][c], bounds=(0.0, 1.0))
            ends = ((metric, span.value), (f"{metric}_low", span.low), (f"{metric}_high", span.high))
            row |= {key: None if np.isnan(number) else round(float(number), 6) for key, number in ends}
        rows.append(row)
    return rows


def confusion(task: Task, y: NDArray[Any], scores: Array) -> list[list[int]]:
    """How many tracks of each class (row) were taken for each (column)."""
    table = np.zeros((len(task.classes),) * 2, np.int64)
    np.add.at(table, (y, scores.argmax(axis=1)), 1)
    return [[int(cell) for cell in row] for row in table]


def without_positives(task: Task, y: NDArray[Any]) -> list[str]:
    """Tags that no tested track has, or that every one has: they have no ROC-AUC and are in no mean."""
    if task.kind != "multilabel":
        return []
    usable = set(metrics.usable_tags(y).tolist())
    return [name for c, name in enumerate(task.classes) if c not in usable]
