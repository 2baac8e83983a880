"""Models of the past, which curves over training are made of."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import contramuse
from contramuse.catalogue.library import Library
from contramuse.cli import app
from contramuse.recipe import Recipe, load_recipe
from contramuse.train import fit
from contramuse.train.keeper import Keeper

SETTINGS = [
    "train.steps=7", "train.batch=4", "train.loggers=[csv]", "views.audio.take.seconds=0.5", "train.keep_every=3",
    "train.checkpoint_every=2", "train.watch_every=7",
]  # fmt: skip


def recipe(*more: str) -> Recipe:
    return load_recipe("tiny", [*SETTINGS, *more])


def kept(run: Path) -> dict[str, str]:
    return {path.name: contramuse.load(path).model_hash for path in sorted((run / "models").iterdir())}


def test_a_model_of_every_third_step_and_what_they_take(library: Library, tmp_path: Path) -> None:
    text, run = StringIO(), tmp_path / "run"
    fit(recipe(), library, run, console=Console(file=text, width=250))
    hashes = kept(run)
    assert list(hashes) == ["step-000000", "step-000003", "step-000006"]
    assert len(set(hashes.values())) == 3
    assert "every 3 steps a model is kept in" in text.getvalue()
    size = (run / "model" / "model.safetensors").stat().st_size
    assert f"about 3 of {size / 1e6:,.1f} MB" in text.getvalue()
    model = contramuse.load(run / "models" / "step-000003")
    assert model.info["extra"]["steps"] == 3
    assert model.info["library_fingerprint"] == library.fingerprint
    torch.manual_seed(recipe().train.seed)
    fresh = recipe().build_towers().state_dict()
    begun = contramuse.load(run / "models" / "step-000000").towers.state_dict()
    assert all(torch.equal(begun[name], value) for name, value in fresh.items())


def test_they_are_embedded_as_they_are(library: Library, tmp_path: Path) -> None:
    fit(recipe("train.steps=3", "embed.window=0.5", "embed.hop=0.5"), library, tmp_path / "run")
    arguments = ["embed", tmp_path / "run/models/step-000003", library.root, "-o", tmp_path / "vectors"]
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, (done.output, done.exception)


@pytest.mark.parametrize("dies_at", [2, 6])
def test_a_run_that_was_killed_keeps_the_same_models(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    fit(recipe(), library, tmp_path / "whole")
    save = Keeper.save

    def die(self: Keeper, trainer: Any, valid_loss: float | None) -> None:
        save(self, trainer, valid_loss)
        if trainer.global_step == dies_at:  # at 6: after the checkpoint, and before the model of this step
            raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "save", die)
        with pytest.raises(KeyError):
            fit(recipe(), library, tmp_path / "parts")
    fit(recipe(), library, tmp_path / "parts", start="resume")
    assert kept(tmp_path / "parts") == kept(tmp_path / "whole")


def test_none_are_kept_unless_asked_for(library: Library, tmp_path: Path) -> None:
    fit(recipe("train.keep_every=0", "train.steps=1"), library, tmp_path / "run")
    assert not (tmp_path / "run" / "models").exists()
