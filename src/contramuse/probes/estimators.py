"""Probes on frozen embeddings: scikit-learn style, fit returns self, learnt names end in an underscore.

Every estimator knows three kinds of target:
    "multiclass"  y int64 [n]        predict -> log-probabilities [n c]
    "multilabel"  y float32 [n c]    predict -> log-odds [n c], one-vs-rest
    "numeric"     y float64 [n]      predict -> values [n 1]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_expit, logsumexp
from typing_extensions import Self

Kind = Literal["multiclass", "multilabel", "numeric"]
X = Float[np.ndarray, "n h"]
Y = Shaped[np.ndarray, "n ..."]
Scores = Float[np.ndarray, "n c"]

ABSENT = -30.0
"""Log-probability of a class that the training tracks do not have."""


def loss(kind: Kind, y: Y, scores: Scores) -> float:
    """Mean cross-entropy (multiclass: nats, multilabel: nats per tag) or squared error (numeric) of predictions."""
    if kind == "numeric":
        return float(np.mean((scores[:, 0] - y) ** 2))
    if kind == "multilabel":
        return float(-np.mean(y * log_expit(scores) + (1 - y) * log_expit(-scores)))
    return float(-np.mean(scores[np.arange(len(y)), y]))


class Standard:
    """Mean 0 and deviation 1 of every dimension, learnt on the training tracks; constant dimensions become 0."""

    mean_: NDArray[np.float64]
    scale_: NDArray[np.float64]

    def fit(self, x: X) -> Self:
        """Learn mean and deviation of ``x`` [n h]."""
        self.mean_ = x.mean(axis=0, dtype=np.float64)
        deviation = x.std(axis=0, dtype=np.float64)
        constant = deviation <= 1e-9 * (np.abs(self.mean_) + 1e-30)
        self.scale_ = np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation))
        return self

    def transform(self, x: X) -> X:
        """Standardised ``x``, float64 [n h]."""
        return np.asarray((x - self.mean_) * self.scale_)


class Probe(ABC):
    """An estimator on standardised embeddings; ``chosen`` is its hyper-parameter for the record."""

    kind: Kind
    classes: int

    @abstractmethod
    def fit(self, x: X, y: Y) -> Self:
        """Learn from ``x`` [n h] and ``y``."""

    @abstractmethod
    def predict(self, x: X) -> Scores:
        """Scores [n c] of ``x`` [n h], as the module says for each kind."""


class Linear(Probe):
    """Logistic regression (softmax, or one-vs-rest for all tags at once), or ridge regression for numbers.

    Minimises 0.5 |W|^2 + strength x (sum of losses), scikit-learn's objective with C = strength; the intercept is not
    penalised. Ridge is solved in closed form with alpha = 1 / strength.

    Args:
        kind: of the target.
        classes: c, columns of the scores (1 for numeric).
        strength: C, the weight of the data against the penalty.
        start: a fitted Linear of the same shape to start from (a path over strengths is then quick).
    """

    GRID: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]

    def __init__(self, *, kind: Kind, classes: int, strength: float = 1.0, start: Linear | None = None) -> None:
        self.kind, self.classes, self.strength, self.start = kind, classes, strength, start
        self._turned: tuple[X, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None = None

    def fit(self, x: X, y: Y) -> Self:
        """Learn ``coef_`` [h c] and ``intercept_`` [c]."""
        if self.kind == "numeric":
            return self._ridge(x, y)
        target = one_hot(y, self.classes) if self.kind == "multiclass" else np.asarray(y, dtype=np.float64)
        share = target.mean(axis=0)
        live = (share > 0) & ((share < 1) | (self.kind == "multiclass"))
        centre, turned, basis = self._turn(x)
        # Curvature of the loss along each direction, so that all directions are equally steep: few iterations suffice.
        bend = 0.25 if self.kind == "multilabel" else float((share * (1 - share)).mean())
        scale = 1 / np.sqrt(1 + self.strength * bend * (turned * turned).sum(axis=0))
        begin = np.vstack([np.zeros((len(scale), self.classes)), prior_scores(share, self.kind)])
        if self.start is not None:
            begin[:-1] = (basis.T @ self.start.coef_) / scale[:, None]
            begin[-1] = np.where(live, self.start.intercept_ + centre @ self.start.coef_, begin[-1])
        solve: Any = minimize
        settings = (turned * scale, scale, target[:, live], self.kind, self.strength)
        options = {"maxiter": 300, "gtol": 1e-5, "ftol": 1e-8}
        solved = solve(_objective, begin[:, live].ravel(), settings, "L-BFGS-B", True, options=options)
        found = begin * 0
        found[-1] = begin[-1]
        found[:, live] = solved.x.reshape(len(found), -1)
        self.coef_ = basis @ (found[:-1] * scale[:, None])
        self.intercept_ = found[-1] - centre @ self.coef_
        return self

    def _turn(self, x: X) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The centre of ``x``, its rows about it along the principal directions [n k], and these directions [h k].

        The best weights lie among them, however large h is. A path over strengths turns once.
        """
        if self.start is not None and self.start._turned is not None and self.start._turned[0] is x:
            self._turned = self.start._turned
        else:
            centre = x.mean(axis=0)
            u, s, vt = np.linalg.svd(x - centre, full_matrices=False)
            kept = s > 1e-10 * max(float(s[0]), 1e-300)
            self._turned = (x, centre, (u * s)[:, kept], vt[kept].T)
        return self._turned[1:]

    def _ridge(self, x: X, y: Y) -> Self:
        centre, offset = x.mean(axis=0), float(np.mean(y))
        u, s, vt = np.linalg.svd(x - centre, full_matrices=False)
        self.coef_ = (vt.T @ ((s / (s * s + 1 / self.strength)) * (u.T @ (y - offset))))[:, None]
        self.intercept_ = np.array([offset - float(centre @ self.coef_[:, 0])])
        return self

    def predict(self, x: X) -> Scores:
        """Scores [n c] of ``x`` [n h]."""
        z: Scores = np.asarray(x @ self.coef_ + self.intercept_)
        return np.asarray(z - logsumexp(z, axis=1, keepdims=True)) if self.kind == "multiclass" else z


