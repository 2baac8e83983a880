import math
from typing import Any

import pytest
import torch
from torch import nn

from contramuse.errors import RecipeError
from contramuse.recipe import load_recipe, settings
from contramuse.train.optimizers import LARS, build_optimizer, depths, layered_groups, rate_at, weight_groups


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(24, 2))


def test_norms_and_biases_do_not_decay() -> None:
    net = network()
    decaying, rest = weight_groups(net, weight_decay=0.1)
    assert {id(w) for w in decaying["params"]} == {id(net[0].weight), id(net[3].weight)}
    assert decaying["weight_decay"] == 0.1
    assert rest["weight_decay"] == 0.0
    assert {id(w) for w in rest["params"]} == {id(net[0].bias), id(net[1].weight), id(net[1].bias), id(net[3].bias)}


def test_frozen_weights_are_left_out() -> None:
    net = network()
    net[0].weight.requires_grad_(False)
    assert id(net[0].weight) not in {id(w) for group in weight_groups(net, weight_decay=0.1) for w in group["params"]}


@pytest.mark.parametrize(
    "wanted",
    [
        settings.AdamW(lr=0.1, weight_decay=0.5),
        settings.Adam(lr=0.1),
        settings.SGD(lr=0.1),
        settings.LARS(lr=0.1, weight_decay=0.5),
    ],
)
def test_every_optimiser_moves_weights_and_only_decaying_ones_decay(wanted: settings.Optimizer) -> None:
    net = network()
    optimizer = build_optimizer(net, wanted)
    for weight in net.parameters():
        weight.grad = torch.zeros_like(weight)
    before = [w.detach().clone() for w in net.parameters()]
    optimizer.step()
    for weight, old in zip(net.parameters(), before, strict=True):
        decays = wanted.weight_decay > 0 and weight.ndim > 1
        assert torch.equal(weight, old) == (not decays)


def lars_in_plain_words(w, g, v, *, lr, momentum, decay, eta, adapt):  # type: ignore[no-untyped-def]
    """SimCLR's LARS for one weight given as a list of floats."""
    g = [gi + decay * wi for gi, wi in zip(g, w, strict=True)]
    trust = 1.0
    if adapt:
        size, slope = math.sqrt(sum(x * x for x in w)), math.sqrt(sum(x * x for x in g))
        if size > 0 and slope > 0:
            trust = eta * size / slope
    v = [momentum * vi + lr * trust * gi for vi, gi in zip(v, g, strict=True)]
    return [wi - vi for wi, vi in zip(w, v, strict=True)], v


@pytest.mark.parametrize("adapt", ["layer", "none"])
@pytest.mark.parametrize("start", ["random", "zero"])
def test_lars_against_a_slow_loop(adapt: str, start: str) -> None:
    generator = torch.Generator().manual_seed(1)
    w = torch.randn(6, generator=generator, dtype=torch.float64) * (start == "random")
    weight = nn.Parameter(w.clone())
    decay = 0.01 if adapt == "layer" else 0.0
    optimizer = LARS([{"params": [weight], "weight_decay": decay, "adapt": adapt}], lr=0.3, momentum=0.9, eta=0.02)
    plain, velocity = w.tolist(), [0.0] * 6
    for _ in range(5):
        gradient = torch.randn(6, generator=generator, dtype=torch.float64)
        weight.grad = gradient.clone()
        optimizer.step()
        plain, velocity = lars_in_plain_words(
            plain, gradient.tolist(), velocity, lr=0.3, momentum=0.9, decay=decay, eta=0.02, adapt=adapt == "layer"
        )
    torch.testing.assert_close(weight.detach(), torch.tensor(plain, dtype=torch.float64), rtol=1e-12, atol=1e-14)


def test_lars_with_a_gradient_of_zero_stays_finite() -> None:
    weight = nn.Parameter(torch.zeros(3, 3))
    optimizer = LARS([{"params": [weight]}], lr=1.0)
    weight.grad = torch.zeros(3, 3)
    optimizer.step()
    assert torch.equal(weight.detach(), torch.zeros(3, 3))


