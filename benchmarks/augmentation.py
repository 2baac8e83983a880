"""CLMR's augmentation chain on views of 59,049 samples (2.678 s at 22,050 Hz): rows per CPU-second.

The same distribution of effects (order, chances, ranges) two ways, in alternating rounds of one process:

    ours      the preset "clmr" applied to the batch by `contramuse.augment.Chain`
    per_row   a plain chain row by row, as a data loader's worker would do it: numpy, scipy's FIR filter and FFT
              convolution, librosa's pitch shift. It is our own reference, not CLMR's code: that needs torchaudio's SoX
              effects, which today's torchaudio no longer has; its authors' build reached 48 rows per CPU-second on a
              machine of this kind.

Besides, each effect of the chain alone on every row of the batch (p = 1), milliseconds of CPU time per row; and rows
per CPU-second of every augmentation there is with its default settings (those on features: 128 bands, 231 frames), of
each codec, and of the corruptions of SemiSupCon's study.

    python benchmarks/augmentation.py [--batch 96] [--rounds 7] [--threads 1] [--peer-rows 8]

Goal: at least 200 rows per CPU-second.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable

import librosa
import numpy as np
import scipy.signal
import torch
from numpy.typing import NDArray

from contramuse.augment import AUGMENTATIONS, CORRUPTIONS, PRESETS, Augmentation, Chain
from contramuse.augment.codec import KINDS, Codec

RATE, LENGTH = 22050, 59049
Signal = NDArray[np.float32]


def filtered(x: Signal, generator: np.random.Generator) -> Signal:
    high = generator.random() < 0.5
    cutoff = generator.uniform(200, 1200) if high else generator.uniform(2200, 4000)
    half = int(8 * RATE / cutoff / 2)
    kernel = scipy.signal.firwin(2 * half + 1, cutoff, window="hann", pass_zero=not high, fs=RATE)
    return scipy.signal.fftconvolve(x, kernel.astype(np.float32), mode="same").astype(np.float32)


def delayed(x: Signal, generator: np.random.Generator) -> Signal:
    delay = int(generator.choice(np.arange(200, 451, 50)) * RATE / 1000)
    y = x.copy()
    y[delay:] += 0.5 * x[:-delay]
    return y


def shifted(x: Signal, generator: np.random.Generator) -> Signal:
    return librosa.effects.pitch_shift(x, sr=RATE, n_steps=generator.uniform(-7, 7), res_type="soxr_hq")


def reverberated(x: Signal, generator: np.random.Generator) -> Signal:
    reverberance, damping, room = generator.uniform(0, 1, 3)
    comb, feedback = 0.031 * (0.1 + 0.9 * room), 1 - 0.7 ** (1 - reverberance) * 0.02**reverberance
    damp = 0.2 + 0.3 * damping
    seconds = np.arange(int(0.75 * RATE), dtype=np.float32) / RATE
    tail = generator.standard_normal(len(seconds), dtype=np.float32)
    low = scipy.signal.sosfilt(scipy.signal.butter(2, 2500, fs=RATE, output="sos"), tail)
    fall = np.log10([feedback, feedback * (1 - damp) / np.sqrt(1 + damp**2)]) / comb
    tail = low * 10 ** (fall[0] * seconds) + (tail - low) * 10 ** (fall[1] * seconds)
    tail *= 0.015 * np.sqrt(8 / (1 - feedback**2)) / np.linalg.norm(tail)
    return x + scipy.signal.fftconvolve(x, tail.astype(np.float32))[: len(x)].astype(np.float32)


def per_row(x: Signal, generator: np.random.Generator) -> Signal:
    drawn = generator.random(7)
    if drawn[0] < 0.8:
        x = -x
    if drawn[1] < 0.01:
        x = x + generator.uniform(1e-4, 1e-2) * x.std() * generator.standard_normal(len(x), dtype=np.float32)
    if drawn[2] < 0.3:
        x = x * np.float32(10 ** (generator.uniform(-20, -1) / 20))
    for chance, p, effect in zip(
        drawn[3:], (0.8, 0.3, 0.6, 0.6), (filtered, delayed, shifted, reverberated), strict=True
    ):
        if chance < p:
            x = effect(x, generator)
    return x


def cpu_seconds(run: Callable[[], object]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def summary(rows: int, rounds: list[float]) -> dict[str, float]:
    return {
        "rows_per_cpu_second": round(rows / statistics.median(rounds), 1),
        "slowest_round": round(rows / max(rounds), 1),
        "fastest_round": round(rows / min(rounds), 1),
    }


def every_effect() -> dict[str, tuple[Augmentation, ...]]:
    """All that a recipe can name, on every row."""
    chains: dict[str, tuple[Augmentation, ...]] = {}
    for name, kind in AUGMENTATIONS.items():
        rated = "sample_rate" in {field.name for field in dataclasses.fields(kind)}
        chains[name] = (kind(sample_rate=RATE) if rated else kind(),)  # type: ignore[call-arg]
    del chains["codec"]
    chains |= {f"codec {name}": (Codec(sample_rate=RATE, codec=name),) for name in KINDS}  # type: ignore[arg-type]
    chains |= {f"corruption {name}": PRESETS["corruption"](RATE, name=name) for name in CORRUPTIONS}
    return chains | {"choi": PRESETS["choi"](RATE), "s3t": PRESETS["s3t"]()}


def rows_per_cpu_second(x: torch.Tensor, rounds: int) -> dict[str, float]:
    """The median of the rounds for each effect, on a third of the batch."""
    x = x[: max(1, len(x) // 3)]
    mels = torch.randn(len(x), 128, 231, generator=torch.Generator().manual_seed(1)) - 5
    generator, speeds = torch.Generator().manual_seed(2), {}
    for name, effects in every_effect().items():
        chain, y = Chain(effects), mels if effects[0].stage == "features" else x
        times = [cpu_seconds(lambda c=chain, y=y: c.apply(y, c.draw(len(y), generator))) for _ in range(rounds + 1)]
        speeds[name] = round(len(y) / statistics.median(times[1:]), 1)
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer-rows", type=int, default=8, help="rows of a round of the slow side")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    torch_generator, numpy_generator = torch.Generator().manual_seed(0), np.random.default_rng(0)
    seconds = torch.arange(LENGTH) / RATE
    hz = 110 * 2 ** torch.randint(0, 36, (given.batch, 5), generator=torch_generator).div(12)
    x = 0.1 * torch.sin(2 * torch.pi * hz[..., None] * seconds).sum(1, keepdim=True)
    x += 0.01 * torch.randn(x.shape, generator=torch_generator)
    rows = x[:, 0].numpy()

    def run(chain: Chain) -> float:
        return cpu_seconds(lambda: chain.apply(x, chain.draw(given.batch, torch_generator)))

    def peer(first: int) -> float:
        chosen = [rows[(first + i) % given.batch] for i in range(given.peer_rows)]
        return cpu_seconds(lambda: [per_row(row, numpy_generator) for row in chosen])

    preset = PRESETS["clmr"](RATE)
    chains = {"chain": Chain(preset)}
    chains |= {type(one).__name__: Chain((dataclasses.replace(one, p=1.0),)) for one in preset}
    for chain in chains.values():
        run(chain)
    peer(0)
    times: dict[str, list[float]] = {name: [] for name in [*chains, "per_row"]}
    for i in range(given.rounds):
        for name, chain in chains.items():
            times[name].append(run(chain))
        times["per_row"].append(peer(i * given.peer_rows))
    ours, theirs = summary(given.batch, times["chain"]), summary(given.peer_rows, times["per_row"])
    report = {
        "benchmark": "augmentation",
        "chain": "clmr",
        "samples": LENGTH,
        "batch": given.batch,
        "threads": torch.get_num_threads(),
        "rounds": given.rounds,
        "ours": ours,
        "per_row": theirs,
        "ratio": round(ours["rows_per_cpu_second"] / theirs["rows_per_cpu_second"], 1),
        "goal_rows_per_cpu_second": 200,
        "milliseconds_per_row_alone": {
            name: round(1000 * statistics.median(rounds) / given.batch, 3)
            for name, rounds in times.items()
            if name not in ("chain", "per_row")
        },
    }
    report["rows_per_cpu_second_alone"] = rows_per_cpu_second(x, given.rounds)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
