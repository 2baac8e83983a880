"""Dropout that a generator draws: a run repeats, and no part of the network reads global randomness."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def drop(
    x: Float[Tensor, "*any"], share: float, generator: torch.Generator | None, *, training: bool
) -> Float[Tensor, "*any"]:
    """Set numbers of ``x`` to 0 with chance ``share``, divide the others by ``1 - share``; in eval mode ``x`` itself.

    Args:
        x: any shape.
        share: chance per number, 0 or more and below 1.
        generator: draws which; on any device. Needed in training when ``share`` is above 0.
        training: the module's mode.

    Raises:
        ValueError: training with a share above 0 and no generator.
    """
    if not training or share == 0:
        return x
    if generator is None:
        raise ValueError("training with dropout needs a generator")
    kept = torch.rand(x.shape, generator=generator, device=generator.device) >= share
    return x * kept.to(x.device) / (1 - share)