def test_lars_step_does_not_depend_on_the_gradients_length() -> None:
    moved = []
    for factor in (1.0, 1000.0):
        weight = nn.Parameter(torch.ones(2, 2))
        optimizer = LARS([{"params": [weight]}], lr=1.0)
        weight.grad = factor * torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        optimizer.step()
        moved.append(weight.detach().clone())
    torch.testing.assert_close(moved[0], moved[1])


def test_cosine_schedule_closed_form() -> None:
    wanted = settings.Cosine(warmup=0.1, floor=0.2)
    assert rate_at(0.0, wanted) == 0.0
    assert rate_at(0.05, wanted) == pytest.approx(0.5)
    assert rate_at(0.1, wanted) == pytest.approx(1.0)
    assert rate_at(0.55, wanted) == pytest.approx(0.6)
    assert rate_at(1.0, wanted) == pytest.approx(0.2)
    assert rate_at(1.5, wanted) == pytest.approx(0.2)


def test_constant_schedule() -> None:
    assert [rate_at(p, settings.Constant(warmup=0.5)) for p in (0.25, 0.5, 1.0)] == [0.5, 1.0, 1.0]
    assert rate_at(0.0, settings.Constant()) == 1.0


def test_steps_schedule() -> None:
    wanted = settings.Steps(at=(0.5, 0.75), factor=0.1, warmup=0.2)
    rates = [rate_at(p, wanted) for p in (0.1, 0.2, 0.4999, 0.5, 0.7499, 0.75, 1.0)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    "wrong",
    [{"at": ()}, {"at": (0.5, 0.5)}, {"at": (0.6, 0.5)}, {"at": (1.0,)}, {"at": (0.1,), "warmup": 0.2}, {"factor": 1}],
)
def test_impossible_steps(wrong: Any) -> None:
    with pytest.raises(RecipeError):
        settings.Steps(**wrong)


@pytest.mark.parametrize("name", ["mscol", "cola"])
def test_b_3_6_the_rate_is_halved_once_after_320000_of_640000_updates(name: str) -> None:
    train = load_recipe(name).train
    halved = [rate_at((step + 0.5) / train.steps, train.schedule) for step in (0, 319_999, 320_000, 639_999)]
    assert train.steps == 640_000
    assert halved == [1.0, 1.0, 0.5, 0.5]


def test_layer_decay_falls_from_the_head_to_the_input() -> None:
    encoder = nn.Module()
    encoder.stem = nn.Linear(2, 3)
    encoder.blocks = nn.ModuleList([nn.Sequential(nn.Linear(3, 3), nn.ReLU()) for _ in range(4)])
    encoder.last = nn.LayerNorm(3)
    head = nn.Linear(3, 2)
    groups = layered_groups(encoder, head, weight_decay=0.1, layer_decay=0.5)
    share = {id(w): g["share"] for g in groups for w in g["params"]}
    assert len(share) == len([*encoder.parameters(), *head.parameters()])
    assert {share[id(w)] for w in head.parameters()} == {1.0}
    assert {share[id(w)] for w in encoder.last.parameters()} == {0.5}
    assert [share[id(encoder.blocks[i][0].weight)] for i in range(4)] == [0.5**5, 0.5**4, 0.5**3, 0.5**2]
    assert {share[id(w)] for w in encoder.stem.parameters()} == {0.5**6}
    decays = {id(w): g["weight_decay"] for g in groups for w in g["params"]}
    assert decays[id(encoder.stem.weight)] == 0.1
    assert decays[id(encoder.stem.bias)] == 0.0


def test_an_encoder_without_blocks_is_one_layer_and_frozen_weights_are_left_out() -> None:
    encoder = nn.Linear(2, 3)
    assert [len(weights) for weights in depths(encoder)] == [2]
    encoder.requires_grad_(False)
    groups = layered_groups(encoder, nn.Linear(3, 2), weight_decay=0.0, layer_decay=0.5)
    assert {g["share"] for g in groups} == {1.0}
