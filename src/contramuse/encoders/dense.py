"""A linear layer over the tokens of each row, and attention between them, in the forms that are quick on a CPU."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SHORT = 96
"""Tokens up to which attention is written out: blocks made for long sequences cost four times as much in bfloat16."""


class Dense(nn.Linear):
    """``nn.Linear`` for [b n i] -> [b n o], the same parameters and values.

    In fp32 on a CPU it is computed as a convolution of one tap over images without height, which goes through oneDNN:
    1.7 to 1.9 times the speed of the matrix product where the BLAS library does not use the processor's widest
    instructions (MKL on AMD), and the same where it does.
    """

    def forward(self, input: Float[Tensor, "b n i"]) -> Float[Tensor, "b n o"]:
        """Map each token."""
        plain = (
            input.device.type != "cpu"
            or input.dtype != torch.float32
            or torch.is_autocast_enabled("cpu")
            or torch.compiler.is_compiling()
        )
        if plain:
            return F.linear(input, self.weight, self.bias)
        image = input.unsqueeze(1).permute(0, 3, 1, 2)
        mapped = F.conv2d(image, self.weight[:, :, None, None], self.bias)
        return mapped.permute(0, 2, 3, 1).squeeze(1)


def attention(
    q: Float[Tensor, "b g n c"], k: Float[Tensor, "b g n c"], v: Float[Tensor, "b g n c"]
) -> Float[Tensor, "b g n c"]:
    """Softmax of ``q k / sqrt(c)`` over the keys, times ``v``, in each row b and head g."""
    if q.device.type != "cpu" or q.shape[2] > SHORT or torch.compiler.is_compiling():
        return F.scaled_dot_product_attention(q, k, v)
    weights = torch.softmax((q * q.shape[3] ** -0.5) @ k.transpose(2, 3), dim=3, dtype=torch.float32)
    return weights.to(v.dtype) @ v
