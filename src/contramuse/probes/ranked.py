"""Metrics of one ranked list: from the ranks at which the things that were sought stand.

``ranks`` are the ranks of all h sought things among all candidates, int64 [h], from 1, ascending: a thing that was
missed counts against every metric. R-precision and clicks are those of the RecSys Challenge 2018 (Million Playlist
Dataset), whose rules count at the level of tracks and, besides, of artists: ``r_precision_artist``. The ideal of NDCG
is that of all that is sought, as in the evaluation that the challenge's winners published; the evaluation of
PlaylistContrastive takes only what was retrieved, so that missed things cost nothing there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PAGE = 10
SHOWN = 500
NO_CLICKS = 51
CREDIT = 0.25
"""Of a track that is not sought, but by an artist that is."""
"""Clicks where nothing is found on the pages that are shown."""

Ranks = NDArray[np.int64]


def r_precision(ranks: Ranks) -> float:
    """Share of the first h that are sought."""
    return float((ranks <= len(ranks)).sum() / len(ranks))


def r_precision_artist(ranks: Ranks, artists: NDArray[np.int64], sought: NDArray[np.int64]) -> float:
    """R-precision where a wrong track by a right artist counts a quarter, each artist once.

    As the winners of the RecSys Challenge 2018 computed it: (tracks found among the first h + 0.25 x different artists
    of the other ones among the first h that are artists of sought tracks) / h.

    Args:
        ranks: of what is sought.
        artists: of the first h candidates, in their order, int64 [h] or fewer where there are fewer; -1 unknown.
        sought: artists of what is sought; -1 unknown.
    """
    hit = np.zeros(len(artists), np.bool_)
    hit[ranks[ranks <= len(artists)] - 1] = True
    near = np.intersect1d(artists[~hit & (artists >= 0)], sought)
    return float((hit.sum() + CREDIT * len(near)) / len(ranks))


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
    titles = {
        "ndcg": "NDCG", "recall": "recall", "map": "MAP", "r_precision": "R-precision", "clicks": "clicks",
        "r_precision_artist": "R-precision with artists",
    }  # fmt: skip
    return f"{titles[name]}@{k}" if k else titles[name]
