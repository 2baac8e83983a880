"""The mel spectrograms of published systems, number for number."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.audio.filterbank import mel_filterbank
from contramuse.audio.log_mel import LogMel
from contramuse.audio.spectrum import check, compressed, energy, in_float32
from contramuse.audio.stored import melon_scaled
from contramuse.errors import RecipeError


def short_chunk_mel(*, sample_rate: int, f_max: float | None = None) -> LogMel:
    """Frontend of CLMR's ShortChunkCNN: 128 bands of HTK's scale in decibels, window 512, hop 256; made for 16 kHz.

    Args:
        sample_rate: Hz.
        f_max: upper edge of the highest band, Hz; None is half the sample rate.
    """
    return LogMel(
        sample_rate=sample_rate, n_fft=512, hop=256, n_mels=128, f_max=f_max, scale="htk", norm="none",
        compress="db", floor=1e-10,
    )  # fmt: skip


class ChoiMel(nn.Module):
    """Frontend of Choi et al.: 96 bands of HTK's scale, window 512, hop 256; made for 16 kHz.

    Their code standardises an energy that was never compressed: ``compress: none`` with their ``mean`` and ``std``
    (MSD 0.1533 and 0.1713, FMA 0.1326 and 0.1844). Those constants are of the size of a compressed mel's.

    Args:
        sample_rate: Hz.
        compress: "log" natural logarithm, "log1p" log10(1 + 10 mel), "none" as it is.
        mean: subtracted after the compression.
        std: divided by, after that.

    Raises:
        RecipeError: a ``std`` that is not above zero.
    """

    bands = 96

    def __init__(
        self,
        *,
        sample_rate: int,
        compress: Literal["log", "log1p", "none"] = "log",
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        if std <= 0:
            raise RecipeError("must be above zero", name="std", value=std, fix="1 leaves the mel as it is.")
        self.mel = LogMel(
            sample_rate=sample_rate, n_fft=512, hop=256, n_mels=96, scale="htk", norm="none", compress=compress
        )
        self.mean, self.std = mean, std

    def frames(self, samples: int) -> int:
        """Number of frames n of ``samples`` samples."""
        return self.mel.frames(samples)

    def forward(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b f n"]:
        """Standardised bands [b 96 n] of waveforms [b 1 t], t > 256."""
        mel: Tensor = self.mel(x)
        return (mel - self.mean) / self.std


class ColaMel(nn.Module):
    """Frontend of COLA and MSCOL: 64 bands, magnitude, natural logarithm; frames of 400 samples, made for 16 kHz.

    Frame i is samples 160 i to 160 i + 400, nothing is padded. The bands are triangles over the mels of the bins (as
    TensorFlow makes them), not over their hertz.

    COLA divides the whole clip by its L2 norm before it cuts windows. Here only the crop is seen: ``level: unit_crop``
    divides the crop by its own, times sqrt(``clip`` / crop) where the length of a clip is told: then a crop as loud as
    its clip gets what it gets there, and a louder or softer one differs by a constant over all its bands.

    Args:
        sample_rate: Hz.
        level: "unit_crop", or "as_is" for waveforms in [-1, 1] as they are (bands some 4 higher, and level kept).
        clip: seconds of the clip that ``level: unit_crop`` stands for; 0 is the crop itself.

    Raises:
        RecipeError: half the sample rate is below the highest band, 7,800 Hz.
    """

    bands, frame, hop, n_fft = 64, 400, 160, 1024
    window: Tensor
    filters: Tensor

    def __init__(
        self, *, sample_rate: int, level: Literal["unit_crop", "as_is"] = "unit_crop", clip: float = 0.0
    ) -> None:
        super().__init__()
        check(sample_rate=sample_rate, n_fft=self.n_fft, hop=self.hop, floor=1e-5, f_min=60.0, f_max=7800.0)
        if clip < 0:
            raise RecipeError("must be at least 0", name="clip", value=clip, fix="0 is the crop itself.")
        self.level, self.clip = level, round(clip * sample_rate)
        filters = _mel_triangles(self.bands, sample_rate=sample_rate, n_fft=self.n_fft, f_min=60.0, f_max=7800.0)
        self.register_buffer("window", torch.hann_window(self.frame, periodic=True), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters).to(torch.float32), persistent=False)

    def frames(self, samples: int) -> int:
        """Number of frames n of ``samples`` samples."""
        return 1 + (samples - self.frame) // self.hop

    def forward(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b f n"]:
        """Log mels [b 64 n] of waveforms [b 1 t], t >= 400; n = 1 + (t - 400) // 160."""
        if x.shape[-1] < self.frame:
            raise RecipeError(
                f"is too short for a frame of {self.frame} samples", name="crop or window",
                value=f"{x.shape[-1]} samples", fix="Give it more seconds.",
            )  # fmt: skip
        with in_float32(x):
            x = x.float()
            if self.level == "unit_crop":
                power = x.square().sum(-1, keepdim=True).clamp(min=1e-9)
                x = x * (power * (self.clip / x.shape[-1] if self.clip else 1.0)).rsqrt()
            # Zeros to both sides of each frame change no magnitude, and let one transform of 1024 serve.
            side = (self.n_fft - self.frame) // 2
            spectrum = energy(
                nn.functional.pad(x, (side, side)), n_fft=self.n_fft, hop=self.hop, window=self.window, center="none"
            )
            return torch.matmul(self.filters, spectrum.sqrt()).clamp(1e-5, 1e8).log()


