"""Decoupled contrastive learning: the positives are not in the denominator."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from contramuse.objective.base import Objective, log_sum_exp, positives


@dataclass(frozen=True, kw_only=True)
class Decoupled(Objective):
    """InfoNCE whose denominator has the negatives only (DCL, Yeh et al. 2022, without its weighting).

    loss_i = - sum_j P_ij S_ij + log sum_{j in C_i, T_ij = 0} exp S_ij. In InfoNCE an easy positive makes the gradient
    of all negatives small, more so in small batches; here it does not. With several positives, weighted or not, all
    of them are left out. The loss may be below 0. A query without a positive or without a negative does not count.
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
        negative = c & (t == 0)
        counts = counts & negative.any(1)
        losses = log_sum_exp(s, negative) - (wanted * s).sum(1)
        return losses * counts, counts
