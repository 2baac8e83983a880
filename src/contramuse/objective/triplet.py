"""The hinge of a margin: every positive should be nearer than every negative, by the margin."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from contramuse.objective.base import Objective, check_above_0, negatives, positives


@dataclass(frozen=True, kw_only=True)
class Triplet(Objective):
    """sum_p P_ip mean_n max(0, margin - S_ip + S_in) over the positives p and the negatives n.

    The max-margin loss of metric learning before contrastive losses (FaceNet, Schroff et al. 2015; Choi et al. 2019 for
    music and tags), over all negatives. A key whose target is between 0 and 1 is that much of a positive, and the rest
    of a negative. A query without a positive or without a negative does not count.

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
        unwanted, some = negatives(t.to(s.dtype), c)
        # For each key taken as the positive, the negatives above its threshold, by sorting: [q k] and not [q p n].
        falling, order = (-s).sort(1)
        weights = unwanted.gather(1, order)
        threshold = self.margin - s
        active = torch.searchsorted(falling.detach().contiguous(), threshold.detach().contiguous())
        hinges = threshold * _before(weights, active) - _before(weights * falling, active)
        mean = hinges / torch.where(some, unwanted.sum(1), 1.0)[:, None]
        return (wanted * mean).sum(1) * (counts & some), counts & some


def _before(x: Float[Tensor, "q k"], place: Int[Tensor, "q k"]) -> Float[Tensor, "q k"]:
    """Sums of the first ``place`` numbers of a row."""
    return torch.cat([x.new_zeros(len(x), 1), x.cumsum(1)], 1).gather(1, place)
