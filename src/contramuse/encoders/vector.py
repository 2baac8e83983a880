"""Dense layers on a vector that the library holds for each track, such as one made from playlists."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.encoders.heads import MLP


class DenseVector(nn.Module):
    """Hidden layers with ReLU and dropout, a linear layer, layer normalisation.

    The defaults are PlaylistContrastive's encoder of collaborative-filtering vectors: 55,424 parameters at width 301.
    Tracks without a vector never reach it.

    Args:
        width: size of the vectors; 0: that of the library's.
        hidden: width of each hidden layer.
        out: size of the encoder's vector.
        layers: number of hidden layers, at least 0.
        dropout: chance that a number is set to 0 after each hidden layer in training.
        norm: "batch" puts batch normalisation before each ReLU.
        norm_out: "layer" ends in layer normalisation.
    """

    def __init__(
        self,
        *,
        width: int = 0,
        hidden: int = 128,
        out: int = 128,
        layers: int = 1,
        dropout: float = 0.3,
        norm: Literal["none", "batch"] = "none",
        norm_out: Literal["none", "layer"] = "layer",
    ) -> None:
        super().__init__()
        self.dim = out
        self.mlp = MLP(
            dim_in=width or 1, out=out, layers=layers + 1, hidden=hidden, norm=norm, bias="all", dropout=dropout,
            norm_out=norm_out,
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "b w"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """Encode the vectors ``x``; ``generator`` draws the dropout."""
        encoded: Tensor = self.mlp(x, generator)
        return encoded
