"""Probes on frozen embeddings: scikit-learn style, fit returns self, learnt names end in an underscore.

Every estimator knows three kinds of target:
    "multiclass"  y int64 [n]        predict -> log-probabilities [n c]
    "multilabel"  y float32 [n c]    predict -> log-odds [n c], one-vs-rest; NaN where nothing is stated about a tag
    "numeric"     y float64 [n]      predict -> values [n 1]

A tag is learnt from the tracks of which it is stated, as present or absent; the others have no part in it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_expit, logsumexp
from torch import Tensor
from typing_extensions import Self

Kind = Literal["multiclass", "multilabel", "numeric"]
X = Float[np.ndarray, "n h"]
Y = Shaped[np.ndarray, "n ..."]
Scores = Float[np.ndarray, "n c"]

ABSENT = -30.0
"""Log-probability of a class that the training tracks do not have."""
LARGE = 2_000_000
"""Numbers in a matrix (tracks x dimensions) from which on single precision and the covariance are used: many times
quicker at a published dataset's size, with metrics that differ in the fourth decimal."""


def loss(kind: Kind, y: Y, scores: Scores) -> float:
    """Mean cross-entropy (multiclass: nats, multilabel: nats per tag) or squared error (numeric) of predictions."""
    if kind == "numeric":
        return float(np.mean((scores[:, 0] - y) ** 2))
    if kind == "multilabel":
        cells = y * log_expit(scores) + (1 - y) * log_expit(-scores)
        return float(-np.mean(cells[~np.isnan(cells)]))
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
        self._type = np.dtype(np.float32 if x.size >= LARGE else np.float64)
        return self

    def transform(self, x: X) -> X:
        """Standardised ``x`` [n h], float64, or float32 where there was much to learn from."""
        if self._type == np.float64:
            return np.asarray((x - self.mean_) * self.scale_)
        moved = np.subtract(x, self.mean_.astype(np.float32), dtype=np.float32)
        return np.asarray(np.multiply(moved, self.scale_.astype(np.float32), out=moved))


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
        self._turned: tuple[X, NDArray[np.float64], NDArray[Any], NDArray[np.float64]] | None = None

    def fit(self, x: X, y: Y) -> Self:
        """Learn ``coef_`` [h c] and ``intercept_`` [c]."""
        if self.kind == "numeric":
            return self._ridge(x, y)
        target = one_hot(y, self.classes) if self.kind == "multiclass" else np.asarray(y, dtype=np.float64)
        share = shares(target)
        live = (share > 0) & ((share < 1) | (self.kind == "multiclass"))
        centre, turned, basis = self._turn(x)
        # Curvature of the loss along each direction, so that all directions are equally steep: few iterations suffice.
        bend = share * (1 - share) if self.kind == "multilabel" else np.full(1, (share * (1 - share)).mean())
        scale = np.broadcast_to(
            1 / np.sqrt(1 + self.strength * bend * np.square(turned).sum(axis=0, dtype=np.float64)[:, None]),
            (turned.shape[1], self.classes),
        )
        begin = np.vstack([np.zeros_like(scale), prior_scores(share, self.kind)])
        if self.start is not None:
            begin[:-1] = (basis.T @ self.start.coef_) / scale
            begin[-1] = np.where(live, self.start.intercept_ + centre @ self.start.coef_, begin[-1])
        solve: Any = minimize
        fine = turned.dtype == np.float64
        options = {"maxiter": 300, "gtol": 1e-5, "ftol": 1e-8 if fine else 1e-6}
        value = _Objective(turned, scale[:, live], target[:, live], kind=self.kind, strength=self.strength)
        solved = solve(value, begin[:, live].ravel(), (), "L-BFGS-B", True, options=options)
        found = begin * 0
        found[-1] = begin[-1]
        found[:, live] = solved.x.reshape(len(found), -1)
        self.coef_ = basis @ (found[:-1] * scale)
        self.intercept_ = found[-1] - centre @ self.coef_
        return self

    def _turn(self, x: X) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64]]:
        """The centre of ``x``, its rows about it along the principal directions [n k], and these directions [h k].

        The best weights lie among them, however large h is. A path over strengths turns once. Many rows are turned by
        the eigenvectors of their covariance, and kept in single precision.
        """
        if self.start is not None and self.start._turned is not None and self.start._turned[0] is x:
            self._turned = self.start._turned
            return self._turned[1:]
        centre = x.mean(axis=0, dtype=np.float64)
        if x.size < LARGE or len(x) < 4 * x.shape[1]:
            u, s, vt = np.linalg.svd(x - centre, full_matrices=False)
            kept = s > 1e-10 * max(float(s[0]), 1e-300)
            self._turned = (x, centre, (u * s)[:, kept], vt[kept].T)
        else:
            about = x - centre
            power, basis = np.linalg.eigh(about.T @ about)
            basis = basis[:, power > 1e-12 * power[-1]][:, ::-1]
            self._turned = (x, centre, np.asarray(about @ basis, dtype=np.float32), basis)
        return self._turned[1:]

    def _ridge(self, x: X, y: Y) -> Self:
        centre, turned, basis = self._turn(x)
        offset = float(np.mean(y))
        power = np.square(turned).sum(axis=0, dtype=np.float64)
        self.coef_ = (basis @ (((y - offset) @ turned) / (power + 1 / self.strength)))[:, None]
        self.intercept_ = np.array([offset - float(centre @ self.coef_[:, 0])])
        return self

    def predict(self, x: X) -> Scores:
        """Scores [n c] of ``x`` [n h]."""
        z: Scores = np.asarray(x @ self.coef_ + self.intercept_)
        return np.asarray(z - logsumexp(z, axis=1, keepdims=True)) if self.kind == "multiclass" else z


