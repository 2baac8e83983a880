"""Decoupled contrastive learning: the positives are not in the denominator."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from contramuse.objective.base import Objective, log_sum_exp, negatives, positives


@dataclass(frozen=True, kw_only=True)
class Decoupled(Objective):
    """InfoNCE whose denominator has the negatives only (DCL, Yeh et al. 2022, without its weighting).

    loss_i = - sum_j P_ij S_ij + log sum_{j in C_i} (1 - min(T_ij, 1)) exp S_ij. In InfoNCE an easy positive makes the
    gradient of all negatives small, more so in small batches; here it does not. A key whose target is between 0 and 1
    is that much of a positive, and the rest of a negative. The loss may be below 0. A query without a positive or
    without a negative does not count.
    """

    def per_row(
        self,
        s: Float[Tensor, "q k"],
        t: Float[Tensor, "q k"],
        c: Bool[Tensor, "q k"],
        track: Int[Tensor, " q"] | None = None,
    ) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
        """See ``Objective.per_row``."""
        wanted, counts = positives(t.to(s.dtype), c)
        unwanted, some = negatives(t.to(s.dtype), c)
        losses = log_sum_exp(s, unwanted) - (wanted * s).sum(1)
        return losses * (counts & some), counts & some
