"""Metrics of one ranked list: from the ranks at which the things that were sought stand.

``ranks`` are the ranks of all h sought things among all candidates, int64 [h], from 1, ascending: a thing that was
missed counts against every metric. Definitions as in the RecSys Challenge 2018 (Million Playlist Dataset) where it has
one; the published evaluation of PlaylistContrastive takes as the ideal of its NDCG only what was retrieved, so that
missed things cost nothing there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PAGE = 10
SHOWN = 500
NO_CLICKS = 51
"""Clicks where nothing is found on the pages that are shown."""

Ranks = NDArray[np.int64]


def r_precision(ranks: Ranks) -> float:
    """Share of the first h that are sought."""
    return float((ranks <= len(ranks)).sum() / len(ranks))


def recall(ranks: Ranks, k: int) -> float:
    """Share of what is sought that stands among the first k."""
    return float((ranks <= k).sum() / len(ranks))


def ndcg(ranks: Ranks, k: int) -> float:
    """Discounted gain sum 1 / log2(1 + rank) of the first k, over that of the best order of all that is sought."""
    best = (1 / np.log2(1 + np.arange(1, min(len(ranks), k) + 1))).sum()
    return float((1 / np.log2(1 + ranks[ranks <= k])).sum() / best)


def average_precision(ranks: Ranks, k: int) -> float:
    """Precision at the rank of each sought thing among the first k, summed, over the smaller of h and k."""
    found = ranks[ranks <= k]
    return float((np.arange(1, len(found) + 1) / found).sum() / min(len(ranks), k))


def clicks(ranks: Ranks) -> float:
    """Pages of 10 to turn before the first sought thing, of 500 shown; 51 where it is not among them."""
    first = int(ranks[0])
    return float((first - 1) // PAGE) if first <= SHOWN else float(NO_CLICKS)


def ranking_metrics(ranks: Ranks, at: tuple[int, ...]) -> dict[str, float]:
    """All of them: ndcg_at_k, recall_at_k and map_at_k for each k of ``at``, r_precision, clicks."""
    found = {}
    for k in at:
        found[f"ndcg_at_{k}"] = ndcg(ranks, k)
        found[f"recall_at_{k}"] = recall(ranks, k)
        found[f"map_at_{k}"] = average_precision(ranks, k)
    return {**found, "r_precision": r_precision(ranks), "clicks": clicks(ranks)}


def metric_title(metric: str) -> str:
    """A metric's name as people write it: "NDCG@10", "R-precision"."""
    name, _, k = metric.partition("_at_")
    titles = {"ndcg": "NDCG", "recall": "recall", "map": "MAP", "r_precision": "R-precision", "clicks": "clicks"}
    return f"{titles[name]}@{k}" if k else titles[name]
