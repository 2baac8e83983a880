"""Heads: the projection from an encoder's vector to the space in which rows are compared; dropped after training.

A head maps ``h`` [... h] to [... d], whatever axes stand before the last (rows; levels and segments of a sequence).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.encoders.dropout import drop
from contramuse.errors import UserError

EPSILON = 1e-6
"""Added to the variance by the layer normalisation at the end of a projection, as in PlaylistContrastive."""


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
        dropout: chance that a number is set to 0 after each ReLU in training.
        norm_out: "layer" ends in layer normalisation.
    """

    takes: ClassVar[Literal["vector", "sequence"]] = "vector"

    def __init__(
        self,
        *,
        dim_in: int,
        out: int = 128,
        layers: int = 2,
        hidden: int | None = None,
        norm: Literal["none", "batch"] = "none",
        bias: Literal["none", "all"] = "none",
        dropout: float = 0.0,
        norm_out: Literal["none", "layer"] = "none",
    ) -> None:
        super().__init__()
        if layers < 1:
            raise UserError("a head has at least one layer", name="layers", value=layers, fix="Write 1 or more.")
        self.dim, self.dropout = out, dropout
        width = hidden or dim_in
        modules: list[nn.Module] = []
        for before, after in zip([dim_in] + [width] * (layers - 1), [width] * (layers - 1), strict=False):
            modules.append(nn.Linear(before, after, bias=bias == "all"))
            if norm == "batch":
                modules.append(nn.BatchNorm1d(after))
            modules.append(nn.ReLU())
        modules.append(nn.Linear(dim_in if layers == 1 else width, out, bias=bias == "all"))
        self.layers = nn.Sequential(*modules)
        self.norm_out = nn.LayerNorm(out, eps=EPSILON) if norm_out == "layer" else nn.Identity()

    def forward(self, h: Float[Tensor, "*a h"], generator: torch.Generator | None = None) -> Float[Tensor, "*a d"]:
        """Project ``h``.

        Args:
            h: vectors.
            generator: draws the dropout; needed in training when ``dropout`` is above 0, ignored in eval mode.
        """
        x = h.reshape(-1, h.shape[-1])  # batch normalisation counts every vector, of whatever segment, as a row
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                x = drop(x, self.dropout, generator, training=self.training)
        projected: Tensor = self.norm_out(x)
        return projected.reshape(*h.shape[:-1], self.dim)


class Linear(nn.Module):
    """One linear layer.

    Args:
        dim_in: size of the encoder's vector.
        out: size of the projection.
        bias: "all" adds a bias.
        dropout: chance that a number of the vector is set to 0 before the layer in training (0.5 in CLMR's supervised
            baseline).
    """

    takes: ClassVar[Literal["vector", "sequence"]] = "vector"

    def __init__(
        self, *, dim_in: int, out: int = 128, bias: Literal["none", "all"] = "all", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dim, self.dropout = out, dropout
        self.linear = nn.Linear(dim_in, out, bias=bias == "all")

    def forward(self, h: Float[Tensor, "*a h"], generator: torch.Generator | None = None) -> Float[Tensor, "*a d"]:
        """Project ``h``; ``generator`` draws the dropout."""
        projected: Tensor = self.linear(drop(h, self.dropout, generator, training=self.training))
        return projected


class Identity(nn.Module):
    """No projection: rows are compared by the encoder's own vectors.

    Args:
        dim_in: size of the encoder's vector.
    """

    takes: ClassVar[Literal["vector", "sequence"]] = "vector"

    def __init__(self, *, dim_in: int) -> None:
        super().__init__()
        self.dim = dim_in

    def forward(self, h: Float[Tensor, "*a h"], generator: torch.Generator | None = None) -> Float[Tensor, "*a h"]:
        """``h`` itself."""
        return h


class NormTanh(nn.Module):
    """Linear, layer normalisation, tanh: the head of COLA and MSCOL, before a bilinear similarity.

    Initialised as Keras initialises a dense layer (Glorot uniform, bias 0).

    Args:
        dim_in: size of the encoder's vector.
        out: size of the projection.
        epsilon: added to the variance; Keras's default.
        dropout: chance that a number is set to 0 at the end in training (0.1 in the PyTorch port of COLA).
    """

    takes: ClassVar[Literal["vector", "sequence"]] = "vector"

    def __init__(self, *, dim_in: int, out: int = 512, epsilon: float = 1e-3, dropout: float = 0.0) -> None:
        super().__init__()
        self.dim, self.dropout = out, dropout
        self.linear = nn.Linear(dim_in, out)
        self.norm = nn.LayerNorm(out, eps=epsilon)
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, h: Float[Tensor, "*a h"], generator: torch.Generator | None = None) -> Float[Tensor, "*a d"]:
        """Project ``h`` into (-1, 1); ``generator`` draws the dropout."""
        return drop(torch.tanh(self.norm(self.linear(h))), self.dropout, generator, training=self.training)


class Predictor(nn.Module):
    """Linear, batch normalisation, ReLU, Linear: BYOL's projector and predictor (Grill et al. 2020, section 3.3).

    As a predictor it stands after one tower's projection and guesses what a momentum tower gives to the other view.

    Args:
        dim_in: size of the vector before it.
        out: size of the projection or prediction.
        hidden: width between the two layers.
    """

    takes: ClassVar[Literal["vector", "sequence"]] = "vector"

    def __init__(self, *, dim_in: int, out: int = 256, hidden: int = 4096) -> None:
        super().__init__()
        self.dim = out
        self.mlp = MLP(dim_in=dim_in, out=out, hidden=hidden, norm="batch", bias="all")

    def forward(self, h: Float[Tensor, "*a h"], generator: torch.Generator | None = None) -> Float[Tensor, "*a d"]:
        """Predict from ``h``."""
        predicted: Tensor = self.mlp(h)
        return predicted
