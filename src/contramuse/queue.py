"""Keys of earlier batches (MoCo, He et al. 2020, arXiv 1911.05722, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from contramuse.errors import RecipeError
from contramuse.rows import UNKNOWN


class Queue(nn.Module):
    """The last ``size`` keys, first in first out; part of a checkpoint.

    Args:
        size: number of keys.

    Raises:
        RecipeError: the size is below 1.
    """

    keys: Tensor
    track: Tensor
    place: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 1:
            raise RecipeError("must be 0 or more", name="queue", value=size, fix="0 is no queue; MoCo uses 65536.")
        self.size = size
        self.register_buffer("keys", torch.zeros(size, 0))
        self.register_buffer("track", torch.full((size,), UNKNOWN))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    @property
    def filled(self) -> bool:
        """Whether there is any key yet."""
        return self.keys.shape[1] > 0 and int(self.place) > 0

    def content(self) -> tuple[Tensor, Tensor]:
        """Keys float32 [n d] and their tracks int64 [n], in no order; n <= size."""
        n = min(int(self.place), self.size)
        return self.keys[:n], self.track[:n]

    def add(self, keys: Tensor, track: Tensor) -> None:
        """Put in keys [m d] of tracks int64 [m]; the oldest go."""
        if self.keys.shape[1] != keys.shape[1]:
            self.keys = keys.new_zeros(self.size, keys.shape[1])
        keys, track = keys[-self.size :], track[-self.size :]
        at = (int(self.place) + torch.arange(len(keys), device=keys.device)) % self.size
        self.keys[at], self.track[at] = keys, track
        self.place += len(keys)

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:  # type: ignore[no-untyped-def]
        stored = state_dict.get(prefix + "keys")
        if stored is not None and stored.shape != self.keys.shape:
            self.keys = self.keys.new_zeros(stored.shape)  # empty until the first batch says how wide a key is
        super()._load_from_state_dict(state_dict, prefix, *rest)
