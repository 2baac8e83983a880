"""Chorus: the row read at a delay that swings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, Range, uniform


@dataclass(frozen=True, kw_only=True)
class Chorus(Augmentation):
    """A mean of the row and of itself at a delay of ``milliseconds`` + 10 depth sin(2 pi rate t + phase).

    The delay is at least 1 ms; the phase is drawn; between samples it interpolates linearly. (JUCE's and pedalboard's
    chorus, without its feedback and with a phase that does not always begin at 0.)

    Args:
        p: chance per row.
        rate: range of the swing's frequency, Hz.
        depth: range of its width, 0 to 1.
        mix: range of the share of the delayed row, 0 to 1.
        milliseconds: the delay around which it swings.
        sample_rate: Hz.
    """

    sample_rate: int
    rate: Range = (0.5, 5.0)
    depth: Range = (0.1, 0.5)
    mix: Range = (0.3, 0.7)
    milliseconds: float = 7.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("rate", self.rate, low=0.0, high=100.0)
        self._range("depth", self.depth, low=0.0, high=1.0)
        self._range("mix", self.mix, low=0.0, high=1.0)
        self._within("milliseconds", self.milliseconds, low=1.0, high=100.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {
            "rate": uniform(n, self.rate, generator),
            "depth": uniform(n, self.depth, generator),
            "mix": uniform(n, self.mix, generator),
            "phase": 2.0 * math.pi * torch.rand(n, generator=generator),
        }

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        rows, samples = x[:, 0], x.shape[-1]
        time = torch.arange(samples, device=x.device)
        turn = (2.0 * math.pi / self.sample_rate * params["rate"])[:, None] * time + params["phase"][:, None]
        swing = self.milliseconds + 10.0 * params["depth"][:, None] * turn.sin_()
        delay = swing.clamp_(min=1.0).mul_(self.sample_rate / 1000.0)
        whole = delay.ceil()
        source = time - whole.to(torch.int64)
        earlier = rows.gather(1, source.clamp(min=0))
        later = rows.gather(1, (source + 1).clamp_(0, samples - 1))
        wet = torch.lerp(earlier, later, whole - delay).masked_fill_(source < 0, 0.0)
        return torch.lerp(rows, wet, params["mix"][:, None])[:, None]
