"""Heads: the projection from an encoder's vector to the space in which rows are compared; dropped after training."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from contramuse.errors import UserError


class MLP(nn.Module):
    """Linear layers with ReLU between them.

    The defaults are SimCLR's and CLMR's projector: Linear, ReLU, Linear, without biases.

    Args:
        dim_in: size of the encoder's vector.
        out: size of the projection.
        layers: number of linear layers, at least 1.
        hidden: width between them; None takes ``dim_in``.
        norm: "batch" puts batch normalisation before each ReLU.
        bias: "all" gives every linear layer a bias.
    """

    def __init__(
        self,
        *,
        dim_in: int,
        out: int = 128,
        layers: int = 2,
        hidden: int | None = None,
        norm: Literal["none", "batch"] = "none",
        bias: Literal["none", "all"] = "none",
    ) -> None:
        super().__init__()
        if layers < 1:
            raise UserError("a head has at least one layer", name="layers", value=layers, fix="Write 1 or more.")
        self.dim = out
        width = hidden or dim_in
        modules: list[nn.Module] = []
        for before, after in zip([dim_in] + [width] * (layers - 1), [width] * (layers - 1), strict=False):
            modules.append(nn.Linear(before, after, bias=bias == "all"))
            if norm == "batch":
                modules.append(nn.BatchNorm1d(after))
            modules.append(nn.ReLU())
        modules.append(nn.Linear(dim_in if layers == 1 else width, out, bias=bias == "all"))
        self.layers = nn.Sequential(*modules)

    def forward(self, h: Float[Tensor, "b h"]) -> Float[Tensor, "b d"]:
        """Project ``h``."""
        projected: Tensor = self.layers(h)
        return projected


class Linear(nn.Module):
    """One linear layer.

    Args:
        dim_in: size of the encoder's vector.
        out: size of the projection.
        bias: "all" adds a bias.
    """

    def __init__(self, *, dim_in: int, out: int = 128, bias: Literal["none", "all"] = "all") -> None:
        super().__init__()
        self.dim = out
        self.linear = nn.Linear(dim_in, out, bias=bias == "all")

    def forward(self, h: Float[Tensor, "b h"]) -> Float[Tensor, "b d"]:
        """Project ``h``."""
        projected: Tensor = self.linear(h)
        return projected


class Identity(nn.Module):
    """No projection: rows are compared by the encoder's own vectors.

    Args:
        dim_in: size of the encoder's vector.
    """

    def __init__(self, *, dim_in: int) -> None:
        super().__init__()
        self.dim = dim_in

    def forward(self, h: Float[Tensor, "b h"]) -> Float[Tensor, "b h"]:
        """``h`` itself."""
        return h
