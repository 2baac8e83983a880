"""SampleCNN's training step (forward, NT-Xent, backward, Adam) beside the plain PyTorch layers, same values.

Sides, each in its own process, taking turns round by round:
  plain  Conv1d, BatchNorm1d, ReLU, MaxPool1d in fp32, torch.optim.Adam, the allocator as the system has it
  fp32   contramuse's SampleCNN, fused Adam, keep_freed_memory()
  bf16   the same under bfloat16 autocast

    python benchmarks/sample_cnn_step.py [--rows 24] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from sides import compare, serve

SIDES = ("plain", "fp32", "bf16")


def step(side: str, rows: int, threads: int, folder: Path) -> None:
    if side != "plain":
        from contramuse.encoders.memory import keep_freed_memory

        allocator = keep_freed_memory()
    else:
        allocator = "as the system has it"
    import torch

    from contramuse.encoders import SampleCNN
    from plain import SAMPLES, PlainSampleCNN, nt_xent, waves

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = PlainSampleCNN()
    if side != "plain":
        ours = SampleCNN(bands=1)
        ours.load_state_dict(network.state_dict())
        network = ours
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-4, fused=side != "plain")
    x = waves(rows, SAMPLES, seed=1)
    steps = 0

    def work() -> dict[str, Any]:
        nonlocal steps
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=side == "bf16"):
            h = network(x)
        loss = nt_xent(h)
        loss.backward()
        if steps == 0:
            gradient = {k: p.grad.clone() for k, p in network.named_parameters() if not k.endswith("0.bias")}
            torch.save({"gradient": gradient, "loss": float(loss.detach()), "h": h.detach()}, folder / f"{side}.pt")
        optimizer.step()
        steps += 1
        return {"allocator": allocator, "loss": float(loss.detach())}

    serve(work)


def agreement(folder: Path) -> dict[str, Any]:
    """How far the first step of each side is from the plain one's."""
    import torch

    found = {side: torch.load(folder / f"{side}.pt", weights_only=True) for side in SIDES}
    plain = found["plain"]
    result = {}
    for side in SIDES[1:]:
        a, b = (torch.cat([g.flatten().double() for g in one["gradient"].values()]) for one in (found[side], plain))
        result[side] = {
            "loss": found[side]["loss"],
            "loss_of_plain": plain["loss"],
            "gradient_cosine": float(torch.nn.functional.cosine_similarity(a, b, dim=0)),
            "gradient_relative_difference": float((a - b).norm() / b.norm()),
            "largest_output_difference": float((found[side]["h"].float() - plain["h"]).abs().max()),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=24, help="CLMR's batch of 48 is 96 rows; the plain side needs 7 GB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        return step(given.side, given.rows, given.threads, given.folder)
    with tempfile.TemporaryDirectory() as name:
        arguments = ["--rows", str(given.rows), "--threads", str(given.threads), "--folder", name]
        sides = compare(
            __file__, SIDES, arguments=arguments, rounds=given.rounds, warm=3, threads=given.threads
        )  # fmt: skip
        values = agreement(Path(name))
    cpu = {side: facts["cpu_seconds"] for side, facts in sides.items()}
    print(
        json.dumps(
            {
                "benchmark": "sample_cnn_step",
                "rows": given.rows,
                "threads": given.threads,
                "rounds": given.rounds,
                "rows_per_cpu_second": {side: round(given.rows / seconds, 2) for side, seconds in cpu.items()},
                "ratio_of_cpu_seconds": {side: round(cpu["plain"] / cpu[side], 2) for side in SIDES[1:]},
                "ratio_of_wall_seconds": {
                    side: round(sides["plain"]["wall_seconds"] / sides[side]["wall_seconds"], 2) for side in SIDES[1:]
                },
                "goal": {"fp32": 2, "bf16": 4},
                "first_step": values,
                "sides": sides,
            },
            indent=1,
        )
    )
    return None


if __name__ == "__main__":
    main()
