"""The losses of very many rows without the whole of S: some rows of the matrix at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from contramuse.errors import RecipeError
from contramuse.objective.base import Objective
from contramuse.rows import Rows
from contramuse.similarity import Similarity
from contramuse.targets import Target

Allowed = Callable[[Rows, Rows, Tensor], Tensor]
"""What ``Candidates`` are: (Rows q, Rows k, target [q k]) to bool [q k]."""


def chunked(
    similarity: Similarity,
    objective: Objective,
    q: Float[Tensor, "q d"],
    keys: Float[Tensor, "k d"],
    rows_q: Rows,
    rows_k: Rows,
    target: Target,
    candidates: Sequence[Allowed],
    *,
    rows: int,
    track: Int[Tensor, " q"] | None = None,
) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
    """What ``objective.per_row`` gives, with matrices of at most ``rows`` x k, in training too.

    S, T and C of each block of rows are made twice: for the losses, and again for their gradients, of which only the
    sums [q d], [k d] and those of the parts' own weights stay. The gradient is that of the whole matrix, whatever
    weight each row has in what follows.

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
        raise RecipeError("must be 1 or more", name="chunk", value=rows, fix="512 rows are quick.")

    def block(part: slice, q: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        who = rows_q[part]
        alike = target(who, rows_k)
        allowed = candidates[0](who, rows_k, alike)
        for more in candidates[1:]:
            allowed = allowed & more(who, rows_k, alike)
        return objective.per_row(similarity(q, keys), alike, allowed, None if track is None else track[part])

    parts = [slice(a, a + rows) for a in range(0, len(q), rows)]
    made = [checkpoint(block, p, q[p], keys, use_reentrant=False, preserve_rng_state=False) for p in parts]
    return torch.cat([losses for losses, _ in made]), torch.cat([counts for _, counts in made])
