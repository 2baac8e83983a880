import pytest
import torch

from contramuse.augment.level import ColoredNoise, Gain, Noise, Polarity
from contramuse.errors import RecipeError
from signals import LONG, RATE, decibels, music, noise, rms


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_polarity_negates() -> None:
    x, polarity = noise(4), Polarity()
    assert torch.equal(polarity.apply(x, polarity.draw(4, seeded())), -x)


@pytest.mark.parametrize("level", [-20.0, -6.0, 0.0, 5.0])
def test_gain_is_in_decibels(level: float) -> None:
    x, gain = noise(), Gain(decibels=(level, level))
    assert decibels(gain.apply(x, gain.draw(1, seeded())), x) == pytest.approx(level, abs=1e-4)


def test_gain_is_uniform_over_its_range() -> None:
    drawn = Gain(decibels=(-20.0, -1.0)).draw(20_000, seeded())["decibels"]
    assert drawn.min() >= -20
    assert drawn.max() <= -1
    assert drawn.mean().item() == pytest.approx(-10.5, abs=0.2)


@pytest.mark.parametrize("snr", [-3.0, 0.0, 10.0, 40.0])
def test_noise_has_the_stated_ratio_exactly(snr: float) -> None:
    x = music(3) * torch.tensor([1.0, 0.1, 3.0])[:, None, None]
    for augmentation in (Noise(snr=(snr, snr)), ColoredNoise(snr=(snr, snr), sample_rate=RATE)):
        y = augmentation.apply(x, augmentation.draw(3, seeded()))
        for row in range(3):
            assert -decibels(y[row] - x[row], x[row]) == pytest.approx(snr, abs=0.01)


def test_noise_may_be_uniform_in_amplitude() -> None:
    ratio = Noise(snr=(40.0, 80.0), uniform_in="amplitude").draw(20_000, seeded())["ratio"]
    assert ratio.mean().item() == pytest.approx((1e-4 + 1e-2) / 2, rel=0.02)


def test_noise_is_gaussian_and_differs_from_row_to_row() -> None:
    x, augmentation = torch.ones(2, 1, LONG), Noise(snr=(0.0, 0.0))
    added = (augmentation.apply(x, augmentation.draw(2, seeded())) - x)[:, 0]
    kurtosis = (added**4).mean(1) / (added**2).mean(1) ** 2
    assert kurtosis.tolist() == pytest.approx([3.0, 3.0], abs=0.1)
    assert abs(torch.corrcoef(added)[0, 1].item()) < 0.02


@pytest.mark.parametrize("decay", [-2.0, -0.5, 0.0, 0.5, 1.0, 2.0])
def test_coloured_noise_has_the_stated_slope(decay: float) -> None:
    augmentation = ColoredNoise(snr=(0.0, 0.0), decay=(decay, decay), sample_rate=RATE)
    x = torch.ones(8, 1, LONG)
    added = (augmentation.apply(x, augmentation.draw(8, seeded())) - x)[:, 0]
    window = torch.hann_window(LONG)
    power = torch.fft.rfft(added * window).abs().square().mean(0)
    hz = torch.fft.rfftfreq(LONG, 1 / RATE)

    def octave(low: float) -> float:
        return power[(hz >= low) & (hz < 2 * low)].mean().log2().item()

    slope = (octave(4000.0) - octave(500.0)) / 3
    assert slope == pytest.approx(-2 * decay, abs=0.1)


def test_silence_stays_silent() -> None:
    augmentation = Noise(snr=(0.0, 0.0))
    assert rms(augmentation.apply(torch.zeros(1, 1, 1000), augmentation.draw(1, seeded()))) == 0.0


def test_noise_longer_than_its_table() -> None:
    x, augmentation = torch.ones(1, 1, 2**20 + 77), Noise(snr=(10.0, 10.0))
    y = augmentation.apply(x, augmentation.draw(1, seeded()))
    assert -decibels(y - x, x) == pytest.approx(10.0, abs=0.01)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^decibels.*two numbers"):
        Gain(decibels=(5.0, -5.0))
    with pytest.raises(RecipeError, match=r"^p.*1\.5.*between 0 and 1"):
        Polarity(p=1.5)
