"""Frontends: from a waveform to what an encoder reads. They are part of the model, and so of its export."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.audio.filterbank import Norm, Scale, mel_filterbank
from contramuse.errors import RecipeError


class Waveform(nn.Module):
    """The waveform itself: [b 1 t] -> [b 1 t]."""

    bands = 1

    def __init__(self) -> None:
        super().__init__()

    def frames(self, samples: int) -> int:
        """Number of frames n of ``samples`` samples."""
        return samples

    def forward(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b 1 t"]:
        """Return ``x``."""
        return x


class LogMel(nn.Module):
    """Mel spectrogram of a periodic Hann window, compressed. Always computed in float32, also under autocast.

    Args:
        sample_rate: Hz.
        n_fft: samples of window and Fourier transform.
        hop: samples from frame to frame.
        n_mels: number of bands f.
        f_min: lower edge of the lowest band, Hz.
        f_max: upper edge of the highest band, Hz; None is half the sample rate.
        scale: mel scale, "slaney" or "htk".
        norm: "slaney" (bands of equal area) or "none" (bands of peak 1).
        power: exponent of the magnitude: 2 is energy, 1 is magnitude.
        compress: "log" natural logarithm, "db" decibels (of the magnitude squared, whatever ``power``),
            "power" raised to ``exponent``, "none" as it is.
        floor: smallest value before "log" and "db".
        exponent: used by ``compress: power``.
        center: "reflect" centres frame i on sample i hop, mirroring the ends; "zero" pads with silence;
            "none" starts frame i at sample i hop.

    Raises:
        RecipeError: bands that no bin of the transform falls into, or an impossible range.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self,
        *,
        sample_rate: int,
        n_fft: int = 1024,
        hop: int = 256,
        n_mels: int = 128,
        f_min: float = 0.0,
        f_max: float | None = None,
        scale: Scale = "slaney",
        norm: Norm = "slaney",
        power: float = 2.0,
        compress: Literal["log", "db", "power", "none"] = "log",
        floor: float = 1e-5,
        exponent: float = 0.3,
        center: Literal["reflect", "zero", "none"] = "reflect",
    ) -> None:
        super().__init__()
        self.bands = n_mels
        self.n_fft, self.hop, self.power, self.center = n_fft, hop, power, center
        self.compress, self.floor, self.exponent = compress, floor, exponent
        top = sample_rate / 2 if f_max is None else f_max
        _check(n_fft=n_fft, hop=hop, n_mels=n_mels, f_min=f_min, f_max=top, sample_rate=sample_rate, floor=floor)
        filters = mel_filterbank(
            n_mels, sample_rate=sample_rate, n_fft=n_fft, f_min=f_min, f_max=top, scale=scale, norm=norm
        )
        # Not saved with the weights: they follow from the settings.
        self.register_buffer("window", torch.hann_window(n_fft, periodic=True), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters).to(torch.float32), persistent=False)

    def frames(self, samples: int) -> int:
        """Number of frames n of ``samples`` samples."""
        return 1 + (samples - (self.n_fft if self.center == "none" else 0)) // self.hop

    def forward(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b f n"]:
        """Compressed mel bands of waveforms [b 1 t], float32 [b f n]; t > n_fft / 2 (``center: none``: t >= n_fft)."""
        least = {"reflect": self.n_fft // 2 + 1, "zero": 1, "none": self.n_fft}[self.center]
        if x.shape[-1] < least:
            raise RecipeError(
                f"is too short for n_fft {self.n_fft}, which needs {least} samples", name="crop or window",
                value=f"{x.shape[-1]} samples", fix="Give it more seconds, or the frontend a smaller n_fft.",
            )  # fmt: skip
        kind = x.device.type
        with torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext():
            spectrum = torch.stft(
                x.float().squeeze(1),
                self.n_fft,
                hop_length=self.hop,
                window=self.window,
                center=self.center != "none",
                pad_mode="constant" if self.center == "zero" else "reflect",
                return_complex=True,
            )
            parts = torch.view_as_real(spectrum)
            energy = parts[..., 0].square() + parts[..., 1].square()  # a sum over an axis of two is 8 times slower
            if self.power != 2.0:
                energy = energy ** (self.power / 2)
            return self._compressed(torch.matmul(self.filters, energy))

    def _compressed(self, mel: Float[Tensor, "b f n"]) -> Float[Tensor, "b f n"]:
        if self.compress == "log":
            return mel.clamp(min=self.floor).log()
        if self.compress == "db":
            return mel.clamp(min=self.floor).log10() * (20.0 / self.power)
        if self.compress == "power":
            return mel**self.exponent
        return mel


FRONTENDS: dict[str, type[Waveform] | type[LogMel]] = {"waveform": Waveform, "log_mel": LogMel}


def _check(*, n_fft: int, hop: int, n_mels: int, f_min: float, f_max: float, sample_rate: int, floor: float) -> None:
    def refuse(name: str, value: object, problem: str, fix: str) -> None:
        raise RecipeError(problem, name=name, value=value, fix=fix)

    for name, value in {"n_fft": n_fft, "hop": hop, "n_mels": n_mels, "sample_rate": sample_rate}.items():
        if value < 1:
            refuse(name, value, "must be at least 1", "Leave it out for the default.")
    if floor <= 0:
        refuse("floor", floor, "must be above zero", "1e-5 suits audio in [-1, 1].")
    if not 0 <= f_min < f_max:
        refuse("f_min", f_min, f"must be at least 0 and below f_max ({f_max:g} Hz)", "Leave f_min and f_max out.")
    if f_max > sample_rate / 2:
        refuse("f_max", f_max, f"is above half the sample rate ({sample_rate / 2:g} Hz)", "Leave f_max out.")
