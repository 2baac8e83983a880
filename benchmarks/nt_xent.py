"""NT-Xent of N = 1024 items (2,048 rows), forward and backward: one matrix product against the broadcast cosine.

The peer is the loss as CLMR computes it (through its SimCLR package): a cosine of every pair by broadcasting
[2N 1 d] against [1 2N d], positives from the off-diagonals, cross-entropy over [2N 2N-1] logits. Both sides compute the
same value and gradient, on the same threads, in alternating rounds of one process.

    python benchmarks/nt_xent.py [--items 1024] [--dim 64] [--rounds 3] [--threads 1]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from contramuse.rows import Rows
from contramuse.similarity import Cosine
from contramuse.strategy import Contrast
from contramuse.targets import Same


def broadcast(z: Tensor, temperature: float) -> Tensor:
    """The two views are the two halves of ``z``."""
    rows = len(z)
    items = rows // 2
    similar = F.cosine_similarity(z[:, None], z[None], dim=2) / temperature
    positive = torch.cat([torch.diag(similar, items), torch.diag(similar, -items)]).reshape(rows, 1)
    mask = ~torch.eye(rows, dtype=torch.bool)
    mask[torch.arange(items), torch.arange(items) + items] = False
    mask[torch.arange(items) + items, torch.arange(items)] = False
    logits = torch.cat([positive, similar[mask].reshape(rows, -1)], dim=1)
    return F.cross_entropy(logits, torch.zeros(rows, dtype=torch.int64))


def ours(items: int) -> Callable[[Tensor, float], Tensor]:
    rows = Rows.of(track=list(range(items)) * 2)

    def loss(z: Tensor, temperature: float) -> Tensor:
        contrast = Contrast(between=["audio"], target=Same(), similarity=Cosine(temperature=temperature))
        return contrast.loss({"audio": z}, {"audio": rows})

    return loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1024)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    z = torch.randn(2 * given.items, given.dim, generator=torch.Generator().manual_seed(0))
    sides = {"ours": ours(given.items), "broadcast": broadcast}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    results: dict[str, tuple[float, Tensor]] = {}
    for number in range(given.rounds + 1):  # the first round warms up
        for name, loss in sides.items():
            leaf = z.clone().requires_grad_()
            start = time.process_time()
            value = loss(leaf, 0.5)
            value.backward()
            if number:
                seconds[name].append(time.process_time() - start)
            results[name] = (float(value.detach()), leaf.grad)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(
        json.dumps(
            {
                "benchmark": "nt_xent",
                "items": given.items,
                "dim": given.dim,
                "threads": given.threads,
                "rounds": given.rounds,
                "median_cpu_seconds": medians,
                "ratio": medians["broadcast"] / medians["ours"],
                "goal": 200,
                "loss": {name: value for name, (value, _) in results.items()},
                "largest_gradient_difference": float((results["ours"][1] - results["broadcast"][1]).abs().max()),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
