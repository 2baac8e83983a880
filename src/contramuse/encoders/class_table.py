"""One learned vector per class: with it, a linear classifier is a contrast between tracks and classes."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class ClassTable(nn.Module):
    """The row of a class: weights of a linear classifier, as :class:`torch.nn.Linear` starts them.

    Args:
        width: number of classes; 0: those of the library's label field.
        dim: size of the tracks' embeddings.
        bias: "learned" appends one number per class, 0 at the start, which the similarity ``biased_dot`` adds.
    """

    def __init__(self, *, width: int = 0, dim: int = 128, bias: Literal["none", "learned"] = "none") -> None:
        super().__init__()
        self.dim = dim + (bias == "learned")
        self.weight = nn.Parameter(torch.empty(width or 1, dim))
        self.bias = nn.Parameter(torch.zeros(width or 1)) if bias == "learned" else None
        nn.init.uniform_(self.weight, -(dim**-0.5), dim**-0.5)

    def forward(self, x: Int[Tensor, "b 1"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """The vectors of the classes numbered ``x``, from 0."""
        numbers = x[:, 0]
        if self.bias is None:
            return self.weight[numbers]
        return torch.cat([self.weight[numbers], self.bias[numbers, None]], dim=1)
