"""Masks over stripes of time or of frequency, on features (SpecAugment, Park et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, Range, whole
from contramuse.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class TimeMask(Augmentation):
    """Stripes of frames are masked.

    Args:
        p: chance per row.
        count: lowest and highest number of stripes; they may overlap.
        width: range of a stripe's width.
        unit: of the width: "share" of the frames, or "whole" frames, both ends of the range as likely as any between.
        fill: what a masked place becomes: the row's "mean", its "min" (silence in a log-mel), or "zero".
    """

    stage: ClassVar[Literal["waveform", "features"]] = "features"

    count: tuple[int, int] = (1, 2)
    width: Range = (0.0, 0.1)
    unit: Literal["share", "whole"] = "share"
    fill: Literal["mean", "min", "zero"] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("count", self.count, low=0, high=100)
        if self.unit == "whole" and any(end != int(end) for end in self.width):
            raise RecipeError("must be whole numbers", name="width", value=self.width, fix="Or write unit: share.")
        self._range("width", self.width, low=0.0, high=1.0 if self.unit == "share" else 1e6)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        stripes = self.count[1]
        low, high = self.width
        count, width = whole(n, self.count, generator), torch.rand(n, stripes, generator=generator)
        return {
            "count": count,
            "width": low + (high - low) * width if self.unit == "share" else (low + (high + 1 - low) * width).floor(),
            "place": torch.rand(n, stripes, generator=generator),
        }

    def _apply(self, x: Float[Tensor, "b f n"], params: Params) -> Float[Tensor, "b f n"]:
        masked = self._where(x.shape[2], params)[:, None]
        return torch.where(masked, self._filling(x), x)

    def _where(self, size: int, params: Params) -> Bool[Tensor, "b size"]:
        width = (params["width"] * size).round() if self.unit == "share" else params["width"].clamp(max=size)
        start = (params["place"] * (size - width + 1)).floor().clamp(max=size - width)
        place = torch.arange(size, device=width.device)[:, None]
        inside = (place >= start[:, None]) & (place < (start + width)[:, None])
        counted = torch.arange(width.shape[1], device=width.device) < params["count"][:, None]
        return (inside & counted[:, None]).any(2)

    def _filling(self, x: Float[Tensor, "b f n"]) -> Float[Tensor, "#b 1 1"]:
        if self.fill == "mean":
            return x.mean((1, 2), keepdim=True)
        return x.amin((1, 2), keepdim=True) if self.fill == "min" else x.new_zeros(1, 1, 1)


@dataclass(frozen=True, kw_only=True)
class FrequencyMask(TimeMask):
    """Stripes of bands are masked; ``width`` is a share of the bands, or whole bands."""

    def _apply(self, x: Float[Tensor, "b f n"], params: Params) -> Float[Tensor, "b f n"]:
        masked = self._where(x.shape[1], params)[:, :, None]
        return torch.where(masked, self._filling(x), x)
