"""A learning rate that falls when the loss no longer does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from contramuse.recipe.settings import Plateau

THRESHOLD = 1e-4
"""Relative fall of the loss that counts as one."""


class Reducer:
    """Counts looks without a fall and reduces the rate; torch's ReduceLROnPlateau without its ``eps``.

    That ``eps`` (1e-8) refuses reductions smaller than itself: from 1e-3 by 0.2 the rate stays at 2.56e-9 for ever, and
    a run that is to stop at 1e-10 never does.

    Args:
        wanted: the schedule.
    """

    def __init__(self, wanted: Plateau) -> None:
        self._wanted = wanted
        self._best, self._waited, self.reductions = math.inf, 0, 0
        self._sum, self._count = torch.zeros(()), 0

    @property
    def scale(self) -> float:
        """Share of the peak rate that is left."""
        return float(self._wanted.factor**self.reductions)

    def is_over(self, peak: float) -> bool:
        """Whether the rate has fallen below the one at which the run ends, from its ``peak``."""
        return peak * self.scale < self._wanted.stop_lr

    def trained(self, loss: Tensor) -> None:
        """Take in the loss of a batch (a scalar), for runs without a validation loss."""
        self._sum = self._sum.to(loss.device) + loss.float()
        self._count += 1

    def mean_loss(self, trainer: Trainer) -> float:
        """Mean training loss since the last look, over all processes; NaN where there was none."""
        mean = self._sum / max(self._count, 1) if self._count else torch.tensor(math.nan)
        if trainer.world_size > 1:
            mean = trainer.strategy.reduce(mean, reduce_op="mean")
        return float(mean)

    def look(self, loss: float) -> None:
        """Compare ``loss`` with the lowest so far; a NaN is no fall."""
        self._sum, self._count = torch.zeros(()), 0
        if loss < self._best - THRESHOLD * abs(self._best) or (math.isinf(self._best) and not math.isnan(loss)):
            self._best, self._waited = loss, 0
        else:
            self._waited += 1
        if self._waited > self._wanted.patience:
            self.reductions, self._waited = self.reductions + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""
        return {
            "best": self._best, "waited": self._waited, "reductions": self.reductions, "sum": float(self._sum),
            "count": self._count,
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._best, self._waited, self.reductions = state["best"], state["waited"], state["reductions"]
        self._sum, self._count = torch.tensor(float(state["sum"])), state["count"]
