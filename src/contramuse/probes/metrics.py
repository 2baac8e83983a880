"""Metrics by their standard definitions, each for many weightings of the tracks at once.

A weighting is a column of ``w`` [n r]: how often every one of the n tracks stands in each of r resamples. One column of
ones gives the ordinary metric; the columns of ``intervals.Resamples`` give its bootstrap distribution. A value that
does not exist in a resample (a tag without a positive) is NaN there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]

_RANGES = {"r2": (float("-inf"), 1.0), "clicks": (0.0, float("inf"))}


def bounds(metric: str) -> tuple[float, float]:
    """The least and the most that a metric can be: 0 and 1 for all but R² and clicks."""
    return _RANGES.get(metric, (0.0, 1.0))


def ones(n: int) -> NDArray[np.float32]:
    """The weighting [n 1] that gives the ordinary metric."""
    return np.ones((n, 1), dtype=np.float32)


def weighted_mean(value: Float[np.ndarray, " n"], w: Float[np.ndarray, "n r"]) -> Array:
    """Mean of one value per track, [r]: accuracy from hits, the key score from scores, MAP from average precisions."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Array = (value.astype(np.float64) @ w) / w.sum(axis=0, dtype=np.float64)
    return mean


def accuracy(y: Int[np.ndarray, " n"], scores: Float[np.ndarray, "n c"], w: Float[np.ndarray, "n r"]) -> Array:
    """Share of tracks whose highest score [n c] is at their class ``y``, [r]."""
    return weighted_mean((scores.argmax(axis=1) == y).astype(np.float64), w)


def r_squared(y: Float[np.ndarray, " n"], value: Float[np.ndarray, " n"], w: Float[np.ndarray, "n r"]) -> Array:
    """Coefficient of determination, [r]: 1 - residual / total sum of squares about the (weighted) mean of ``y``."""
    y, value = y - y.mean(), value - y.mean()
    total = (y * y) @ w - (y @ w) ** 2 / w.sum(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(total > 0, 1 - ((y - value) ** 2) @ w / total, np.nan)
    return result


def ranking(
    y: Float[np.ndarray, " n"], score: Float[np.ndarray, " n"], w: Float[np.ndarray, "n r"]
) -> tuple[Array, Array]:
    """Area under the ROC curve and average precision of one tag, each [r]; tracks of equal score count as one step.

    ROC-AUC is the chance that a positive outranks a negative (ties count one half). Average precision is
    sum over distinct scores of (recall gained) x (precision there), without interpolation. Tracks of which nothing is
    stated (NaN in ``y``) do not count.
    """
    stated = np.flatnonzero(~np.isnan(y))
    order = stated[np.argsort(-score[stated], kind="stable")]
    hits = np.flatnonzero(y[order] > 0)
    first = np.append(True, np.diff(score[order]) != 0)[: len(order)]  # of the tracks of equal score
    step = np.cumsum(first)[hits] - 1
    begins = np.append(np.flatnonzero(first), len(order))
    starts, ends = begins[step], begins[step + 1]
    # Only where a step with a positive begins or ends do sums matter: one sparse product over the runs between.
    edges = np.unique(np.concatenate([starts, ends, [0, len(order)]]))
    runs = sparse.csr_matrix((np.ones(len(order), np.float32), order, edges), shape=(len(edges) - 1, len(y))) @ w
    above = np.concatenate([np.zeros((1, w.shape[1]), np.float32), np.cumsum(runs, axis=0, dtype=np.float32)])
    gained = w[order[hits]]
    true = np.concatenate([np.zeros((1, w.shape[1]), np.float32), np.cumsum(gained, axis=0, dtype=np.float32)])
    # Of each positive: positives and all tracks down to the end of its step, and down to its start.
    true_end, all_end = true[np.searchsorted(starts, starts, side="right")], above[np.searchsorted(edges, ends)]
    false_end = all_end - true_end
    false_start = above[np.searchsorted(edges, starts)] - true[np.searchsorted(starts, starts, side="left")]
    positives, everything = true[-1].astype(np.float64), above[-1].astype(np.float64)
    negatives = everything - positives
    precision = np.divide(true_end, all_end, out=np.zeros_like(true_end), where=all_end > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        exists = (positives > 0) & (negatives > 0)
        beaten = np.einsum("pr,pr->r", gained, false_end + false_start, dtype=np.float64) / (2 * positives * negatives)
        found = np.einsum("pr,pr->r", gained, precision, dtype=np.float64) / positives
    return np.where(exists, 1 - beaten, np.nan), np.where(exists, found, np.nan)


def usable_tags(y: Float[np.ndarray, "n c"]) -> NDArray[np.intp]:
    """Columns with at least one positive and one negative track; the others have no ROC-AUC and are left out."""
    found: NDArray[np.intp] = np.flatnonzero((y > 0).any(axis=0) & (y <= 0).any(axis=0))
    return found


def tag_ranking(
    y: Float[np.ndarray, "n c"], scores: Float[np.ndarray, "n c"], w: Float[np.ndarray, "n r"]
) -> tuple[Array, Array]:
    """ROC-AUC and average precision of every usable tag, each [u r] in the order of ``usable_tags``."""
    pairs = [ranking(y[:, c], scores[:, c], w) for c in usable_tags(y)]
    auc, ap = (np.array([pair[i] for pair in pairs]).reshape(len(pairs), w.shape[1]) for i in (0, 1))
    return auc, ap


def macro_ranking(
    y: Float[np.ndarray, "n c"], scores: Float[np.ndarray, "n c"], w: Float[np.ndarray, "n r"]
) -> tuple[Array, Array]:
    """Macro ROC-AUC and macro average precision, [r]: means over the usable tags (of the resample)."""
    auc, ap = tag_ranking(y, scores, w)
    return mean_of_known(auc), mean_of_known(ap)


def mean_of_known(rows: Float[np.ndarray, "c r"]) -> Array:
    """Mean over the first axis [r] of what exists; NaN where nothing does."""
    known = ~np.isnan(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Array = np.where(known, rows, 0).sum(axis=0) / known.sum(axis=0)
    return mean


def recalls(y: Int[np.ndarray, " n"], scores: Float[np.ndarray, "n c"], w: Float[np.ndarray, "n r"]) -> Array:
    """Share of the tracks of each class whose highest score is at it, [c r]; NaN where a class has no track."""
    hit = scores.argmax(axis=1) == y
    counted = [w[y == c].sum(axis=0, dtype=np.float64) for c in range(scores.shape[1])]
    found = [w[(y == c) & hit].sum(axis=0, dtype=np.float64) for c in range(scores.shape[1])]
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Array = np.stack(found) / np.stack(counted)
    return share


def balanced_accuracy(y: Int[np.ndarray, " n"], scores: Float[np.ndarray, "n c"], w: Float[np.ndarray, "n r"]) -> Array:
    """Mean of the recalls of the classes that have tracks (in the resample), [r]."""
    return mean_of_known(recalls(y, scores, w))


def key_table(classes: Sequence[str]) -> Float[np.ndarray, "c c"] | None:
    """mir_eval's weighted key score of every estimate (column) for every reference (row); None if a class is no key.

    1 for the same key, 0.5 for an estimate a perfect fifth above, 0.3 for the relative, 0.2 for the parallel key.
    """
    import mir_eval.key

    try:
        return np.array([[mir_eval.key.weighted_score(a, b) for b in classes] for a in classes], dtype=np.float64)
    except ValueError:
        return None
