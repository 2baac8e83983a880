"""A probe that is fitted once, on tracks as they are, and then asked about other vectors of tested tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from contramuse.probes.estimators import Scores, Standard, prior_scores, shares
from contramuse.probes.folds import Fold
from contramuse.probes.selection import Name, choose
from contramuse.probes.tasks import Task


@dataclass(frozen=True)
class Frozen:
    """The fits of one system on one task: of every fold, its tested tracks and the answer to vectors.

    Args:
        columns: of the scores.
        parts: tested tracks int64 [m], and vectors [k h] -> scores [k c].
        chosen: the setting of every fold.
    """

    columns: int
    parts: Sequence[tuple[NDArray[np.int64], Callable[[NDArray[np.float32]], Scores]]]
    chosen: Sequence[float]

    def predict(self, vectors: Float[np.ndarray, "m h"], tracks: Int[np.ndarray, " m"]) -> Scores:
        """Scores [m c] of the ``vectors`` of ``tracks``, each by the fold that did not learn from its track."""
        out = np.full((len(tracks), self.columns), np.nan)
        for tested, answer in self.parts:
            mine = np.isin(tracks, tested)
            if mine.any():
                out[mine] = answer(vectors[mine])
        return out


def fit_frozen(
    vectors: Float[np.ndarray, "n h"], *, task: Task, folds: Sequence[Fold], probe: Name, seed: int
) -> Frozen:
    """Fit on the training tracks of every fold, choosing on its validation tracks; nothing is tested here.

    Args:
        vectors: of all tracks of the task, as they are.
        task: what is learnt.
        folds: whose test tracks are asked about later.
        probe: which.
        seed: of the MLP.
    """
    parts: list[tuple[NDArray[np.int64], Callable[[NDArray[np.float32]], Scores]]] = []
    chosen = []
    for fold in folds:
        train, valid, test = (rows[task.known[rows]] for rows in (fold.train, fold.valid, fold.test))
        if len(test) == 0:
            continue
        answer, setting = _fitted(vectors, task, train, valid, probe, seed)
        parts.append((test, answer))
        chosen.append(setting)
    return Frozen(task.columns, parts, chosen)


def _fitted(
    vectors: NDArray[np.float32],
    task: Task,
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
    probe: Name,
    seed: int,
) -> tuple[Callable[[NDArray[np.float32]], Scores], float]:
    scale = Standard().fit(vectors[train])
    change = np.asarray if probe == "prototype" else scale.transform
    fitted, setting = choose(
        probe, kind=task.kind, classes=task.columns, train=(change(vectors[train]), task.y[train]),
        valid=(change(vectors[valid]), task.y[valid]), seed=seed,
    )  # fmt: skip
    # Log-odds against the training tracks' share of each tag, as the probe has them: folds can then be pooled.
    prior: NDArray[np.float64] | float = 0.0
    if task.kind == "multilabel" and probe != "prototype":
        prior = prior_scores(shares(task.y[np.concatenate([train, valid])]), "multilabel")
    return lambda x: np.asarray(fitted.predict(change(x)) - prior), setting
