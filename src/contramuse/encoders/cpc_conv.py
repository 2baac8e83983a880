"""The convolutions of contrastive predictive coding on the waveform (van den Oord et al. 2018), as CLMR v1 has them."""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.encoders.sequence import SequenceEncoder
from contramuse.errors import UserError

LAYERS = ((10, 5, 2), (6, 3, 2), (4, 2, 2), (4, 2, 2), (4, 2, 1), (2, 2, 1), (2, 2, 1))
"""Taps, stride and zeros on either side of each convolution."""


class CPCConv(SequenceEncoder):
    """Seven strided convolutions with ReLU: a vector every 480 samples; 5,775,872 parameters on a waveform.

    Args:
        bands: channels of the input (given by the frontend): 1 for a waveform.
        dim: channels of each convolution, and size of a step.
        initialise: "kaiming" keeps the level of a signal through the layers, none of which is normalised; under
            "torch", PyTorch's default, each makes it some two and a half times smaller, and the first hundreds of
            steps only undo that.

    Raises:
        UserError: an input too short for one step.
    """

    axes = ("segment",)

    def __init__(self, *, bands: int, dim: int = 512, initialise: Literal["kaiming", "torch"] = "kaiming") -> None:
        super().__init__()
        self.dim = self.step_dim = dim
        self.layers = nn.ModuleList(
            nn.Conv1d(dim if i else bands, dim, taps, stride=stride, padding=padding)
            for i, (taps, stride, padding) in enumerate(LAYERS)
        )
        if initialise == "kaiming":
            for layer in self.layers:
                assert isinstance(layer, nn.Conv1d)
                nn.init.kaiming_uniform_(layer.weight, mode="fan_in", nonlinearity="relu")

    def frames(self, samples: int) -> int:
        """How many steps ``samples`` samples leave; 0 where they are too few."""
        for taps, stride, padding in LAYERS:
            if samples + 2 * padding < taps:
                return 0
            samples = (samples + 2 * padding - taps) // stride + 1
        return samples

    def sequence(
        self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b segment d"]:
        """The last convolution's output, step by step."""
        if self.frames(x.shape[2]) < 1:
            raise UserError(
                "it is too short for one step of 480 samples",
                name="input",
                value=f"{x.shape[2]} samples",
                fix="Take longer crops.",
            )
        for convolution in self.layers:
            x = torch.relu(convolution(x))
        return rearrange(x, "b d segment -> b segment d")
