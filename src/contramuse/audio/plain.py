"""Frontends without mels: the spectrogram, and the pseudo-constant-Q transform."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.audio.spectrum import check, compressed, energy, in_float32
from contramuse.errors import RecipeError


class Spectrogram(nn.Module):
    """Energy of a periodic Hann window, divided by the window's own, compressed.

    Args:
        sample_rate: Hz.
        n_fft: samples of window and Fourier transform; there are n_fft // 2 + 1 bands.
        hop: samples from frame to frame.
        compress: "log" natural logarithm, "db" decibels, "none" as it is.
        floor: smallest value before "log" and "db".
    """

    window: Tensor

    def __init__(
        self,
        *,
        sample_rate: int,
        n_fft: int = 512,
        hop: int = 256,
        compress: Literal["log", "db", "none"] = "log",
        floor: float = 1e-5,
    ) -> None:
        super().__init__()
        check(sample_rate=sample_rate, n_fft=n_fft, hop=hop, floor=floor)
        self.bands, self.n_fft, self.hop = n_fft // 2 + 1, n_fft, hop
        self.compress: Literal["log", "db", "none"] = compress
        self.floor = floor
        window = torch.hann_window(n_fft, periodic=True)
        self.register_buffer("window", window / window.norm(), persistent=False)

    def frames(self, samples: int) -> int:
        """Number of frames n of ``samples`` samples."""
        return 1 + samples // self.hop

    def forward(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b f n"]:
        """Compressed energy of waveforms [b 1 t]; frame i is centred on sample i hop, the ends are mirrored."""
        with in_float32(x):
            spectrum = energy(x, n_fft=self.n_fft, hop=self.hop, window=self.window, center="reflect")
            return compressed(spectrum, self.compress, power=2.0, floor=self.floor)


class PseudoCqt(nn.Module):
    """Pseudo-constant-Q transform: magnitudes of one spectrogram, gathered by the spectra of constant-Q filters.

    Filter k is a Hann window of q sample_rate / f_k samples times a tone of f_k = f_min 2^(k / per_octave), with
    q = (r^2 + 1) / (r^2 - 1), r = 2^(1 / per_octave) (librosa's relative bandwidth). The window of the spectrogram is
    the next power of two above the longest filter: time is as coarse as the lowest band needs.

    Args:
        sample_rate: Hz.
        hop: samples from frame to frame.
        n_bins: number of bands f.
        per_octave: bands per octave.
        f_min: frequency of the lowest band, Hz; the default is C1.
        compress: "log" natural logarithm, "db" decibels, "none" as it is.
        floor: smallest value before "log" and "db".

    Raises:
        RecipeError: the highest band is above half the sample rate.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self,
        *,
        sample_rate: int,
        hop: int = 256,
        n_bins: int = 84,
        per_octave: int = 12,
        f_min: float = 32.70319566257483,
        compress: Literal["log", "db", "none"] = "log",
        floor: float = 1e-5,
    ) -> None:
        super().__init__()
        for name, value in {"n_bins": n_bins, "per_octave": per_octave}.items():
            if value < 1:
                raise RecipeError("must be at least 1", name=name, value=value, fix="Leave it out for the default.")
        hz = f_min * 2.0 ** (np.arange(n_bins) / per_octave)
        check(sample_rate=sample_rate, n_fft=1, hop=hop, floor=floor, f_min=f_min / 2)
        if not f_min > 0 or hz[-1] > sample_rate / 2:
            raise RecipeError(
                f"puts the highest band at {hz[-1]:.0f} Hz, outside 0 to half the sample rate ({sample_rate / 2:g} Hz)",
                name="n_bins", value=n_bins, fix="Take fewer bands, or a higher sample rate.",
            )  # fmt: skip
        filters = _constant_q(hz, per_octave=per_octave, sample_rate=sample_rate)
        self.bands, self.hop, self.n_fft = n_bins, hop, 2 * (filters.shape[1] - 1)
        self.compress: Literal["log", "db", "none"] = compress
        self.floor = floor
        self.register_buffer("window", torch.hann_window(self.n_fft, periodic=True), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters).to(torch.float32), persistent=False)

    def frames(self, samples: int) -> int:
        """Number of frames n of ``samples`` samples."""
        return 1 + samples // self.hop

    def forward(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b f n"]:
        """Compressed bands of waveforms [b 1 t]; frame i is centred on sample i hop, beyond the ends is silence."""
        with in_float32(x):
            spectrum = energy(x, n_fft=self.n_fft, hop=self.hop, window=self.window, center="zero").sqrt()
            return compressed(torch.matmul(self.filters, spectrum), self.compress, power=1.0, floor=self.floor)


def _constant_q(hz: Float[np.ndarray, " f"], *, per_octave: int, sample_rate: int) -> Float[np.ndarray, "f bins"]:
    """Magnitude of each filter's spectrum; scaled so that equally loud tones are equally strong in every band."""
    step = 2.0 ** (2.0 / per_octave)
    lengths = (step + 1) / (step - 1) * sample_rate / hz
    n_fft = 1 << math.ceil(math.log2(lengths[0]))
    filters = np.zeros((len(hz), n_fft // 2 + 1))
    for k, (length, centre) in enumerate(zip(lengths, hz, strict=True)):
        place = np.arange(-length // 2, length // 2)
        tone = np.exp(2j * np.pi * centre / sample_rate * place)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(place)) / len(place))
        kernel = tone * window / window.sum()
        # One over the square root of n_fft takes away what the transform of a longer window adds.
        filters[k] = np.abs(np.fft.fft(kernel, n_fft)[: n_fft // 2 + 1]) * lengths[k] / n_fft / math.sqrt(n_fft)
    return filters
