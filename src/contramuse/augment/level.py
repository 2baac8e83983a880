"""Effects on the level: polarity, gain, and noise at a stated ratio to the signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Factor, Params, Range, uniform
from contramuse.augment.fourier import frequencies, good_size
from contramuse.augment.noise_table import draw_place, white


@dataclass(frozen=True, kw_only=True)
class Polarity(Factor):
    """x -> -x."""

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {}

    def factor(self, params: Params) -> Float[Tensor, " b"]:
        """-1 for every row."""
        return torch.full(params["active"].shape, -1.0, device=params["active"].device)


@dataclass(frozen=True, kw_only=True)
class Gain(Factor):
    """A change of level, uniform in decibels. Nothing is clipped: the signal is floating point.

    Args:
        p: chance per row.
        decibels: range of the gain.
    """

    decibels: Range = (-20.0, -1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("decibels", self.decibels, low=-120.0, high=120.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"decibels": uniform(n, self.decibels, generator)}

    def factor(self, params: Params) -> Float[Tensor, " b"]:
        """10^(dB / 20)."""
        return 10.0 ** (params["decibels"] / 20.0)


@dataclass(frozen=True, kw_only=True)
class Noise(Augmentation):
    """White Gaussian noise; a silent row stays silent.

    Args:
        p: chance per row.
        snr: range of the signal-to-noise ratio of the row, decibels.
        uniform_in: what is drawn uniformly: "decibels", or "amplitude" of the noise relative to the signal.
    """

    snr: Range = (3.0, 30.0)
    uniform_in: Literal["decibels", "amplitude"] = "decibels"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("snr", self.snr, low=-120.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        if self.uniform_in == "decibels":
            ratio = 10.0 ** (-uniform(n, self.snr, generator) / 20.0)
        else:
            ratio = uniform(n, (10.0 ** (-self.snr[1] / 20), 10.0 ** (-self.snr[0] / 20)), generator)
        return {"ratio": ratio, "place": draw_place(n, generator)}

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        return _mixed(x, self._noise(x.shape[-1], params), params["ratio"])

    def _noise(self, samples: int, params: Params) -> Float[Tensor, "b t"]:
        return white(params["place"], samples)


@dataclass(frozen=True, kw_only=True)
class ColoredNoise(Noise):
    """Noise whose amplitude falls as 1 / f^decay (flat below 100 Hz): 0 white, 0.5 pink, 1 brown, below 0 blue.

    Args:
        p: chance per row.
        snr: range of the signal-to-noise ratio of the row, decibels.
        uniform_in: see `Noise`.
        decay: range of the exponent.
        sample_rate: Hz.
    """

    sample_rate: int
    decay: Range = (-2.0, 2.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("decay", self.decay, low=-8.0, high=8.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {**super()._draw(n, generator), "decay": uniform(n, self.decay, generator)}

    def _noise(self, samples: int, params: Params) -> Float[Tensor, "b t"]:
        n_fft = good_size(samples)
        hz = frequencies(n_fft, self.sample_rate, params["decay"].device)
        octaves = (hz.clamp(min=100.0) / 1000.0).log()
        colour = torch.exp(-params["decay"][:, None] * octaves)
        # The transform of white noise is white noise: the table gives the spectrum directly.
        spectrum = torch.view_as_complex(white(params["place"], 2 * len(hz)).view(-1, len(hz), 2))
        noise: Tensor = torch.fft.irfft(spectrum * colour, n_fft)
        return noise[:, :samples]


def _mixed(
    x: Float[Tensor, "b 1 t"], noise: Float[Tensor, "b t"], ratio: Float[Tensor, " b"]
) -> Float[Tensor, "b 1 t"]:
    level = x.norm(dim=(1, 2)) / noise.norm(dim=1) * ratio
    return torch.addcmul(x, noise[:, None], level[:, None, None])
