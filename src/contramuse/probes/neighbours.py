"""The nearest tracks of every track: who they are, and what that says without labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from contramuse.probes.estimators import Standard, unit

BLOCK = 4_000_000
"""Similarities that are held at once."""

Excluded = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""Rows int64 [q] -> which tracks may not be their neighbours, bool [q n]."""


def standardised(vectors: Float[np.ndarray, "n h"]) -> Float[np.ndarray, "n h"]:
    """Every dimension standardised over the tracks, then rows of length 1, float32."""
    return unit(Standard().fit(vectors).transform(vectors)).astype(np.float32)


def nearest(vectors: Float[np.ndarray, "n h"], *, k: int, excluded: Excluded | None = None) -> Int[np.ndarray, "n k"]:
    """The ``k`` nearest other tracks of every track by cosine, the nearest first; of equal ones the first row.

    Args:
        vectors: rows of length 1.
        k: neighbours; -1 stands where a track has fewer candidates.
        excluded: tracks that are no candidates, beside the track itself.
    """
    n = len(vectors)
    out = np.full((n, k), -1, np.int64)
    width = min(k, n)
    for start in range(0, n, max(1, BLOCK // max(1, n))):
        rows = np.arange(start, min(n, start + max(1, BLOCK // n)))
        similar = vectors[rows] @ vectors.T
        if excluded is not None:
            similar[excluded(rows)] = -np.inf
        similar[np.arange(len(rows)), rows] = -np.inf
        # Twice as many as wanted, sorted by similarity and then by row, so that ties do not depend on the partition.
        some = np.sort(np.argpartition(-similar, min(2 * width, n) - 1, axis=1)[:, : 2 * width], axis=1)
        value = np.take_along_axis(similar, some, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")[:, :width]
        found, value = np.take_along_axis(some, order, axis=1), np.take_along_axis(value, order, axis=1)
        out[rows, :width] = np.where(np.isfinite(value), found, -1)
    return out


def sharing(member: Any) -> Excluded:
    """Of a sparse membership [n g]: tracks that share a group with a row, the row itself among them."""

    def shared(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray((member[rows] @ member.T).toarray() > 0)

    return shared


def hits(found: Int[np.ndarray, "n k"], relevant: Excluded, queries: Int[np.ndarray, " q"]) -> Bool[np.ndarray, "q k"]:
    """Which of the neighbours of the ``queries`` are relevant."""
    out = np.zeros((len(queries), found.shape[1]), np.bool_)
    step = max(1, BLOCK // max(1, len(found)))
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        table = relevant(rows)
        names = found[rows]
        out[start : start + step] = np.take_along_axis(table, np.maximum(names, 0), axis=1) & (names >= 0)
    return out


def occurrences(found: Int[np.ndarray, "n k"]) -> Int[np.ndarray, " n"]:
    """How many tracks have each track among their neighbours, N_k."""
    return np.bincount(found[found >= 0], minlength=len(found)).astype(np.int64)


def skewness(counts: Int[np.ndarray, " n"], w: Float[np.ndarray, "n r"]) -> Float[np.ndarray, " r"]:
    """Third standardised moment of N_k: 0 where all tracks are as often neighbours, the larger the stronger the hubs.

    (Radovanović, Nanopoulos and Ivanović, "Hubs in Space", 2010.) 0 where all counts are the same.
    """
    x, total = counts.astype(np.float64), w.sum(axis=0, dtype=np.float64)
    first, second, third = ((x**p) @ w / total for p in (1, 2, 3))
    variance = second - first**2
    skewed = third - 3 * first * second + 2 * first**3
    flat = variance < 1e-12
    return np.asarray(np.where(flat, 0.0, skewed / np.where(flat, 1.0, variance) ** 1.5))
