"""Hyper-parameters chosen on the validation tracks only, then the final fit."""

from __future__ import annotations

from typing import Literal

import numpy as np

from contramuse.probes.estimators import Kind, Linear, Neighbours, Probe, X, Y, loss
from contramuse.probes.mlp import MLP
from contramuse.probes.zero_shot import Prototype

Name = Literal["linear", "mlp", "knn", "prototype"]
NAMES: tuple[Name, ...] = ("linear", "mlp", "knn", "prototype")
USUAL: tuple[Name, ...] = ("linear", "mlp", "knn")


def choose(
    name: Name, *, kind: Kind, classes: int, train: tuple[X, Y], valid: tuple[X, Y], seed: int,
    refit: Literal["train and valid", "train"] = "train and valid",
) -> tuple[Probe, float]:  # fmt: skip
    """The probe ``name`` with the setting of the smallest validation loss, fitted; and that setting.

    Linear (strength) and k-NN (k) are fitted again with the setting chosen, on train and valid together or on train
    alone (``refit``); the MLP is stopped by the validation tracks (setting: steps) and keeps the weights learnt on
    train alone. Prototypes have no setting (0) and are those of train.
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


def _best_strength(kind: Kind, classes: int, train: tuple[X, Y], valid: tuple[X, Y]) -> Linear:
    """The path from strong to weak penalty, each fit starting from the last; left once it has got worse twice."""
    best, best_loss, worse, last = None, float("inf"), 0, None
    for strength in Linear.GRID:
        last = Linear(kind=kind, classes=classes, strength=strength, start=last).fit(*train)
        now = loss(kind, valid[1], last.predict(valid[0]))
        if best is None or now < best_loss:
            best, best_loss, worse = last, now, 0
        else:
            worse += 1
        if worse == 2:
            break
    assert best is not None
    return best


def _best_k(kind: Kind, classes: int, train: tuple[X, Y], valid: tuple[X, Y]) -> int:
    ks = [k for k in Neighbours.GRID if k <= len(train[0])] or [Neighbours.GRID[0]]
    fitted = Neighbours(kind=kind, classes=classes).fit(*train)
    losses = [loss(kind, valid[1], scores) for scores in fitted.answers(valid[0], ks)]
    return ks[int(np.argmin(losses))]
