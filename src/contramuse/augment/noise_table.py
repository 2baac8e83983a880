"""One long table of Gaussian noise per device; a row takes its noise from a drawn place in it.

Drawing fresh noise costs more than every other effect, and differs from device to device. Two places of a table of a
million samples are as good as independent.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

SIZE = 2**20


@lru_cache(maxsize=8)
def table(device: torch.device) -> Float[Tensor, " size"]:
    """The table: ``SIZE`` samples of unit variance, the same on every device."""
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(20240719)).to(device)


def white(place: Int64[Tensor, " b"], samples: int) -> Float[Tensor, "b t"]:
    """``samples`` samples of unit-variance white noise for each row, from its drawn place on."""
    return excerpt(table(place.device), place, samples)


def excerpt(noise: Float[Tensor, " size"], place: Int64[Tensor, " b"], samples: int) -> Float[Tensor, "b t"]:
    """``samples`` samples of a noise of ``SIZE`` samples for each row."""
    if 2 * samples > SIZE:
        noise = noise.repeat(-(-2 * samples // SIZE))
    start = place.remainder(len(noise) - samples)
    index = start[:, None] + torch.arange(samples, device=place.device)
    return noise.expand(len(place), -1).gather(1, index)


def draw_place(n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
    """A place in the table for each of ``n`` rows."""
    return torch.randint(SIZE, (n,), generator=generator)
