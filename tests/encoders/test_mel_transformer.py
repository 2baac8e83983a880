import math

import pytest
import torch

from contramuse.encoders import MelTransformer
from contramuse.encoders.mel_transformer import SIZES, Standardise, sinusoids
from contramuse.errors import UserError


def small(**changes):
    torch.manual_seed(0)
    return MelTransformer(**{"bands": 32, "dim": 32, "depth": 2, "heads": 2, "patch": (16, 8), **changes})


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("size", "millions"), [("Ti", 5.4), ("S", 21.4)])
def test_sizes(size, millions):
    encoder = MelTransformer(bands=128, size=size)
    dim, depth, _, drop = SIZES[size]
    assert (encoder.dim, len(encoder.blocks), encoder.drop) == (dim, depth, drop)
    assert round(sum(p.numel() for p in encoder.parameters()) / 1e6, 1) == millions


def test_numbers_override_the_size():
    encoder = MelTransformer(bands=128, size="S", dim=64, depth=3, heads=4, drop=0.5)
    assert (encoder.dim, len(encoder.blocks), encoder.blocks[0].heads, encoder.drop) == (64, 3, 4, 0.5)


@pytest.mark.parametrize("drop", [0.0, 0.5, 0.75, 0.9, 0.99])
def test_dropped_tokens_are_not_computed(drop):
    encoder = small(drop=drop)
    seen = []
    encoder.embed.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape))
    encoder(torch.randn(3, 32, 80), generator())
    assert seen == [(3, max(1, round(20 * (1 - drop))), 128)]


def test_each_row_has_its_own_mask():
    encoder = small(drop=0.75)
    kept = encoder._draw(200, 20, generator())
    assert all(len(set(row.tolist())) == 5 for row in kept)
    assert len({tuple(sorted(row.tolist())) for row in kept}) > 150
    share = torch.bincount(kept.flatten(), minlength=20) / 200
    assert (share - 0.25).abs().max() < 0.12  # every token as often as another


def test_dropped_tokens_do_not_matter():
    """Changing only what a row's mask hides changes nothing: the rows see patches and places that belong together."""
    encoder = small(drop=0.5, standardise="none")
    x = torch.randn(4, 32, 80, generator=generator(1))
    kept = encoder._draw(4, 20, generator())
    hidden = x.clone()
    for row in range(4):
        for token in set(range(20)) - set(kept[row].tolist()):
            band, time = divmod(token, 10)
            hidden[row, band * 16 : band * 16 + 16, time * 8 : time * 8 + 8] = 1e3
    assert torch.equal(encoder(x, generator()), encoder(hidden, generator()))


def test_keeping_all_equals_evaluation():
    encoder = small(drop=0.0, standardise="none")
    x = torch.randn(2, 32, 80)
    trained = encoder(x, generator())
    assert torch.allclose(trained, encoder.eval()(x), atol=1e-5)
    everything = small(drop=0.001, standardise="none")  # 20 of 20 are kept, in a drawn order
    assert torch.allclose(everything(x, generator()), trained, atol=1e-5)


def test_needs_a_generator_in_training():
    with pytest.raises(ValueError, match="generator"):
        small()(torch.randn(2, 32, 80))


def test_lengths():
    encoder = small(standardise="none").eval()
    x = torch.randn(2, 32, 83)
    with torch.no_grad():
        assert torch.equal(encoder(x), encoder(x[:, :, :80]))  # the last 3 frames are no whole patch
        padded = torch.cat([x[:, :, :5], torch.zeros(2, 32, 3)], dim=2)
        assert torch.equal(encoder(x[:, :, :5]), encoder(padded))
        assert encoder(torch.randn(1, 32, 4000)).shape == (1, 32)


def test_places_tell_band_and_time():
    encoder = small(standardise="none").eval()
    x = torch.zeros(1, 32, 80)
    vectors = []
    with torch.no_grad():
        for band, time in ((0, 0), (1, 0), (0, 5), (1, 5)):
            moved = x.clone()
            moved[:, band * 16 : band * 16 + 16, time * 8 : time * 8 + 8] = 3
            vectors.append(encoder(moved))
    assert all((a - b).abs().max() > 1e-3 for i, a in enumerate(vectors) for b in vectors[:i])


def test_sinusoids():
    found = sinusoids(torch.tensor([0.0, 3.0, 700.0]), 8)
    for row, position in zip(found, (0, 3, 700), strict=True):
        angles = [position / 10_000 ** (i / 4) for i in range(4)]
        expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        assert torch.allclose(row, torch.tensor(expected), atol=1e-4)


def test_standardise_averages_the_first_batches():
    layer = Standardise(bands=3, batches=4)
    batches = [torch.randn(5, 3, 7, generator=generator(i)) * 3 - 6 for i in range(6)]
    for batch in batches:
        layer(batch)
    first = torch.cat(batches[:4])
    assert torch.allclose(layer.mean, first.mean((0, 2)), atol=1e-5)
    assert torch.allclose(layer.square, first.square().mean((0, 2)), atol=1e-4)
    assert layer.seen == 6
    whole = layer.eval()(first)
    assert whole.mean((0, 2)).abs().max() < 1e-4
    assert (whole.std((0, 2), correction=0) - 1).abs().max() < 1e-4
    before = layer.mean.clone()
    layer(batches[0] + 100)
    assert torch.equal(layer.mean, before)


def test_silence_is_finite():
    encoder = small()
    out = encoder(torch.full((2, 32, 80), -11.5), generator())
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"patch": (15, 8)}, "patch"), ({"heads": 5}, "heads"), ({"drop": 1.0}, "drop"), ({"dim": 30, "heads": 2}, "dim")],
)
def test_refuses(changes, match):
    with pytest.raises(UserError, match=match):
        small(**changes)


@pytest.mark.slow
def test_export():
    encoder = small().eval()
    rows = torch.export.Dim("rows", min=1, max=64)
    program = torch.export.export(encoder, (torch.randn(2, 32, 80),), dynamic_shapes=({0: rows},))
    x = torch.randn(5, 32, 80)
    with torch.no_grad():
        assert torch.allclose(program.module()(x), encoder(x), atol=1e-5)


def test_a_sequence_is_segments_that_know_nothing_of_one_another():
    torch.manual_seed(0)
    encoder = MelTransformer(bands=32, patch=(16, 4), dim=32, depth=2, heads=2, drop=0.0, segment=20).eval()
    x = torch.randn(2, 32, 70)
    steps = encoder.sequence(x)
    assert steps.shape == (2, 3, 32)
    torch.testing.assert_close(steps[:, 1], encoder(x[:, :, 20:40]))
    changed = x.clone()
    changed[:, :, 40:] = 0
    assert torch.equal(encoder.sequence(changed)[:, :2], steps[:, :2])
    torch.testing.assert_close(encoder.sequence(x[:, :, :19])[:, 0], encoder(x[:, :, :19]))
    with pytest.raises(UserError, match="segment"):
        MelTransformer(bands=32, patch=(16, 4), segment=3)
