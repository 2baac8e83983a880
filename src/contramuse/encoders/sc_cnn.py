"""SC-CNN: seven 3 x 3 convolutions on patches of 48 mel bands by 256 frames (Ferraro et al. 2021, "Enriched Music
Representations with Multiple Cross-modal Contrastive Learning"; Meehan and Pauwels 2025 on playlists).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.encoders.image import ConvPool, as_image, check_bands, check_channels, check_frames, store_channels_last
from contramuse.encoders.sequence import SequenceEncoder

PATCH = 256
GROWTH = (1, 1, 2, 2, 2, 2, 4)
"""Channels of the seven blocks over those of the first."""
POOLS = ((2, 2), (2, 2), (2, 2), (2, 2), (1, 2), (1, 2), (2, 2))
"""Bands and frames of a window of each pool."""


class SCCNN(SequenceEncoder):
    """Patches of 256 frames to 1,024 numbers each, and their mean; 3,398,018 parameters.

    Batch normalisation of the input, seven blocks of a 3 x 3 convolution, batch normalisation, ReLU and a max-pool;
    the 512 channels, 1 band and 2 frames that are left are the vector. A longer row is cut into consecutive patches
    of 256 frames (an incomplete last one is not seen), the steps of its sequence; its vector is their mean, as that of
    a song in the paper.

    Args:
        bands: number of bands f of the features (given by the frontend); 48 as published.
        channels: of the first block; the others have 1, 2, 2, 2, 2 and 4 times as many. The vector has 8 numbers per
            channel and 32 bands.

    Raises:
        RecipeError: fewer than 32 bands.
    """

    def __init__(self, *, bands: int, channels: int = 128) -> None:
        super().__init__()
        check_bands(bands, 32, usual=48)
        check_channels(channels)
        widths = [channels * growth for growth in GROWTH]
        self.axes = ("segment",)
        self.dim = self.step_dim = widths[-1] * (bands // 32) * (PATCH // 128)
        self.norm = nn.BatchNorm2d(1)
        self.blocks = nn.Sequential(
            *(
                ConvPool(before=before, after=after, kernel=3, pool=pool)
                for before, after, pool in zip([1, *widths[:-1]], widths, POOLS, strict=True)
            )
        )
        store_channels_last(self.blocks)

    def sequence(
        self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b segment d"]:
        """The vector of each patch.

        Args:
            x: features, 256 frames or more.
            generator: not used; nothing is drawn.

        Raises:
            RecipeError: fewer than 256 frames.
        """
        check_frames(x.shape[2], PATCH, fix="Take longer crops: 256 frames are one patch.")
        patches = x.unfold(2, PATCH, PATCH).transpose(1, 2)
        h = self.blocks(self.norm(as_image(patches.flatten(0, 1))))
        vectors: Tensor = h.flatten(1).unflatten(0, patches.shape[:2])
        return vectors
