"""Heads of other shapes: each option changes the head as it says, is stored with it, and is refused where it means
nothing."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from contramuse.catalogue.library import Library
from contramuse.errors import ModelFileError, UserError
from contramuse.recipe.settings import Plateau
from contramuse.train.finetune import Settings, evaluate, fine_tune
from contramuse.train.finetune.head import load_head, save_head
from contramuse.train.finetune.labels import Labels, Scale
from contramuse.train.finetune.module import build_head

LABELS = Labels(("genre",), "multiclass", ("a", "b", "c"), torch.zeros(1).numpy(), torch.ones(1).bool().numpy())
SCALE = Scale(torch.zeros(3).double().numpy(), torch.ones(3).double().numpy())


def built(*, dim_in: int, out: int, **chosen: Any) -> nn.Module:
    settings = Settings(fields=("f",), **chosen)
    return build_head(
        settings.head, dim_in=dim_in, out=out, dropout=settings.dropout, **settings.head_settings
    )  # fmt: skip


def count(head: nn.Module) -> int:
    return sum(p.numel() for p in head.parameters())


@pytest.mark.parametrize(
    ("dim_in", "out", "chosen", "parameters"),
    [
        (512, 50, {}, 512 * 512 + 512 * 50),  # SemiSupCon
        (512, 50, {"bias": "all"}, 512 * 512 + 512 + 512 * 50 + 50),  # CLMR
        (512, 50, {"head": "linear"}, 512 * 50 + 50),
        (512, 50, {"head": "linear", "bias": "none"}, 512 * 50),
        (1280, 11, {"bias": "all"}, 1280 * 512 + 512 + 512 * 11 + 11),  # MSCOL on NSynth
        (1024, 50, {"bias": "all", "hidden": 160}, 172_050),  # PlaylistContrastive
        (1024, 50, {"bias": "all", "hidden": 160, "layers": 2}, 172_050 + 160 * 160 + 160),
        (1024, 50, {"bias": "all", "hidden": 160, "norm": "batch"}, 172_050 + 2 * 160),
        (1024, 50, {"bias": "all", "hidden": 160, "norm_out": "layer"}, 172_050 + 2 * 50),
    ],
)
def test_parameters(dim_in: int, out: int, chosen: Any, parameters: int) -> None:
    assert count(built(dim_in=dim_in, out=out, **chosen)) == parameters


def by_hand(state: dict[str, Tensor], h: Tensor) -> Tensor:
    """Linear, batch normalisation, ReLU, twice; Linear, layer normalisation: in training."""
    for linear, norm in ((0, 1), (3, 4)):
        h = h @ state[f"layers.{linear}.weight"].T + state[f"layers.{linear}.bias"]
        h = (h - h.mean(0)) / (h.var(0, unbiased=False) + 1e-5).sqrt()
        h = (h * state[f"layers.{norm}.weight"] + state[f"layers.{norm}.bias"]).clamp(min=0)
    h = h @ state["layers.6.weight"].T + state["layers.6.bias"]
    h = (h - h.mean(1, keepdim=True)) / (h.var(1, unbiased=False, keepdim=True) + 1e-6).sqrt()
    return h * state["norm_out.weight"] + state["norm_out.bias"]


def test_everything_together_is_the_formula() -> None:
    torch.manual_seed(0)
    head = built(dim_in=6, out=3, hidden=5, layers=2, bias="all", norm="batch", norm_out="layer").train()
    h = torch.randn(9, 6)
    torch.testing.assert_close(head(h), by_hand(head.state_dict(), h))


@pytest.mark.parametrize(
    "chosen",
    [
        {}, {"head": "linear"}, {"head": "linear", "bias": "none"},
        {"hidden": 7, "layers": 3, "bias": "all", "norm": "batch", "norm_out": "layer"},
    ],
)  # fmt: skip
def test_a_stored_head_answers_alike(tmp_path: Path, chosen: Any) -> None:
    torch.manual_seed(0)
    settings, head, h = Settings(fields=("genre",), **chosen), built(dim_in=6, out=3, **chosen), torch.randn(4, 6)
    head.train()
    head(torch.randn(8, 6))  # moves running statistics
    save_head(
        tmp_path, head, head=settings.head, settings=settings.head_settings, dim_in=6, labels=LABELS, scale=SCALE,
        model_hash="m",
    )  # fmt: skip
    found = load_head(tmp_path, model_hash="m")
    assert found.info["settings"] == settings.head_settings
    assert torch.equal(found.module(h), head.eval()(h))


@pytest.mark.parametrize(
    ("kind", "layers"),
    [
        ("mlp", {"layers.0.weight": (512, 6), "layers.2.weight": (3, 512)}),
        ("linear", {"linear.weight": (3, 6), "linear.bias": (3,)}),
    ],
)
def test_a_head_of_the_first_format_is_read(tmp_path: Path, kind: str, layers: dict[str, tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    state, h = {name: torch.randn(shape) for name, shape in layers.items()}, torch.randn(4, 6)
    save_file(state, tmp_path / "model.safetensors")
    info = {
        "format": "contramuse head", "version": 1, "head": kind, "dim_in": 6, "fields": ["genre"], "kind": "multiclass",
        "classes": ["a", "b", "c"], "mean": [0, 0, 0], "deviation": [1, 1, 1], "model_hash": "m",
        "hash": hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest(),
    }  # fmt: skip
    (tmp_path / "model.json").write_text(json.dumps(info))
    expected = (
        (h @ state["layers.0.weight"].T).relu() @ state["layers.2.weight"].T
        if kind == "mlp"
        else h @ state["linear.weight"].T + state["linear.bias"]
    )
    torch.testing.assert_close(load_head(tmp_path, model_hash="m").module(h), expected)
    for wrong in ({"later": 1}, {"hidden": 5}, {"layers": -1}):
        (tmp_path / "model.json").write_text(json.dumps({**info, "head": "mlp", "settings": wrong}))
        with pytest.raises(ModelFileError, match="is damaged"):
            load_head(tmp_path, model_hash="m")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"head": "linear", "hidden": 512}, "--hidden: '512': is not possible.*give --head mlp"),
        ({"head": "linear", "layers": 1}, "--layers.*give --head mlp"),
        ({"head": "linear", "norm": "none"}, "--norm: .*give --head mlp"),
        ({"head": "linear", "norm_out": "layer"}, "--norm-out.*give --head mlp"),
        ({"hidden": 0}, "--hidden.*1 or more"),
        ({"layers": 0}, "--layers.*--head linear"),
        ({"bias": "some"}, "--bias.*none, all"),
        ({"norm": "layer"}, "--norm.*none, batch"),
        ({"plateau_factor": 0.1}, "--plateau-factor.*give --schedule plateau"),
        ({"schedule": "cosine", "plateau_patience": 0}, "--plateau-patience.*The rate is cosine"),
        ({"schedule": "plateau", "plateau_factor": 1.0}, "--plateau-factor.*between 0 and 1"),
        ({"schedule": "plateau", "plateau_patience": -1}, "--plateau-patience.*0 or more"),
    ],
)
def test_what_means_nothing_is_refused(wrong: Any, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Settings(fields=("genre",), **wrong)


def test_the_plateau_is_as_it_was_or_as_it_is_asked_for() -> None:
    assert Settings(fields=("f",), schedule="plateau").train(per_epoch=1).schedule == Plateau(factor=0.2, patience=5)
    probe = Settings(fields=("f",), schedule="plateau", plateau_factor=0.1, plateau_patience=0)
    assert probe.train(per_epoch=1).schedule == Plateau(factor=0.1, patience=0)
    assert Settings.from_json(probe.to_json()) == probe


def test_a_run_of_an_earlier_version_has_its_head(tmp_path: Path) -> None:
    new = ("hidden", "layers", "bias", "norm", "norm_out", "plateau_factor", "plateau_patience")
    stored = {name: value for name, value in Settings(fields=("f",)).to_json().items() if name not in new}
    assert Settings.from_json(stored) == Settings(fields=("f",))
    assert Settings.from_json(stored).head_settings == {
        "hidden": 512, "layers": 1, "bias": "none", "norm": "none", "norm_out": "none",
    }  # fmt: skip


def test_batch_normalisation_needs_two_rows(library: Library, model: Path, tmp_path: Path) -> None:
    alone = Settings(fields=("genre",), norm="batch", batch=1, epochs=1)
    with pytest.raises(UserError, match=r"--batch: '1': leaves a batch of one window.*larger --batch"):
        fine_tune(str(model), library, tmp_path / "run", settings=alone)
    assert not (tmp_path / "run").exists()


def test_the_command(library: Library, model: Path, tmp_path: Path, run: Any) -> None:
    folder = tmp_path / "run"
    words = ["finetune", model, "--data", library.root, "--field", "genre", "--epochs", 1, "--batch", 12, "-o", folder]
    status, _, err = run(*words, "--head", "linear", "--hidden", 160)
    assert (status, "give --head mlp" in " ".join(err.split())) == (2, True)
    shape = ["--hidden", 16, "--layers", 2, "--bias", "all", "--norm", "batch", "--norm-out", "layer"]
    status, _, err = run(*words, *shape, "--schedule", "plateau", "--plateau-factor", 0.1, "--plateau-patience", 0)
    assert status == 0, err
    stored = json.loads((folder / "head" / "model.json").read_text())
    assert stored["settings"] == {"hidden": 16, "layers": 2, "bias": "all", "norm": "batch", "norm_out": "layer"}
    settings = json.loads((folder / "run.json").read_text())["settings"]
    assert (settings["plateau_factor"], settings["plateau_patience"]) == (0.1, 0)
    tested = json.loads((folder / "test.json").read_text())
    assert evaluate(folder, library)["results"] == tested["results"]
    for name, value in (("--hidden", 16), ("--bias", "all"), ("--plateau-patience", 0)):
        for beside in ("--resume", "--evaluate"):
            status, _, err = run("finetune", beside, folder, name, value)
            assert (status, f"does not go with {beside}" in " ".join(err.split())) == (2, True)
