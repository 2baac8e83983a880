"""The hinge of a margin: every positive should be nearer than every negative, by the margin."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from contramuse.objective.base import Objective, check_above_0, positives


@dataclass(frozen=True, kw_only=True)
class Triplet(Objective):
    """sum_p P_ip mean_n max(0, margin - S_ip + S_in) over the positives p and the negatives n (T_in = 0).

    The max-margin loss of metric learning before contrastive losses (FaceNet, Schroff et al. 2015; Choi et al. 2019 for
    music and tags), over all negatives. A query without a positive or without a negative does not count.

    Args:
        margin: by how much a positive should be nearer, in the similarity's unit.
    """

    margin: float = 0.4

    def __post_init__(self) -> None:
        check_above_0("margin", self.margin, "0.4 is usual with cosine.")

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
        number = negative.sum(1, keepdim=True)
        counts = counts & (number[:, 0] > 0)
        # For each key taken as the positive, the negatives above its threshold, by sorting: [q k] and not [q p n].
        falling = torch.where(negative, -s, torch.inf).sort(1).values
        threshold = self.margin - s
        active = torch.searchsorted(falling.detach().contiguous(), threshold.detach().contiguous())
        sums = torch.cat([s.new_zeros(len(s), 1), falling.masked_fill(falling.isinf(), 0).cumsum(1)], 1)
        hinges = (active * threshold - sums.gather(1, active)) / number.clamp(min=1)
        return (wanted * hinges).sum(1) * counts, counts
