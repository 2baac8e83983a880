"""NT-Xent of N = 1024 items (2,048 rows), forward and backward: one matrix product against the broadcast cosine.

The peer is the loss as CLMR computes it (through its SimCLR package): a cosine of every pair by broadcasting
[2N 1 d] against [1 2N d], positives from the off-diagonals, cross-entropy over [2N 2N-1] logits. Both sides compute
the same value and gradient on the same threads, each in a process of its own, taking turns. Ours has the allocator's
settings that `contramuse train` makes; the peer has them too as the side "broadcast_kept", not as "broadcast".

    python benchmarks/nt_xent.py [--items 1024] [--dim 64] [--rounds 3] [--threads 1]

Goal: at least 200 x.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from contramuse.encoders.memory import keep_freed_memory
from contramuse.rows import Rows
from contramuse.similarity import Cosine
from contramuse.strategy import Contrast
from contramuse.targets import Same
from sides import compare, serve

SIDES = ("ours", "broadcast", "broadcast_kept")


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


def work_on(side: str, items: int, dim: int) -> None:
    allocator = "plain" if side == "broadcast" else keep_freed_memory()
    loss = ours(items) if side == "ours" else broadcast
    z = torch.randn(2 * items, dim, generator=torch.Generator().manual_seed(0))

    def work() -> dict[str, Any]:
        leaf = z.clone().requires_grad_()
        value = loss(leaf, 0.5)
        value.backward()
        assert leaf.grad is not None
        return {"allocator": allocator, "loss": float(value.detach()), "gradient_norm": float(leaf.grad.norm())}

    serve(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1024)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        torch.set_num_threads(given.threads)
        return work_on(given.side, given.items, given.dim)
    arguments = ["--items", str(given.items), "--dim", str(given.dim), "--threads", str(given.threads)]
    sides = compare(__file__, SIDES, arguments=arguments, rounds=given.rounds, warm=1, threads=given.threads)
    cost = {side: facts["cpu_seconds"] for side, facts in sides.items()}
    report = {
        "benchmark": "nt_xent",
        "items": given.items,
        "dim": given.dim,
        "threads": given.threads,
        "rounds": given.rounds,
        "ratio": {side: round(cost[side] / cost["ours"], 1) for side in SIDES[1:]},
        "goal": 200,
        "sides": sides,
    }
    print(json.dumps(report, indent=1))
    return None


if __name__ == "__main__":
    main()
