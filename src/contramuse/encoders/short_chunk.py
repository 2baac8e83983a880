"""Short-chunk ResNet (Won et al. 2020, "Evaluation of CNN-based Automatic Music Tagging Models"), as CLMR has it."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.encoders.dropout import drop
from contramuse.encoders.image import as_image, check_channels, check_share, store_channels_last

GROWTH = (1, 1, 2, 2, 2, 2, 4)
"""Channels of the seven blocks over those of the first."""


class Residual(nn.Module):
    """Two 3 x 3 convolutions, the first every second position, added to a third of the input, every second position.

    Args:
        before, after: channels.
    """

    def __init__(self, *, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=2, padding=1)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Conv2d(before, after, 3, stride=2, padding=1)
        self.shortcut_norm = nn.BatchNorm2d(after)

    def forward(self, x: Float[Tensor, "b c f n"]) -> Float[Tensor, "b o g m"]:
        """One block; half the bands and frames, rounded up."""
        h = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(h + self.shortcut_norm(self.shortcut(x)))


class ShortChunkRes(nn.Module):
    """Any bands and frames to 512 numbers: seven residual blocks, each half the size of the last, and the maximum.

    12,078,594 parameters with the dense layer on top, 11,814,914 without. The published network continues with a
    dense layer, batch normalisation, ReLU, dropout and a classifier. All but the classifier is part of the encoder
    here, as it is where CLMR takes the classifier away; ``top: none`` stops at the maximum.

    Args:
        bands: number of bands f of the features (given by the frontend); 128 as published.
        channels: of the first block; the others have 1, 2, 2, 2, 2 and 4 times as many.
        top: "dense" ends in a linear layer, batch normalisation and ReLU; "none" in the maximum.
        dropout: chance that a number of the vector is set to 0 in training (0.5 in the supervised baseline).
    """

    def __init__(
        self, *, bands: int, channels: int = 128, top: Literal["dense", "none"] = "dense", dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_share(dropout, "dropout")
        widths = [channels * growth for growth in GROWTH]
        self.bands, self.dim, self.dropout = bands, widths[-1], dropout
        self.norm = nn.BatchNorm2d(1)
        self.blocks = nn.Sequential(
            *(Residual(before=before, after=after) for before, after in zip([1, *widths[:-1]], widths, strict=True))
        )
        store_channels_last(self.blocks)
        self.top: nn.Module = nn.Identity()
        if top == "dense":
            self.top = nn.Sequential(nn.Linear(self.dim, self.dim), nn.BatchNorm1d(self.dim), nn.ReLU())

    def forward(self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """The vector of each row.

        Args:
            x: features.
            generator: draws the dropout; needed in training when ``dropout`` is above 0, ignored in eval mode.
        """
        h = self.top(self.blocks(self.norm(as_image(x))).amax(dim=(2, 3)))
        return drop(h, self.dropout, generator, training=self.training)