class _Objective:
    """Mean loss plus the penalty's share of it, and the gradient, at the scaled weights (last row: intercepts).

    Args:
        x: [n k], float64 or float32; sums over tracks are in its precision.
        scale: of the weights [k c].
        target: 0, 1 or NaN, [n c].
        kind: of the target.
        strength: C.
    """

    def __init__(
        self, x: NDArray[Any], scale: NDArray[np.float64], target: Scores, *, kind: Kind, strength: float
    ) -> None:
        self.x, self.kind, self.size, self.scale = torch.from_numpy(x), kind, len(x), scale
        stated = ~np.isnan(target)
        self.stated = None if stated.all() else torch.from_numpy(stated.astype(x.dtype))
        self.target = torch.from_numpy(np.where(stated, target, 0).astype(x.dtype))
        self.pull = scale * scale / (strength * len(x))

    def __call__(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(self.x.shape[1] + 1, -1)
        used = torch.from_numpy(weights[:-1] * self.scale).to(self.x.dtype)
        with torch.no_grad():
            z = torch.addmm(torch.from_numpy(weights[-1]).to(self.x.dtype), self.x, used)
            total, slope = self._loss(z)
            steep = (self.x.T @ slope).double().numpy() * self.scale / self.size
            level = slope.sum(dim=0, keepdim=True).double().numpy() / self.size
        penalty = weights[:-1] * self.pull
        return total / self.size + 0.5 * float((weights[:-1] * penalty).sum()), np.vstack(
            [steep + penalty, level]
        ).ravel()

    def _loss(self, z: Tensor) -> tuple[float, Tensor]:
        """The summed loss of the scores [n c], and its gradient by them."""
        if self.kind == "multiclass":
            log = F.log_softmax(z, dim=1)
            return -float((log * self.target).sum(dtype=torch.float64)), log.exp() - self.target
        cells = F.binary_cross_entropy_with_logits(z, self.target, weight=self.stated, reduction="none")
        slope = torch.sigmoid(z) - self.target
        return float(cells.sum(dtype=torch.float64)), slope if self.stated is None else slope * self.stated


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
        self.x_ = _single(unit(x))
        self.y_ = (
            one_hot(y, self.classes) if self.kind == "multiclass" else np.asarray(y, np.float64).reshape(len(y), -1)
        )
        self.prior_ = shares(self.y_)
        self._partly = bool(np.isnan(self.y_).any())
        return self

    def predict(self, x: X) -> Scores:
        """Scores [n c] of ``x`` [n h]."""
        return self.answers(x, (self.k,))[0]

    def answers(self, x: X, ks: Sequence[int]) -> list[Scores]:
        """Scores [n c] of ``x`` [n h] by each number of neighbours, looked for once, 1024 rows at a time."""
        rows = unit(x).astype(self.x_.dtype, copy=False)
        found = [self._scores(rows[i : i + 1024], ks) for i in range(0, max(1, len(rows)), 1024)]
        return [np.concatenate(column) for column in zip(*found, strict=True)]

    def _scores(self, rows: X, ks: Sequence[int]) -> list[Scores]:
        similar = rows @ self.x_.T
        most = min(max(ks), similar.shape[1])
        nearest = np.argpartition(-similar, most - 1, axis=1)[:, :most]
        if len(ks) > 1:
            order = np.argsort(-np.take_along_axis(similar, nearest, axis=1), axis=1, kind="stable")
            nearest = np.take_along_axis(nearest, order, axis=1)
        weight = 0.5 + 0.5 * np.take_along_axis(similar, nearest, axis=1).astype(np.float64).clip(-1, 1) + 1e-9
        return [self._vote(nearest[:, :k], weight[:, :k]) for k in ks]

    def _vote(self, nearest: NDArray[np.int64], weight: NDArray[np.float64]) -> Scores:
        own = self.y_[nearest]
        total = weight.sum(axis=1, keepdims=True)
        if self._partly:
            stated = ~np.isnan(own)
            own, total = np.where(stated, own, 0), np.einsum("qk,qkc->qc", weight, stated.astype(np.float64))
        votes = np.einsum("qk,qkc->qc", weight, own)
        if self.kind == "numeric":
            return np.asarray(votes / total)
        share = (votes + self.prior_) / (total + 1)
        if self.kind == "multiclass":
            return np.asarray(np.log(np.maximum(share, np.exp(ABSENT))))
        share = share.clip(1e-6, 1 - 1e-6)
        return np.asarray(np.log(share) - np.log1p(-share))


def _single(x: X) -> X:
    """In single precision where there is much."""
    return x.astype(np.float32) if x.size >= LARGE else x


def shares(target: Float[np.ndarray, "n c"]) -> NDArray[np.float64]:
    """Mean of each column [c] over the tracks of which it is stated; 0 where it is of none."""
    stated = ~np.isnan(target)
    total: NDArray[np.float64] = np.where(stated, target, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(total / np.maximum(stated.sum(axis=0), 1))


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
