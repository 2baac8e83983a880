"""Effects that bend the waveform by its level: distortion, clipping, coarse steps, compression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, Range, uniform
from contramuse.augment.fourier import good_size


@dataclass(frozen=True, kw_only=True)
class Distortion(Augmentation):
    """tanh of the amplified row.

    Args:
        p: chance per row.
        drive: range of the gain before the tanh, decibels.
    """

    drive: Range = (0.0, 20.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("drive", self.drive, low=-120.0, high=120.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"drive": uniform(n, self.drive, generator)}

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        return (x * (10.0 ** (params["drive"] / 20.0))[:, None, None]).tanh_()


@dataclass(frozen=True, kw_only=True)
class Clipping(Augmentation):
    """What is beyond a threshold is cut off.

    Args:
        p: chance per row.
        threshold: range, decibels.
        of: what 0 dB is: the row's own "peak", or "full_scale", an amplitude of 1.
    """

    threshold: Range = (-12.0, 0.0)
    of: Literal["peak", "full_scale"] = "peak"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("threshold", self.threshold, low=-120.0, high=0.0 if self.of == "peak" else 120.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"threshold": uniform(n, self.threshold, generator)}

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        limit = (10.0 ** (params["threshold"] / 20.0))[:, None, None]
        if self.of == "peak":
            limit = limit * x.abs().amax((1, 2), keepdim=True)
        return torch.minimum(torch.maximum(x, -limit), limit)


@dataclass(frozen=True, kw_only=True)
class Bitcrush(Augmentation):
    """Amplitudes are rounded to multiples of 2^-bits.

    Args:
        p: chance per row.
        bits: range; fractions are drawn too.
    """

    bits: Range = (4.0, 10.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("bits", self.bits, low=0.0, high=24.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"bits": uniform(n, self.bits, generator)}

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        steps = (2.0 ** params["bits"])[:, None, None]
        return (x * steps).round_().div_(steps)


@dataclass(frozen=True, kw_only=True)
class Compression(Augmentation):
    """What is louder than a threshold grows ``ratio`` times slower, in decibels; no gain is made up.

    The level is a peak meter: it falls by e within ``release``, and follows a rise within ``attack`` (a decoupled
    detector: Giannoulis et al., 2012, section 3.3). Both stages are computed for all samples at once.

    Args:
        p: chance per row.
        threshold: range, decibels of full scale.
        ratio: range, at least 1; 1 changes nothing.
        attack: milliseconds until the level has risen by 1 - 1/e of a step; 0 is at once.
        release: milliseconds until the level has fallen to 1/e.
        sample_rate: Hz.
    """

    sample_rate: int
    threshold: Range = (-40.0, -20.0)
    ratio: Range = (2.0, 8.0)
    attack: float = 1.0
    release: float = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("threshold", self.threshold, low=-120.0, high=0.0)
        self._range("ratio", self.ratio, low=1.0, high=1000.0)
        self._within("attack", self.attack, low=0.0, high=1000.0)
        self._within("release", self.release, low=0.1, high=10_000.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"threshold": uniform(n, self.threshold, generator), "ratio": uniform(n, self.ratio, generator)}

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        limit = (10.0 ** (params["threshold"] / 20.0))[:, None]
        slope = (1.0 / params["ratio"] - 1.0)[:, None]
        gain = (self._level(x[:, 0]) / limit).clamp_(min=1.0).pow_(slope)
        return x * gain[:, None]

    def _level(self, x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        fall = torch.arange(x.shape[1], device=x.device) * (1000.0 / (self.release * self.sample_rate))
        # max over i <= n of |x_i| e^-(n - i) fall, as a running maximum of the logarithm. Below 1e-6 is silence.
        level = x.abs().clamp_(min=1e-6).log_().add_(fall).cummax(1).values.sub_(fall).exp_()
        if self.attack == 0:
            return level
        keep = math.exp(-1000.0 / (self.attack * self.sample_rate))
        # The first-order low-pass rings for 14 time constants above 1e-6.
        n_fft = good_size(x.shape[1] + math.ceil(0.014 * self.attack * self.sample_rate))
        turn = torch.arange(n_fft // 2 + 1, device=x.device) * (-2.0 * math.pi / n_fft)
        response = (1.0 - keep) / (1.0 - keep * torch.polar(torch.ones_like(turn), turn))
        smooth: Tensor = torch.fft.irfft(torch.fft.rfft(level, n_fft) * response, n_fft)
        return smooth[:, : x.shape[1]]
