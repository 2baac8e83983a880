"""Encoders whose representation is a sequence, of levels or of segments or of both, before it is one vector."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn


class SequenceEncoder(nn.Module, ABC):
    """An encoder that gives each row several vectors: per segment of time, per level of its network, or both.

    Contrasts within a track and prediction of what follows (CPC) read :meth:`sequence`; everything else reads
    :meth:`forward`, one vector per row.

    Attributes:
        axes: what the axes between rows and features count, in their order: ("segment",), ("level",) or
            ("level", "segment").
        step_dim: size of one vector of the sequence.
        dim: size of the vector of a row: ``step_dim`` times the number of levels.
    """

    axes: tuple[str, ...]
    step_dim: int
    dim: int

    @abstractmethod
    def sequence(
        self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b *axes d"]:
        """Every vector of each row; the axes are those of ``axes``, d is ``step_dim``.

        Args:
            x: features.
            generator: for what is drawn in training; ignored in eval mode.
        """

    def forward(self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """One vector per row: the mean over segments, the levels one after another."""
        steps = self.sequence(x, generator)
        if "segment" in self.axes:
            steps = steps.mean(dim=1 + self.axes.index("segment"))
        return steps.flatten(1)
