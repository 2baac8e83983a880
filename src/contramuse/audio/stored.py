"""What is stored already: features, vectors and tag numbers go to the encoder as they are."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from contramuse.errors import RecipeError


class Stored(nn.Module):
    """The input itself: stored features [b f n], vectors [b w], or tag numbers [b k].

    Args:
        bands: number of bands f of stored features, for encoders that must know it; 0 for vectors and tags.
        transform: "melon" makes log10(0.01 + 10^(dB / 20)) of decibels, as PlaylistContrastive does of Melon's mels.
    """

    def __init__(self, *, bands: int = 0, transform: Literal["none", "melon"] = "none") -> None:
        super().__init__()
        if bands < 0:
            raise RecipeError("must be at least 0", name="bands", value=bands, fix="Melon's mels have 48.")
        self.bands, self.transform = bands, transform

    def frames(self, samples: int) -> int:
        """Number of frames n: as many as are stored."""
        return samples

    def forward(self, x: Num[Tensor, "b ..."]) -> Num[Tensor, "b ..."]:
        """Return ``x``, transformed.

        Raises:
            RecipeError: stored features have another number of bands.
        """
        if self.bands and x.ndim == 3 and x.shape[1] != self.bands:
            raise RecipeError(
                f"is not the number of bands that are stored ({x.shape[1]})", name="bands", value=self.bands,
                fix=f"Write bands: {x.shape[1]}.",
            )  # fmt: skip
        return melon_scaled(x) if self.transform == "melon" else x


def melon_scaled(decibels: Float[Tensor, "b f n"]) -> Float[Tensor, "b f n"]:
    """log10(0.01 + 10^(dB / 20)): -2 for silence, about 0 where decibels are."""
    return (0.01 + torch.pow(10.0, decibels / 20.0)).log10()
