"""InfoNCE: the cross-entropy between targets and similarities over the candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from contramuse.objective.base import Objective

CACHED_NUMBERS = 131_072
"""Entries of S that are worked on at a time on a CPU: half a megabyte of float32."""


@dataclass(frozen=True, kw_only=True)
class InfoNCE(Objective):
    """Cross-entropy between the targets and the softmax of the similarities over the candidates.

    loss_i = - sum_j P_ij log softmax_{j in C_i}(S_ij), P = T over C with rows that sum to 1. With one positive per row
    it is NT-Xent (Chen et al. 2020, equation 1), with several the outside-log form of SupCon (Khosla et al. 2020,
    equation 2). Computed as logsumexp(S_i) - sum_j P_ij S_ij, with the largest S_ij taken out first and no epsilon.
    A query without a positive among its candidates does not count.
    """

    def per_row(
        self,
        s: Float[Tensor, "q k"],
        t: Float[Tensor, "q k"],
        c: Bool[Tensor, "q k"],
        track: Int[Tensor, " q"] | None = None,
    ) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
        """See ``Objective.per_row``."""
        losses, counts = _CrossEntropy.apply(s, t, c)  # type: ignore[no-untyped-call]
        return losses, counts


class _CrossEntropy(torch.autograd.Function):
    """Weighted InfoNCE of each row, whose gradient, softmax(S) - P, is made in the same pass over the matrix.

    Autograd would keep and walk through six matrices of the size of S; this keeps one, and works on as many rows at a
    time as stay in a core's cache.
    """

    @staticmethod
    def forward(ctx: Any, s: Tensor, t: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Losses [q] and which rows count, bool [q]; the gradient of the losses by ``s`` is kept."""
        losses, counts = s.new_zeros(len(s)), c.new_zeros(len(s))
        gradient = torch.empty_like(s)
        least = torch.finfo(s.dtype).tiny  # the targets of a kernel can be too small to be divided by
        step = max(1, CACHED_NUMBERS // s.shape[1]) if s.device.type == "cpu" else len(s)
        for a in range(0, len(s), step):
            part = slice(a, a + step)
            wanted = t[part].to(s.dtype) * c[part]
            total = wanted.sum(1, keepdim=True)
            counts[part] = total[:, 0] >= least
            wanted /= total.clamp(min=least)
            # A row that does not count may have no candidate at all: it gets loss 0 and gradient 0 below.
            chance = torch.where(c[part], s[part], -torch.inf)
            highest = chance.amax(1, keepdim=True).clamp(min=torch.finfo(s.dtype).min)
            chance.sub_(highest).exp_()
            normaliser = chance.sum(1, keepdim=True)
            losses[part] = normaliser[:, 0].log() + highest[:, 0] - (wanted * s[part]).sum(1)
            torch.sub(chance.div_(normaliser), wanted, out=gradient[part])
        gradient.masked_fill_(~counts[:, None], 0)
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(counts)
        return losses.masked_fill_(~counts, 0), counts

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0][:, None], None, None
