"""Training rows per CPU-second of the default encoder beside those of the plain SampleCNN that CLMR trains.

Sides, each in its own process, taking turns round by round; a round is one step from waveforms in memory: frontend,
encoder, head, NT-Xent, backward, optimiser.
  plain     SampleCNN in plain PyTorch, fp32, 59,049 samples (2.678 s) per row, Adam, the allocator as it is
  recipe    the towers of a recipe (default: masked), its crop length and optimiser kind, fp32, keep_freed_memory()
  bf16      the same under bfloat16 autocast
  short     the recipe's towers on rows of 59,049 samples, fp32

    python benchmarks/default_encoder.py [--recipe masked] [--rows 24] [--rounds 5] [--threads 1] [key=value ...]
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from sides import compare, serve

SIDES = ("plain", "recipe", "bf16", "short")


def train_plain(rows: int) -> None:
    import torch

    from plain import SAMPLES, PlainSampleCNN, nt_xent, waves

    torch.manual_seed(0)
    network = PlainSampleCNN()
    head = torch.nn.Sequential(
        torch.nn.Linear(512, 512, bias=False), torch.nn.ReLU(), torch.nn.Linear(512, 64, bias=False)
    )
    optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=3e-4)
    x = waves(rows, SAMPLES, seed=1)

    def work() -> dict[str, Any]:
        optimizer.zero_grad()
        loss = nt_xent(head(network(x)))
        loss.backward()
        optimizer.step()
        return {"loss": float(loss.detach()), "rows": rows, "seconds_per_row": SAMPLES / 22050}

    serve(work)


def train_recipe(side: str, recipe_name: str, overrides: list[str], rows: int) -> None:
    from contramuse.encoders.memory import keep_freed_memory

    allocator = keep_freed_memory()
    import torch

    from contramuse.recipe import load_recipe
    from plain import SAMPLES, nt_xent, waves

    torch.manual_seed(0)
    recipe = load_recipe(recipe_name, overrides)
    tower = recipe.build_towers()[recipe.embed.tower]
    seconds = SAMPLES / recipe.sample_rate if side == "short" else recipe.embed.window
    x = waves(rows, int(seconds * recipe.sample_rate), seed=1)
    optimizer = torch.optim.AdamW(tower.parameters(), lr=1e-4, fused=True)
    generator = torch.Generator().manual_seed(0)

    def work() -> dict[str, Any]:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=side == "bf16"):
            z = tower(x, generator)
        loss = nt_xent(z)
        loss.backward()
        optimizer.step()
        encoder = recipe.resolved()["towers"][recipe.embed.tower]["encoder"]
        facts = {"loss": float(loss.detach()), "rows": rows, "seconds_per_row": seconds}
        return facts | {"allocator": allocator, "encoder": encoder}

    serve(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="key=value of the recipe")
    parser.add_argument("--recipe", default="masked")
    parser.add_argument("--rows", type=int, default=24, help="of the plain side's step; 5 of 7 GB at 96")
    parser.add_argument("--recipe-rows", type=int, default=128, help="of the recipe's step")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        import torch

        torch.set_num_threads(given.threads)
        if given.side == "plain":
            return train_plain(given.rows)
        return train_recipe(given.side, given.recipe, given.overrides, given.recipe_rows)
    arguments = ["--recipe", given.recipe, "--rows", str(given.rows), "--recipe-rows", str(given.recipe_rows)]
    arguments += ["--threads", str(given.threads), *given.overrides]
    sides = compare(__file__, SIDES, arguments=arguments, rounds=given.rounds, warm=3, threads=given.threads)
    speed = {side: facts["rows"] / facts["cpu_seconds"] for side, facts in sides.items()}
    print(
        json.dumps(
            {
                "benchmark": "default_encoder",
                "threads": given.threads,
                "rounds": given.rounds,
                "rows_per_cpu_second": {side: round(value, 2) for side, value in speed.items()},
                "ratio": {side: round(speed[side] / speed["plain"], 1) for side in SIDES[1:]},
                "ratio_of_audio_seconds": {
                    side: round(
                        speed[side] * sides[side]["seconds_per_row"]
                        / (speed["plain"] * sides["plain"]["seconds_per_row"]), 1,
                    )
                    for side in SIDES[1:]
                },
                "goal": 20,
                "sides": sides,
            },
            indent=1,
        )
    )  # fmt: skip
    return None


if __name__ == "__main__":
    main()
