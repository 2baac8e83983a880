import math

import pytest
import torch
from torch import Tensor

from contramuse.encoders.mel_conv import MelConv, MelConvMulti
from contramuse.errors import RecipeError


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def build(kind, **changes):
    torch.manual_seed(0)
    return kind(**{"bands": 32, "channels": 4, "dim": 6, "segment": 1.5, **changes}).eval()


def maps(encoder, x) -> list[Tensor]:
    """Each block's output."""
    h, found = x[:, None], []
    for block in encoder.blocks:
        h = block(h)
        found.append(h)
    return found


@torch.no_grad()
def test_a_step_is_the_linear_map_of_a_frame_of_the_last_block():
    encoder, x = build(MelConv), noise(3, 32, 200)
    last = maps(encoder, x)[-1]
    assert last.shape == (3, 16, 1, 3)
    expected = torch.stack([encoder.linear(last[:, :, 0, step]) for step in range(3)], dim=1)
    assert torch.allclose(encoder.sequence(x), expected, atol=1e-6)
    assert torch.allclose(encoder(x), expected.mean(dim=1), atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize(("segments", "frames"), [(1, 94), (1, 300), (3, 282), (4, 290)])
def test_levels_are_maxima_of_windows(segments, frames):
    """Window by window; the last one of a level may be incomplete."""
    encoder, x = build(MelConvMulti, segments=segments), noise(2, 32, frames, seed=frames)
    assert encoder.windows == [47, 23, 11, 2, 1]
    levels = []
    for h, linear, window in zip(maps(encoder, x), encoder.linears, encoder.windows, strict=True):
        steps = []
        for number in range(segments):
            part = h if segments == 1 else h[..., number * window : (number + 1) * window]
            steps.append(linear(part.max(dim=3).values.reshape(2, -1)))
        levels.append(torch.stack(steps, dim=1))
    expected = torch.stack(levels, dim=1)
    found = encoder.sequence(x)
    assert found.shape == ((2, 5, 6) if segments == 1 else (2, 5, segments, 6))
    assert torch.allclose(found.reshape(expected.shape), expected, atol=1e-6)
    assert torch.allclose(encoder(x), expected.mean(dim=2).flatten(1), atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("bands", [32, 40, 64, 128])
def test_other_numbers_of_bands(bands):
    x = noise(1, bands, 94)
    assert build(MelConv, bands=bands).sequence(x).shape == (1, 1, 6)
    assert build(MelConvMulti, bands=bands)(x).shape == (1, 30)


@pytest.mark.parametrize(
    ("kind", "given", "match"),
    [
        (MelConv, {"bands": 31}, "32 bands"),
        (MelConvMulti, {"segment": 2.0}, "segment: '2.0'"),
        (MelConvMulti, {"segments": 0}, "at least one segment"),
    ],
)
def test_refuses_settings(kind, given, match):
    with pytest.raises(RecipeError, match=match):
        build(kind, **given)


@pytest.mark.parametrize(
    ("kind", "given", "least"),
    [
        (MelConv, {"segment": 3.0}, 160),
        (MelConv, {}, 64),
        (MelConvMulti, {"segment": 3.0}, 160),
        (MelConvMulti, {"segment": 3.0, "segments": 9}, 1508),
        (MelConvMulti, {"segment": 3.0, "segments": 10}, 1696),
    ],
)
def test_fewest_frames(kind, given, least):
    """Every level has at least one frame of each segment."""
    encoder = build(kind, **given)
    with torch.no_grad():
        assert torch.isfinite(encoder(noise(1, 32, least))).all()
    with pytest.raises(RecipeError, match=f"{least - 1} frames"):
        encoder(noise(1, 32, least - 1))


@pytest.mark.parametrize("kind", [MelConv, MelConvMulti])
def test_initialised_as_published(kind):
    """Convolutions uniform within sqrt(6 / fan_in), linear layers within sqrt(6 / (fan_in + fan_out))."""
    encoder = build(kind, channels=16, dim=64)
    for block in encoder.blocks:
        weight = block.conv.weight
        bound = math.sqrt(6 / (weight.shape[1] * 25))
        assert 0.9 * bound < weight.abs().max() <= bound
    for linear in [encoder.linear] if kind is MelConv else encoder.linears:
        bound = math.sqrt(6 / (linear.in_features + linear.out_features))
        assert 0.98 * bound < linear.weight.abs().max() <= bound
