import pytest
import torch
from torch import nn

from contramuse.encoders import MLP, Identity, Linear
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
