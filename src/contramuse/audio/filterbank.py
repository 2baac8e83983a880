"""Mel filterbanks, computed by numpy and stored with the model, so that every machine uses the same numbers."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

Scale = Literal["slaney", "htk"]
Norm = Literal["slaney", "none"]

# Slaney's Auditory Toolbox: linear below 1 kHz (200/3 Hz per mel), logarithmic above (27 steps per factor 6.4).
_LINEAR_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hz: Float[np.ndarray, " n"], scale: Scale = "slaney") -> Float[np.ndarray, " n"]:
    """Frequencies in Hz as mels, on Slaney's scale or on HTK's, 2595 log10(1 + f/700)."""
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + hz / 700.0))
    linear = hz / _LINEAR_HZ_PER_MEL
    return np.where(hz < _BREAK_HZ, linear, _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP)


def mel_to_hz(mel: Float[np.ndarray, " n"], scale: Scale = "slaney") -> Float[np.ndarray, " n"]:
    """Mels as frequencies in Hz; the inverse of `hz_to_mel`."""
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)))


def mel_filterbank(
    n_mels: int,
    *,
    sample_rate: int,
    n_fft: int,
    f_min: float = 0.0,
    f_max: float,
    scale: Scale = "slaney",
    norm: Norm = "slaney",
) -> Float[np.ndarray, "f bins"]:
    """Triangular filters, equally spaced in mels.

    Args:
        n_mels: number of bands f.
        sample_rate: Hz.
        n_fft: samples of the Fourier transform; bins = n_fft // 2 + 1.
        f_min: lower edge of the first band, Hz.
        f_max: upper edge of the last band, Hz.
        scale: which mel scale.
        norm: "slaney" gives every band the same area (2 / its width in Hz), "none" a peak of 1.

    Returns:
        float64 weights [f bins].
    """
    bins = np.linspace(0.0, sample_rate / 2, n_fft // 2 + 1)
    low, high = hz_to_mel(np.array([f_min, f_max]), scale)
    edges = mel_to_hz(np.linspace(low, high, n_mels + 2), scale)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    if norm == "slaney":
        weights *= 2.0 / (right - left)
    return np.asarray(weights)
