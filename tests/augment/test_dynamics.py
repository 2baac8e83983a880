import math

import pytest
import torch

from contramuse.augment.dynamics import Bitcrush, Clipping, Compression, Distortion
from contramuse.errors import RecipeError
from signals import LONG, RATE, music, rms, tone


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_distortion_is_tanh_of_the_driven_row() -> None:
    x, distortion = music(4), Distortion(drive=(0.0, 30.0))
    params = distortion.draw(4, seeded())
    y = distortion.apply(x, params)
    for row in range(4):
        expected = (x[row] * 10 ** (float(params["drive"][row]) / 20)).tanh()
        torch.testing.assert_close(y[row], expected)


def test_clipping_below_the_peak_and_below_full_scale() -> None:
    x = 0.5 * tone(440.0)
    peak = Clipping(threshold=(-6.0, -6.0))
    assert peak.apply(x, peak.draw(1, seeded())).abs().max().item() == pytest.approx(0.25, rel=0.01)
    full = Clipping(threshold=(-12.0, -12.0), of="full_scale")
    assert full.apply(x, full.draw(1, seeded())).abs().max().item() == pytest.approx(0.251, rel=0.01)
    loud = Clipping(threshold=(0.0, 0.0), of="full_scale")
    assert torch.equal(loud.apply(x, loud.draw(1, seeded())), x)


def test_four_bits_are_steps_of_a_sixteenth() -> None:
    x, crush = music(2), Bitcrush(bits=(4.0, 4.0))
    y = crush.apply(x, crush.draw(2, seeded()))
    assert torch.equal(16 * y, (16 * y).round())
    assert (y - x).abs().max() <= 1 / 32


def slow_compression(x: torch.Tensor, threshold: float, ratio: float, attack: float, release: float) -> torch.Tensor:
    """Sample by sample: a peak meter that falls, a low-pass that follows its rises, a gain above the threshold."""
    fall = math.exp(-1000 / (release * RATE))
    keep = math.exp(-1000 / (attack * RATE)) if attack else 0.0
    peak, level, limit, out = 0.0, 0.0, 10 ** (threshold / 20), []
    for sample in x.tolist():
        peak = max(abs(sample), fall * peak)
        level = keep * level + (1 - keep) * peak
        out.append(sample * (max(level, limit) / limit) ** (1 / ratio - 1))
    return torch.tensor(out)


@pytest.mark.parametrize(("attack", "release"), [(1.0, 100.0), (0.159, 15.9), (0.0, 50.0), (20.0, 200.0)])
def test_compression_is_that_of_a_loop(attack: float, release: float) -> None:
    x = music(2, 12_000)
    compression = Compression(sample_rate=RATE, attack=attack, release=release)
    params = compression.draw(2, seeded())
    y = compression.apply(x, params)
    for row in range(2):
        drawn = {name: float(params[name][row]) for name in ("threshold", "ratio")}
        expected = slow_compression(x[row, 0].double(), **drawn, attack=attack, release=release)
        torch.testing.assert_close(y[row, 0], expected.float(), atol=2e-4, rtol=2e-3)


def test_a_steady_tone_is_reduced_by_the_ratio() -> None:
    """20 dB above the threshold become 4 at 5:1."""
    compression = Compression(sample_rate=RATE, threshold=(-30.0, -30.0), ratio=(5.0, 5.0), release=1000.0)
    loud = 10 ** (-10 / 20) * tone(1000.0)
    y = compression.apply(loud, compression.draw(1, seeded()))[..., LONG // 2 :]
    assert 20 * math.log10(rms(y) * math.sqrt(2)) == pytest.approx(-26.0, abs=0.2)


def test_what_is_below_the_threshold_stays() -> None:
    compression = Compression(sample_rate=RATE, threshold=(-30.0, -30.0), ratio=(5.0, 5.0))
    quiet = 10 ** (-32 / 20) * tone(1000.0)
    torch.testing.assert_close(compression.apply(quiet, compression.draw(1, seeded())), quiet)


def test_impossible_settings_are_named() -> None:
    for kind, setting in ((Distortion, {"drive": (9.0, 3.0)}), (Bitcrush, {"bits": (-1.0, 3.0)})):
        with pytest.raises(RecipeError, match=rf"^{next(iter(setting))}"):
            kind(**setting)
    with pytest.raises(RecipeError, match=r"^ratio"):
        Compression(sample_rate=RATE, ratio=(0.5, 2.0))
    with pytest.raises(RecipeError, match=r"^threshold"):
        Clipping(threshold=(-3.0, 3.0))
