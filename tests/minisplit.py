"""A separator without weights: half of the left channel, and the rest."""

from __future__ import annotations

import time
from typing import Literal

import torch
from torch import Tensor


def halves(x: Tensor) -> Tensor:
    """Sources [2 2 t] of a mix [2 t]: half its left channel on both sides, and the mix without it."""
    left = (x[:1] / 2).expand(2, -1)
    return torch.stack([left, x - left])


class Halves:
    """See ``halves``.

    Args:
        number: another one is another model.
        fails_at: seconds from which on a mix is too long for it.
        pause: seconds that it takes.
    """

    sources = ("left", "rest")
    scaling: Literal["track", "none"] = "track"

    def __init__(self, *, number: int = 1, fails_at: float = 1e9, pause: float = 0.0) -> None:
        self.name, self.sample_rate = f"halves {number}", 16000
        self._fails_at, self._pause = fails_at, pause

    def separate(self, x: Tensor) -> Tensor:
        """See ``Separator.separate``."""
        if x.shape[1] > self._fails_at * self.sample_rate:
            raise RuntimeError("out of memory\nwith details")
        time.sleep(self._pause)
        return halves(x)
