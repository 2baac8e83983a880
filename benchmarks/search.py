"""Similarity search: recall of each kind of index against exact search, milliseconds of CPU time per query, and size.

Three kinds over the same vectors, asked in alternating rounds of one process, one thread:

    numpy   exact, one matrix product and a partial sort: the reference
    exact   faiss, inner product
    ivf     faiss, inverted lists of 16-bit vectors; the fewest lists are searched that give a recall@10 of 0.99

Each is also asked under a condition that 15 % of the tracks meet. By default the vectors are synthetic (clusters in 24
of 512 dimensions, plus noise: easier than music); --embeddings takes those of a folder instead, repeated with noise up
to --tracks rows.

    python benchmarks/search.py [--tracks 100000] [--dim 512] [--queries 50] [--rounds 3] [--embeddings FOLDER]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contramuse.embeddings import Embeddings
from contramuse.search import Index

K = 10
KINDS = ("numpy", "exact", "ivf")


class InMemory(Embeddings):
    """Vectors that are on no disk."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        super().__init__(Path(), {"dim": vectors.shape[1]}, [])
        self.given = vectors

    def __len__(self) -> int:
        return len(self.given)

    def batches(self, rows: int = 16384) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(self.given), rows):
            yield self.given[start : start + rows]


def synthetic(count: int, dim: int, generator: np.random.Generator) -> NDArray[np.float32]:
    centres = generator.standard_normal((max(2, count // 100), 24)).astype(np.float32)
    latent = centres[generator.integers(len(centres), size=count)]
    latent += 0.5 * generator.standard_normal((count, 24)).astype(np.float32)
    vectors = latent @ generator.standard_normal((24, dim)).astype(np.float32)
    vectors += 0.5 * generator.standard_normal((count, dim)).astype(np.float32)
    return vectors


def multiplied(vectors: NDArray[np.float32], count: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Real vectors, each many times with noise of a tenth of the collection's spread."""
    rows = np.concatenate(
        [np.arange(len(vectors)), generator.integers(len(vectors), size=max(0, count - len(vectors)))]
    )
    noise = 0.1 * vectors.std(0) * generator.standard_normal((len(rows), vectors.shape[1]))
    noise[: len(vectors)] = 0
    return (vectors[rows] + noise).astype(np.float32)[:count]


def cpu_ms(index: Index, queries: NDArray[np.float32], where: NDArray[np.bool_] | None) -> float:
    start = time.process_time()
    for query in queries:
        index.query(query, K, where=where)
    return 1000 * (time.process_time() - start) / len(queries)


def recall(index: Index, exact: Index, queries: NDArray[np.float32], where: NDArray[np.bool_] | None) -> float:
    shares = []
    for query in queries:
        wanted, _ = exact.query(query, K, where=where)
        found, _ = index.query(query, K, where=where)
        shares.append(len(np.intersect1d(found, wanted)) / len(wanted))
    return statistics.mean(shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--embeddings", type=Path)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    if options.embeddings:
        vectors = multiplied(Embeddings.open(options.embeddings).vectors, options.tracks, generator)
    else:
        vectors = synthetic(options.tracks, options.dim, generator)
    collection = InMemory(vectors)
    picked = generator.choice(len(vectors), options.queries, replace=False)
    queries = vectors[picked] + 0.02 * generator.standard_normal((options.queries, vectors.shape[1])).astype(np.float32)
    conditions = {"all": None, "15 %": generator.random(len(vectors)) < 0.15}
    result = {"tracks": len(vectors), "dim": vectors.shape[1], "k": K, "threads": 1, "kinds": {}}
    indexes, times = {}, {(kind, name): [] for kind in KINDS for name in conditions}
    for kind in KINDS:
        start = time.process_time()
        indexes[kind] = Index.build(collection, kind=kind)
        result["kinds"][kind] = {"build_cpu_seconds": round(time.process_time() - start, 2), **indexes[kind].info}
    for _ in range(options.rounds):
        for (kind, name), values in times.items():
            values.append(cpu_ms(indexes[kind], queries, conditions[name]))
    for (kind, name), values in times.items():
        facts = {
            "cpu_ms_per_query": round(statistics.median(values), 3),
            "recall_at_10": round(recall(indexes[kind], indexes["numpy"], queries, conditions[name]), 4),
        }
        result["kinds"][kind][f"condition: {name}"] = facts
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
