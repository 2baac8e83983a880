"""Retrieval among the tracks themselves: does the nearest track belong to the same group?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy import sparse

from contramuse.probes.estimators import Standard, unit
from contramuse.probes.intervals import Resamples, interval
from contramuse.probes.metrics import bounds, ones, weighted_mean
from contramuse.probes.run import Scored, System, compare, difference_json, interval_json

METRICS = ("recall_at_1", "map")
LEAST = 20
MOST = 5000
"""Queries; more are sampled."""


def related(groups: Sequence[tuple[str, ...]]) -> Any:
    """Sparse 0/1 [n g] of which track is in which group; a track without a group has an empty row."""
    table: dict[str, int] = {}
    cells = [(i, table.setdefault(g, len(table))) for i, own in enumerate(groups) for g in set(own)]
    rows, columns = (np.array([cell[axis] for cell in cells], dtype=np.int64) for axis in (0, 1))
    return sparse.csr_matrix(
        (np.ones(len(cells), np.float32), (rows, columns)), shape=(len(groups), max(1, len(table)))
    )


def per_query(
    vectors: Float[np.ndarray, "n h"], relevant: Bool[np.ndarray, "q n"], queries: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All other tracks ranked by cosine similarity to each query: is the first relevant [q]; average precision [q].

    Average precision = mean over the relevant tracks of (relevant ones down to its rank) / rank.
    """
    similar = vectors[queries] @ vectors.T
    similar[np.arange(len(queries)), queries] = -np.inf
    order = np.argsort(-similar, axis=1, kind="stable")[:, :-1]
    hits = np.take_along_axis(relevant, order, axis=1).astype(np.float64)
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return hits[:, 0], (precision * hits).sum(axis=1) / np.maximum(hits.sum(axis=1), 1)


def run_retrieval(
    name: str,
    groups: Sequence[tuple[str, ...]],
    *,
    systems: Sequence[System],
    resamples: int,
    clusters: NDArray[np.int64] | None,
    seed: int,
) -> dict[str, Any] | None:
    """Recall at 1 and MAP of every system with intervals over queries, or None with fewer than 20 queries.

    A query is a track that shares a group with another one; the collection that is searched is every other track.
    Dimensions are standardised over the collection (no labels are used), then compared by cosine.
    """
    member = related(groups)
    shared = np.asarray(member.sum(axis=0)).ravel() >= 2
    queries = np.flatnonzero(np.asarray(member[:, shared].sum(axis=1)).ravel() > 0)
    if len(queries) < LEAST:
        return None
    if len(queries) > MOST:
        queries = np.sort(np.random.default_rng(seed).choice(queries, MOST, replace=False))
    scored = {system.name: _scored(system, member, queries, resamples, clusters) for system in systems}
    roles = {system.name: system.role for system in systems}
    return {
        "group": name,
        "groups": int(shared.sum()),
        "queries": len(queries),
        "collection": len(groups),
        "metrics": list(METRICS),
        "chance": _chance(member, queries),
        "results": [
            {"system": n, "metric": m, **interval_json(interval(one.value(m), one.resampled[m], bounds=bounds(m)))}
            for m in METRICS
            for n, one in scored.items()
        ],
        "differences": [
            {"system": a, "against": b, "metric": m, **difference_json(gap)}
            for m in METRICS
            for a, b, gap in compare(scored, roles, m)
        ],
    }


def _scored(
    system: System, member: Any, queries: NDArray[np.int64], resamples: int, clusters: NDArray[np.int64] | None
) -> Scored:
    vectors = unit(Standard().fit(system.vectors).transform(system.vectors)).astype(np.float32)
    firsts, precisions = [], []
    step = max(1, 4_000_000 // len(vectors))
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        relevant = (member[rows] @ member.T).toarray() > 0
        relevant[np.arange(len(rows)), rows] = False
        first, precision = per_query(vectors, relevant, rows)
        firsts.append(first)
        precisions.append(precision)
    values = dict(zip(METRICS, (np.concatenate(firsts), np.concatenate(precisions)), strict=True))
    draw = Resamples(len(queries), resamples, clusters=None if clusters is None else clusters[queries])
    blocks = list(draw.blocks())
    return Scored(
        by_seed={m: [float(weighted_mean(v, ones(len(v)))[0])] for m, v in values.items()},
        resampled={m: np.concatenate([weighted_mean(v, w) for w in blocks]) for m, v in values.items()},
        chosen=[],
    )


def _chance(member: Any, queries: NDArray[np.int64]) -> float:
    """Share of relevant tracks among the others, averaged over (at most 1000 of) the queries."""
    some = queries[:: max(1, len(queries) // 1000)]
    together = (member[some] @ member.T) > 0
    return float((together.sum(axis=1) - 1).mean() / (member.shape[0] - 1))
