"""A head on random features: COLA's RND mode."""

from pathlib import Path

import torch

import contramuse
from contramuse.catalogue.library import Library
from contramuse.checkpoint.model import build_towers
from contramuse.train.finetune import Settings, fine_tune


def test_new_weights_stay_under_a_frozen_encoder(library: Library, tmp_path: Path) -> None:
    random = Settings(fields=("genre",), start="scratch", encoder="frozen", epochs=1, batch=8, seed=3)
    done = fine_tune(
        "tiny", library, tmp_path / "run", settings=random, overrides=["embed.window=0.5", "embed.hop=0.5"]
    )
    model = contramuse.load(tmp_path / "run")
    torch.manual_seed(3)
    fresh = build_towers(model.info["recipe"], sample_rate=model.sample_rate).state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in model.towers.state_dict().items())
    assert done.results["tracks"] == 8
    assert model.info["extra"]["fine_tuned"]["encoder"] == "frozen"
