"""InfoNCE of 65,536 rows, forward and backward, in blocks of rows: time, peak of memory, and how near to the whole.

The whole matrices S, T (float32) and C (bool) of 65,536 rows are 17, 17 and 4 GB, and a step needs several of them.
Each block size runs in a process of its own, with the allocator's settings that `contramuse train` makes. The error
is the largest relative difference of the gradient to that of the whole matrix, at a size that has one.

    python benchmarks/large_batch.py [--rows 65536] [--dim 32] [--blocks 64 256] [--check 4096] [--threads 1]

Goal: below 2 GB; error below 1e-6.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from contramuse.encoders.memory import keep_freed_memory
from contramuse.rows import Rows
from contramuse.similarity import Cosine
from contramuse.strategy import Contrast
from contramuse.targets import Same


def gradient(rows: int, dim: int, chunk: int) -> tuple[float, Tensor]:
    """Loss, and its gradient by the embeddings of pairs of rows; chunk 0 takes the whole matrix."""
    z = torch.randn(rows, dim, generator=torch.Generator().manual_seed(0), requires_grad=True)
    who = Rows.of(track=torch.arange(rows) // 2)
    contrast = Contrast(between=["audio"], target=Same(), similarity=Cosine(temperature=0.1), chunk=chunk)
    loss = contrast.loss({"audio": z}, {"audio": who})
    loss.backward()
    assert z.grad is not None
    return float(loss.detach()), z.grad


def peak_gb() -> float:
    """The most memory that this process has held (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024 / 1e9


def measured(rows: int, dim: int, chunk: int) -> dict[str, Any]:
    before, cpu, wall = peak_gb(), time.process_time(), time.perf_counter()
    loss, _ = gradient(rows, dim, chunk)
    return {
        "block": chunk, "loss": loss, "cpu_seconds": round(time.process_time() - cpu, 1),
        "wall_seconds": round(time.perf_counter() - wall, 1),
        "peak_gb": round(peak_gb(), 2), "peak_gb_before": round(before, 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=65_536)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--blocks", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--check", type=int, default=4096, help="rows at which the whole matrix is compared with")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    allocator = keep_freed_memory()
    if given.one is not None:
        print(json.dumps(measured(given.rows, given.dim, given.one)))
        return
    arguments = [f"--{name}={getattr(given, name)}" for name in ("rows", "dim", "threads")]
    runs = [
        json.loads(subprocess.check_output([sys.executable, __file__, *arguments, f"--one={block}"], text=True))
        for block in given.blocks
    ]
    (loss, whole), (again, blocks) = (gradient(given.check, given.dim, chunk) for chunk in (0, given.blocks[0]))
    report = {
        "benchmark": "large_batch", "rows": given.rows, "dim": given.dim, "threads": given.threads,
        "allocator": allocator, "goal_gb": 2, "runs": runs,
        "error": {
            "rows": given.check, "loss": abs(again - loss) / loss,
            "gradient": float((blocks - whole).abs().max() / whole.abs().max()),
        },
    }  # fmt: skip
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
