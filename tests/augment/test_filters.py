import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.augment.filters import Filter
from contramuse.errors import RecipeError
from signals import RATE, decibels, middle, noise, tone


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def attenuation(augmentation: Filter, hz: float) -> float:
    x = tone(hz)
    return decibels(middle(augmentation.apply(x, augmentation.draw(1, seeded()))), middle(x))


@settings(max_examples=20, deadline=None)
@given(st.floats(200.0, 4000.0))
def test_low_pass(cutoff: float) -> None:
    low = Filter(sample_rate=RATE, shapes=("low_pass",), low_pass=(cutoff, cutoff))
    assert attenuation(low, cutoff) == pytest.approx(-6.02, abs=0.1)
    assert attenuation(low, 2 * cutoff) < -60
    assert attenuation(low, cutoff / 2) == pytest.approx(0.0, abs=0.01)


@settings(max_examples=20, deadline=None)
@given(st.floats(150.0, 4000.0))
def test_high_pass(cutoff: float) -> None:
    high = Filter(sample_rate=RATE, shapes=("high_pass",), high_pass=(cutoff, cutoff))
    assert attenuation(high, cutoff) == pytest.approx(-6.02, abs=0.1)
    assert attenuation(high, cutoff / 2) < -60
    assert attenuation(high, 2 * cutoff) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(("shape", "inside", "outside"), [("band_pass", 0.0, -60.0), ("band_stop", -60.0, 0.0)])
def test_bands(shape: str, inside: float, outside: float) -> None:
    band = Filter(sample_rate=RATE, shapes=(shape,), centre=(1000.0, 1000.0), bandwidth=(1.0, 1.0))
    for hz, expected in ((1000.0, inside), (250.0, outside), (3000.0, outside)):
        measured = attenuation(band, hz)
        assert measured < -60 if expected == -60.0 else measured == pytest.approx(0.0, abs=0.01)
    assert attenuation(band, 500.0) == pytest.approx(-6.02, abs=0.1)
    assert attenuation(band, 1500.0) == pytest.approx(-6.02, abs=0.1)


def test_each_row_has_its_own_cutoff() -> None:
    augmentation = Filter(sample_rate=RATE, shapes=("low_pass",))
    params = augmentation.draw(6, seeded())
    assert len(set(params["low_pass"].tolist())) == 6
    together = augmentation.apply(noise(6), params)
    for row in range(6):
        own = {name: value[row : row + 1] for name, value in params.items()}
        torch.testing.assert_close(together[row : row + 1], augmentation.apply(noise(6)[row : row + 1], own))


def test_shapes_are_equally_likely_and_mels_are_uniform() -> None:
    shapes = ("high_pass", "low_pass", "band_pass", "band_stop")
    params = Filter(sample_rate=RATE, shapes=shapes, uniform_in="mel").draw(20_000, seeded())
    share = torch.bincount(params["shape"], minlength=4) / 20_000
    assert share.tolist() == pytest.approx([0.25] * 4, abs=0.02)
    mel = 2595 * torch.log10(1 + params["centre"] / 700)
    low, high = 2595 * torch.log10(1 + torch.tensor([200.0, 4000.0]) / 700)
    assert mel.mean().item() == pytest.approx(((low + high) / 2).item(), rel=0.01)


def test_no_phase_shift() -> None:
    low = Filter(sample_rate=RATE, shapes=("low_pass",), low_pass=(3000.0, 3000.0))
    x = tone(440.0)
    y = low.apply(x, low.draw(1, seeded()))
    torch.testing.assert_close(middle(y), middle(x), atol=1e-4, rtol=0)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^low_pass.*2200"):
        Filter(sample_rate=2000)
    with pytest.raises(RecipeError, match=r"^shapes.*high_pass"):
        Filter(sample_rate=RATE, shapes=())
