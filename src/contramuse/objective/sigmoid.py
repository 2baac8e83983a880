"""A yes or no about each pair: SigLIP's loss, and binary cross-entropy over classes."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from contramuse.objective.base import Objective


class Sigmoid(Objective, nn.Module):
    """Binary cross-entropy between sigmoid(S_ij + bias) and min(T_ij, 1) for each candidate (Zhai et al. 2023).

    With T of 0 and 1, ``bias`` learned from -10, and a cosine whose temperature is learned from 0.1, this is SigLIP's
    loss: for each query the sum over the candidates, then the mean over the queries.

    With ``bias: 0, learned: nothing, mean: candidates``, rows of classes as keys and ``biased_dot``, it is the binary
    cross-entropy of a linear tagger: the mean over classes and tracks. A library has zeros for "no tags" and for "tags
    unknown" alike; ``lonely`` says which it is.

    Args:
        bias: added to every similarity; its starting value where it is learned.
        learned: "bias", or "nothing" beside the encoders.
        mean: "queries", the loss of a query is the sum over its candidates; "candidates", their mean.
        lonely: a query without a positive, "leave_out" or "count" (all its candidates are negatives). The candidates
            ``labelled`` keep unlabelled rows out where lonely ones count.
    """

    def __init__(
        self,
        *,
        bias: float = -10.0,
        learned: Literal["bias", "nothing"] = "bias",
        mean: Literal["queries", "candidates"] = "queries",
        lonely: Literal["leave_out", "count"] = "leave_out",
    ) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(float(bias)), requires_grad=learned == "bias")
        self.mean, self.lonely = mean, lonely

    def per_row(
        self,
        s: Float[Tensor, "q k"],
        t: Float[Tensor, "q k"],
        c: Bool[Tensor, "q k"],
        track: Int[Tensor, " q"] | None = None,
    ) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
        """See ``Objective.per_row``."""
        logits = s + self.bias
        wanted = t.to(s.dtype).clamp(max=1)
        losses = (functional.softplus(logits) - wanted * logits).masked_fill(~c, 0).sum(1)
        some = c if self.lonely == "count" else c & (t > 0)
        counts = some.any(1)
        if self.mean == "candidates":
            losses = losses / c.sum(1).clamp(min=1)
        return losses * counts, counts
