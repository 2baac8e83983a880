"""Small models with random weights and small audio files, for tests that need no training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from contramuse.catalogue.library import Library
from contramuse.checkpoint.model import load, save_model
from contramuse.embeddings import Embeddings, embed_library
from contramuse.recipe import load_recipe


def make_model(folder: Path, *, seed: int = 0, recipe: str = "tiny", overrides: Sequence[str] = ()) -> Path:
    """A saved model folder; the same seed gives the same weights."""
    loaded = load_recipe(recipe, overrides)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        towers = loaded.build_towers()
    return save_model(
        folder, towers=towers, tower=loaded.embed.tower, recipe=loaded.resolved(), sample_rate=loaded.sample_rate,
        extra={"library_fingerprint": "f00d", "steps": 3},
    )  # fmt: skip


def embedded_library(library: Library, folder: Path, *, seed: int = 0) -> Embeddings:
    """Embeddings of a library by such a model, FOLDER/out; the model is FOLDER/model."""
    embed_library(load(make_model(folder / "model", seed=seed)), library, folder / "out")
    return Embeddings.open(folder / "out")


def write_tone(path: Path, *, seconds: float, seed: int = 0, sample_rate: int = 22050, channels: int = 1) -> np.ndarray:
    """A file of noise and tones; returns its mono samples as written, float32 [t]."""
    import soundfile

    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    tones = sum(0.1 * np.sin(2 * np.pi * f * t) for f in rng.uniform(100, 4000, 3))
    samples = (tones + 0.05 * rng.standard_normal((channels, len(t)))).astype(np.float32)
    samples = np.round(samples * 32768) / 32768
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, sample_rate, subtype="PCM_16")
    return samples.mean(0, dtype=np.float32)
