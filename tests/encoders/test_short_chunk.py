import pytest
import torch
from torch.nn import functional as F

from contramuse.encoders.short_chunk import ShortChunkRes


def build(**changes):
    torch.manual_seed(0)
    return ShortChunkRes(**{"bands": 32, "channels": 4, **changes})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def norm(x, layer):
    return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)


@torch.no_grad()
@pytest.mark.parametrize("top", ["dense", "none"])
def test_is_the_network_of_the_paper(top):
    encoder, x = build(top=top), noise(3, 32, 45)
    encoder(x)  # moves the running statistics
    encoder.eval()
    h, sizes = norm(x[:, None], encoder.norm), []
    for block in encoder.blocks:
        inner = F.conv2d(h, block.conv1.weight, block.conv1.bias, stride=2, padding=1)
        inner = F.conv2d(F.relu(norm(inner, block.norm1)), block.conv2.weight, block.conv2.bias, padding=1)
        beside = norm(F.conv2d(h, block.shortcut.weight, block.shortcut.bias, 2, 1), block.shortcut_norm)
        h = F.relu(norm(inner, block.norm2) + beside)
        sizes.append(tuple(h.shape[1:]))
    assert sizes == [(4, 16, 23), (4, 8, 12), (8, 4, 6), (8, 2, 3), (8, 1, 2), (8, 1, 1), (16, 1, 1)]
    expected = h.flatten(2).max(dim=2).values
    if top == "dense":
        expected = F.relu(norm(F.linear(expected, encoder.top[0].weight, encoder.top[0].bias), encoder.top[1]))
    assert torch.allclose(encoder(x), expected, atol=1e-5)


def test_dropout_is_the_generators():
    encoder, x = build(top="none", dropout=0.5), noise(4, 32, 45)
    with pytest.raises(ValueError, match="generator"):
        encoder(x)
    made = encoder(x, torch.Generator().manual_seed(3))
    assert torch.equal(made, encoder(x, torch.Generator().manual_seed(3)))
    whole = build(top="none")(x)
    kept = made != 0
    assert 0.2 < kept.float().mean() < 0.8
    assert torch.allclose(made[kept], 2 * whole[kept], atol=1e-5)
