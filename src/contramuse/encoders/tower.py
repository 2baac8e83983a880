"""A tower: frontend, encoder and head of one view, from its input to the space in which rows are compared."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Tower(nn.Module):
    """What one view goes through.

    Args:
        frontend: waveform to features, [b 1 t] -> [b f n].
        encoder: features to a vector, [b f n] -> [b h]; takes a generator for what it draws in training.
        head: projection, [b h] -> [b d]; only training uses it.
    """

    def __init__(self, frontend: nn.Module, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.frontend, self.encoder, self.head = frontend, encoder, head

    @property
    def dim(self) -> int:
        """Size of the representation (the encoder's vector, not the projection)."""
        size: int = self.encoder.dim  # type: ignore[assignment]
        return size

    def represent(self, x: Float[Tensor, "b 1 t"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """The representation of each row: what is kept after training.

        Args:
            x: waveform at the tower's sample rate, within [-1, 1].
            generator: for what the encoder draws in training; ignored in eval mode.
        """
        if torch.is_autocast_enabled(x.device.type):
            # Spectra span more orders of magnitude than 16-bit floats keep apart.
            with torch.autocast(x.device.type, enabled=False):
                features = self.frontend(x.float())
        else:
            features = self.frontend(x)
        represented: Tensor = self.encoder(features, generator)
        return represented

    def forward(self, x: Float[Tensor, "b 1 t"], generator: torch.Generator | None = None) -> Float[Tensor, "b d"]:
        """The projection of each row: what the similarity compares in training."""
        projected: Tensor = self.head(self.represent(x, generator))
        return projected
