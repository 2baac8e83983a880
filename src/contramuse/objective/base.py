"""Objective: a scalar from S, T and C, one loss for each query."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Bool, Float, Int
from torch import Tensor


class Objective(ABC):
    """A loss of S and T over C, for each query, and a term of the embeddings themselves.

    An objective with weights or state is an ``nn.Module`` too.
    """

    @abstractmethod
    def per_row(
        self,
        s: Float[Tensor, "q k"],
        t: Float[Tensor, "q k"],
        c: Bool[Tensor, "q k"],
        track: Int[Tensor, " q"] | None = None,
    ) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
        """Loss of each query, and which queries count (the others have loss 0).

        Args:
            s: similarities.
            t: targets, at least 0.
            c: which keys are candidates.
            track: ids of the queries' tracks, for objectives that remember something about each.
        """

    def regularise(self, z: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
        """A loss of the embeddings ``z`` of all processes alone, which keeps them from collapsing; 0 for most."""
        return z.new_zeros(())

    def __call__(
        self,
        s: Float[Tensor, "q k"],
        t: Float[Tensor, "q k"],
        c: Bool[Tensor, "q k"],
        track: Int[Tensor, " q"] | None = None,
    ) -> Float[Tensor, ""]:
        """Mean over the queries that count; 0 with a gradient of 0 where none does."""
        losses, counts = self.per_row(s, t, c, track)
        return losses.sum() / counts.sum().clamp(min=1)
