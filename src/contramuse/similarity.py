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
        self, q: Float[Tensor, "q d"], k: Float[Tensor, "k c"]
    ) -> tuple[Float[Tensor, "q e"], Float[Tensor, "k e"]]:
        """Vectors whose inner products are the similarity before the temperature; c = d but for ``BiasedDot``."""

    def forward(self, q: Float[Tensor, "q d"], k: Float[Tensor, "k c"]) -> Float[Tensor, "q k"]:
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
        init: of W: "xavier", uniform (Glorot and Bengio 2010); "normal", N(0, 0.05^2) as in COLA's published code.
        temperature: the divisor.
        scale: "fixed" or "learned".
    """

    def __init__(
        self,
        *,
        dim_in: int,
        init: Literal["xavier", "normal"] = "xavier",
        temperature: float = 1.0,
        scale: Literal["fixed", "learned"] = "fixed",
    ) -> None:
        super().__init__(temperature=temperature, scale=scale)
        self.weight = nn.Parameter(torch.empty(dim_in, dim_in))
        if init == "xavier":
            nn.init.xavier_uniform_(self.weight)
        else:
            nn.init.normal_(self.weight, std=0.05)

    def vectors(
        self, q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]
    ) -> tuple[Float[Tensor, "q d"], Float[Tensor, "k d"]]:
        """q W, and k as it is."""
        return q @ self.weight, k


class BiasedDot(Similarity):
    """Inner product of all numbers but the last, plus the key's last number: a linear layer over rows of classes.

    With one row of learned numbers for each class as the keys, S are the logits of a linear classifier, whose weights
    are the rows and whose biases their last numbers. A query is one number shorter than a key, or its last number is
    ignored.

    Args:
        temperature: the divisor, of the bias too.
        scale: "fixed" or "learned".
    """

    def __init__(self, *, temperature: float = 1.0, scale: Literal["fixed", "learned"] = "fixed") -> None:
        super().__init__(temperature=temperature, scale=scale)

    def vectors(
        self, q: Float[Tensor, "q d"], k: Float[Tensor, "k e"]
    ) -> tuple[Float[Tensor, "q e"], Float[Tensor, "k e"]]:
        """The query with 1 as its last number, and the key as it is."""
        return torch.cat([q[:, : k.shape[1] - 1], q.new_ones(len(q), 1)], dim=1), k


class Euclidean(Similarity):
    """Minus the squared Euclidean distance (VICReg, LeJEPA).

    Args:
        over: what becomes of the squares of the d differences: "sum", the squared distance; "mean", it over d.
        temperature: the divisor.
        scale: "fixed" or "learned".
    """

    def __init__(
        self,
        *,
        over: Literal["sum", "mean"] = "sum",
        temperature: float = 1.0,
        scale: Literal["fixed", "learned"] = "fixed",
    ) -> None:
        super().__init__(temperature=temperature, scale=scale)
        self.over = over

    def vectors(
        self, q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]
    ) -> tuple[Float[Tensor, "q e"], Float[Tensor, "k e"]]:
        """(2 q, -|q|^2, -1) and (k, 1, |k|^2): distances by one matrix product, never [q k d]."""
        # Distances do not change with the origin; near it, less of |q|^2 + |k|^2 - 2 q k cancels.
        origin = k.detach().mean(0)
        q, k = q - origin, k - origin
        over = q.shape[1] if self.over == "mean" else 1
        left = torch.cat([2 * q, -q.square().sum(1, keepdim=True), -q.new_ones(len(q), 1)], dim=1)
        right = torch.cat([k, k.new_ones(len(k), 1), k.square().sum(1, keepdim=True)], dim=1)
        return left / over, right


SIMILARITIES: dict[str, type[Similarity]] = {
    "cosine": Cosine,
    "dot": Dot,
    "bilinear": Bilinear,
    "biased_dot": BiasedDot,
    "euclidean": Euclidean,
}
