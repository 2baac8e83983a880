"""The losses of very many rows without the whole of S: some rows of the matrix at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from contramuse.errors import RecipeError
from contramuse.objective.base import Objective
from contramuse.rows import Rows
from contramuse.similarity import Similarity

Allowed = Callable[[Rows, Rows, Tensor], Tensor]
"""What ``Candidates`` are: (Rows q, Rows k, target [q k]) to bool [q k]."""

Block = Callable[[slice, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(which rows, their embeddings, all keys) to their losses and which of them count."""


def chunked(
    similarity: Similarity,
    objective: Objective,
    q: Float[Tensor, "q d"],
    keys: Float[Tensor, "k c"],
    rows_q: Rows,
    rows_k: Rows,
    target: Callable[[Rows, Rows], Tensor],
    candidates: Sequence[Allowed],
    *,
    rows: int,
    track: Int[Tensor, " q"] | None = None,
) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
    """What ``objective.per_row`` gives, with matrices of at most ``rows`` x k, in training too.

    The gradient is that of the whole matrix, whatever weight each row's loss has in what follows.

    Args:
        similarity, objective, target, candidates: of the contrast; several candidates are combined with AND.
        q: embeddings of the queries.
        keys: embeddings of the keys.
        rows_q, rows_k: who they are.
        rows: queries of one block, 1 or more.
        track: ids of the queries' tracks.

    Raises:
        RecipeError: the objective needs all rows of the batch at once.
    """
    if objective.sees == "batch":
        raise RecipeError("needs all rows of a batch at once", name="objective", value=type(objective).__name__,
                          fix="Leave `chunk` out, or choose another objective.")  # fmt: skip
    if rows < 1:
        raise RecipeError("must be 1 or more", name="chunk", value=rows, fix="256 rows are quick.")

    def block(part: slice, q: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        who = rows_q[part]
        alike = target(who, rows_k)
        allowed = candidates[0](who, rows_k, alike)
        for more in candidates[1:]:
            allowed = allowed & more(who, rows_k, alike)
        return objective.per_row(similarity(q, keys), alike, allowed, None if track is None else track[part])

    parts = [part for part in (similarity, objective) if isinstance(part, nn.Module)]
    weights = [weight for part in parts for weight in part.parameters() if weight.requires_grad]
    if torch.is_grad_enabled() and any(x.requires_grad for x in (q, keys, *weights)):
        losses, counts = _Blocks.apply(block, rows, q, keys, *weights)  # type: ignore[no-untyped-call]
        return losses, counts
    losses, counts = _results(q)
    for part in _parts(len(q), rows):
        losses[part], counts[part] = block(part, q[part], keys)
    return losses, counts


class _Blocks(torch.autograd.Function):
    """Losses by blocks of rows. Each block's gradient is made while its matrices are there, and only its sum stays.

    That is the gradient of the sum of the losses. Where all rows that count have the same weight in what follows, as
    in a mean, it is multiplied by it; else each block is made again, with the weights of its rows.
    """

    @staticmethod
    def forward(ctx: Any, block: Block, rows: int, q: Tensor, keys: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        """Losses [q] and which rows count, bool [q]."""
        losses, counts, sums = _work(block, rows, q, keys, weights, torch.ones_like(q[:, 0]))
        ctx.block, ctx.rows = block, rows
        ctx.save_for_backward(counts, q, keys, *weights, *sums)
        ctx.mark_non_differentiable(counts)
        return losses, counts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        counts, q, keys, *rest = ctx.saved_tensors
        weights, sums = rest[: len(rest) // 2 - 1], rest[len(rest) // 2 - 1 :]
        some = gradients[0][counts]
        if len(some) and bool((some != some[0]).any()):
            _, _, sums = _work(ctx.block, ctx.rows, q, keys, weights, gradients[0])
            return None, None, *sums
        factor = some[0] if len(some) else q.new_zeros(())
        return None, None, *[x * factor for x in sums]


def _work(
    block: Block, rows: int, q: Tensor, keys: Tensor, weights: Sequence[Tensor], row_weights: Tensor
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Losses, which rows count, and the gradients of row_weights . losses by q, the keys and the parts' weights."""
    sums = [torch.zeros_like(x) for x in (q, keys, *weights)]
    losses, counts = _results(q)
    for part in _parts(len(q), rows):
        with torch.enable_grad():
            leaves = (q[part].detach().requires_grad_(), keys.detach().requires_grad_())
            own, counts[part] = block(part, *leaves)
        losses[part] = own.detach()
        found = torch.autograd.grad(own, (*leaves, *weights), row_weights[part], allow_unused=True)
        for whole, gradient in zip((sums[0][part], *sums[1:]), found, strict=True):
            if gradient is not None:
                whole += gradient
    return losses, counts, sums


def _results(q: Tensor) -> tuple[Tensor, Tensor]:
    """Where losses and counts go. Small results of each block, between its matrices, would litter the heap so that
    their place cannot be used again: 9.5 GB instead of 0.4 for 65,536 rows, 32 at a time."""
    return q.new_zeros(len(q)), torch.zeros(len(q), dtype=torch.bool, device=q.device)


def _parts(count: int, rows: int) -> list[slice]:
    return [slice(a, a + rows) for a in range(0, count, rows)]
