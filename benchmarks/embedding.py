"""From mp3 files to vectors: seconds of audio per CPU-second, beside a plain PyTorch SampleCNN from the same files.

    ours      `embed_files` with the recipe "clmr" (SampleCNN, windows of 59,049 samples), everything included: hashing,
              tags, decoding, resampling, encoding, Parquet
    plain     soundfile, mean of channels, soxr, non-overlapping windows in batches of 16 through the plain network
    default   `embed_files` with the default recipe, for comparison

Weights are random and the same in ours and plain; the largest difference of their vectors is stated. Stereo mp3s at
44.1 kHz are made for it, or --music names a folder.

    python benchmarks/embedding.py [--files 4] [--seconds 30] [--rounds 3] [--threads 1] [--music FOLDER]

Goal: at least 2.5 x plain in fp32.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch

from contramuse.checkpoint.model import load, save_model
from contramuse.embeddings import Embeddings, embed_files
from contramuse.encoders.memory import keep_freed_memory
from contramuse.recipe import load_recipe
from plain import SAMPLES, PlainSampleCNN, waves
from sides import Round, compare, serve

RATE = 22050


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """Files, and the two models."""
    if not options.music:
        for i in range(options.files):
            stereo = waves(2, options.seconds * 44100, seed=i)[:, 0].numpy().T
            soundfile.write(folder / f"{i}.mp3", stereo, 44100, format="MP3", subtype="MPEG_LAYER_III")
    for name in ("clmr", "masked"):
        recipe = load_recipe(name)
        torch.manual_seed(0)
        towers = recipe.build_towers()
        save_model(folder / name, towers=towers, tower="audio", recipe=recipe.resolved(), sample_rate=RATE)


def files_of(folder: Path, options: argparse.Namespace) -> list[Path]:
    return sorted((options.music or folder).rglob("*.mp3"))[: options.files]


def plain_weights(folder: Path) -> PlainSampleCNN:
    """The weights of the model "clmr" in the plain network: the same layers in the same order."""
    network = PlainSampleCNN()
    given = load(folder / "clmr").tower.encoder.state_dict()
    wanted = network.state_dict()
    values = {name: value.reshape(old.shape) for (name, old), value in zip(wanted.items(), given.values(), strict=True)}
    network.load_state_dict(values)
    return network.eval()


def ours(folder: Path, name: str, options: argparse.Namespace) -> Round:
    keep_freed_memory()  # as `contramuse embed` does
    model, files, out = load(folder / name), files_of(folder, options), folder / f"out-{name}"

    def work() -> dict[str, Any]:
        shutil.rmtree(out, ignore_errors=True)
        summary = embed_files(model, files, out)
        return {"audio_seconds": summary.seconds, "vector": Embeddings.open(out).vectors[0].tolist()}

    return work


def plain(folder: Path, options: argparse.Namespace) -> Round:
    network, files = plain_weights(folder), files_of(folder, options)

    def work() -> dict[str, Any]:
        total, vectors = 0.0, []
        for file in files:
            samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
            mono = soxr.resample(samples.mean(axis=1), rate, RATE)
            total += len(mono) / RATE
            windows = mono[: len(mono) // SAMPLES * SAMPLES].reshape(-1, 1, SAMPLES)
            with torch.no_grad():
                parts = [network(part) for part in torch.from_numpy(windows).split(16)]
            vectors.append(torch.cat(parts).mean(dim=0))
        return {"audio_seconds": total, "vector": vectors[0].tolist()}

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--music", type=Path)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        torch.set_num_threads(options.threads)
        side = plain(options.folder, options) if options.side == "plain" else None
        serve(side or ours(options.folder, {"ours": "clmr", "default": "masked"}[options.side], options))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, options)
        music = ["--music", str(options.music)] if options.music else []
        arguments = ["--folder", temporary, "--files", str(options.files), "--threads", str(options.threads), *music]
        sides = compare(
            __file__, ["ours", "plain", "default"], arguments=arguments, rounds=options.rounds, warm=1,
            threads=options.threads,
        )  # fmt: skip
    vectors = {name: np.array(side.pop("vector")) for name, side in sides.items()}
    for side in sides.values():
        side["audio_seconds_per_cpu_second"] = round(side["audio_seconds"] / side["cpu_seconds"], 1)
    speed = {name: side["audio_seconds_per_cpu_second"] for name, side in sides.items()}
    result = {
        "threads": options.threads, "files": options.files, **sides,
        "ours_to_plain": round(speed["ours"] / speed["plain"], 2),
        "default_to_plain": round(speed["default"] / speed["plain"], 2),
        "largest_difference_to_plain": float(np.abs(vectors["ours"] - vectors["plain"]).max()),
        "deviation_of_the_vectors": float(vectors["plain"].std()), "goal": 2.5,
    }  # fmt: skip
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
