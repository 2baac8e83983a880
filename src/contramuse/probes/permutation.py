"""Paired permutation tests: if two systems were equally good, nothing would change were their answers exchanged.

The answers to each track (or to all tracks of a cluster at once) are exchanged between the two systems at random and
the difference of a metric is computed again. p is how often it is as large as the one observed, on either side:
(k + 1) / (r + 1), where k of r permutations are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.stats import rankdata

from contramuse.probes.intervals import TIE, Draws
from contramuse.probes.metrics import macro_ranking

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Swaps(Draws):
    """Exchanges between two systems, of single tracks or of whole clusters."""

    def blocks(self) -> Iterator[Float[np.ndarray, "n r"]]:
        """Whether each track's answers are exchanged (1) or not (0) in each permutation, float32 [n r]."""
        generator = np.random.default_rng(self.seed)
        members, units = self.units()
        for r in self.sizes():
            drawn = generator.integers(0, 2, size=(r, units), dtype=np.uint8)
            yield np.ascontiguousarray(drawn.T[members], dtype=np.float32)


def p_value(observed: float, null: Float[np.ndarray, " r"]) -> float:
    """Share of the permutations with a difference as large as the observed one, which is counted as one of them."""
    if np.isnan(observed) or np.isnan(null).any():
        return float("nan")
    return float((1 + np.count_nonzero(np.abs(null) >= abs(observed) - TIE)) / (len(null) + 1))


def mean_p(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], swaps: Swaps) -> float:
    """p of a metric that is a sum over tracks of what each contributes: ``a`` and ``b`` under the two systems."""
    gap = a.astype(np.float64) - b
    total = float(gap.sum())
    null = np.concatenate([total - 2 * (gap @ swapped) for swapped in swaps.blocks()])
    return p_value(total, null)


def ranking_p(
    y: Float[np.ndarray, "n c"],
    a: Sequence[Float[np.ndarray, "n c"]],
    b: Sequence[Float[np.ndarray, "n c"]],
    swaps: Swaps,
) -> tuple[float, float]:
    """p of macro ROC-AUC and of macro average precision, for scores per seed [n c] of two systems.

    Only the order of a system's scores counts in either metric, so ranks within the system are exchanged: scores of two
    systems need not have one scale.
    """
    both = np.concatenate([y, y])
    ranks = [np.concatenate([_ranks(one, y), _ranks(other, y)]) for one, other in zip(a, b, strict=True)]

    def gap(swapped: NDArray[np.float32]) -> Array:
        weights = np.concatenate([1 - swapped, swapped])
        found = [np.array(macro_ranking(both, r, weights)) - macro_ranking(both, r, 1 - weights) for r in ranks]
        return np.asarray(np.mean(found, axis=0))

    observed = gap(np.zeros((len(y), 1), np.float32))[:, 0]
    nulls = np.concatenate([gap(swapped) for swapped in swaps.blocks()], axis=1)
    return p_value(observed[0], nulls[0]), p_value(observed[1], nulls[1])


def _ranks(scores: Float[np.ndarray, "n c"], y: Float[np.ndarray, "n c"]) -> Array:
    """Ranks of the scores of each tag among the tracks of which it is stated [n c]."""
    return np.asarray(rankdata(np.where(np.isnan(y), np.nan, scores), axis=0, nan_policy="omit"))


def holm(ps: Sequence[float], *, level: float = 0.05) -> list[bool]:
    """Which of several p-values hold together: Holm's step-down rule at ``level`` over all of them; NaN never does."""
    order = np.argsort(np.nan_to_num(np.asarray(ps, np.float64), nan=1.0), kind="stable")
    held = [False] * len(ps)
    for step, i in enumerate(order):
        if not ps[i] <= level / (len(ps) - step):
            break
        held[int(i)] = True
    return held
