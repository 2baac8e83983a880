"""Mixup: each row becomes a weighted mean of itself and a drawn partner of its batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params


@dataclass(frozen=True, kw_only=True)
class Mixup(Augmentation):
    """x -> w x + (1 - w) x[partner], w from Beta(alpha, beta); targets are not mixed.

    Every row is the partner of one other; none is its own, unless it is alone. PlaylistContrastive draws w from
    Beta(7, 2) or Beta(5, 2), of mean 0.778 and 0.714, and mixes log-mels (its permutation may leave rows in place).

    Args:
        p: chance per row (a row that is not mixed may still be a partner, as it was).
        alpha: first parameter of the Beta distribution.
        beta: second parameter; the mean of w is alpha / (alpha + beta).
    """

    alpha: float = 5.0
    beta: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._within("alpha", self.alpha, low=1e-3)
        self._within("beta", self.beta, low=1e-3)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        # torch's own Beta takes no generator: numpy draws, seeded from ours.
        seed = int(torch.randint(2**63 - 1, (), generator=generator))
        weight = np.random.default_rng(seed).beta(self.alpha, self.beta, n)
        circle = torch.randperm(n, generator=generator)
        partner = torch.empty_like(circle).scatter_(0, circle, circle.roll(1))
        return {"weight": torch.from_numpy(weight).float(), "partner": partner}

    def apply(self, x: Float[Tensor, "b c t"], params: Params) -> Float[Tensor, "b c t"]:
        """The batch with its active rows mixed; ``x`` itself is left as it is."""
        weight = torch.where(params["active"].to(x.device), params["weight"].to(x.device), 1.0)[:, None, None]
        return torch.lerp(x[params["partner"].to(x.device)], x, weight)

    def _apply(self, x: Float[Tensor, "b c t"], params: Params) -> Float[Tensor, "b c t"]:
        raise AssertionError("mixing needs the whole batch")


@dataclass(frozen=True, kw_only=True)
class FeatureMixup(Mixup):
    """`Mixup` of features (of log-mels, as PlaylistContrastive does) in place of waveforms."""

    stage: ClassVar[Literal["waveform", "features"]] = "features"
