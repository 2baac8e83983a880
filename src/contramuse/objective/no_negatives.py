"""Objectives that only pull: alignment (BYOL), and pulling beside a term that keeps embeddings spread (VICReg)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from contramuse.objective.base import Objective, check_not_below_0, positives


@dataclass(frozen=True, kw_only=True)
class Alignment(Objective):
    """2 - 2 sum_j P_ij S_ij: the squared distance of unit vectors where S is their cosine (BYOL, Grill et al. 2020).

    It has no negatives: alone it is solved by giving every track the same embedding. BYOL's keys come from a momentum
    tower, and its queries pass a further head, a predictor, which together keep it from that.
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
        return (2 - 2 * (wanted * s).sum(1)) * counts, counts


@dataclass(frozen=True, kw_only=True)
class VICReg(Objective):
    """Invariance, variance and covariance (Bardes et al. 2022, equations 1 to 6).

    Its similarity is ``euclidean``. For each query, invariance x - sum_j P_ij S_ij, its squared distance to its
    positives. For the embeddings Z [n d] of all views and processes together

        variance x (1/d) sum_a max(0, 1 - sqrt(Var(Z_a) + 0.0001)) + covariance x (1/d) sum_{a != b} Cov(Z_a, Z_b)^2

    The paper sums the squared distance over dimensions; its published code takes their mean, for which 25, 25 and 1
    are meant: ``{kind: euclidean, over: mean}``. Paper and code take variance and covariance of each view alone, and
    their code has the mean over two views of the first and the sum of the second: ``covariance: 2`` is nearest to it.

    Args:
        invariance, variance, covariance: the weights of the three.
    """

    invariance: float = 25.0
    variance: float = 25.0
    covariance: float = 1.0

    def __post_init__(self) -> None:
        for name in ("invariance", "variance", "covariance"):
            check_not_below_0(name, getattr(self, name), "The paper has 25, 25 and 1.")

    def per_row(
        self,
        s: Float[Tensor, "q k"],
        t: Float[Tensor, "q k"],
        c: Bool[Tensor, "q k"],
        track: Int[Tensor, " q"] | None = None,
    ) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
        """See ``Objective.per_row``."""
        wanted, counts = positives(t.to(s.dtype), c)
        return -self.invariance * (wanted * s).sum(1) * counts, counts

    def regularise(self, z: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
        """The terms of variance and covariance."""
        n, d = z.shape
        centred = z - z.mean(0)
        covariance = centred.T @ centred / max(n - 1, 1)
        diagonal = covariance.diagonal()
        spread = functional.relu(1 - torch.sqrt(diagonal + 1e-4)).mean()
        shared = (covariance.square().sum() - diagonal.square().sum()) / d
        return self.variance * spread + self.covariance * shared
