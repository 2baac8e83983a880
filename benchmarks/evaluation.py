"""Evaluation of a large library end to end: seconds and memory of `contramuse evaluate`, stage by stage.

A library of 10,000 tracks of 10 s (three tones and noise; ten classes by register, 20 tags, 1,000 artists) is written
straight into its format: decoding files is `prepare`'s, not measured here. Then, in processes of their own,

    evaluate        --parts probe,own of the default recipe's encoder with fresh weights: embedding, the baselines
                    (the same encoder with other random weights, MFCC and mel statistics), probes with intervals, the
                    label-free check
    again           the same command, everything kept

    python benchmarks/evaluation.py [--tracks 10000] [--seconds 10] [--recipe masked] [--parts probe,own]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from contramuse.audio.store import ShardWriter
from contramuse.checkpoint.model import save_model
from contramuse.recipe import load_recipe

RATE = 22050
CLASSES = tuple(f"register {i}" for i in range(10))
TAGS = tuple(f"tag {i:02d}" for i in range(20))
LISTS = ("label.tags", "group.artist", "group.album")


def write_library(root: Path, *, tracks: int, seconds: float) -> None:
    """A library in its format, with what the probes need."""
    rng, writer, rows = np.random.default_rng(0), ShardWriter(root), []
    samples = round(seconds * RATE)
    phase = 2 * np.pi * np.arange(samples, dtype=np.float32) / RATE
    noise = rng.standard_normal(2 * samples).astype(np.float32)
    for i in range(tracks):
        kind = i % len(CLASSES)
        pitches = 110 * 2 ** ((kind + rng.normal(0, 1.0, 3)) / 3)
        begin = int(rng.integers(samples))
        wave = sum(np.sin(np.float32(pitch) * phase) for pitch in pitches) / 6 + 0.05 * noise[begin : begin + samples]
        shard, offset = writer.append((wave * 20000).astype(np.int16))
        tags = [TAGS[kind], TAGS[10 + int(rng.integers(10))]]
        artist = f"Artist {i % 1000}"
        rows.append({
            "id": f"{i:016x}", "audio": f"{i:016x}", "path": f"{i:05d}.wav", "title": f"Track {i}", "artist": artist,
            "album": "", "genre": CLASSES[kind], "year": None, "seconds": seconds,
            "split": ("test", "valid", *["train"] * 8)[(i % 1000) % 10], "shard": shard, "offset": offset,
            "samples": samples, "label.genre": CLASSES[kind], "label.tags": tags, "group.artist": [artist],
            "group.album": [], "stems": [],
        })  # fmt: skip
    writer.flush()
    writer.close()
    stem = pa.struct({"name": pa.string(), "shard": pa.int32(), "offset": pa.int64(), "samples": pa.int64()})
    types = {name: pa.list_(pa.string()) for name in LISTS} | {"stems": pa.list_(stem), "year": pa.int32()}
    types |= {"shard": pa.int32(), "offset": pa.int64(), "samples": pa.int64()}
    pq.write_table(pa.table({k: pa.array([r[k] for r in rows], types.get(k)) for k in rows[0]}), root / "index.parquet")
    fields = [
        {"name": "genre", "kind": "multiclass", "classes": list(CLASSES), "source": "made"},
        {"name": "tags", "kind": "multilabel", "classes": list(TAGS), "source": "made"},
    ]
    info = {
        "format": 1, "sample_rate": RATE, "fingerprint": f"made-{tracks}-{seconds}", "seed": 0, "tracks": tracks,
        "seconds": tracks * seconds, "fields": fields, "groups": ["artist", "album"], "split_groups": "artist",
    }  # fmt: skip
    (root / "library.json").write_text(json.dumps(info))


def measured(arguments: list[str]) -> dict[str, Any]:
    """Wall and CPU seconds and the largest memory of one command."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([sys.executable, "-m", "contramuse", *arguments], stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            said.seek(0)
            raise SystemExit(said.read()[-3000:])
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "wall_seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(cpu, 1),
        "peak_gigabytes": round(usage.ru_maxrss / 2**20, 2),
    }  # fmt: skip


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--recipe", default="masked")
    parser.add_argument("--parts", default="probe,own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "library").mkdir()
        write_library(root / "library", tracks=options.tracks, seconds=options.seconds)
        recipe = load_recipe(options.recipe)
        torch.manual_seed(0)
        towers = recipe.build_towers()
        save_model(root / "model", towers=towers, tower="audio", recipe=recipe.resolved(), sample_rate=RATE)
        out: dict[str, Any] = {"tracks": options.tracks, "seconds_each": options.seconds, "recipe": options.recipe}
        out["embed"] = measured(
            ["embed", str(root / "model"), str(root / "library"), "-o", str(root / "embeddings"), "--keep-windows"]
        )
        common = [str(root / "embeddings"), "--data", str(root / "library"), "-o", str(root / "evaluation")]
        for part in options.parts.split(","):
            out[part] = measured(["evaluate", *common, "--parts", part])
        out["again"] = measured(["evaluate", *common, "--parts", options.parts])
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
