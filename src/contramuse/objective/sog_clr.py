"""SogCLR: each track remembers its denominator, so that small batches see the negatives of many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from contramuse.errors import RecipeError
from contramuse.gather import gather
from contramuse.objective.base import Objective, log_sum_exp, negatives, positives
from contramuse.rows import UNKNOWN


class SogCLR(Objective, nn.Module):
    """Contrast with the negatives of the whole library (Yuan et al. 2022, algorithm 1).

    Each track i has u_i, a moving average of g_i, the mean of exp S_ij over its negatives (candidates, weighted by
    N_ij = 1 - min(T_ij, 1), of all of its rows in the batch): u_i <- (1 - gamma) u_i + gamma g_i. The gradient is of

        - sum_j P_ij S_ij + sum_j w_ij S_ij,    w_ij = N_ij exp(S_ij) / (u_i sum_j N_ij), held constant

    that is, of the logarithm of the denominator over the library, estimated over steps and not over one batch. The
    value is log u_i - sum_j P_ij S_ij. A track's first batch sets u_i = g_i (the paper starts from 0); a row that is
    no track has its own g_i. u_i is kept as its logarithm, so that no similarity is too large; it is learned in
    training only, is stored in checkpoints, and is the same in every process.

    A query without a positive or without a negative does not count.

    Args:
        gamma: how much a step changes u_i, above 0 to 1; at 1 this is the decoupled objective.
    """

    sees: ClassVar[Literal["rows", "batch"]] = "batch"
    log_u: Tensor

    def __init__(self, *, gamma: float = 0.9) -> None:
        super().__init__()
        if not 0 < gamma <= 1:
            raise RecipeError(
                "must be above 0, at most 1", name="gamma", value=gamma, fix="Its published code has 0.9."
            )
        self.gamma = gamma
        self.register_buffer("log_u", torch.zeros(0))

    def per_row(
        self,
        s: Float[Tensor, "q k"],
        t: Float[Tensor, "q k"],
        c: Bool[Tensor, "q k"],
        track: Int[Tensor, " q"] | None = None,
    ) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
        """See ``Objective.per_row``; ``track`` is needed."""
        assert track is not None, "SogCLR remembers something about each track"
        wanted, counts = positives(t.to(s.dtype), c)
        unwanted, some = negatives(t.to(s.dtype), c)
        counts = counts & some
        unwanted = unwanted / torch.where(some, unwanted.sum(1), 1.0)[:, None]
        log_g = log_sum_exp(s.detach(), unwanted)
        known = counts & (track != UNKNOWN)
        if self.training:
            self._learn(track, log_g, known)
        log_u = torch.where(known, self._of(track, log_g), log_g)
        constant = (s.detach() + unwanted.log() - log_u[:, None]).exp()
        pull, push = (wanted * s).sum(1), (constant * s).sum(1)
        # The value is that of the logarithm, the gradient that of its estimate.
        return (log_u + (push - push.detach()) - pull) * counts, counts

    def _of(self, track: Tensor, log_g: Tensor) -> Tensor:
        """log u of each row's track; its own g where the track was never seen."""
        seen = (track >= 0) & (track < len(self.log_u))
        if not bool(seen.any()):
            return log_g
        found = self.log_u[torch.where(seen, track, 0)].to(log_g.dtype)
        return torch.where(seen & found.isfinite(), found, log_g)

    def _learn(self, track: Tensor, log_g: Tensor, known: Tensor) -> None:
        track, log_g, known = (gather(x[:, None])[:, 0] for x in (track, log_g, known.to(track.dtype)))
        known = known == 1
        if not bool(known.any()):
            return
        tracks, row = torch.unique(track[known], return_inverse=True)
        mean = _log_mean_exp(log_g[known], row, len(tracks)).to(self.log_u)
        more = int(tracks[-1]) + 1 - len(self.log_u)
        if more > 0:
            self.log_u = torch.cat([self.log_u, self.log_u.new_full((more,), -torch.inf)])
        old = self.log_u[tracks]
        gamma = torch.tensor(self.gamma).to(old)
        moved = torch.logaddexp((1 - gamma).log() + old, gamma.log() + mean)
        self.log_u[tracks] = torch.where(old.isfinite(), moved, mean)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        stored = state_dict.get(f"{prefix}log_u")
        if stored is not None:  # it has as many numbers as tracks were seen
            self.log_u = self.log_u.new_zeros(len(stored))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _log_mean_exp(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """log of the mean of exp(x) [n] over the members of each group, [groups]."""
    highest = x.new_full((groups,), -torch.inf).scatter_reduce(0, group, x, "amax")
    total = x.new_zeros(groups).scatter_add(0, group, (x - highest[group]).exp())
    return highest + total.log() - torch.bincount(group, minlength=groups).to(x).log()
