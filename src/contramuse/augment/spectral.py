"""Changes of a log-mel that stand in for costly ones of the waveform: an equaliser, and a shift of the bands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, whole

UNITS = {"log": math.log(10) / 10, "db": 1.0}
"""One decibel in each unit of the features."""


@dataclass(frozen=True, kw_only=True)
class Equalise(Augmentation):
    """A random level and a smooth random curve over the bands are added, the same for every frame.

    The curve is a sum of cosines cos(pi k f / bands), k = 0 (the level) to ``waves``, with Gaussian amplitudes of
    deviation ``decibels`` / sqrt(max(k, 1)). On log features it is what a gain and an equaliser do to the waveform.

    Args:
        p: chance per row.
        decibels: deviation of the level and of the widest cosine.
        waves: highest number of half periods over the bands.
        unit: of the features: "log" is the natural logarithm of energy, "db" decibels.
    """

    stage: ClassVar[Literal["waveform", "features"]] = "features"

    decibels: float = 4.0
    waves: int = 3
    unit: Literal["log", "db"] = "log"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._within("decibels", self.decibels, low=0.0, high=60.0)
        self._within("waves", self.waves, low=0, high=32)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        falling = torch.arange(self.waves + 1).clamp(min=1).rsqrt()
        return {"amplitudes": torch.randn(n, self.waves + 1, generator=generator) * falling * self.decibels}

    def _apply(self, x: Float[Tensor, "b f n"], params: Params) -> Float[Tensor, "b f n"]:
        place = torch.arange(x.shape[1], device=x.device) / x.shape[1]
        waves = torch.cos(math.pi * torch.arange(self.waves + 1, device=x.device)[:, None] * place)
        return x + (params["amplitudes"] @ waves * UNITS[self.unit])[:, :, None]


@dataclass(frozen=True, kw_only=True)
class BandShift(Augmentation):
    """All bands are moved up or down by a whole number; the outermost band is repeated where nothing moves in.

    Above about 1 kHz mel bands are evenly spaced in log frequency, so this is a transposition there; below it moves
    formants and keys about alike. It costs a copy, where a pitch shift of the waveform costs more than the encoder.

    Args:
        p: chance per row.
        bands: lowest and highest number of bands, negative is down.
    """

    stage: ClassVar[Literal["waveform", "features"]] = "features"

    bands: tuple[int, int] = (-4, 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("bands", self.bands, low=-1000, high=1000)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"bands": whole(n, self.bands, generator)}

    def _apply(self, x: Float[Tensor, "b f n"], params: Params) -> Float[Tensor, "b f n"]:
        source = torch.arange(x.shape[1], device=x.device) - params["bands"][:, None]
        return x.gather(1, source.clamp(0, x.shape[1] - 1)[:, :, None].expand_as(x))
