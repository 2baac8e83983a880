"""MFCC statistics and mean log-mel against librosa."""

import librosa
import numpy as np
import pytest

from contramuse.probes import baselines

RATE = 22050


def tune(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    t = np.arange(int(seconds * RATE)) / RATE
    x = 0.3 * np.sin(2 * np.pi * 330 * t * (1 + 0.2 * np.sin(t))) + 0.05 * rng.standard_normal(len(t)) * (t % 1)
    return np.round(x * 32767).astype(np.int16)


def reader(samples: np.ndarray):
    return lambda start, stop: samples[start:stop]


@pytest.mark.parametrize("seconds", [0.02, 0.3, 5.0])
def test_statistics_are_librosas(seconds):
    """Tolerance: 2e-3 of a decibel (float32 transform here, the same there)."""
    samples = tune(seconds)
    mfcc, mel = baselines.statistics(reader(samples), len(samples), baselines.frontend(RATE))
    power = librosa.feature.melspectrogram(y=samples.astype(np.float32) / 32768, sr=RATE)
    decibels = librosa.power_to_db(power, top_db=None)
    theirs = librosa.feature.mfcc(S=decibels, n_mfcc=20)
    np.testing.assert_allclose(mel, decibels.mean(axis=1), atol=2e-3)
    np.testing.assert_allclose(mfcc[:20], theirs.mean(axis=1), atol=2e-3)
    np.testing.assert_allclose(mfcc[20:40], theirs.std(axis=1), atol=5e-3)
    if theirs.shape[1] >= 9:
        deltas = librosa.feature.delta(theirs)
        np.testing.assert_allclose(mfcc[40:60], deltas.mean(axis=1), atol=2e-3)
        np.testing.assert_allclose(mfcc[60:80], deltas.std(axis=1), atol=2e-3)
    else:
        assert (mfcc[40:] == 0).all()


def test_blocks_do_not_change_the_frames():
    samples, bands = tune(3.0), baselines.frontend(RATE)
    whole = np.concatenate(list(baselines.mel_blocks(reader(samples), len(samples), bands)), axis=1)
    pieces = np.concatenate(list(baselines.mel_blocks(reader(samples), len(samples), bands, block=7)), axis=1)
    assert whole.shape == (128, 1 + len(samples) // 512)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)


def test_statistics_read_a_long_track_block_by_block():
    samples, longest = tune(2.0), 0

    def read(start: int, stop: int) -> np.ndarray:
        nonlocal longest
        longest = max(longest, stop - start)
        return samples[np.arange(start, stop) % len(samples)]

    mfcc, mel = baselines.statistics(read, RATE * 600, baselines.frontend(RATE))
    assert longest <= 2048 * 512 + 2048
    assert np.isfinite(mfcc).all()
    assert np.isfinite(mel).all()


def test_silence_has_finite_statistics():
    mfcc, mel = baselines.statistics(reader(np.zeros(RATE, np.int16)), RATE, baselines.frontend(RATE))
    np.testing.assert_allclose(mel, -100, atol=1e-3)
    assert np.isfinite(mfcc).all()
