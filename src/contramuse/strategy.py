"""A contrast compares the rows of some views; a strategy is the weighted sum of its contrasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.gather import gather, gather_rows, rank, total, world_size
from contramuse.objective import Candidates, InfoNCE, NotSelf, Objective
from contramuse.rows import Rows
from contramuse.similarity import Similarity
from contramuse.targets import Target


class Contrast(nn.Module):
    """One comparison: between which views, target, similarity, candidates, objective, weight.

    The rows of all views in ``between`` stand in one list; ``candidates`` says which of them may be compared.

    Args:
        between: names of the views.
        target: who should be alike.
        similarity: how alike the embeddings are.
        candidates: which keys a query is compared with; several are combined with AND.
        objective: the loss of S, T and C.
        weight: factor of this contrast in the strategy's sum.
    """

    def __init__(
        self,
        *,
        between: Sequence[str],
        target: Target,
        similarity: Similarity,
        candidates: Sequence[Candidates] = (NotSelf(),),
        objective: Objective | None = None,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.between, self.target, self.candidates = tuple(between), target, tuple(candidates)
        self.similarity, self.objective, self.weight = similarity, objective or InfoNCE(), weight

    def matrices(
        self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]
    ) -> tuple[Float[Tensor, "q k"], Float[Tensor, "q k"], Tensor]:
        """S, T and C (bool) of this process's queries against the keys of every process, in float32."""
        z = torch.cat([embeddings[view].float() for view in self.between])
        who = Rows.cat([rows[view] for view in self.between])
        number = torch.arange(len(z), device=z.device) + rank() * len(z)
        who = replace(who, ids={**who.ids, "row": number})
        with torch.autocast(z.device.type, enabled=False):
            keys, key_rows = gather(z), gather_rows(who)
            similar = self.similarity(z, keys)
        alike = self.target(who, key_rows)
        allowed = self.candidates[0](who, key_rows, alike)
        for more in self.candidates[1:]:
            allowed = allowed & more(who, key_rows, alike)
        return similar, alike, allowed

    def loss(self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> Float[Tensor, ""]:
        """Mean over the counting queries of all processes.

        It is scaled so that the mean of the processes' losses, and of their gradients (which is what DDP takes), are
        those of the one large batch.
        """
        losses, counts = self.objective.per_row(*self.matrices(embeddings, rows))
        everywhere = total(counts.sum()).clamp(min=1)
        return losses.sum() * (world_size() / everywhere)


class Strategy(nn.Module):
    """The sum of contrasts, each times its weight.

    Args:
        contrasts: at least one.
    """

    def __init__(self, contrasts: Sequence[Contrast]) -> None:
        super().__init__()
        self.contrasts = nn.ModuleList(contrasts)

    def losses(self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> list[Float[Tensor, ""]]:
        """The loss of each contrast, unweighted."""
        return [contrast.loss(embeddings, rows) for contrast in self.each()]

    def loss(self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> Float[Tensor, ""]:
        """The weighted sum."""
        parts = zip(self.each(), self.losses(embeddings, rows), strict=True)
        return torch.stack([contrast.weight * loss for contrast, loss in parts]).sum()

    def each(self) -> list[Contrast]:
        """The contrasts, typed."""
        return [c for c in self.contrasts if isinstance(c, Contrast)]
