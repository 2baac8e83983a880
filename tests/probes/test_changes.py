"""Every change does what its unit says, by the amount that is written."""

import numpy as np
import pytest
from scipy.signal import correlate

from contramuse.augment import CORRUPTIONS as STUDY
from contramuse.probes.changes import CORRUPTIONS, FACTORS, STUDIED, TAIL_DECIBELS, changed

RATE = 22050


def music(seconds=6.0, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    tones = sum(
        a * np.sin(2 * np.pi * f * t + p)
        for a, f, p in zip((0.1, 0.08, 0.05), (220, 660, 3000), rng.uniform(0, 6, 3), strict=True)
    )
    return (tones * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * t)) + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


def tone(hz, seconds=4.0):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def apply(x, name, amount, *, track="a", seed=0, table=CORRUPTIONS):
    return changed(x, table[name], amount, sample_rate=RATE, track=track, seed=seed)


def decibels(power):
    return 10 * np.log10(power)


def frequency(x):
    """Of the strongest partial, by the parabola through the peak of the spectrum."""
    spectrum = np.log(np.abs(np.fft.rfft(x * np.hanning(len(x)), 4 * len(x))) + 1e-12)
    i = int(spectrum.argmax())
    a, b, c = spectrum[i - 1 : i + 2]
    return (i + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / (4 * len(x))


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_the_table(name):
    one = CORRUPTIONS[name]
    assert len(one.amounts) == 4
    assert one.describe(with_clean=True)["amounts"][0] == one.clean


@pytest.mark.parametrize("snr", CORRUPTIONS["noise"].amounts)
def test_noise_has_the_ratio_to_the_signal(snr):
    x = music()
    assert decibels((x**2).sum() / ((apply(x, "noise", snr) - x) ** 2).sum()) == pytest.approx(snr, abs=0.1)


@pytest.mark.parametrize("amount", CORRUPTIONS["gain"].amounts)
def test_gain_is_in_decibels(amount):
    x = music()
    assert decibels((apply(x, "gain", amount) ** 2).sum() / (x**2).sum()) == pytest.approx(amount, abs=1e-3)


@pytest.mark.parametrize("amount", CORRUPTIONS["clipping"].amounts)
def test_clipping_leaves_nothing_above_and_all_below(amount):
    x = music()
    y, limit = apply(x, "clipping", amount), np.abs(x).max() * 10 ** (-amount / 20)
    assert np.abs(y).max() == pytest.approx(limit, rel=1e-5)
    np.testing.assert_array_equal(y[np.abs(x) < limit], x[np.abs(x) < limit])


@pytest.mark.parametrize(("name", "inside", "outside"), [("low-pass", 0.7, 1.4), ("high-pass", 1.4, 0.6)])
def test_filters_are_six_decibels_down_at_the_cutoff(name, inside, outside):
    for cutoff in CORRUPTIONS[name].amounts:
        if cutoff < 100:
            continue  # the edge of a filter is at least 20 Hz wide
        level = {
            f: decibels((apply(tone(f * cutoff), name, cutoff)[4000:-4000] ** 2).mean() / 0.045)
            for f in (inside, 1, outside)
        }
        assert level[inside] == pytest.approx(0, abs=0.1)
        assert level[1] == pytest.approx(-6, abs=0.2)
        assert level[outside] < -40


def test_a_low_pass_beyond_half_the_rate_changes_nothing():
    x = music(1.0)
    np.testing.assert_array_equal(changed(x, CORRUPTIONS["low-pass"], 8000, sample_rate=16000, track="a", seed=0), x)


@pytest.mark.parametrize("semitones", CORRUPTIONS["pitch"].amounts)
def test_pitch_moves_by_so_many_cents_up_or_down(semitones):
    shifts = [1200 * np.log2(frequency(apply(tone(500), "pitch", semitones, track=str(i))) / 500) for i in range(6)]
    np.testing.assert_allclose(np.abs(shifts), 100 * semitones, atol=5)
    assert min(shifts) < 0 < max(shifts)


@pytest.mark.parametrize("rate", CORRUPTIONS["tempo"].amounts[1::2])
def test_tempo_moves_beats_and_length_but_not_pitch(rate):
    x = tone(500, 6.0) * (np.arange(6 * RATE) % (RATE // 2) < RATE // 20)  # two beeps a second
    lengths = set()
    for track in "abcd":
        y = apply(x.astype(np.float32), "tempo", rate, track=track)
        lengths.add(len(y))
        assert frequency(y) == pytest.approx(500, abs=2.5)  # sidebands of the beat stand 2 Hz beside it
        energy = np.convolve(y**2, np.ones(RATE // 50), "same")[:: RATE // 200]
        match = correlate(energy - energy.mean(), energy - energy.mean())[len(energy) - 1 :]
        period = (50 + int(match[50:170].argmax())) / 200
        assert period == pytest.approx(0.5 * len(y) / len(x), rel=0.04)
    assert lengths == {round(len(x) / rate), round(len(x) * rate)}


def test_factors_go_the_way_that_is_written():
    assert frequency(apply(tone(500), "pitch", -6, table=FACTORS)) == pytest.approx(500 * 2**-0.5, rel=3e-3)
    assert len(apply(tone(500), "tempo", 0.7, table=FACTORS)) == round(4 * RATE / 0.7)


@pytest.mark.parametrize("percent", CORRUPTIONS["packet loss"].amounts)
def test_packets_of_20_ms_are_lost(percent):
    x, packet = np.ones(60 * RATE, np.float32), round(0.02 * RATE)
    y = apply(x, "packet loss", percent)
    packets = y[: len(y) // packet * packet].reshape(-1, packet)
    assert np.isin(packets.mean(axis=1), (0, 1)).all()
    lost, share = (packets.mean(axis=1) == 0).mean(), percent / 100
    assert abs(lost - share) < 4 * np.sqrt(share * (1 - share) / len(packets))


@pytest.mark.parametrize("seconds", CORRUPTIONS["reverb"].amounts)
def test_reverberation_decays_by_60_db_in_so_many_seconds(seconds):
    x = np.zeros(int(1.4 * seconds * RATE) + RATE // 4, np.float32)
    x[0] = 1
    tail = apply(x, "reverb", seconds)[1:]
    assert decibels((tail**2).sum()) == pytest.approx(TAIL_DECIBELS + decibels(seconds), abs=0.1)
    low = np.fft.irfft(
        np.fft.rfft(tail) * (np.fft.rfftfreq(len(tail), 1 / RATE) < 2000), len(tail)
    )  # treble is shorter
    left = decibels(np.cumsum((low**2)[::-1])[::-1] / (low**2).sum() + 1e-12)  # Schroeder's integral
    time = np.arange(len(left)) / RATE
    fit = (left < -3) & (left > -25)
    slope = np.polyfit(time[fit], left[fit], 1)[0]
    assert -60 / slope == pytest.approx(seconds, rel=0.15)


def test_an_mp3_stays_in_place_and_gets_worse():
    rng = np.random.default_rng(0)
    x = (music(3.0) + 0.02 * rng.standard_normal(3 * RATE)).astype(np.float32)
    coded = [apply(x, "mp3", amount) for amount in CORRUPTIONS["mp3"].amounts]
    left = [decibels((x**2).sum() / ((y - x) ** 2).sum()) for y in coded]
    assert left == sorted(left, reverse=True)
    assert left[0] - left[-1] > 3
    for y in coded:
        match = correlate(y, x, method="fft")
        assert abs(int(match.argmax()) - (len(x) - 1)) <= 2


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"tempo", "pitch", "mp3"}))
def test_severities_are_ordered(name):
    x = music()
    away = [float(((apply(x, name, amount) - x) ** 2).sum()) for amount in CORRUPTIONS[name].amounts]
    assert away == sorted(away)


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_the_same_track_gives_the_same_audio(name):
    x, amount = music(2.0), CORRUPTIONS[name].amounts[2]
    np.testing.assert_array_equal(apply(x, name, amount), apply(x, name, amount))


def test_other_tracks_and_seeds_draw_otherwise():
    x = music(2.0)
    first = apply(x, "noise", 0)
    assert not np.array_equal(first, apply(x, "noise", 0, track="b"))
    assert not np.array_equal(first, apply(x, "noise", 0, seed=1))


def test_the_study_is_here_by_name():
    assert list(STUDIED) == [f"semisupcon {name}" for name in STUDY]
    x = music(3.0)
    for one in STUDIED.values():
        y = changed(x, one, 1.0, sample_rate=RATE, track="a", seed=0)
        assert np.isfinite(y).all()
        assert not np.array_equal(y, x)
