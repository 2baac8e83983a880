"""Small estimators of tempo and key from audio, for libraries whose tracks carry neither.

Tempo: rises of 40 mel bands in decibels, averaged; their autocorrelation at a period and its first multiples, under a
log-normal preference for tempi about 120 (an octave wide). Key: magnitudes of 60 to 1000 Hz folded into twelve pitch
classes, each frame as loud as any other, against the 24 rotations of Krumhansl and Kessler's profiles.

Neither is a good estimator; both are good enough to ask whether neighbours agree. On tracks of the built-in corpus,
whose tempo and key are known, ``ACCURACY`` was measured. Real recordings are harder, and drift and modulate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray

from contramuse.audio.frontend import LogMel
from contramuse.catalogue.track import KEYS

VERSION = 1
"""Part of the name of what is kept on disk: raised when the estimates change."""

ACCURACY: Final = {"tempo": 0.83, "tempo or its half or double": 0.96, "key": 0.73, "weighted key score": 0.81}
"""Shares of 360 tracks of the built-in corpus, 20 s each, that had no part in choosing the settings (tempo: 4 %)."""

Signal = Float32[np.ndarray, " t"]

_TEMPI: Final = np.exp(np.linspace(np.log(40.0), np.log(240.0), 400))
_PREFERRED, _OCTAVES = 120.0, 1.0
_MAJOR: Final = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR: Final = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_LOWEST, _HIGHEST = 60.0, 1000.0


class Estimators:
    """Both, for one sample rate.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.hop = max(1, round(0.0116 * sample_rate))
        self.size = 1 << round(np.log2(0.37 * sample_rate))
        n_fft = 1 << round(np.log2(0.0464 * sample_rate))
        self._bands = LogMel(
            sample_rate=sample_rate, n_fft=n_fft, hop=self.hop, n_mels=40, compress="db", floor=1e-8, center="none"
        )
        hz = np.arange(self.size // 2 + 1) * (sample_rate / self.size)
        self._used = (hz >= _LOWEST) & (hz <= _HIGHEST)
        note = 69 + 12 * np.log2(hz[self._used] / 440)
        self._fold = np.zeros((12, int(self._used.sum())))
        # A bin between two semitones counts for neither.
        self._fold[np.round(note).astype(int) % 12, np.arange(len(note))] = np.cos(np.pi * (note - np.round(note))) ** 2
        profiles = [np.roll(profile, tonic) for profile in (_MAJOR, _MINOR) for tonic in range(12)]
        self._keys = np.stack([(p - p.mean()) / p.std() for p in profiles])

    def tempo(self, x: Signal) -> float:
        """Beats per minute, 40 to 240; NaN for less than 4 seconds or for silence."""
        if len(x) < 4 * self.sample_rate:
            return float("nan")
        with torch.inference_mode():
            bands = self._bands(torch.from_numpy(x)[None, None])[0].numpy()
        rises = np.maximum(np.diff(bands, axis=1), 0).mean(axis=0)
        second = round(self.sample_rate / self.hop)
        rises = rises - np.convolve(rises, np.ones(second) / second, "same")
        n = len(rises)
        spectrum = np.fft.rfft(rises, 2 * n)
        match = np.fft.irfft(np.abs(spectrum) ** 2)[:n] / (1 - np.arange(n) / n).clip(0.2)
        if match[0] <= 1e-9:
            return float("nan")
        period = 60 * self.sample_rate / self.hop / _TEMPI
        score = sum(np.interp(m * period, np.arange(n), match) / m for m in (1, 2, 3, 4))
        preference = np.exp(-0.5 * (np.log2(_TEMPI / _PREFERRED) / _OCTAVES) ** 2)
        return float(_TEMPI[np.argmax(score * preference)])

    def key(self, x: Signal) -> int:
        """Position in ``KEYS``; -1 for less than one frame or for silence."""
        if len(x) < self.size:
            return -1
        with torch.inference_mode():
            window = torch.hann_window(self.size)
            wave = torch.from_numpy(x)
            spectrum = torch.stft(wave, self.size, self.size // 2, window=window, center=False, return_complex=True)
        classes = self._fold @ spectrum.abs().numpy()[self._used]
        loud = classes.sum(axis=0) > 1e-6
        if not loud.any():
            return -1
        mean = (classes[:, loud] / classes[:, loud].sum(axis=0)).mean(axis=1)
        return int(np.argmax(self._keys @ (mean - mean.mean())))


def estimates(
    store: Any,
    rows: NDArray[np.int64],
    *,
    sample_rate: int,
    seconds: float,
    progress: Callable[[int, int], None],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Tempo [n], NaN where unknown, and position in ``KEYS`` [n], -1 where unknown, from the middle of each track."""
    estimator = Estimators(sample_rate)
    tempo, key = np.full(len(rows), np.nan), np.full(len(rows), -1, np.int64)
    for i, row in enumerate(rows):
        length = int(store.lengths[row])
        wanted = min(length, round(seconds * sample_rate))
        start = (length - wanted) // 2
        x = store.read(int(row), start, start + wanted).astype(np.float32) / np.float32(32768)
        tempo[i], key[i] = estimator.tempo(x), estimator.key(x)
        progress(i + 1, len(rows))
    return tempo, key


def same_tempo(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether tempi are within 4 %, half and double being the same."""
    with np.errstate(invalid="ignore", divide="ignore"):
        octaves = np.log2(a / b)
        return np.asarray(np.abs(octaves - np.round(octaves)) <= np.log2(1.04))


def close_keys(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether keys are the same, relative, or a fifth apart in the same mode: neighbours on the circle of fifths."""
    assert len(KEYS) == 24
    major_a, major_b = _relative_major(a), _relative_major(b)
    same_mode = (a >= 12) == (b >= 12)
    step = (major_a - major_b) % 12
    return np.asarray((step == 0) | (same_mode & ((step == 5) | (step == 7))))


def _relative_major(key: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(np.where(key >= 12, (key + 3) % 12, key % 12))
