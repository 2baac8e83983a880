"""A small library written straight into its format, for tests that need tracks and no decoding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contramuse.audio.store import ShardWriter
from contramuse.catalogue.library import Library

GENRES = ("calm", "lively")


def write_library(
    root: Path,
    *,
    tracks: int = 24,
    seconds: float = 4.0,
    sample_rate: int = 22050,
    seed: int = 0,
    stems: str = "",
) -> Library:
    """Tracks of two genres, each a chord of its own under a tremolo; two in three train, the rest valid, no test.

    Every track but the first has a stem of each of the names ``stems`` ("bass drums"): the first half of the clip, and
    silence.
    """
    rng = np.random.default_rng(seed)
    writer = ShardWriter(root)
    rows = []
    for i in range(tracks):
        clip = _tune(rng, lively=i % 2 == 1, samples=int(seconds * sample_rate), sample_rate=sample_rate)
        shard, offset = writer.append(clip)
        half = np.where(np.arange(len(clip)) < len(clip) // 2, clip, 0).astype(np.int16)
        placed = [(name, *writer.append(half)) for name in stems.split()] if i else []
        rows.append(
            {
                "id": f"{seed:08x}{i:08x}", "path": f"{i:03d}.wav", "title": f"Tune {i}", "artist": f"Artist {i % 5}",
                "album": "", "genre": GENRES[i % 2], "year": None, "seconds": len(clip) / sample_rate,
                "split": "valid" if i % 3 == 2 else "train", "shard": shard, "offset": offset, "samples": len(clip),
                "label.genre": GENRES[i % 2], "label.tags": [GENRES[i % 2]] if i % 4 else [], "label.tempo": 60.0 + i,
                "group.artist": [f"Artist {i % 5}"], "group.album": [],
                "stems": [{"name": n, "shard": s, "offset": o, "samples": len(half)} for n, s, o in placed],
            }
        )  # fmt: skip
    writer.flush()
    writer.close()
    lists = {name: pa.list_(pa.string()) for name in ("label.tags", "group.artist", "group.album")}
    stem = pa.list_(pa.struct({"name": pa.string(), "shard": pa.int32(), "offset": pa.int64(), "samples": pa.int64()}))
    types = {**lists, "stems": stem, "year": pa.int32(), "shard": pa.int32()}
    columns = {k: pa.array([r[k] for r in rows], types.get(k)) for k in rows[0]}
    pq.write_table(pa.table(columns), root / "index.parquet")
    fields = [
        {"name": "genre", "kind": "multiclass", "classes": list(GENRES), "source": "test"},
        {"name": "tags", "kind": "multilabel", "classes": list(GENRES), "source": "test"},
        {"name": "tempo", "kind": "numeric", "classes": [], "source": "test"},
    ]
    info = {"format": 1, "sample_rate": sample_rate, "fingerprint": f"mini{seed}", "seed": seed, "fields": fields}
    (root / "library.json").write_text(json.dumps(info), encoding="utf-8")
    return Library.open(root)


def _tune(rng: np.random.Generator, *, lively: bool, samples: int, sample_rate: int) -> np.ndarray:
    t = np.arange(samples) / sample_rate
    tones = sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in rng.uniform(150, 3000, 4))
    beat = 1 + 0.9 * np.sin(2 * np.pi * (6.0 if lively else 1.0) * t)
    clip = 0.1 * tones * beat + 0.01 * rng.standard_normal(samples)
    return np.round(clip * 32767).clip(-32768, 32767).astype(np.int16)