class MelonMel(nn.Module):
    """The mels of the Melon Playlist Dataset from audio: 48 bands up to half the rate, frames of 512, made for 16 kHz.

    As Essentia makes them: a symmetric Hann window, frames centred on multiples of 256 samples with silence around the
    ends, Slaney's scale, bands of equal area, energy; decibels 20 log10(energy), at least -200.

    Args:
        sample_rate: Hz.
        transform: "melon" log10(0.01 + 10^(dB / 20)) as PlaylistContrastive stores them, "none" decibels.
    """

    bands, n_fft, hop = 48, 512, 256
    window: Tensor
    filters: Tensor

    def __init__(self, *, sample_rate: int, transform: Literal["melon", "none"] = "melon") -> None:
        super().__init__()
        self.transform = transform
        filters = mel_filterbank(self.bands, sample_rate=sample_rate, n_fft=self.n_fft, f_max=sample_rate / 2)
        self.register_buffer("window", torch.hann_window(self.n_fft, periodic=False), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters).to(torch.float32), persistent=False)

    def frames(self, samples: int) -> int:
        """Number of frames n of ``samples`` samples."""
        return 1 + samples // self.hop

    def forward(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b f n"]:
        """Mels [b 48 n] of waveforms [b 1 t]."""
        with in_float32(x):
            spectrum = energy(x, n_fft=self.n_fft, hop=self.hop, window=self.window, center="zero")
            # Decibels of the energy squared: Essentia's lin2db with scale 2.
            decibels = compressed(torch.matmul(self.filters, spectrum), "db", power=1.0, floor=1e-10)
            return melon_scaled(decibels) if self.transform == "melon" else decibels


def _mel_triangles(
    n_mels: int, *, sample_rate: int, n_fft: int, f_min: float, f_max: float
) -> Float[np.ndarray, "f bins"]:
    """Triangles that rise and fall linearly in mels, peak 1, on HTK's scale; the constant bin belongs to none."""
    mels = 1127.0 * np.log1p(np.linspace(0.0, sample_rate / 2, n_fft // 2 + 1) / 700.0)
    low, high = 1127.0 * math.log1p(f_min / 700.0), 1127.0 * math.log1p(f_max / 700.0)
    edges = np.linspace(low, high, n_mels + 2)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights = np.maximum(0.0, np.minimum((mels - left) / (centre - left), (right - mels) / (right - centre)))
    weights[:, 0] = 0.0
    return np.asarray(weights)
