"""Zero-shot by prototypes: a class is the mean direction of its tracks; nothing else is learnt (SemiSupCon)."""

from __future__ import annotations

import numpy as np
from typing_extensions import Self

from contramuse.probes.estimators import Kind, Probe, Scores, X, Y, one_hot, unit

NOTHING = -1.0
"""Similarity to a class without a training track: that of opposite directions."""


class Prototype(Probe):
    """Cosine of a vector to the centroid of each class.

    proto_c = mean of z / |z| over the training vectors that have class c (those of several labels count for each, those
    of which nothing is stated for none); score(x, c) = cos(x, proto_c). Vectors are not standardised, as directions are
    what was trained.

    Args:
        kind: of the target; numbers have no prototypes.
        classes: c.
    """

    def __init__(self, *, kind: Kind, classes: int) -> None:
        assert kind != "numeric"
        self.kind, self.classes = kind, classes

    def fit(self, x: X, y: Y) -> Self:
        """Average the vectors ``x`` [n h] of each class."""
        target = one_hot(y, self.classes) if self.kind == "multiclass" else np.nan_to_num(np.asarray(y, np.float64))
        count = target.sum(axis=0)
        self.present_ = count > 0
        self.prototypes_ = unit((target.T @ unit(np.asarray(x, np.float64))) / np.maximum(count, 1)[:, None])
        return self

    def predict(self, x: X) -> Scores:
        """Cosines [n c] of ``x`` [n h]."""
        return np.where(self.present_, unit(np.asarray(x, np.float64)) @ self.prototypes_.T, NOTHING)
