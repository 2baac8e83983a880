"""Random crops of 59,049 samples at 22,050 Hz: from the decoded store, beside decoding the file for each crop.

The script makes its own music-like files (mp3, flac, ogg, wav; stereo, 44,100 Hz), prepares a store of them, and then
draws the same crops three ways in alternating rounds of one process and one thread:

    store   Store.gather of a batch of crops
    seek    open the file, seek to the crop, decode only that, mean of channels, resample
    whole   decode the whole file as `prepare` does, and cut the crop out

    python benchmarks/crops.py [--seconds 60] [--files 4] [--batch 48] [--rounds 7] [--allocator kept]

All three run with the allocator settings that `contramuse train` makes (freed memory is kept; --allocator plain leaves
them alone: then the store's share is mostly page faults of the batch that it returns).

Goal: the store is at least 50 times as fast as either.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from contramuse.audio.decode import decode
from contramuse.audio.store import ShardWriter, Store
from contramuse.encoders.memory import keep_freed_memory

RATE, SOURCE_RATE, LENGTH = 22050, 44100, 59049
FORMATS = ("mp3", "flac", "ogg", "wav")
GATHERS = 50  # one is too short for the clock


def music(seconds: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Chords over noise, float32 [t 2]: not too easy for a codec."""
    time_axis = np.arange(int(seconds * SOURCE_RATE)) / SOURCE_RATE
    out = 0.02 * generator.standard_normal((len(time_axis), 2))
    for start in np.arange(0, seconds, 0.5):
        part = slice(int(start * SOURCE_RATE), int((start + 0.5) * SOURCE_RATE))
        chord = sum(np.sin(2 * np.pi * f * time_axis[part]) for f in generator.uniform(80, 4000, 4))
        out[part] += 0.1 * np.asarray(chord)[:, None] * np.exp(-3 * (time_axis[part] - start))[:, None]
    return np.clip(out, -1, 1).astype(np.float32)


def make(folder: Path, suffix: str, seconds: float, files: int) -> list[Path]:
    generator = np.random.default_rng(0)
    paths = [folder / f"{i}.{suffix}" for i in range(files)]
    for path in paths:
        with soundfile.SoundFile(path, "w", SOURCE_RATE, 2) as file:  # in blocks: one large write crashes libvorbis
            for block in np.array_split(music(seconds, generator), max(1, int(seconds))):
                file.write(block)
    return paths


def store_of(folder: Path, paths: list[Path]) -> Store:
    writer, placed = ShardWriter(folder), []
    for path in paths:
        samples = decode(path, sample_rate=RATE).samples
        placed.append((*writer.append(samples), len(samples)))
    writer.close()
    shard, offset, samples = np.array(placed).T
    return Store(folder, sample_rate=RATE, shard=shard, offset=offset, samples=samples)


def by_seek(path: Path, start: int) -> NDArray[np.float32]:
    with soundfile.SoundFile(path) as file:
        file.seek(start * SOURCE_RATE // RATE)
        block = file.read(LENGTH * SOURCE_RATE // RATE, dtype="float32", always_2d=True)
    return soxr.resample(block.mean(axis=1), SOURCE_RATE, RATE)


def by_whole(path: Path, start: int) -> NDArray[np.int16]:
    return decode(path, sample_rate=RATE).samples[start : start + LENGTH]


def seconds_per_crop(run: Callable[[], object], crops: int) -> float:
    begun = time.process_time()
    run()
    return (time.process_time() - begun) / crops


def measure(folder: Path, suffix: str, given: argparse.Namespace) -> dict[str, float]:
    """Median CPU milliseconds per crop of each way, and the ratios."""
    paths = make(folder, suffix, given.seconds, given.files)
    store = store_of(folder, paths)
    generator = np.random.default_rng(1)
    times: dict[str, list[float]] = {"store": [], "seek": [], "whole": []}
    for _ in range(given.rounds):
        rows = generator.integers(0, given.files, given.batch)
        starts = generator.integers(0, store.lengths.min() - LENGTH, given.batch)
        drawn = list(zip(rows.tolist(), starts.tolist(), strict=True))
        ways: dict[str, tuple[Callable[[], object], int]] = {
            "store": (
                lambda r=rows, s=starts: [store.gather(r, s, LENGTH) for _ in range(GATHERS)],
                GATHERS * given.batch,
            ),
            "seek": (lambda d=drawn: [by_seek(paths[r], s) for r, s in d[:12]], 12),
            "whole": (lambda d=drawn: [by_whole(paths[r], s) for r, s in d[:2]], 2),
        }
        for name, (run, crops) in ways.items():
            times[name].append(1000 * seconds_per_crop(run, crops))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {f"{name}_ms": round(value, 4) for name, value in medians.items()} | {
        "seek_over_store": round(medians["seek"] / medians["store"], 1),
        "whole_over_store": round(medians["whole"] / medians["store"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--allocator", choices=("kept", "plain"), default="kept")
    given = parser.parse_args()
    if given.allocator == "kept":
        keep_freed_memory()
    results = {}
    for suffix in FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            results[suffix] = measure(Path(folder), suffix, given)
    about = {"benchmark": "crops", "unit": "CPU ms per crop of 59,049 samples, medians", "threads": 1, "goal": 50}
    print(json.dumps(about | vars(given) | {"formats": results}, indent=1))


if __name__ == "__main__":
    main()
