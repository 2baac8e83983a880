"""Encoders of vectors, tags and classes against slow loops."""

import math

import pytest
import torch
from torch.nn import functional as F

from contramuse.encoders import ENCODERS
from contramuse.errors import UserError

TAGS = torch.tensor([[3, 7, 1, 0, 0], [5, 0, 0, 0, 0], [2, 4, 6, 8, 9], [0, 0, 0, 0, 0]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def attention_in_slow_loops(net, tags):
    """Vaswani et al. 2017, equation 1, for each row, head and tag; the sum over places, before normalisation."""
    vectors, size = net.table.weight, net.dim
    total = torch.zeros(size)
    present = [int(t) for t in tags if t > 0]
    for place in tags.tolist():
        if place == 0 and net.padding == "masked":
            continue
        heads = []
        for g in range(net.heads):
            part = slice(g * size, (g + 1) * size)
            query = net.query.weight[part] @ vectors[place]
            keys = present or tags.tolist()  # where there is no tag, the padding is all there is
            scores = [float(query @ (net.key.weight[part] @ vectors[t])) / math.sqrt(size) for t in keys]
            shares = torch.softmax(torch.tensor(scores), 0)
            heads.append(sum(s * (net.value.weight[part] @ vectors[t]) for s, t in zip(shares, keys, strict=True)))
        total = total + net.out.weight @ torch.cat(heads)
    return total


@pytest.mark.parametrize("padding", ["masked", "summed"])
def test_tag_attention(padding):
    torch.manual_seed(0)
    net = ENCODERS["tag_attention"](width=9, dim=8, padding=padding).eval()
    with torch.no_grad():
        found = net(TAGS)
        for row, tags in enumerate(TAGS):
            expected = F.layer_norm(attention_in_slow_loops(net, tags), (8,), eps=1e-6)
            torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-5)


def test_padding_matters_only_where_it_is_summed():
    torch.manual_seed(0)
    masked = ENCODERS["tag_attention"](width=9, dim=8).eval()
    summed = ENCODERS["tag_attention"](width=9, dim=8, padding="summed").eval()
    longer = F.pad(TAGS, (0, 4))
    with torch.no_grad():
        torch.testing.assert_close(masked(TAGS), masked(longer))
        torch.testing.assert_close(masked(TAGS), masked(TAGS.flip(1)), rtol=1e-4, atol=1e-5)  # a set has no order
        assert not torch.allclose(summed(TAGS)[0], summed(longer)[0], atol=1e-3)
        summed.load_state_dict(masked.state_dict())
        torch.testing.assert_close(summed(TAGS)[2], masked(TAGS)[2])  # a full row has no padding


def test_tag_mean():
    torch.manual_seed(0)
    net = ENCODERS["tag_mean"](width=9, dim=8, out=6).eval()
    with torch.no_grad():
        found = net(TAGS)
        for row, tags in enumerate(TAGS):
            vectors = [net.map.weight @ net.table.weight[t] for t in tags if t > 0]
            mean = torch.stack(vectors).mean(0) if vectors else torch.zeros(6)
            torch.testing.assert_close(found[row], F.layer_norm(mean, (6,), eps=1e-6), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["tag_attention", "tag_mean"])
def test_word_vectors(kind):
    net = ENCODERS[kind](width=3, dim=4)
    assert not net.table.weight[0].any()
    words = torch.arange(12.0).reshape(3, 4)
    net.load_vectors(words)
    assert torch.equal(net.table.weight[1:], words)
    assert not net.table.weight[0].any()
    assert net.table.weight.requires_grad
    with pytest.raises(UserError, match="there are 3 tags of 4 numbers"):
        net.load_vectors(torch.zeros(4, 4))


@pytest.mark.parametrize("kind", ["dense", "tag_attention", "tag_mean"])
def test_dropout_comes_from_the_generator(kind):
    net = ENCODERS[kind](width=9, dropout=0.5)
    x = torch.randn(4, 9, generator=generator()) if kind == "dense" else TAGS
    torch.manual_seed(1)
    first = net(x, generator(5))
    torch.manual_seed(2)
    assert torch.equal(first, net(x, generator(5)))
    assert not torch.equal(first, net(x, generator(6)))
    with pytest.raises(ValueError, match="generator"):
        net(x)


def test_dense_by_hand():
    net = ENCODERS["dense"](width=9, hidden=5, out=4).eval()
    x = torch.randn(3, 9, generator=generator())
    first, last = net.mlp.layers[0], net.mlp.layers[2]
    hidden = (x @ first.weight.T + first.bias).relu()
    torch.testing.assert_close(net(x), F.layer_norm(hidden @ last.weight.T + last.bias, (4,), eps=1e-6))


@pytest.mark.parametrize("kind", ["dense", "table", "tag_attention", "tag_mean"])
def test_without_a_library_the_width_is_one(kind):
    """A recipe is checked before a library is known."""
    zero, one = (ENCODERS[kind](width=width) for width in (0, 1))
    assert {k: v.shape for k, v in zero.state_dict().items()} == {k: v.shape for k, v in one.state_dict().items()}


def test_table_is_a_linear_classifier():
    torch.manual_seed(0)
    plain, biased = ENCODERS["table"](width=5, dim=8), ENCODERS["table"](width=5, dim=8, bias="learned")
    classes, h = torch.arange(5)[:, None], torch.randn(3, 8, generator=generator())
    assert torch.equal(plain(classes), plain.weight)
    assert torch.equal(plain(classes[[4, 2]]), plain.weight[[4, 2]])
    rows = biased(classes)
    assert rows.shape == (5, biased.dim) == (5, 9)
    assert not rows[:, 8].any()
    with torch.no_grad():
        biased.bias.copy_(torch.arange(5.0))
    rows = biased(classes)
    torch.testing.assert_close(h @ rows[:, :8].T + rows[:, 8], F.linear(h, biased.weight, biased.bias))
    assert plain.weight.abs().max() <= 8**-0.5
