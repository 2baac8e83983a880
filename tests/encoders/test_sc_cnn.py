import pytest
import torch

from contramuse.encoders.sc_cnn import SCCNN
from contramuse.errors import RecipeError


def build(**changes):
    torch.manual_seed(0)
    return SCCNN(**{"bands": 48, "channels": 4, **changes}).eval()


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_maps_of_the_blocks():
    encoder, found = build(), []
    for block in encoder.blocks:
        block.register_forward_hook(lambda module, inputs, output: found.append(tuple(output.shape[1:])))
    encoder(noise(1, 48, 256))
    assert found == [
        (4, 24, 128), (4, 12, 64), (8, 6, 32), (8, 3, 16), (8, 3, 8), (8, 3, 4), (16, 1, 2),
    ]  # fmt: skip


@torch.no_grad()
def test_a_longer_row_has_the_mean_of_its_patches():
    encoder, x = build(), noise(2, 48, 3 * 256 + 100)
    steps = torch.stack([encoder(x[:, :, start : start + 256]) for start in (0, 256, 512)], dim=1)
    assert torch.allclose(encoder.sequence(x), steps, atol=1e-6)
    assert torch.allclose(encoder(x), steps.mean(dim=1), atol=1e-6)
    assert torch.equal(encoder(x), encoder(x[:, :, :768]))


@torch.no_grad()
def test_channels_bands_and_frames_are_flattened_in_this_order():
    encoder, x = build(bands=64), noise(1, 64, 256)
    h = encoder.norm(x[:, None])
    for block in encoder.blocks:
        h = block(h)
    assert h.shape == (1, 16, 2, 2)
    assert torch.allclose(encoder(x), h.reshape(1, 64), atol=1e-6)
    assert encoder.dim == 64


def test_refuses():
    with pytest.raises(RecipeError, match="32 bands"):
        build(bands=20)
    with pytest.raises(RecipeError, match=r"255 frames.*256 frames"):
        build()(noise(1, 48, 255))
