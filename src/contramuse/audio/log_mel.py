"""The waveform itself, and the mel spectrogram: the frontends that most encoders read."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.audio.filterbank import Norm, Scale, mel_filterbank
from contramuse.audio.spectrum import Center, Compress, check, compressed, energy, in_float32


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
            "power" raised to ``exponent``, "log1p" log10(1 + 10 mel), "none" as it is.
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
        compress: Compress = "log",
        floor: float = 1e-5,
        exponent: float = 0.3,
        center: Center = "reflect",
    ) -> None:
        super().__init__()
        self.bands = n_mels
        self.n_fft, self.hop, self.power = n_fft, hop, power
        self.center: Center = center
        self.compress: Compress = compress
        self.floor, self.exponent = floor, exponent
        top = sample_rate / 2 if f_max is None else f_max
        check(n_fft=n_fft, hop=hop, n_mels=n_mels, f_min=f_min, f_max=top, sample_rate=sample_rate, floor=floor)
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
        with in_float32(x):
            spectrum = energy(x, n_fft=self.n_fft, hop=self.hop, window=self.window, center=self.center)
            if self.power != 2.0:
                spectrum = spectrum ** (self.power / 2)
            mel = torch.matmul(self.filters, spectrum)
            return compressed(mel, self.compress, power=self.power, floor=self.floor, exponent=self.exponent)
