"""Adapters: what they add, what alone is trained, and that what is stored answers as what was trained."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from torch import nn

import contramuse
from contramuse.catalogue.library import Library
from contramuse.encoders import ENCODERS
from contramuse.errors import UserError
from contramuse.probes.protocol import taught_labels
from contramuse.sampling import generator_for
from contramuse.train.finetune import Settings, fine_tune, lora
from contramuse.train.keeper import read_checkpoint

QUICK: dict[str, Any] = {"fields": ("genre",), "encoder": "lora", "epochs": 2, "batch": 8, "rate": 3e-3}


def encoder(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return ENCODERS["mel_transformer"](bands=32, dim=32, depth=2, heads=2).eval()


def features() -> torch.Tensor:
    return torch.randn(3, 32, 70, generator=generator_for(1, "features"))


def moved(module: nn.Module) -> nn.Module:
    """As after some training."""
    with torch.no_grad():
        for index, weight in enumerate(w for w in module.parameters() if w.requires_grad):
            weight += 0.1 * torch.randn(weight.shape, generator=generator_for(index, "moved"))
    return module


def test_at_first_nothing_is_added_and_only_adapters_learn() -> None:
    one, other = encoder(), encoder()
    lora.adapt(one, rank=4, alpha=8.0, seed=0)
    assert torch.equal(one(features()), other(features()))
    names = {name for name, weight in one.named_parameters() if weight.requires_grad}
    layers = ["embed", *(f"blocks.{i}.{part}" for i in range(2) for part in ("qkv", "out", "up", "down"))]
    assert names == {f"{layer}.parametrizations.weight.0.{part}" for layer in layers for part in ("down", "up")}
    one(features()).square().sum().backward()
    assert all((weight.grad is not None) == weight.requires_grad for weight in one.parameters())


@given(rank=st.integers(1, 6), alpha=st.floats(0.1, 64.0), seed=st.integers(0, 99))
def test_what_is_added(rank: int, alpha: float, seed: int) -> None:
    """Against the formula: the answer is W x + alpha / rank * up down x, of no higher rank."""
    torch.manual_seed(seed)
    layer, x = nn.Sequential(nn.Linear(6, 9)), torch.randn(5, 6)
    weight, bias = layer[0].weight.clone(), layer[0].bias.clone()
    lora.adapt(layer, rank=rank, alpha=alpha, seed=seed)
    moved(layer)
    added = layer[0].parametrizations.weight[0]
    expected = x @ weight.T + alpha / rank * (x @ added.down.T) @ added.up.T + bias
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)
    assert torch.linalg.matrix_rank((layer[0].weight - weight).double(), rtol=1e-4) <= rank


def test_merging_changes_no_bit_and_leaves_plain_weights() -> None:
    one, plain = encoder(), encoder()
    lora.adapt(one, rank=4, alpha=8.0, seed=0)
    moved(one)
    before = one(features())
    assert not torch.equal(before, plain(features()))
    lora.merge(one)
    assert torch.equal(one(features()), before)
    assert set(one.state_dict()) == set(plain.state_dict())
    assert {type(module) for module in one.modules()} == {type(module) for module in plain.modules()}
    plain.load_state_dict(one.state_dict())
    assert torch.equal(plain(features()), before)
    assert lora.adapters(one) == []


def test_half_precision_does_not_round_what_is_added() -> None:
    one = encoder()
    lora.adapt(one, rank=4, alpha=8.0, seed=0)
    moved(one)
    exact = one.blocks[0].qkv.weight
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(one.blocks[0].qkv.weight, exact)


def test_encoders_without_linear_layers_and_ranks_that_are_too_high_are_refused() -> None:
    with pytest.raises(UserError, match=r"--encoder: 'lora': needs linear layers, of which a SampleCNN has none"):
        lora.adapt(ENCODERS["sample_cnn"](bands=1), rank=4, alpha=8.0, seed=0)
    with pytest.raises(UserError, match=r"--rank: '33': is more than the rank.*Give 32 or less"):
        lora.adapt(encoder(), rank=33, alpha=8.0, seed=0)


def test_a_run_trains_adapters_and_head_and_stores_a_plain_model(library: Library, model: Path, tmp_path: Path) -> None:
    text = StringIO()
    done = fine_tune(
        str(model), library, tmp_path / "run", settings=Settings(**QUICK, rank=2),
        console=Console(file=text, width=200),
    )  # fmt: skip
    before, after = contramuse.load(model), contramuse.load(tmp_path / "run")
    old, new = before.towers.state_dict(), after.towers.state_dict()
    assert list(old) == list(new)
    changed = {name.rpartition(".")[0] for name in old if not torch.equal(old[name], new[name])}
    linear = {name for name, module in before.towers.named_modules() if isinstance(module, nn.Linear)}
    assert changed == {name for name in linear if ".encoder." in name}
    told = after.info["extra"]["fine_tuned"]
    assert (told["encoder"], told["rank"], told["alpha"]) == ("lora", 2, 16.0)
    assert taught_labels(str(tmp_path / "run" / "model")) == ["genre"]
    assert done.results is not None
    assert done.results["model"]["encoder"] == "lora"
    best = read_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")["state_dict"]
    name = next(name for name in best if name.endswith("qkv.parametrizations.weight.0.up")).removesuffix(".0.up")
    summed = best[f"{name}.original"] + 8.0 * (best[f"{name}.0.up"] @ best[f"{name}.0.down"])
    stored = new[name.removeprefix("towers.").replace("parametrizations.", "")]
    assert torch.equal(stored, summed)
    added = sum(w.numel() for key, w in best.items() if ".weight.0." in key)
    assert f"{added:,} (adapters of {len(changed)} linear layers) of the encoder" in text.getvalue()


def test_batch_norm_beside_adapters_is_as_in_a_frozen_encoder(library: Library, tmp_path: Path) -> None:
    """Evaluation mode: running statistics are used and left alone, nothing is dropped."""
    from minimodel import make_model

    short = ["embed.window=0.5", "embed.hop=0.5", "views.audio.take.seconds=0.5"]
    encoder_ = "towers.audio.encoder={kind: short_chunk_res, channels: 4, top: dense}"
    normed = make_model(tmp_path / "model", overrides=[*short, encoder_])
    fine_tune(str(normed), library, tmp_path / "run", settings=Settings(**QUICK, rank=1))
    old, new = (contramuse.load(one).towers.state_dict() for one in (normed, tmp_path / "run"))
    running = [name for name in old if "running" in name or "num_batches" in name]
    assert len(running) > 20
    assert all(torch.equal(old[name], new[name]) for name in running)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"encoder": "full", "rank": 4}, "--rank: '4'.* the encoder is full: .*--encoder lora"),
        ({"encoder": "frozen", "alpha": 4.0}, "--alpha.* the encoder is frozen"),
        ({"rank": 0}, "--rank: '0': is not possible. 8"),
        ({"alpha": 0.0}, "--alpha: '0.0'"),
        ({"layer_decay": 0.5}, "--layer-decay: '0.5'.*trained as a whole.*--encoder full"),
    ],
)
def test_settings_that_do_not_go_together(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Settings(**{**QUICK, **changed})
