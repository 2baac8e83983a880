import pytest
import torch
from torch import nn

from contramuse.encoders import HEADS, MLP, Identity, Linear
from contramuse.errors import UserError


def names(head):
    return [type(layer).__name__ for layer in head.layers]


def test_default_is_clmrs_projector():
    head = MLP(dim_in=512, out=64)
    assert names(head) == ["Linear", "ReLU", "Linear"]
    assert {k: tuple(v.shape) for k, v in head.state_dict().items()} == {
        "layers.0.weight": (512, 512),
        "layers.2.weight": (64, 512),
    }
    h = torch.randn(3, 512)
    assert torch.equal(head(h), (h @ head.layers[0].weight.T).relu() @ head.layers[2].weight.T)


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_layers(layers):
    head = MLP(dim_in=8, out=5, layers=layers, hidden=16, norm="batch", bias="all")
    linear = [m for m in head.layers if isinstance(m, nn.Linear)]
    assert len(linear) == layers
    assert sum(isinstance(m, nn.BatchNorm1d) for m in head.layers) == layers - 1
    assert all(m.bias is not None for m in linear)
    assert (linear[0].in_features, linear[-1].out_features, head.dim) == (8, 5, 5)
    assert head(torch.randn(3, 8)).shape == (3, 5)


def test_refuses_no_layers():
    with pytest.raises(UserError, match="layers"):
        MLP(dim_in=8, layers=0)


def test_linear_and_identity():
    h = torch.randn(3, 8)
    assert Linear(dim_in=8, out=2)(h).shape == (3, 2)
    assert Linear(dim_in=8, bias="none").linear.bias is None
    assert Identity(dim_in=8)(h) is h
    assert Identity(dim_in=8).dim == 8


def test_norm_tanh_by_hand():
    head = HEADS["norm_tanh"](dim_in=8, out=6)
    h = torch.randn(3, 8)
    assert not head.linear.bias.any()
    mapped = h @ head.linear.weight.T
    centred = mapped - mapped.mean(1, keepdim=True)
    expected = torch.tanh(centred / (centred.square().mean(1, keepdim=True) + 1e-3).sqrt())
    torch.testing.assert_close(head(h), expected)


def test_predictor_is_byols():
    head = HEADS["predictor"](dim_in=16, out=8, hidden=32)
    assert [type(m).__name__ for m in head.mlp.layers] == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert all(m.bias is not None for m in head.mlp.layers if isinstance(m, nn.Linear))
    h = torch.randn(5, 16)
    hidden = nn.functional.batch_norm(head.mlp.layers[0](h), None, None, training=True).relu()
    torch.testing.assert_close(head(h), head.mlp.layers[3](hidden))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("mlp", {"dropout": 0.5}), ("mlp", {"layers": 3, "dropout": 0.2}), ("linear", {"dropout": 0.5}),
     ("norm_tanh", {"dropout": 0.1})],
)  # fmt: skip
def test_dropout(kind, settings):
    head = HEADS[kind](dim_in=8, out=6, **settings)
    h = torch.randn(50, 3, 8)
    draws = [head(h, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    with pytest.raises(ValueError, match="generator"):
        head(h)
    without = HEADS[kind](dim_in=8, out=6, **{**settings, "dropout": 0.0})
    without.load_state_dict(head.state_dict())
    assert torch.equal(head.eval()(h), without(h))


def test_dropout_stands_after_the_relu():
    """Half of what the last layer reads is 0, the rest is twice as large."""
    head = MLP(dim_in=8, out=5, hidden=400, dropout=0.5)
    h, seen = torch.randn(4, 8), []
    head.layers[2].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    head(h, torch.Generator().manual_seed(0))
    kept = seen[0] != 0
    whole = (h @ head.layers[0].weight.T).relu()
    torch.testing.assert_close(seen[0][kept], 2 * whole[kept])
    assert abs(kept.float().mean() / (whole > 0).float().mean() - 0.5) < 0.05


def test_layer_norm_at_the_end():
    out = MLP(dim_in=8, out=64, norm_out="layer")(torch.randn(5, 8))
    torch.testing.assert_close(out.mean(1), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var(1, correction=0), torch.ones(5), atol=1e-2, rtol=0)


def test_batch_norm_counts_every_step_as_a_row():
    head = MLP(dim_in=8, out=5, norm="batch")
    h = torch.randn(4, 3, 7, 8)
    torch.testing.assert_close(head(h), head(h.reshape(-1, 8)).reshape(4, 3, 7, 5))
