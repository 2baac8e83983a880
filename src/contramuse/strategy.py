"""A contrast compares the rows of some views; a strategy is the weighted sum of its contrasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.errors import RecipeError
from contramuse.gather import gather, gather_rows, rank, total, world_size
from contramuse.objective import Candidates, InfoNCE, NotSelf, Objective, chunked
from contramuse.queue import Queue
from contramuse.rows import Rows
from contramuse.similarity import Similarity
from contramuse.targets import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library

Absent = Literal["keep", "leave_out", "one_key"]

WHOLE = 2**26
"""Numbers of a matrix of similarities that are held at once; 256 MB in float32."""


@dataclass(frozen=True)
class Compared:
    """What a contrast compares: this process's queries with the keys of every process.

    Args:
        s, t, c: similarity, target and candidates (bool), [q k].
        who: the queries.
        counts: bool [q], queries that may count at all.
    """

    s: Tensor
    t: Tensor
    c: Tensor
    who: Rows
    counts: Tensor


class Contrast(nn.Module):
    """One comparison: between which views, target, similarity, candidates, objective, weight.

    The rows of all views in ``between`` stand in one list; ``candidates`` says which of them may be compared.

    Args:
        between: names of the views, or of their heads' outputs as "view.output".
        target: who should be alike.
        similarity: how alike the embeddings are.
        candidates: which keys a query is compared with; several are combined with AND.
        objective: the loss of S, T and C.
        weight: factor of this contrast in the strategy's sum.
        queries: those of ``between`` whose rows ask; empty: all of them but ``negatives``.
        keys: those of ``between`` whose rows are asked; empty: all of them.
        negatives: those of ``between`` that are nobody's positives, of the same track or not: what a head must hear
            (selective invariance; Xiao et al. 2021, arXiv 2008.05659).
        absent: what becomes of silent rows (a stem that is not there, an unknown vector): "keep", nothing;
            "leave_out", they neither ask nor are asked; "one_key", as keys they are one, their mean, which is the
            positive of every query that has a silent positive (MSCOL, Garoufis et al. 2023, section 3).
        queue: keys of earlier batches that are compared too, as negatives (MoCo, He et al. 2020), whatever the
            candidates; only those of the query's own track are left out. 0: none.
        chunk: queries of which the matrices are held at a time, in training too; 0: all, unless that is more than
            ``WHOLE`` numbers a matrix. Loss and gradient are the same.
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
        queries: Sequence[str] = (),
        keys: Sequence[str] = (),
        negatives: Sequence[str] = (),
        absent: Absent = "keep",
        queue: int = 0,
        chunk: int = 0,
    ) -> None:
        super().__init__()
        if chunk < 0:
            raise RecipeError("must not be below 0", name="chunk", value=chunk, fix="0 takes what fits.")
        self.between, self.target, self.candidates = tuple(between), target, tuple(candidates)
        self.negatives, self.keys = tuple(negatives), tuple(keys) or self.between
        self.queries = tuple(queries) or tuple(name for name in self.between if name not in self.negatives)
        self.similarity, self.objective, self.weight = similarity, objective or InfoNCE(), weight
        self.absent, self.chunk = absent, chunk
        self.queue = Queue(queue) if queue else None

    def compared(self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> Compared:
        """S, T and C of this process's queries against the keys of every process, in float32."""
        z, who, keys, key_rows = self._both(embeddings, rows)
        with torch.autocast(z.device.type, enabled=False):
            return self._compared(z, who, keys, key_rows)

    def _compared(self, z: Tensor, who: Rows, keys: Tensor, key_rows: Rows) -> Compared:
        similar = self.similarity(z, keys)
        alike = self._alike(who, key_rows)
        allowed = self._allowed(who, key_rows, alike)
        if self.absent == "one_key" and bool(key_rows.silent.any()):
            similar, alike, allowed = self._with_one_key(z, keys, key_rows.silent, similar, alike, allowed)
        if self.queue is not None and self.training and self.queue.filled:
            similar, alike, allowed = self._with_queue(z, who, similar, alike, allowed)
        counts = self._may_ask(who)
        return Compared(similar, alike, allowed & counts[:, None], who, counts)

    def matrices(
        self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]
    ) -> tuple[Float[Tensor, "q k"], Float[Tensor, "q k"], Tensor]:
        """S, T and C of ``compared``."""
        compared = self.compared(embeddings, rows)
        return compared.s, compared.t, compared.c

    def loss(self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> Float[Tensor, ""]:
        """Mean over the counting queries of all processes.

        It is scaled so that the mean of the processes' losses, and of their gradients (which is what DDP takes), are
        those of the one large batch. It is in float32, whatever the encoder's arithmetic.
        """
        z = torch.cat([embeddings[view].float() for view in self.queries])
        with torch.autocast(z.device.type, enabled=False):
            losses, counts = self._per_row(embeddings, rows)
            everywhere = total(counts.sum()).clamp(min=1)
            if self.queue is not None and self.training:
                self._remember(embeddings, rows)
            every = gather(z)
            if self.absent == "leave_out":
                silent = torch.cat([rows[view].silent for view in self.queries])
                every = every[gather(silent.long()[:, None])[:, 0] == 0]
            spread = self.objective.regularise(every) if len(every) else every.sum()
            return (losses * counts).sum() * (world_size() / everywhere) + spread

    def _per_row(self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> tuple[Tensor, Tensor]:
        """Loss of each query, and which count."""
        z, who, keys, key_rows = self._both(embeddings, rows)
        piecewise = self.objective.sees == "rows" and self.queue is None and self.absent != "one_key"
        step = self.chunk or (max(WHOLE // len(keys), 1) if piecewise and len(z) * len(keys) > WHOLE else 0)
        if not step:
            compared = self._compared(z, who, keys, key_rows)
            losses, counts = self.objective.per_row(compared.s, compared.t, compared.c, who.ids["track"])
            return losses, counts & compared.counts
        if not piecewise:
            raise RecipeError(
                "needs the matrices as a whole with this objective, `queue` or `absent`",
                name="chunk", value=self.chunk, fix="Set chunk: 0.",
            )  # fmt: skip
        losses, counts = chunked(
            self.similarity, self.objective, z, keys, who, key_rows, self._alike, [self._allowed],
            rows=step, track=who.ids["track"],
        )  # fmt: skip
        return losses, counts & self._may_ask(who)

    def _both(self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> tuple[Tensor, Rows, Tensor, Rows]:
        """Queries, who they are; keys of all processes, who they are. Every row has its number ("row")."""
        numbered, first = {}, 0
        for name in self.between:
            own = torch.arange(len(rows[name]), device=embeddings[name].device) + rank() * len(rows[name])
            barred = torch.full_like(own, int(name in self.negatives))
            ids = {"shared": torch.zeros_like(own), **rows[name].ids, "row": own + first, "barred": barred}
            numbered[name] = replace(rows[name], ids=ids)
            first += world_size() * len(rows[name])
        z = torch.cat([embeddings[name].float() for name in self.queries])
        who = Rows.cat([numbered[name] for name in self.queries])
        if self.keys == self.queries:
            return z, who, gather(z), gather_rows(who)
        keys, key_rows = torch.cat([embeddings[name].float() for name in self.keys]), [numbered[n] for n in self.keys]
        return z, who, gather(keys), gather_rows(Rows.cat(key_rows))

    def _may_ask(self, who: Rows) -> Tensor:
        """Which queries may count, bool [q]; rows that every process has ask in the first alone."""
        asks = ~who.silent if self.absent == "leave_out" else torch.ones_like(who.silent)
        return asks & (who.ids["shared"] == 0) if rank() else asks

    def _alike(self, who: Rows, keys: Rows) -> Tensor:
        alike = self.target(who, keys)
        return alike * (keys.ids["barred"] == 0) if self.negatives else alike

    def _allowed(self, who: Rows, keys: Rows, alike: Tensor) -> Tensor:
        allowed = self.candidates[0](who, keys, alike)
        for more in self.candidates[1:]:
            allowed = allowed & more(who, keys, alike)
        if self.absent == "leave_out":
            allowed = allowed & ~keys.silent & ~who.silent[:, None]
        if world_size() > 1:  # every process has these rows: those of the first count
            first = torch.arange(len(keys), device=allowed.device) < len(keys) // world_size()
            allowed = allowed & (first | (keys.ids["shared"] == 0))
        return allowed

    def _with_one_key(
        self, z: Tensor, keys: Tensor, silent: Tensor, similar: Tensor, alike: Tensor, allowed: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        null = self.similarity(z, keys[silent].mean(0, keepdim=True))
        wanted = alike[:, silent].amax(1, keepdim=True)
        similar = torch.cat([similar[:, ~silent], null], dim=1)
        alike = torch.cat([alike[:, ~silent], wanted], dim=1)
        return similar, alike, torch.cat([allowed[:, ~silent], torch.ones_like(wanted, dtype=torch.bool)], dim=1)

    def _with_queue(
        self, z: Tensor, who: Rows, similar: Tensor, alike: Tensor, allowed: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        assert self.queue is not None
        old, track = self.queue.content()
        further = self.similarity(z, old)
        others = who.ids["track"][:, None] != track[None, :]
        zeros = torch.zeros_like(further)
        return torch.cat([similar, further], 1), torch.cat([alike, zeros], 1), torch.cat([allowed, others], 1)

    def _remember(self, embeddings: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> None:
        assert self.queue is not None
        keys = torch.cat([embeddings[name].float() for name in self.keys]).detach()
        who = [rows[name] for name in self.keys]
        track, silent = torch.cat([r.ids["track"] for r in who]), torch.cat([r.silent for r in who])
        keys, track, silent = gather(keys).detach(), gather(track[:, None])[:, 0], gather(silent.long()[:, None])[:, 0]
        heard = silent == 0 if self.absent == "leave_out" else slice(None)
        self.queue.add(keys[heard], track[heard])


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
        return self.weighted(self.losses(embeddings, rows))

    def weighted(self, losses: Sequence[Tensor]) -> Float[Tensor, ""]:
        """The sum of ``losses``, one of each contrast, each times its weight."""
        parts = zip(self.each(), losses, strict=True)
        return torch.stack([contrast.weight * loss for contrast, loss in parts]).sum()

    def learn(self, library: Library, rows: NDArray[np.int64]) -> None:
        """Let the targets read what they must know of ``library``; see ``Target.learn``."""
        for contrast in self.each():
            contrast.target = contrast.target.learn(library, rows)

    def each(self) -> list[Contrast]:
        """The contrasts, typed."""
        return [c for c in self.contrasts if isinstance(c, Contrast)]
