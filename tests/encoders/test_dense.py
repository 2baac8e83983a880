import pytest
import torch
from torch.nn import functional as F

from contramuse.encoders.dense import SHORT, Dense, attention


def test_dense_is_linear():
    torch.manual_seed(0)
    layer = Dense(24, 40)
    x = torch.randn(3, 7, 24, requires_grad=True)
    direction = torch.randn(3, 7, 40)
    mine = torch.autograd.grad((layer(x) * direction).sum(), [x, layer.weight, layer.bias])
    expected = F.linear(x, layer.weight, layer.bias)
    theirs = torch.autograd.grad((expected * direction).sum(), [x, layer.weight, layer.bias])
    assert torch.allclose(layer(x), expected, atol=1e-6)
    for a, b in zip(mine, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16


@pytest.mark.parametrize("tokens", [1, 5, SHORT, SHORT + 1])
def test_attention(tokens):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 4, tokens, 16).unbind()
    found = attention(q, k, v)
    for row in range(2):
        for head in range(4):
            weights = torch.softmax(q[row, head] @ k[row, head].T / 4, dim=1)
            assert torch.allclose(found[row, head], weights @ v[row, head], atol=1e-5)
