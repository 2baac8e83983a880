"""Effects that move samples about: sub-crops and reversal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, Range, uniform


@dataclass(frozen=True, kw_only=True)
class Crop(Augmentation):
    """A random part of the row, moved to a random place in it; the rest is silence.

    (Crops of a track are taken by the views; this one makes part of a crop enough to know it by, wherever it stands.)

    Args:
        p: chance per row.
        share: range of the part's length as a share of the row's.
    """

    share: Range = (0.5, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("share", self.share, low=0.0, high=1.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {
            "share": uniform(n, self.share, generator),
            "source": torch.rand(n, generator=generator),
            "target": torch.rand(n, generator=generator),
        }

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        samples = x.shape[-1]
        length = (params["share"] * samples).round().to(torch.int64)
        room = samples - length + 1
        source = (params["source"] * room).to(torch.int64).minimum(room - 1)[:, None]
        target = (params["target"] * room).to(torch.int64).minimum(room - 1)[:, None]
        time = torch.arange(samples, device=x.device)
        outside = (time < target) | (time >= target + length[:, None])
        moved = x[:, 0].gather(1, (time - target + source).clamp(0, samples - 1))
        return moved.masked_fill_(outside, 0.0)[:, None]


@dataclass(frozen=True, kw_only=True)
class Reverse(Augmentation):
    """The row backwards in time."""

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {}

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        return x.flip(-1)
