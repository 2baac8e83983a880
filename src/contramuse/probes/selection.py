"""Hyper-parameters chosen on the validation tracks only, then the final fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from contramuse.probes.estimators import LARGE, Kind, Linear, Neighbours, Probe, Scores, X, Y, loss
from contramuse.probes.metrics import macro_ranking, ones
from contramuse.probes.mlp import MLP
from contramuse.probes.zero_shot import Prototype

Name = Literal["linear", "mlp", "knn", "prototype"]
NAMES: tuple[Name, ...] = ("linear", "mlp", "knn", "prototype")
USUAL: tuple[Name, ...] = ("linear", "mlp", "knn")


USUALLY: dict[str, float] = {"linear": 1.0, "knn": 10}
"""The setting that is taken where the validation tracks do not tell settings apart."""


def choose(
    name: Name, *, kind: Kind, classes: int, train: tuple[X, Y], valid: tuple[X, Y], seed: int,
    refit: Literal["train and valid", "train"] = "train and valid",
) -> tuple[Probe, float]:  # fmt: skip
    """The probe ``name`` with the setting that is best on the validation tracks, fitted; and that setting.

    Best is the accuracy of classes, the macro average precision of tags, the squared error of numbers. Accuracies
    within half a standard error are taken as equal, and of equal ones the setting nearest to ``USUALLY``. (The loss
    would choose the strongest penalty where labels are few, as every answer is then too sure of itself.)

    Linear (strength) and k-NN (k) are fitted again with the setting chosen, on train and valid together or on train
    alone (``refit``); the MLP is stopped by the loss on the validation tracks (setting: steps) and keeps the weights
    learnt on train alone. Prototypes have no setting (0) and are those of train.
    """
    if name == "prototype":
        return Prototype(kind=kind, classes=classes).fit(*train), 0.0
    both = train
    if refit == "train and valid":
        both = np.concatenate([train[0], valid[0]]), np.concatenate([train[1], valid[1]])
    if name == "mlp":
        mlp = MLP(kind=kind, classes=classes, seed=seed).fit_until(*train, *valid)
        return mlp, float(mlp.steps_)
    if name == "knn":
        k = _best_k(kind, classes, train, valid)
        return Neighbours(kind=kind, classes=classes, k=k).fit(*both), float(k)
    best = _best_strength(kind, classes, train, valid)
    final = Linear(kind=kind, classes=classes, strength=best.strength, start=None if kind == "numeric" else best)
    return final.fit(*both), best.strength


def goodness(kind: Kind, y: Y, scores: Scores) -> tuple[float, float]:
    """What a setting is chosen by, larger is better, and its loss: both of the validation tracks."""
    fallen = loss(kind, y, scores)
    if kind == "multiclass":
        return float((scores.argmax(axis=1) == y).mean()), fallen
    if kind == "multilabel":
        found = float(macro_ranking(y, scores, ones(len(y)))[1][0])
        return (-fallen if np.isnan(found) else found), fallen
    return -fallen, fallen


def pick(
    settings: Sequence[float], good: Sequence[tuple[float, float]], *, tracks: int, kind: Kind, usual: float
) -> int:
    """The position of the setting to take: among the best, the nearest to the usual one, then that of least loss.

    Args:
        settings: ascending.
        good: ``goodness`` of each.
        tracks: in validation.
        kind: of the target; only accuracies have a standard error here.
        usual: setting.
    """
    values = np.array([value for value, _ in good])
    top, slack = float(values.max()), 1e-12
    if kind == "multiclass":
        # An accuracy of 0 or 1 is not known exactly either: its error is that of one track.
        slack += 0.5 * float(np.sqrt(max(top * (1 - top), (1 - 1 / tracks) / tracks) / tracks))
    centre = int(np.argmin(np.abs(np.log(np.asarray(settings) / usual))))
    equal = np.flatnonzero(values >= top - slack).tolist()
    return int(min(equal, key=lambda i: (abs(i - centre), good[i][1])))


def _best_strength(kind: Kind, classes: int, train: tuple[X, Y], valid: tuple[X, Y]) -> Linear:
    """The path from strong to weak penalty, each fit starting from the last.

    Where there is much to fit, the path is left when value and loss have got worse twice: weak penalties take longest.
    """
    fits: list[Linear] = []
    good: list[tuple[float, float]] = []
    worse = 0
    for strength in Linear.GRID:
        last = fits[-1] if fits else None
        fits.append(Linear(kind=kind, classes=classes, strength=strength, start=last).fit(*train))
        good.append(goodness(kind, valid[1], fits[-1].predict(valid[0])))
        best = max(good)
        worse += good[-1][0] < best[0] and good[-1][1] > min(loss for _, loss in good)
        if worse == 2 and train[0].size >= LARGE:
            break
    settings = [fit.strength for fit in fits]
    return fits[pick(settings, good, tracks=len(valid[0]), kind=kind, usual=USUALLY["linear"])]


def _best_k(kind: Kind, classes: int, train: tuple[X, Y], valid: tuple[X, Y]) -> int:
    ks = [k for k in Neighbours.GRID if k <= len(train[0])] or [Neighbours.GRID[0]]
    fitted = Neighbours(kind=kind, classes=classes).fit(*train)
    good = [goodness(kind, valid[1], scores) for scores in fitted.answers(valid[0], ks)]
    return ks[pick(ks, good, tracks=len(valid[0]), kind=kind, usual=USUALLY["knn"])]
