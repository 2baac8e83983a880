import pytest
import torch
from tests.encoders.plain_sample_cnn import plain_sample_cnn
from torch import nn

from contramuse.encoders import SampleCNN, fused
from contramuse.encoders.sample_cnn import STRIDES, XL
from contramuse.errors import UserError

SAMPLES = {22050: 59049, 16000: 43740, 8000: 20736}


def pair(strides, seed=0, scale=1.0):
    """Ours and the plain one with the same weights, norms of both signs."""
    torch.manual_seed(seed)
    plain = plain_sample_cnn(strides)
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias, std=0.3)
    ours = SampleCNN(bands=1, strides=strides)
    ours.load_state_dict(plain.state_dict())
    return ours, plain


def noise(rows, samples, seed=1):
    x = torch.randn(rows, 1, samples, generator=torch.Generator().manual_seed(seed)).cumsum(2) * 0.02
    x[0, :, samples // 3 : samples // 2] = 0  # digital silence: every value of a pool's window is equal
    return x


def test_parameters():
    ours, plain = SampleCNN(bands=1), plain_sample_cnn(classes=50)
    assert sum(p.numel() for p in ours.parameters()) == 2_368_512
    assert sum(p.numel() for p in plain.parameters()) == 2_394_162
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items() if not k.startswith("fc.")
    }


def test_xl_values():
    """The fused step and the plain layers, at four times the channels."""
    torch.manual_seed(0)
    plain = plain_sample_cnn(STRIDES[8000], channels=XL)
    ours = SampleCNN(bands=1, strides=STRIDES[8000], size="xl")
    ours.load_state_dict(plain.state_dict())
    x = noise(2, SAMPLES[8000])
    with torch.no_grad():
        mine, theirs = ours(x), plain(x)
        assert mine.shape == (2, ours.dim) == (2, 2048)
        assert (mine - theirs).abs().max() < 5e-3 * theirs.abs().max()
        assert torch.allclose(ours.eval()(x), plain.eval()(x), atol=1e-4)


