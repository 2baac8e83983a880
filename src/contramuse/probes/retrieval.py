"""Retrieval among the tracks themselves: does the nearest track belong to the same group?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy import sparse

from contramuse.probes.intervals import Resamples, interval
from contramuse.probes.metrics import bounds, ones, weighted_mean
from contramuse.probes.neighbours import standardised
from contramuse.probes.permutation import Swaps
from contramuse.probes.run import Scored, System, compare, difference_json, interval_json, number, pairs, summed_p

K = 10
METRICS = ("recall_at_1", "map", "precision_at_10", "ndcg_at_10", "mrr")
LEAST = 20
MOST = 5000
"""Queries; more are sampled."""
BLOCK = 4_000_000
"""Similarities that are held at once."""


def related(groups: Sequence[tuple[str, ...]]) -> Any:
    """Sparse 0/1 [n g] of which track is in which group; a track without a group has an empty row."""
    table: dict[str, int] = {}
    cells = [(i, table.setdefault(g, len(table))) for i, own in enumerate(groups) for g in set(own)]
    rows, columns = (np.array([cell[axis] for cell in cells], dtype=np.int64) for axis in (0, 1))
    return sparse.csr_matrix(
        (np.ones(len(cells), np.float32), (rows, columns)), shape=(len(groups), max(1, len(table)))
    )


def per_query(
    vectors: Float[np.ndarray, "n h"],
    relevant: Bool[np.ndarray, "q n"],
    queries: NDArray[np.int64],
    left_out: Bool[np.ndarray, "q n"] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """The other tracks ranked by cosine similarity to each query; every metric of ``METRICS``, [q].

    recall_at_1: is the first relevant. map: mean over the relevant tracks of (relevant ones down to its rank) / rank.
    precision_at_10: relevant share of the first ten. ndcg_at_10: sum of 1 / log2(1 + rank) over the relevant of the
    first ten, over that of the best order. mrr: 1 / rank of the first relevant.

    Args:
        vectors: of length 1.
        relevant: which tracks each query seeks; not itself.
        queries: rows of ``vectors``.
        left_out: tracks that are not in the collection of a query.
    """
    similar = vectors[queries] @ vectors.T
    similar[np.arange(len(queries)), queries] = -np.inf
    if left_out is not None:
        similar[left_out] = -np.inf
        relevant = relevant & ~left_out
    order = np.argsort(-similar, axis=1, kind="stable")[:, :-1]
    hits = np.take_along_axis(relevant, order, axis=1).astype(np.float64)
    ranks = np.arange(1, hits.shape[1] + 1)
    sought = hits.sum(axis=1)
    gain = np.cumsum(1 / np.log2(1 + ranks[:K]))
    found = {
        "recall_at_1": hits[:, 0],
        "map": (np.cumsum(hits, axis=1) / ranks * hits).sum(axis=1) / np.maximum(sought, 1),
        "precision_at_10": hits[:, :K].sum(axis=1) / K,
        "ndcg_at_10": (hits[:, :K] / np.log2(1 + ranks[:K])).sum(axis=1)
        / gain[np.clip(sought, 1, len(gain)).astype(np.int64) - 1],
        "mrr": np.where(sought > 0, 1 / (1 + hits.argmax(axis=1)), 0.0),
    }
    return {metric: found[metric] for metric in METRICS}


def run_retrieval(
    name: str,
    groups: Sequence[tuple[str, ...]],
    *,
    systems: Sequence[System],
    resamples: int,
    clusters: NDArray[np.int64] | None,
    seed: int,
    permutations: int = 1000,
    left_out: tuple[str, Sequence[tuple[str, ...]]] | None = None,
) -> dict[str, Any] | None:
    """Every metric of every system with intervals over queries, or None with fewer than 20 queries.

    A query is a track that shares a group with another one; the collection that is searched is every other track, but
    for those that share a group of ``left_out`` (its name, and the groups of every track) with it.
    Dimensions are standardised over the collection (no labels are used), then compared by cosine.
    """
    sought = related(groups)
    barred = None if left_out is None else related(left_out[1])
    queries = _queries(sought, barred)
    if len(queries) < LEAST:
        return None
    if len(queries) > MOST:
        queries = np.sort(np.random.default_rng(seed).choice(queries, MOST, replace=False))
    scored = {system.name: _scored(system, sought, barred, queries, resamples, clusters) for system in systems}
    roles = {system.name: system.role for system in systems}
    swaps = Swaps(len(queries), permutations, clusters=None if clusters is None else clusters[queries])
    exchanged = {(a, b): summed_p(scored[a], scored[b], swaps) for a, b in pairs(list(scored), roles)}
    return {
        "group": name if left_out is None else f"{name}, other {left_out[0]}s",
        "by": name,
        "filter": None if left_out is None else left_out[0],
        "groups": int((np.asarray(sought.sum(axis=0)).ravel() >= 2).sum()),
        "queries": len(queries),
        "collection": len(groups),
        "metrics": list(METRICS),
        "chance": _chance(sought, barred, queries),
        "results": [
            {"system": n, "metric": m, **interval_json(interval(one.value(m), one.resampled[m], bounds=bounds(m)))}
            for m in METRICS
            for n, one in scored.items()
        ],
        "differences": [
            {"system": a, "against": b, "metric": m, **difference_json(gap)}
            | {"p_permutation": number(exchanged[a, b][m])}
            for m in METRICS
            for a, b, gap in compare(scored, roles, m)
        ],
    }


def _queries(sought: Any, barred: Any | None) -> NDArray[np.int64]:
    """Tracks that share a group with another one which is not left out."""
    shared = np.asarray(sought.sum(axis=0)).ravel() >= 2
    candidates = np.flatnonzero(np.asarray(sought[:, shared].sum(axis=1)).ravel() > 0)
    if barred is None:
        return candidates
    kept = [
        rows[_relevant(sought, barred, rows)[0].any(axis=1)]
        for rows in np.array_split(candidates, max(1, len(candidates) * sought.shape[0] // BLOCK))
    ]
    return np.concatenate(kept) if kept else candidates


def _relevant(
    sought: Any, barred: Any | None, rows: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """What each of ``rows`` seeks [q n], and what is left out for it."""
    relevant = (sought[rows] @ sought.T).toarray() > 0
    relevant[np.arange(len(rows)), rows] = False
    if barred is None:
        return relevant, None
    left_out = (barred[rows] @ barred.T).toarray() > 0
    left_out[np.arange(len(rows)), rows] = True
    return relevant & ~left_out, left_out


def _scored(
    system: System,
    sought: Any,
    barred: Any | None,
    queries: NDArray[np.int64],
    resamples: int,
    clusters: NDArray[np.int64] | None,
) -> Scored:
    vectors = standardised(system.vectors)
    found = []
    step = max(1, BLOCK // len(vectors))
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        relevant, left_out = _relevant(sought, barred, rows)
        found.append(per_query(vectors, relevant, rows, left_out))
    values = {m: np.concatenate([one[m] for one in found]) for m in METRICS}
    draw = Resamples(len(queries), resamples, clusters=None if clusters is None else clusters[queries])
    blocks = list(draw.blocks())
    return Scored(
        by_seed={m: [float(weighted_mean(v, ones(len(v)))[0])] for m, v in values.items()},
        resampled={m: np.concatenate([weighted_mean(v, w) for w in blocks]) for m, v in values.items()},
        chosen=[],
        parts={m: v / len(v) for m, v in values.items()},
    )


def _chance(sought: Any, barred: Any | None, queries: NDArray[np.int64]) -> float:
    """Share of relevant tracks among those searched, averaged over (at most 1000 of) the queries."""
    some = queries[:: max(1, len(queries) // 1000)]
    shares = []
    for rows in np.array_split(some, max(1, len(some) * sought.shape[0] // BLOCK)):
        relevant, left_out = _relevant(sought, barred, rows)
        searched = sought.shape[0] - (1 if left_out is None else left_out.sum(axis=1))
        shares.append(relevant.sum(axis=1) / np.maximum(searched, 1))
    return float(np.concatenate(shares).mean())