def _objective(
    flat: NDArray[np.float64], x: X, scale: NDArray[np.float64], target: Scores, kind: Kind, strength: float
) -> tuple[float, NDArray[np.float64]]:
    """Mean loss plus the penalty's share of it, and the gradient, at the scaled weights (last row: intercepts)."""
    weights, size = flat.reshape(x.shape[1] + 1, -1), len(x)
    z = x @ weights[:-1] + weights[-1]
    if kind == "multiclass":
        z -= z.max(axis=1, keepdims=True)
        slope = np.exp(z)
        sums = slope.sum(axis=1, keepdims=True)
        total = float(np.log(sums).sum() - (z * target).sum())
        slope /= sums
        slope -= target
    else:
        small = np.exp(-np.abs(z))
        total = float((np.maximum(z, 0) + np.log1p(small) - z * target).sum())
        slope = np.where(z >= 0, 1.0, small) / (1 + small) - target
    penalty = weights[:-1] * (scale * scale)[:, None] / (strength * size)
    gradient = np.vstack([x.T @ slope / size + penalty, slope.sum(axis=0, keepdims=True) / size])
    return total / size + 0.5 * float((weights[:-1] * penalty).sum()), gradient.ravel()


class Neighbours(Probe):
    """k-NN by cosine similarity, each neighbour weighted by it; class shares are smoothed with one track of the prior.

    Args:
        kind: of the target.
        classes: c.
        k: neighbours.
    """

    GRID: Final = (1, 3, 5, 10, 20, 40)

    def __init__(self, *, kind: Kind, classes: int, k: int = 10) -> None:
        self.kind, self.classes, self.k = kind, classes, k

    def fit(self, x: X, y: Y) -> Self:
        """Keep the tracks."""
        self.x_ = unit(x)
        self.y_ = (
            one_hot(y, self.classes) if self.kind == "multiclass" else np.asarray(y, np.float64).reshape(len(y), -1)
        )
        self.prior_ = self.y_.mean(axis=0)
        return self

    def predict(self, x: X) -> Scores:
        """Scores [n c] of ``x`` [n h], 1024 rows at a time."""
        rows = unit(x)
        return np.concatenate([self._scores(rows[i : i + 1024]) for i in range(0, max(1, len(rows)), 1024)])

    def _scores(self, rows: X) -> Scores:
        similar = rows @ self.x_.T
        k = min(self.k, similar.shape[1])
        nearest = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        weight = 0.5 + 0.5 * np.take_along_axis(similar, nearest, axis=1).clip(-1, 1) + 1e-9
        votes = np.einsum("qk,qkc->qc", weight, self.y_[nearest])
        total = weight.sum(axis=1, keepdims=True)
        if self.kind == "numeric":
            return np.asarray(votes / total)
        share = (votes + self.prior_) / (total + 1)
        if self.kind == "multiclass":
            return np.asarray(np.log(np.maximum(share, np.exp(ABSENT))))
        share = share.clip(1e-6, 1 - 1e-6)
        return np.asarray(np.log(share) - np.log1p(-share))


def unit(x: X) -> X:
    """Rows of length 1; a row of zeros stays."""
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))


def one_hot(y: Y, classes: int) -> NDArray[np.float64]:
    """Class numbers [n] as 0/1 [n c]."""
    return np.asarray(np.eye(classes)[y])


def prior_scores(share: Float[np.ndarray, " c"], kind: Kind) -> NDArray[np.float64]:
    """What a probe without features would answer: log-probability of a class, or log-odds of a tag, from its share."""
    if kind == "multiclass":
        return np.asarray(np.log(np.maximum(share, np.exp(ABSENT))))
    share = np.clip(share, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(share) - np.log1p(-share))
