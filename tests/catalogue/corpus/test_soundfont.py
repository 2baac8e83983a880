"""The SoundFont player: pitch, loops, envelopes and ranges, against closed forms."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.corpus.soundfont import SoundFont, low_pass
from contramuse.errors import UserError
from minisoundfont import write_soundfont

RATE = 22050


def frequency(x: np.ndarray) -> float:
    """Of the strongest partial, by a parabola through the logarithm of the spectrum's peak."""
    spectrum = np.log(np.abs(np.fft.rfft(x * np.hanning(len(x)))) + 1e-12)
    k = int(spectrum.argmax())
    a, b, c = spectrum[k - 1 : k + 2]
    return float((k + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / len(x))


@settings(max_examples=20, deadline=None)
@given(key=st.integers(36, 96))
def test_a_tone_is_in_tune(soundfont: Path, key: int) -> None:
    tone = SoundFont(soundfont).tone(0, key=key, seconds=1.0, sample_rate=RATE)
    cents = 1200 * np.log2(frequency(tone) / (500 * 2 ** ((key - 60) / 12)))
    assert abs(cents) < 1


def test_root_key_tuning_and_scale_of_a_zone_are_kept(tmp_path: Path) -> None:
    # Root key 72, two semitones and 50 cents up, quarter tones per key: the generators 58, 51, 52, 56.
    path = write_soundfont(tmp_path / "tuned.sf2", zone=((58, 72), (51, 2), (52, 50), (56, 50)))
    tone = SoundFont(path).tone(0, key=60, seconds=1.0, sample_rate=RATE)
    assert frequency(tone) == pytest.approx(500 * 2 ** ((-12 * 50 + 250) / 1200), rel=1e-3)


def test_a_loop_goes_on_without_a_seam(soundfont: Path) -> None:
    # The sample itself lasts 40 ms; a click at the loop's seam would show as energy away from the sine's partial.
    tone = SoundFont(soundfont).tone(0, key=60, seconds=2.0, sample_rate=RATE)[2000:-2000]
    assert np.abs(tone).max() == pytest.approx(0.5, rel=0.02)
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)))) ** 2
    peak = int(spectrum.argmax())
    assert spectrum[peak - 20 : peak + 21].sum() / spectrum.sum() > 0.9999


def test_a_sample_without_a_loop_ends(soundfont: Path) -> None:
    tone = SoundFont(soundfont).tone(0, key=60, bank=128, seconds=1.0, sample_rate=RATE)
    assert np.abs(tone[:2000]).max() > 0.3
    assert not tone[int(4000 / 32000 * RATE) + 50 :].any()


def test_the_envelope_decays_100_db_per_decay_time_to_the_sustain_level(tmp_path: Path) -> None:
    # Decay 1200 timecents = 2 s for 100 dB; sustain 300 centibels = 30 dB down, reached after 0.6 s.
    path = write_soundfont(tmp_path / "decay.sf2", zone=((36, 1200), (37, 300)))
    tone = SoundFont(path).tone(0, key=60, seconds=1.5, sample_rate=RATE)

    def level(at: float) -> float:
        piece = tone[int(at * RATE) - 220 : int(at * RATE) + 221]
        return float(20 * np.log10(np.sqrt(2 * np.mean(piece**2)) / 0.5))

    assert level(0.2) == pytest.approx(-10, abs=0.5)
    assert level(0.4) == pytest.approx(-20, abs=0.5)
    assert level(1.2) == pytest.approx(-30, abs=0.5)


def test_keys_and_velocities_outside_a_zone_are_silent(tmp_path: Path) -> None:
    path = write_soundfont(tmp_path / "ranges.sf2", zone=((43, 70 << 8 | 50), (44, 127 << 8 | 64)))
    font = SoundFont(path)

    def sounds(key: int, velocity: int) -> bool:
        return bool(font.tone(0, key=key, velocity=velocity, seconds=0.1, sample_rate=RATE).any())

    assert [sounds(49, 100), sounds(50, 100), sounds(70, 100), sounds(71, 100)] == [False, True, True, False]
    assert [sounds(60, 63), sounds(60, 64)] == [False, True]


def test_a_missing_program_gives_the_first_of_its_bank_and_a_missing_bank_an_error(soundfont: Path) -> None:
    font = SoundFont(soundfont)
    assert font.regions(0, 99) == font.regions(0, 0)
    with pytest.raises(UserError, match="bank 7"):
        font.regions(7, 0)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a soundfont at all", b"RIFF\x10\0\0\0sfbkLIST\x04\0\0\0INFO"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.sf2"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a SoundFont 2 file"):
        SoundFont(path)


def test_a_truncated_file_is_refused(tmp_path: Path, soundfont: Path) -> None:
    path = tmp_path / "cut.sf2"
    path.write_bytes(soundfont.read_bytes()[:-60])
    with pytest.raises(UserError, match="not a SoundFont 2 file"):
        SoundFont(path)


@pytest.mark.parametrize(("order", "octave_above"), [(1, -6.99), (2, -12.30)])
def test_a_low_pass_has_the_attenuation_of_a_butterworth_filter(order: int, octave_above: float) -> None:
    t = np.arange(RATE) / RATE
    for f, expected in ((1000, -3.01), (2000, octave_above), (100, 0.0)):
        x = np.sin(2 * np.pi * f * t).astype(np.float32)
        y = low_pass(x, 1000, order=order, sample_rate=RATE)[RATE // 4 : 3 * RATE // 4]
        assert 20 * np.log10(y.std() * 2**0.5) == pytest.approx(expected, abs=0.1)
