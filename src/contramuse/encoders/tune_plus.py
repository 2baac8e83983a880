"""TUNe+ (Vélez Vásquez and Burgoyne 2022): a U-Net on the waveform and a tail that reads every scale of it again."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.errors import UserError

WIDTHS = (1, 2, 4, 8, 16, 8, 4, 2, 1, 2, 4, 8, 16, 32, 32, 32, 32)
"""Channels of blocks 1 to 17 over ``channels``; block 18 has 512."""
DEPTH = len(WIDTHS) + 1
SCALES = 4
"""Scales below the waveform's that the U-Net goes down, each a third of the one before."""


class TunePlus(nn.Module):
    """Waveform to 512 numbers; 2,220,390 parameters.

    Eighteen blocks of convolution (3 taps), batch normalisation and ReLU. Blocks 1 to 5 go down four scales, each
    max-pooled by 3; 6 to 9 come up again by transposed convolutions, beside the map that went down at that scale; 10
    to 13 go down once more, beside the map that came up (for the lowest, block 5's); 14 to 18 go further down. The
    vector is the mean over time of the last block. The input is filled up with zeros to a multiple of 81 samples (at
    22,050 Hz that is 4 ms). Crops of 59,049 and of 59,535 samples leave three frames, whose mean is the published
    average pool.

    Args:
        bands: channels of the input (given by the frontend): 1 for a waveform.
        channels: of the first block.
        depth: 18 is all of it; with fewer the network ends after that block, and the vector is the mean over time of
            its map (what a shallower probe reads; SemiSupCon's ``eval_layer`` e is ``depth: 18 - e``).

    Raises:
        UserError: a depth that there is not, or an input too short to leave a frame.
    """

    def __init__(self, *, bands: int, channels: int = 11, depth: int = DEPTH) -> None:
        super().__init__()
        if not 1 <= depth <= DEPTH:
            raise UserError(
                f"there are blocks 1 to {DEPTH}", name="depth", value=depth, fix=f"Leave it out for all {DEPTH}."
            )
        self.depth = depth
        widths = [*(channels * factor for factor in WIDTHS), 512]
        self.dim = widths[depth - 1]
        ups = range(SCALES + 1, min(depth, 2 * SCALES + 1))
        self.ups = nn.ModuleList(nn.ConvTranspose1d(widths[i - 1], widths[i], 3, stride=3) for i in ups)
        self.blocks = nn.ModuleList()
        for i in range(depth):
            beside = _beside(i)
            before = bands if i == 0 else widths[i] if i in ups else widths[i - 1]
            self.blocks.append(_block(before + (0 if beside is None else widths[beside]), widths[i]))

    def forward(self, x: Float[Tensor, "b f t"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """The mean over time of the last block's map.

        Args:
            x: waveform.
            generator: ignored; nothing is drawn.
        """
        samples, least = x.shape[2], 3 ** (SCALES + max(0, self.depth - 3 * SCALES - 1))
        x = F.pad(x, (0, -samples % 3**SCALES))
        if x.shape[2] < least:
            raise UserError(
                f"TUNe+ of depth {self.depth} reads {least} samples or more",
                name="input",
                value=f"{samples} samples",
                fix="Take longer crops.",
            )
        maps: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            if SCALES < i <= 2 * SCALES:
                x = self.ups[i - SCALES - 1](x)
            elif i:
                x = F.max_pool1d(x, 3)
            beside = _beside(i)
            x = block(x if beside is None else torch.cat([x, maps[beside]], dim=1))
            maps.append(x)
        return x.mean(dim=2)


def _beside(block: int) -> int | None:
    """The earlier block (both counted from 0) whose map stands beside the input of ``block``."""
    if SCALES < block <= 2 * SCALES:
        return 2 * SCALES - block
    if 2 * SCALES < block <= 3 * SCALES:
        return 4 * SCALES - block
    return None


def _block(before: int, after: int) -> nn.Sequential:
    convolution = nn.Conv1d(before, after, 3, padding=1)
    nn.init.kaiming_uniform_(convolution.weight, mode="fan_in", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm1d(after), nn.ReLU())
