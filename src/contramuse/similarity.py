"""Similarities: how alike the embeddings of queries and keys are. Each maps ([q d], [k d]) to S of shape [q k]."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from contramuse.errors import RecipeError

LARGEST_SCALE = 100.0
"""A learned 1 / temperature stays at or below this, as in CLIP (Radford et al. 2021, section 2.5)."""


class Similarity(nn.Module):
    """How alike embeddings are, divided by a temperature that is fixed or learned.

    Args:
        temperature: the divisor, above 0; the starting value where it is learned.
        scale: "fixed" or "learned" (through its logarithm).
    """

    def __init__(self, *, temperature: float, scale: Literal["fixed", "learned"]) -> None:
        super().__init__()
        if not temperature > 0:
            raise RecipeError("must be above 0", name="temperature", value=temperature, fix="CLMR uses 0.5.")
        self.temperature = temperature
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature))) if scale == "learned" else None

    @abstractmethod
    def vectors(
        self, q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]
    ) -> tuple[Float[Tensor, "q d"], Float[Tensor, "k d"]]:
        """Vectors whose inner products are the similarity before the temperature."""

    def forward(self, q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]) -> Float[Tensor, "q k"]:
        """S: inner products over the temperature, which divides q d numbers and not q k."""
        left, right = self.vectors(q, k)
        if self.log_scale is None:
            return (left / self.temperature) @ right.T
        return (left * self.log_scale.exp().clamp(max=LARGEST_SCALE)) @ right.T


class Cosine(Similarity):
    """Cosine of the angle (NT-Xent: SimCLR, CLMR; SupCon, SemiSupCon).

    Args:
        temperature: 0.5 in CLMR, 0.1 in SemiSupCon.
        scale: "fixed" or "learned".
    """

    def __init__(self, *, temperature: float = 0.1, scale: Literal["fixed", "learned"] = "fixed") -> None:
        super().__init__(temperature=temperature, scale=scale)

    def vectors(
        self, q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]
    ) -> tuple[Float[Tensor, "q d"], Float[Tensor, "k d"]]:
        """Both at unit length."""
        return functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)


class Dot(Similarity):
    """Inner product (Choi et al.).

    Args:
        temperature: the divisor; 0.05 in Choi's intra-track contrast.
        scale: "fixed" or "learned".
    """

    def __init__(self, *, temperature: float = 1.0, scale: Literal["fixed", "learned"] = "fixed") -> None:
        super().__init__(temperature=temperature, scale=scale)

    def vectors(
        self, q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]
    ) -> tuple[Float[Tensor, "q d"], Float[Tensor, "k d"]]:
        """Both as they are."""
        return q, k


class Bilinear(Similarity):
    """q W k^T with a learned W (COLA, MSCOL).

    Args:
        dim_in: d, set by the towers' heads.
        temperature: the divisor.
        scale: "fixed" or "learned".
    """

    def __init__(self, *, dim_in: int, temperature: float = 1.0, scale: Literal["fixed", "learned"] = "fixed") -> None:
        super().__init__(temperature=temperature, scale=scale)
        self.weight = nn.Parameter(torch.empty(dim_in, dim_in))
        nn.init.xavier_uniform_(self.weight)

    def vectors(
        self, q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]
    ) -> tuple[Float[Tensor, "q d"], Float[Tensor, "k d"]]:
        """q W, and k as it is."""
        return q @ self.weight, k


SIMILARITIES: dict[str, type[Similarity]] = {"cosine": Cosine, "dot": Dot, "bilinear": Bilinear}
