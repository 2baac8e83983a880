"""Changes of a log-mel that stand in for costly ones of the waveform: an equaliser, a shift of bands, a time warp."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, Range, uniform, whole

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
    """All bands are moved up or down by a whole number.

    Above about 1 kHz mel bands are evenly spaced in log frequency, so this is a transposition there; below it moves
    formants and keys about alike. It costs a copy, where a pitch shift of the waveform costs more than the encoder.

    Args:
        p: chance per row.
        bands: lowest and highest number of bands, negative is down.
        fill: what moves in: the outermost band again ("edge"), the row's "min" (silence in a log-mel), or "zero".
    """

    stage: ClassVar[Literal["waveform", "features"]] = "features"

    bands: tuple[int, int] = (-4, 4)
    fill: Literal["edge", "min", "zero"] = "edge"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("bands", self.bands, low=-1000, high=1000)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"bands": whole(n, self.bands, generator)}

    def _apply(self, x: Float[Tensor, "b f n"], params: Params) -> Float[Tensor, "b f n"]:
        source = torch.arange(x.shape[1], device=x.device) - params["bands"][:, None]
        moved = x.gather(1, source.clamp(0, x.shape[1] - 1)[:, :, None].expand_as(x))
        if self.fill == "edge":
            return moved
        outside = (source < 0) | (source >= x.shape[1])
        filling = x.amin((1, 2), keepdim=True) if self.fill == "min" else x.new_zeros(1, 1, 1)
        return torch.where(outside[:, :, None], filling, moved)


@dataclass(frozen=True, kw_only=True)
class TimeWarp(Augmentation):
    """The frames before a drawn cut are stretched or squeezed to one half of the row, those after it to the other.

    Frames 0 to c become the first n // 2, frames c + 1 to n - 1 the rest; between frames it interpolates linearly.
    (S3T draws c from 38 to 57 of 98 frames.)

    Args:
        p: chance per row.
        cut: range of c as a share of the frames.
    """

    stage: ClassVar[Literal["waveform", "features"]] = "features"

    cut: Range = (0.4, 0.6)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("cut", self.cut, low=0.0, high=1.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"cut": uniform(n, self.cut, generator)}

    def _apply(self, x: Float[Tensor, "b f n"], params: Params) -> Float[Tensor, "b f n"]:
        frames, half = x.shape[2], x.shape[2] // 2
        if frames < 4:
            return x
        cut = (params["cut"] * frames).floor().clamp(0, frames - 2)[:, None]
        place = torch.arange(frames, device=x.device)
        early = place * cut / (half - 1)
        late = cut + 1 + (place - half) * (frames - 2 - cut) / (frames - 1 - half)
        source = torch.where(place < half, early, late).clamp_(0, frames - 1)
        below = source.floor()
        index = below.to(torch.int64)[:, None].expand_as(x)
        next_one = (index + 1).clamp(max=frames - 1)
        return torch.lerp(x.gather(2, index), x.gather(2, next_one), (source - below)[:, None])
