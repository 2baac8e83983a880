"""Demucs in small, with random weights, in the files that demucs itself keeps."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

SOURCES = ("drums", "bass", "other", "vocals")
RATE = 16000


def small_demucs(seed: int = 0) -> Any:
    """A hybrid transformer of 70,000 weights at 16 kHz."""
    from demucs.htdemucs import HTDemucs

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = HTDemucs(
            list(SOURCES), channels=8, nfft=1024, depth=3, t_layers=1, t_heads=2, t_hidden_scale=1.0,
            samplerate=RATE, segment=Fraction(3, 2),
        )  # fmt: skip
    return model.eval()


def save_demucs(folder: Path, *, bag: str = "htdemucs", seeds: tuple[int, ...] = (0,)) -> Path:
    """A bag of models as demucs keeps them: NAME.yaml and <signature>-<checksum>.th."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for seed in seeds:
        model = small_demucs(seed)
        args, kwargs = model._init_args_kwargs
        package = {
            "klass": type(model), "args": args, "kwargs": kwargs, "training_args": {"lr": 3e-4, "seed": [seed]},
            "state": {name: value.half() for name, value in model.state_dict().items()},
        }  # fmt: skip
        torch.save(package, folder / "x.th")
        digest = hashlib.sha256((folder / "x.th").read_bytes()).hexdigest()[:8]
        names.append(f"5eed{seed:04d}")
        (folder / "x.th").rename(folder / f"{names[-1]}-{digest}.th")
    (folder / f"{bag}.yaml").write_text(f"models: {json.dumps(names)}\n")
    return folder
