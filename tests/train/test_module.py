"""Towers that follow: nothing is learnt through them, and they move with every step of the optimiser."""

from pathlib import Path
from typing import Any

import pytest
import torch

from contramuse.catalogue.library import Library
from contramuse.encoders import tower as tower_module
from contramuse.train import fit, module
from contramuse.train.data import MusicData
from contramuse.train.keeper import read_checkpoint
from contramuse.train.module import Contrastive
from smallrecipes import small

SHORT = ("train.batch=4", "views.audio.augment=[]")
SMALL = "towers.audio.encoder={kind: mel_transformer, patch: [32, 8], dim: 16, depth: 1, heads: 2}"


def test_a_follower_lets_no_gradient_through_to_features_that_are_learnt(library: Library) -> None:
    recipe = small(
        "clmr_byol",
        *SHORT,
        "towers.audio.frontend={kind: sinc_net, filters: 32}",
        SMALL,
        "views.audio.take.seconds=0.5",
    )
    recipe = recipe.fitted(library)
    contrastive = Contrastive(recipe, sample_rate=library.sample_rate)
    seen = contrastive.see(MusicData(recipe, library).example(), purpose="train")
    assert seen.z["audio"].requires_grad
    assert not seen.z["average"].requires_grad
    assert not seen.h["average"].requires_grad


@pytest.mark.parametrize("accumulate", [1, 3])
def test_followers_move_once_with_every_step(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    moved: list[torch.Tensor] = []

    def follow(follower: Any, leader: Any, *, momentum: float) -> None:
        before, theirs = (next(tower.encoder.parameters()).detach().clone() for tower in (follower, leader))
        tower_module.follow(follower, leader, momentum=momentum)
        after = next(follower.encoder.parameters()).detach()
        if momentum == 0.0:  # once, before the first step
            assert not moved
            assert torch.equal(after, theirs)
            return
        torch.testing.assert_close(after, 0.99 * before + 0.01 * theirs)
        moved.append(after.clone())

    monkeypatch.setattr(module, "follow", follow)
    recipe = small("momentum", *SHORT, "train.steps=4", "train.checkpoint_every=2", "train.watch_every=4",
                   "views.audio.take.seconds=1.0", f"train.accumulate={accumulate}")  # fmt: skip
    fit(recipe, library, tmp_path / "run")
    assert len(moved) == 4
    state = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["state_dict"]
    first = next(name for name in state if name.startswith("towers.average.encoder") and name.endswith("weight"))
    assert any(torch.equal(value, moved[-1]) for name, value in state.items() if "average.encoder" in name), first


def test_losses_of_a_step_add_up_and_are_logged(library: Library, tmp_path: Path) -> None:
    recipe = small("semisupcon", *SHORT, "train.steps=3", "train.watch_every=3", "views.audio.take.seconds=1.0",
                   "towers.audio.frontend={kind: log_mel, n_mels: 32}", SMALL)  # fmt: skip
    outcome = fit(recipe, library, tmp_path / "run")
    header = (tmp_path / "run" / "log.csv").read_text().splitlines()[0].split(",")
    names = {"loss", "loss_supervised", "loss_self_supervised", "positives"}
    assert names <= set(header)
    assert {f"valid_{name}" for name in names} <= set(outcome.found)
    pictures = sorted(path.name for path in (tmp_path / "run" / "pictures").iterdir())
    assert pictures == ["step-000000.png", "step-000003.png"]


@pytest.mark.parametrize("augment", ["[]", "[{kind: time_mask, p: 1.0}]", "[{kind: feature_mixup}]"])
def test_a_learned_front_end_learns(library: Library, augment: str) -> None:
    recipe = small(
        "tiny", "train.batch=4", f"views.audio.augment={augment}", SMALL, "views.audio.take.seconds=0.5",
        "towers.audio.frontend={kind: sinc_net, filters: 32}",
    )  # fmt: skip
    contrastive = Contrastive(recipe, sample_rate=library.sample_rate)
    contrastive.loss_of(MusicData(recipe, library).example()).backward()
    assert all(bool((weight.grad != 0).any()) for weight in contrastive.tower("audio").frontend.parameters())