@pytest.mark.parametrize("rate", STRIDES)
def test_lengths(rate):
    ours = SampleCNN(bands=1, strides=STRIDES[rate])
    assert ours.samples == SAMPLES[rate]
    assert ours.frames(SAMPLES[rate]) == 1
    assert SampleCNN(bands=1, strides=STRIDES[16000]).frames(43470) == 1  # the thesis prints this number
    with pytest.raises(UserError, match=str(SAMPLES[rate])):
        ours(torch.zeros(2, 1, SAMPLES[rate] * 2))
    with pytest.raises(UserError, match="pool: mean"):
        ours(torch.zeros(2, 1, SAMPLES[rate] // 4))


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_any_length(pool):
    ours = SampleCNN(bands=1, pool=pool).eval()
    with torch.no_grad():
        exact = ours(noise(2, 59049))
        assert ours(noise(2, 3 * 59049 + 1234)).shape == (2, 512)
    assert exact.shape == (2, 512)
    with pytest.raises(UserError, match="or more"):
        ours(torch.zeros(1, 1, 1000))


@pytest.mark.parametrize("rate", STRIDES)
def test_values_in_training(rate):
    """Output, running statistics and gradients of the plain layers, up to what fp32 leaves of them."""
    ours, plain = pair(STRIDES[rate])
    x, direction = noise(3, SAMPLES[rate]), torch.randn(3, 512, generator=torch.Generator().manual_seed(2))
    mine, theirs = ours(x), plain(x)
    assert (mine - theirs).abs().max() < 5e-3 * theirs.abs().max()
    (mine * direction).sum().backward()
    (theirs * direction).sum().backward()
    for (name, a), b in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert a.grad is not None, name
        if name.endswith("0.bias"):  # before batch normalisation a bias does nothing: rounding noise, or 0
            assert a.grad.abs().max() < 1e-3
        else:
            # Where two values of a pool's window, or a value and 0, are equal up to rounding, either may win.
            assert nn.functional.cosine_similarity(a.grad.flatten(), b.grad.flatten(), dim=0) > 0.999, name
    for (name, a), b in zip(ours.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5), name


@pytest.mark.parametrize(("kernel", "length"), [(3, 81), (5, 42), (2, 41), (4, 33)])
@pytest.mark.parametrize("piece", [fused.PIECE, 700])
def test_one_block(kernel, length, piece, monkeypatch):
    """Every gradient of a fused block, whole and cut into pieces, against the plain layers in float64."""
    monkeypatch.setattr(fused, "PIECE", piece)
    torch.manual_seed(0)
    rows, before, after = 4, 12, 16
    if not fused.fits(length, kernel, kernel):
        length += kernel - (length + 3 - kernel) % kernel
    x = torch.randn(rows, length, before).relu()
    x[0, 5:20] = 0.5
    weight, gamma, beta = torch.randn(after, before, kernel), torch.randn(after), torch.randn(after)
    leaves = [t.clone().requires_grad_() for t in (x, weight, gamma, beta)]
    padded = nn.functional.pad(leaves[0], (0, 0, 1, 1))
    out, mean, variance = fused.fused_block(padded, *leaves[1:], kernel, source=None, dtype=torch.float32)
    exact = [t.double().requires_grad_() for t in (x, weight, gamma, beta)]
    inner = nn.functional.conv1d(exact[0].transpose(1, 2), exact[1], padding=1)
    normal = nn.functional.batch_norm(inner, None, None, exact[2], exact[3], training=True)
    reference = nn.functional.max_pool1d(normal.relu(), kernel).transpose(1, 2)
    direction = torch.randn_like(reference)
    (out[:, 1:-1] * direction.float()).sum().backward()
    (reference * direction).sum().backward()
    assert not out[:, 0].any()
    assert not out[:, -1].any()
    assert torch.allclose(out[:, 1:-1].double(), reference, atol=2e-5)
    assert torch.allclose(mean.double(), inner.mean((0, 2)), atol=1e-5)
    assert torch.allclose(variance.double(), inner.var((0, 2), correction=0), rtol=1e-5)
    for mine, theirs in zip(leaves, exact, strict=True):
        assert (mine.grad - theirs.grad).abs().max() < 2e-5 * theirs.grad.abs().max()


@pytest.mark.parametrize("piece", [fused.PIECE, 700])
def test_first_two_blocks(piece, monkeypatch):
    """The first block, whose statistics follow from the input's covariance, and the second, in float64."""
    monkeypatch.setattr(fused, "PIECE", piece)
    torch.manual_seed(0)
    x = torch.randn(3, 243).cumsum(1)
    shapes = ((8, 1, 3), (8,), (8,), (6, 8, 3), (6,), (6,))
    values = [torch.randn(shape) for shape in shapes]
    leaves = [t.clone().requires_grad_() for t in values]
    source, mean, variance = fused.stem(x, *leaves[:3])
    out, _, _ = fused.fused_block(x, *leaves[3:], 3, source=source, dtype=torch.float32)
    exact = [t.double().requires_grad_() for t in values]
    inner = nn.functional.conv1d(x[:, None].double(), exact[0], stride=3)
    first = nn.functional.batch_norm(inner, None, None, *exact[1:3], training=True).relu()
    second = nn.functional.conv1d(first, exact[3], padding=1)
    second = nn.functional.batch_norm(second, None, None, *exact[4:], training=True).relu()
    reference = nn.functional.max_pool1d(second, 3).transpose(1, 2)
    direction = torch.randn_like(reference)
    (out[:, 1:-1] * direction.float()).sum().backward()
    (reference * direction).sum().backward()
    assert torch.allclose(out[:, 1:-1].double(), reference, atol=5e-5)
    assert torch.allclose(mean.double(), inner.mean((0, 2)), atol=1e-5)
    assert torch.allclose(variance.double(), inner.var((0, 2), correction=0), rtol=1e-5)
    for mine, theirs in zip(leaves, exact, strict=True):
        assert (mine.grad - theirs.grad).abs().max() < 5e-5 * theirs.grad.abs().max()


@pytest.mark.parametrize("rate", STRIDES)
def test_values_in_evaluation(rate):
    ours, plain = pair(STRIDES[rate])
    with torch.no_grad():
        plain(noise(4, SAMPLES[rate]))  # moves the running statistics
    ours.load_state_dict(plain.state_dict())
    x = noise(3, SAMPLES[rate], seed=5)
    ours.eval(), plain.eval()
    with torch.no_grad():
        expected = plain(x)
        assert (ours(x) - expected).abs().max() < 1e-5 * expected.abs().max().clamp_min(1)
    assert (ours(x) - expected).abs().max() < 1e-5 * expected.abs().max().clamp_min(
        1
    )  # with gradients: all rows at once


def test_evaluation_follows_new_weights():
    """Nothing that was folded before is used after a load."""
    ours, plain = pair(STRIDES[8000])
    x = noise(2, SAMPLES[8000])
    ours.eval(), plain.eval()
    with torch.no_grad():
        ours(x)
        _, plain = pair(STRIDES[8000], seed=3)
        ours.load_state_dict(plain.eval().state_dict())
        assert torch.allclose(ours(x), plain(x), atol=1e-5)


def test_bfloat16():
    ours, plain = pair(STRIDES[8000])
    x, direction = noise(4, SAMPLES[8000]), torch.randn(4, 512, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", torch.bfloat16):
        mine = ours(x)
    theirs = plain(x)
    (mine.float() * direction).sum().backward()
    (theirs * direction).sum().backward()
    assert (mine - theirs).norm() < 0.1 * theirs.norm()
    last = ours.sequential[10][0].weight.grad, plain.sequential[10][0].weight.grad
    assert nn.functional.cosine_similarity(last[0].flatten(), last[1].flatten(), dim=0) > 0.9


def test_dropout():
    ours = SampleCNN(bands=1, strides=STRIDES[8000], dropout=0.5)
    x = noise(4, 20736)
    with pytest.raises(ValueError, match="generator"):
        ours(x)
    a = ours(x, torch.Generator().manual_seed(0))
    b = ours(x, torch.Generator().manual_seed(0))
    assert torch.equal(a, b)
    kept = SampleCNN(bands=1, strides=STRIDES[8000])
    kept.load_state_dict(ours.state_dict())
    whole = kept(x)
    assert torch.allclose(a[a != 0], 2 * whole[a != 0], atol=1e-4)
    kept.load_state_dict(ours.state_dict())
    ours.eval(), kept.eval()
    assert torch.allclose(ours(x), kept(x), atol=1e-5)


def test_initialise():
    torch.manual_seed(0)
    weight = SampleCNN(bands=1, initialise="kaiming").sequential[5][0].weight
    assert weight.abs().max() <= (6 / (256 * 3)) ** 0.5  # uniform, fan_in, gain of ReLU
    assert abs(weight.std().item() - (2 / (256 * 3)) ** 0.5) < 1e-3


@pytest.mark.parametrize(("given", "match"), [({"bands": 128}, "waveform"), ({"bands": 1, "strides": (3, 3)}, "nine")])
def test_refuses(given, match):
    with pytest.raises(UserError, match=match):
        SampleCNN(**given)


@pytest.mark.slow
def test_export():
    """The exported graph takes any number of rows."""
    ours = SampleCNN(bands=1, strides=STRIDES[8000]).eval()
    rows = torch.export.Dim("rows", min=1, max=64)
    program = torch.export.export(ours, (noise(2, 20736),), dynamic_shapes=({0: rows},))
    x = noise(5, 20736)
    with torch.no_grad():
        assert torch.allclose(program.module()(x), ours(x), atol=1e-5)
