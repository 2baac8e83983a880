"""Objective: a scalar from S, T and C, one loss for each query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from contramuse.errors import RecipeError


class Objective(ABC):
    """A loss of S and T over C, for each query, and a term of the embeddings themselves.

    An objective with weights or state is an ``nn.Module`` too.

    Attributes:
        sees: "rows", the loss of a query needs no other query, so that any part of the rows may be worked on alone;
            "batch", it needs all of them.
    """

    sees: ClassVar[Literal["rows", "batch"]] = "rows"

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


def positives(t: Float[Tensor, "q k"], c: Bool[Tensor, "q k"]) -> tuple[Float[Tensor, "q k"], Bool[Tensor, " q"]]:
    """P: the targets among the candidates, each row over its sum; and the rows that have any."""
    wanted = t * c
    total = wanted.sum(1, keepdim=True)
    least = torch.finfo(t.dtype).tiny  # the targets of a kernel can be too small to be divided by
    return wanted / total.clamp(min=least), total[:, 0] >= least


def negatives(t: Float[Tensor, "q k"], c: Bool[Tensor, "q k"]) -> tuple[Float[Tensor, "q k"], Bool[Tensor, " q"]]:
    """How much of a negative each candidate is, 1 - min(T, 1); and the rows that have any."""
    unwanted = (1 - t.clamp(max=1)) * c
    return unwanted, (unwanted > 0).any(1)


def check_above_0(name: str, value: float, fix: str) -> None:
    """A setting is above 0.

    Raises:
        RecipeError: it is not.
    """
    if not 0 < value < float("inf"):
        raise RecipeError("must be above 0", name=name, value=value, fix=fix)


def check_not_below_0(name: str, value: float, fix: str) -> None:
    """A setting is 0 or more.

    Raises:
        RecipeError: it is not.
    """
    if not 0 <= value < float("inf"):
        raise RecipeError("must be 0 or more", name=name, value=value, fix=fix)


def log_sum_exp(s: Float[Tensor, "q k"], weights: Float[Tensor, "q k"]) -> Float[Tensor, " q"]:
    """log of the sum of weights x exp(s); 0, without a gradient, in rows whose weights are all 0."""
    some = (weights > 0).any(1)
    # Rows without weights keep finite numbers: their gradient is 0 times these.
    return torch.logsumexp(s + torch.where(some[:, None], weights, 1.0).log(), 1) * some
