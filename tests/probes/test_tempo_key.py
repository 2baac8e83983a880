"""Tempo and key of music whose tempo and key are known."""

import numpy as np
import pytest

from contramuse.catalogue.track import KEYS
from contramuse.probes.tempo_key import Estimators, close_keys, same_tempo

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


def clicks(bpm, rate, seconds=15.0):
    x = 1e-3 * np.random.default_rng(0).standard_normal(int(seconds * rate))
    burst = np.exp(-np.arange(rate // 20) / (rate / 100)) * np.random.default_rng(1).standard_normal(rate // 20)
    for beat in np.arange(0.3, seconds - 0.1, 60 / bpm):
        x[int(beat * rate) :][: len(burst)] += burst
    return (0.1 * x).astype(np.float32)


def scale(key, rate=22050):
    """Chords on the first, fourth and fifth degree, and the scale above them."""
    tonic, mode = key.split()
    root = {"C": 0, "C#": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "F#": 6, "G": 7, "Ab": 8, "A": 9, "Bb": 10, "B": 11}[
        tonic
    ]
    steps, parts = SCALES[mode], []
    for degree in (0, 3, 4, 0):
        notes = [48 + root + steps[(degree + i) % 7] for i in (0, 2, 4)] + [60 + root + steps[degree]]
        t = np.arange(rate) / rate
        parts.append(sum(np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * t) for note in notes))
    return (0.05 * np.concatenate(parts)).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
@pytest.mark.parametrize("bpm", [72, 100, 128, 150])
def test_tempo_of_clicks(rate, bpm):
    assert Estimators(rate).tempo(clicks(bpm, rate)) == pytest.approx(bpm, rel=0.02)


@pytest.mark.parametrize("key", KEYS)
def test_key_of_cadences(key):
    assert KEYS[Estimators(22050).key(scale(key))] == key


def test_nothing_is_known_of_silence_and_of_moments():
    estimators = Estimators(22050)
    assert np.isnan(estimators.tempo(np.zeros(22050 * 8, np.float32)))
    assert np.isnan(estimators.tempo(clicks(120, 22050)[:22050]))
    assert estimators.key(np.zeros(22050 * 8, np.float32)) == -1
    assert estimators.key(np.ones(100, np.float32)) == -1


def test_half_and_double_are_the_same_tempo():
    a = np.array([120.0, 120, 120, 120, np.nan])
    np.testing.assert_array_equal(same_tempo(a, np.array([60.0, 243, 90, 124, 100])), [True, True, False, True, False])


def test_close_keys_are_neighbours_on_the_circle():
    c, a = KEYS.index("C major"), KEYS.index("A minor")
    near = {KEYS[k] for k in range(24) if close_keys(np.array(c), np.array(k))}
    assert near == {"C major", "A minor", "G major", "F major"}
    assert {KEYS[k] for k in range(24) if close_keys(np.array(a), np.array(k))} == {
        "A minor",
        "C major",
        "E minor",
        "D minor",
    }
    table = np.array([[close_keys(np.array(i), np.array(j)) for j in range(24)] for i in range(24)])
    np.testing.assert_array_equal(table, table.T)
