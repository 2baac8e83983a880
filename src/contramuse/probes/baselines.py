"""Baselines without learning: MFCC statistics and mean log-mel of whole tracks, in constant memory.

Frames, bands and cosine transform are librosa's defaults (n_fft 2048, hop 512, 128 Slaney bands, decibels of the power,
orthonormal DCT-II, 20 coefficients, deltas over 9 frames), except that decibels have a fixed floor (-100 dB) instead of
one 80 dB under the track's own peak, which would need the whole track before the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from contramuse.audio.features import FeatureStore
from contramuse.audio.frontend import LogMel
from contramuse.errors import LibraryError

N_FFT, HOP, BANDS, COEFFICIENTS, DELTA = 2048, 512, 128, 20, 9
VERSION = 1
"""Part of the name of what is kept on disk: raised when the numbers change."""

Read = Callable[[int, int], NDArray[np.int16]]
"""Samples ``start`` to ``stop`` of a track."""


def frontend(sample_rate: int) -> LogMel:
    """128 bands in decibels; the caller pads."""
    return LogMel(
        sample_rate=sample_rate, n_fft=N_FFT, hop=HOP, n_mels=BANDS, compress="db", floor=1e-10, center="none"
    )


def cosine_transform() -> Float[np.ndarray, "c f"]:
    """The first coefficients of the orthonormal DCT-II over the bands, float64 [20 128]."""
    band = np.arange(BANDS) + 0.5
    matrix = np.sqrt(2 / BANDS) * np.cos(np.pi / BANDS * np.arange(COEFFICIENTS)[:, None] * band)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix)


def mel_blocks(read: Read, length: int, bands: LogMel, *, block: int = 2048) -> Iterator[Float[np.ndarray, "f n"]]:
    """Decibel mel frames of a track of ``length`` samples, ``block`` frames at a time; frame i is centred on i hop.

    Beyond its ends the track is silent.
    """
    frames, half = 1 + length // HOP, N_FFT // 2
    for first in range(0, frames, block):
        last = min(frames, first + block)
        start, stop = first * HOP - half, (last - 1) * HOP + half
        samples = read(max(0, start), min(length, stop)).astype(np.float32) / 32768
        padded = np.pad(samples, (max(0, -start), max(0, stop - length)))
        with torch.inference_mode():
            yield bands(torch.from_numpy(padded)[None, None])[0].numpy()


class _Moments:
    """Running sums of columns."""

    def __init__(self, width: int) -> None:
        self.count, self.total, self.square = 0.0, np.zeros(width), np.zeros(width)

    def add(self, x: Float[np.ndarray, "f n"], weight: float = 1.0) -> None:
        self.count += weight * x.shape[1]
        self.total += weight * x.sum(axis=1)
        self.square += weight * (x * x).sum(axis=1)

    def mean(self) -> NDArray[np.float64]:
        return np.asarray(self.total / max(self.count, 1.0))

    def deviation(self) -> NDArray[np.float64]:
        return np.sqrt(np.maximum(self.square / max(self.count, 1.0) - self.mean() ** 2, 0))


def statistics(read: Read, length: int, bands: LogMel) -> tuple[Float[np.ndarray, " 80"], Float[np.ndarray, " 128"]]:
    """Of one track: mean and deviation of 20 MFCC and of their deltas, float32 [80]; mean of the bands [128]."""
    transform, mel = cosine_transform(), _Moments(BANDS)
    cepstrum, slope = _Moments(COEFFICIENTS), _Moments(COEFFICIENTS)
    carried = np.zeros((COEFFICIENTS, 0))
    first = last = None
    for block in mel_blocks(read, length, bands):
        values = block.astype(np.float64)
        mel.add(values)
        mfcc = transform @ values
        cepstrum.add(mfcc)
        joined = np.concatenate([carried, mfcc], axis=1)
        deltas = interior_deltas(joined)
        if deltas.shape[1]:
            slope.add(deltas)
            first = deltas[:, :1] if first is None else first
            last = deltas[:, -1:]
        carried = joined[:, -(DELTA - 1) :]
    for edge in (first, last):
        if edge is not None:
            # librosa fits one line to the first and the last 9 frames: their slope is the delta of 4 more frames.
            slope.add(edge, DELTA // 2)
    parts = [cepstrum.mean(), cepstrum.deviation(), slope.mean(), slope.deviation()]
    return np.concatenate(parts).astype(np.float32), mel.mean().astype(np.float32)


def interior_deltas(x: Float[np.ndarray, "f n"]) -> Float[np.ndarray, "f m"]:
    """Slope of the line through 9 frames about each frame that has 4 on either side, [f n-8]."""
    reach = np.arange(DELTA) - DELTA // 2
    if x.shape[1] < DELTA:
        return x[:, :0]
    windows = np.lib.stride_tricks.sliding_window_view(x, DELTA, axis=1)
    return np.asarray(windows @ (reach / (reach**2).sum()))


def library_statistics(
    store: Any, *, progress: Callable[[int, int], None]
) -> tuple[Float[np.ndarray, "n 80"], Float[np.ndarray, "n 128"]]:
    """``statistics`` of every track of a store; ``progress`` is called with (done, all).

    Raises:
        LibraryError: the library holds stored features.
    """
    if isinstance(store, FeatureStore):
        fix = "Compare with random weights: --baselines random."
        raise LibraryError("holds stored features; MFCC need audio", name="library", value=store.root, fix=fix)
    bands, n = frontend(store.sample_rate), len(store)
    mfcc, mel = np.zeros((n, 4 * COEFFICIENTS), np.float32), np.zeros((n, BANDS), np.float32)
    for row in range(n):
        mfcc[row], mel[row] = statistics(_reader(store, row), int(store.lengths[row]), bands)
        progress(row + 1, n)
    return mfcc, mel


def _reader(store: Any, row: int) -> Read:
    def read(start: int, stop: int) -> NDArray[np.int16]:
        return np.asarray(store.read(row, start, stop))

    return read
