"""SincNet's filters: what they pass, where they start, and that their edges learn."""

import math

import pytest
import torch

from contramuse.audio.sinc import NARROWEST, SincNet
from contramuse.encoders import ENCODERS
from contramuse.errors import RecipeError

RATE = 16000


def sine(hz, samples=8000):
    return torch.sin(2 * math.pi * hz * torch.arange(samples) / RATE)[None, None]


def test_kernels_are_those_of_the_paper_in_slow_loops():
    net = SincNet(sample_rate=RATE, filters=3, length=11)
    edges = net.edges().tolist()
    for kernel, (low, high) in zip(net.kernels()[:, 0].tolist(), edges, strict=True):
        for i, value in enumerate(kernel):
            n = i - 5

            def sinc(f, n=n):
                return 1.0 if n == 0 else math.sin(2 * math.pi * f * n) / (2 * math.pi * f * n)

            hamming = 0.54 - 0.46 * math.cos(2 * math.pi * i / 10)
            assert value == pytest.approx((2 * high * sinc(high) - 2 * low * sinc(low)) * hamming, abs=1e-6)


def test_bands_start_on_the_mel_scale_and_have_gain_1():
    net = SincNet(sample_rate=RATE, filters=20)
    hz = net.edges().detach() * RATE
    mels = 2595 * torch.log10(1 + hz[:, 0] / 700)
    assert hz[0, 0].item() == pytest.approx(30, abs=0.01)
    torch.testing.assert_close(mels.diff(), mels.diff().mean().expand(19), rtol=1e-3, atol=0.01)
    torch.testing.assert_close(hz[:-1, 1], hz[1:, 0] + NARROWEST, rtol=0, atol=0.01)
    assert hz.max() <= RATE / 2
    spectrum = torch.fft.rfft(net.kernels()[:, 0].detach(), 16000).abs()
    wide = hz.diff(dim=1)[:, 0] > 300
    for k in wide.nonzero()[:-1, 0].tolist():
        middle = int(hz[k].mean())
        assert spectrum[k, middle].item() == pytest.approx(1, abs=0.03)
        assert spectrum[k, int(hz[k, 1]) + 200 :].max() < 0.01


def test_a_tone_is_loudest_in_its_band():
    net = SincNet(sample_rate=RATE, filters=20)
    hz = net.edges().detach() * RATE
    for k in range(8, 20):
        energies = net(sine(hz[k].mean().item()))[0, :, 5:-5].mean(1)
        assert energies.argmax() == k
        assert energies[k].item() == pytest.approx(math.log(0.5), abs=0.1)  # the mean square of a sine


def test_an_edge_follows_the_gradient():
    """A filter beside a tone moves over to it."""
    net = SincNet(sample_rate=RATE, filters=1, f_min=1000, f_max=1500)
    assert net.edges()[0, 1] * RATE < 1600
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(40):
        optimizer.zero_grad()
        (-net(sine(1600.0, 2048)).mean()).backward()
        optimizer.step()
    low, high = (net.edges()[0] * RATE).tolist()
    assert low < 1600 < high


def test_max_is_of_the_filtered_waveform():
    net, whole = (SincNet(sample_rate=RATE, filters=6, keep="max", hop=hop) for hop in (3, 1))
    x = torch.randn(2, 1, 601, generator=torch.Generator().manual_seed(0))
    filtered = whole(x)
    assert filtered.shape == (2, 6, 601)
    assert torch.equal(net(x), filtered[:, :, :600].unfold(2, 3, 3).amax(3))


@pytest.mark.parametrize(
    ("encoder", "settings", "frontend"),
    [("short_chunk_res", {"channels": 8}, {}), ("cpc_conv", {"dim": 16}, {"keep": "max", "hop": 3})],
)
def test_it_feeds_an_encoder_and_learns_with_it(encoder, settings, frontend):
    net = SincNet(sample_rate=RATE, filters=32, **frontend)
    read = ENCODERS[encoder](bands=net.bands, **settings)
    out = read(net(torch.randn(3, 1, 8192, generator=torch.Generator().manual_seed(0))), None)
    (out * torch.arange(out.shape[1])).sum().backward()
    assert out.shape == (3, read.dim)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"length": 250}, "length"), ({"filters": 0}, "filters"), ({"floor": 0.0}, "floor"), ({"f_max": 9e3}, "f_min")],
)
def test_refuses(settings, name):
    with pytest.raises(RecipeError, match=f"^{name}: "):
        SincNet(sample_rate=RATE, **settings)
    with pytest.raises(RecipeError, match="100 samples"):
        SincNet(sample_rate=RATE)(torch.zeros(1, 1, 100))
