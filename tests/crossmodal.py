"""A library with playlists and vectors, and a small model that heard its genres and vectors in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contramuse.catalogue.library import Library
from contramuse.catalogue.vectors import write_vectors
from contramuse.recipe import load_recipe
from contramuse.train import fit
from minilibrary import write_library

CROSS = (
    "sample_rate=8000", "views.audio.take.seconds=1.0", "embed.window=1.0", "embed.hop=1.0",
    "towers.audio={frontend: {kind: log_mel, n_fft: 256, hop: 128, n_mels: 16}, "
    "encoder: {kind: mel_transformer, patch: [16, 4], dim: 32, depth: 1, heads: 2, drop: 0.0}, "
    "head: {kind: mlp, out: 16, bias: all}}",
    "towers.cf.encoder={kind: dense, hidden: 16, out: 16}", "towers.genre.encoder={kind: tag_mean, dim: 16, out: 16}",
    "views.genre.take.words=\"\"", "train.batch=16", "train.pieces=1", "train.optimizer.lr=0.01", "train.loggers=[csv]",
)  # fmt: skip


def write_cross_library(root: Path, *, tracks: int = 72) -> Library:
    """Half of each genre's tracks are in a playlist of that name; all but each ninth track have a vector."""
    library = write_library(root, tracks=tracks, seconds=2.0, sample_rate=8000)
    genres = library.column("genre")
    lists = [[genre] if row < tracks // 2 else [] for row, genre in enumerate(genres)]
    table = pq.read_table(root / "index.parquet")
    table = table.append_column("group.playlists", pa.array(lists, pa.list_(pa.string())))
    pq.write_table(table, root / "index.parquet")
    library = Library.open(root)
    vectors = np.random.default_rng(0).normal(0, 0.3, (tracks, 5)).astype(np.float32)
    vectors[:, 0] += [3.0 if genre == "lively" else -3.0 for genre in genres]
    vectors[::9] = np.nan
    write_vectors(library, "cf", vectors, provenance={"kind": "test"})
    return library


def train_cross(library: Library, run: Path, *, steps: int) -> Path:
    """The folder of a run of ``playlist_cross``, made small."""
    often = [f"train.{name}={steps}" for name in ("steps", "watch_every", "checkpoint_every")]
    fit(load_recipe("playlist_cross", [*CROSS, *often]), library, run, accelerator="cpu")
    return run
