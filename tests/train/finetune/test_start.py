"""What a fine-tuned model starts from: random features (COLA's RND mode), and what a model's weights have seen."""

import json
from pathlib import Path

import torch

import contramuse
from contramuse.catalogue.library import Library
from contramuse.checkpoint.model import build_towers
from contramuse.probes.continuation import taught_company
from contramuse.probes.protocol import taught_labels
from contramuse.train.finetune import Settings, fine_tune, resume


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


def test_what_the_weights_have_seen_is_not_forgotten(library: Library, model: Path, tmp_path: Path) -> None:
    info = json.loads((model / "model.json").read_text())
    info["extra"]["from"] = {"taught": ["mood"], "company": ["lists by playlists"], "library_fingerprints": ["cafe"]}
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "model.json").write_text(json.dumps(info))
    (begun / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes())
    run, settings = tmp_path / "run", Settings(fields=("genre",), encoder="full", epochs=1, batch=8)
    fine_tune(str(begun), library, run, settings=settings)
    seen = {"taught": ["mood"], "company": ["lists by playlists"], "library_fingerprints": ["f00d", "cafe"]}
    assert contramuse.load(run).info["extra"]["from"] == seen
    assert taught_labels(str(run / "model")) == ["genre", "mood"]
    assert taught_company(str(run / "model")) == ["lists by playlists"]
    resume(run, library)
    assert contramuse.load(run).info["extra"]["from"] == seen
