import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.augment.pitch import PitchShift, Speed, TimeStretch
from contramuse.errors import RecipeError
from signals import LONG, RATE, decibels, middle, music, noise, peak_hz, tone


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shifted(x: torch.Tensor, semitones: float) -> torch.Tensor:
    augmentation = PitchShift(sample_rate=RATE, semitones=(semitones, semitones))
    return augmentation.apply(x, augmentation.draw(len(x), seeded()))


def stretched(x: torch.Tensor, rate: float) -> torch.Tensor:
    augmentation = TimeStretch(sample_rate=RATE, rate=(rate, rate))
    return augmentation.apply(x, augmentation.draw(len(x), seeded()))


def notes(onsets: list[int]) -> torch.Tensor:
    """A note of 880 Hz and 0.2 s at each onset, over faint noise."""
    time, x = torch.arange(LONG), 0.01 * noise()[0, 0]
    for onset in onsets:
        x += tone(880.0)[0, 0] * ((time >= onset) & (time < onset + 0.2 * RATE))
    return x[None, None]


def heard(x: torch.Tensor) -> list[int]:
    """Where the level rises above a third of its peak; not within 0.2 s, as an attack may be heard twice."""
    level = x[0, 0].square().unfold(0, 200, 1).mean(1).sqrt()
    loud = level > level.max() / 3
    rises = ((~loud[:-1] & loud[1:]).nonzero().flatten() + 100).tolist()
    return [rise for before, rise in zip([-LONG, *rises], rises, strict=False) if rise - before > 0.2 * RATE]


def test_a_tone_two_semitones_up_is_at_493_9_hertz() -> None:
    assert peak_hz(shifted(tone(440.0), 2.0)) == pytest.approx(493.88, abs=0.5)


@settings(max_examples=25, deadline=None)
@given(st.floats(-12.0, 12.0), st.floats(150.0, 3000.0))
def test_any_shift_of_any_tone(semitones: float, hz: float) -> None:
    y = middle(shifted(tone(hz), semitones), 0.9)
    assert peak_hz(y) == pytest.approx(hz * 2 ** (semitones / 12), rel=0.004)
    assert decibels(y, middle(tone(hz), 0.9)) == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("semitones", [-7.0, -3.0, 2.0, 7.0])
def test_the_rest_of_the_spectrum_stays_empty(semitones: float) -> None:
    y = middle(shifted(tone(440.0), semitones), 0.9).flatten()
    power = torch.fft.rfft(y * torch.hann_window(len(y))).abs().square()
    hz = torch.fft.rfftfreq(len(y), 1 / RATE)
    near = (hz - 440 * 2 ** (semitones / 12)).abs() < 60
    assert 10 * torch.log10(power[near].sum() / power[~near].sum()) > 40


def test_the_shift_keeps_the_time() -> None:
    onsets = [5000, 15000, 30000, 48000]
    for semitones in (-7.0, -2.0, 2.0, 7.0):
        assert heard(shifted(notes(onsets), semitones)) == pytest.approx(onsets, abs=0.03 * RATE)


def test_a_shift_up_does_not_alias() -> None:
    y = shifted(tone(9000.0), 7.0)
    assert decibels(middle(y), middle(tone(9000.0))) < -40


def test_no_shift_changes_nothing() -> None:
    x = music()
    torch.testing.assert_close(shifted(x, 0.0), x, atol=2e-3, rtol=0)


@pytest.mark.parametrize("rate", [0.7, 0.9, 1.15, 1.3])
def test_a_stretch_keeps_the_pitch(rate: float) -> None:
    y = stretched(tone(440.0), rate)[..., 2000 : int(LONG / 1.4)]
    assert peak_hz(y) == pytest.approx(440.0, abs=0.7)


@pytest.mark.parametrize("rate", [0.7, 0.9, 1.15, 1.3])
def test_a_stretch_changes_the_spacing_of_onsets(rate: float) -> None:
    onsets = [4000, 14000, 24000, 34000]
    assert heard(stretched(notes(onsets), rate)) == pytest.approx([onset / rate for onset in onsets], abs=0.03 * RATE)


def test_a_faster_row_ends_in_silence() -> None:
    y = stretched(tone(440.0), 1.25)[0, 0]
    assert y[int(LONG / 1.25) + 1 :].abs().max() == 0
    assert y[: int(LONG / 1.25) - 1000].abs().unfold(0, 500, 500).amax(1).min() > 0.8


def sped(x: torch.Tensor, speed: float, beyond: str = "silence") -> torch.Tensor:
    augmentation = Speed(sample_rate=RATE, speed=(speed, speed), beyond=beyond)
    return augmentation.apply(x, augmentation.draw(len(x), seeded()))


@settings(max_examples=15, deadline=None)
@given(st.floats(0.5, 2.0), st.floats(150.0, 3000.0))
def test_any_speed_of_any_tone(speed: float, hz: float) -> None:
    y = sped(tone(hz), speed)[..., : int(LONG / max(1.0, speed)) - 200]
    assert peak_hz(y) == pytest.approx(hz * speed, rel=1e-3)
    assert decibels(middle(y, 0.9), middle(tone(hz), 0.9)) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("speed", [0.8, 1.2])
def test_speed_is_reading_at_other_places(speed: float) -> None:
    """A sum of sines is known between its samples."""
    places = torch.arange(20_000, dtype=torch.float64) * speed
    places = places[places < LONG - 200]
    expected = sum(torch.sin(2 * torch.pi * hz / RATE * places) for hz in (220.0, 3001.0))
    y = sped(tone(220.0) + tone(3001.0), speed)[0, 0, : len(places)]
    torch.testing.assert_close(y[200:].double(), expected[200:], atol=3e-3, rtol=0)


def test_speed_changes_the_spacing_of_onsets() -> None:
    onsets = [4000, 14000, 24000, 34000]
    for speed in (0.8, 1.2):
        assert heard(sped(notes(onsets), speed)) == pytest.approx([onset / speed for onset in onsets], abs=0.01 * RATE)


def test_what_follows_a_faster_row_is_silence_or_its_mirror() -> None:
    x, end = notes([20000, 50000]), int(LONG / 1.25)
    assert sped(x, 1.25)[..., end + 1 :].abs().max() == 0
    y, end = sped(x[..., : 3 * 19_000 + 1], 1.5, "mirror")[0, 0], 2 * 19_000
    after = y[end : end + 19_000]
    torch.testing.assert_close(after, y[end - 18_999 : end + 1].flip(0), atol=1e-4, rtol=0)


def test_speed_up_does_not_alias() -> None:
    y = sped(tone(10_000.0), 1.5, "mirror")
    assert decibels(middle(y), middle(tone(10_000.0))) < -40


def test_other_rates_and_lengths() -> None:
    for rate, samples in ((8000, 20736), (44100, 100_000), (22050, 700), (22050, 5)):
        x = tone(440.0, samples, rate)
        augmentation = PitchShift(sample_rate=rate, semitones=(5.0, 5.0))
        y = augmentation.apply(x, augmentation.draw(1, seeded()))
        assert y.shape == x.shape
        assert y.isfinite().all()
        if samples > 10_000:
            assert peak_hz(middle(y), rate) == pytest.approx(440 * 2 ** (5 / 12), abs=1.5)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^semitones.*-30"):
        PitchShift(sample_rate=RATE, semitones=(-30.0, 2.0))
    with pytest.raises(RecipeError, match=r"^rate"):
        TimeStretch(sample_rate=RATE, rate=(0.0, 1.0))
