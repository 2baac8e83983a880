"""Five 5 x 5 convolutions on a mel spectrogram, last layer or every level (Choi et al. 2022, "Towards Proper
Contrastive Self-supervised Learning Strategies for Music Audio Representation").
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.encoders.image import ConvPool, as_image, check_bands, check_channels, check_frames, store_channels_last
from contramuse.encoders.sequence import SequenceEncoder
from contramuse.errors import RecipeError

GROWTH = (1, 2, 2, 4, 4)
"""Channels of the five blocks over those of the first."""
POOLS = ((2, 2), (2, 2), (2, 2), (4, 4))
"""Bands and frames of a window of the first four pools; the fifth takes all bands that are left."""
SEGMENTS = {3.0: (5, 188), 1.5: (2, 94)}
"""Seconds of a segment -> frames of a window of the fifth pool, frames of the segment (hops of 256 at 16 kHz)."""


def _blocks(bands: int, segment: float, channels: tuple[int, ...]) -> nn.Sequential:
    """The five blocks, initialised.

    Raises:
        RecipeError: fewer bands than the pools take, or a segment that is neither 3 nor 1.5 seconds.
    """
    if segment not in SEGMENTS:
        raise RecipeError(
            "a segment is 3.0 or 1.5 seconds", name="segment", value=segment, fix="Write segment: 3.0, as published."
        )
    check_bands(bands, 32, usual=96)
    check_channels(min(channels))
    blocks = nn.Sequential()
    pools = (*POOLS, (bands // 32, SEGMENTS[segment][0]))
    for before, after, pool in zip((1, *channels), channels, pools, strict=False):
        block = ConvPool(before=before, after=after, kernel=5, pool=pool)
        nn.init.kaiming_uniform_(block.conv.weight)
        blocks.append(block)
    store_channels_last(blocks)
    return blocks


def _linear(before: int, after: int) -> nn.Linear:
    linear = nn.Linear(before, after)
    nn.init.xavier_uniform_(linear.weight)
    return linear


def _frames(frames: int, segment: float) -> list[int]:
    """Frames that each block leaves of ``frames``."""
    left = []
    for pool in (2, 2, 2, 4, SEGMENTS[segment][0]):
        frames //= pool
        left.append(frames)
    return left


class MelConv(SequenceEncoder):
    """The last layer: one vector per 160 frames (2.56 s of the published frontend); 12,361,856 parameters.

    Each block is a 5 x 5 convolution, batch normalisation, ReLU and a max-pool; the fifth pool takes all bands that
    are left, so that any number of bands from 32 on works (published: 96). What the pools leave of time are the steps
    of the sequence: 1 of 3 s (188 frames), 11 of 29 s (1,813 frames).

    Args:
        bands: number of bands f of the features (given by the frontend).
        dim: size of the vector.
        segment: seconds for which the fifth pool was drawn, 3.0 or 1.5: a step has 160 or 64 frames.
        channels: of the first block; the others have 2, 2, 4 and 4 times as many.

    Raises:
        RecipeError: fewer than 32 bands, another segment.
    """

    def __init__(self, *, bands: int, dim: int = 128, segment: float = 3.0, channels: int = 128) -> None:
        super().__init__()
        self.axes, self.step_dim, self.dim = ("segment",), dim, dim
        self.segment = segment
        self.blocks = _blocks(bands, segment, tuple(channels * growth for growth in GROWTH))
        self.linear = _linear(channels * GROWTH[-1], dim)

    def sequence(
        self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b segment d"]:
        """The vector of each step.

        Raises:
            RecipeError: fewer frames than one step has.
        """
        other = ", or set the encoder's segment: 1.5." if self.segment == 3.0 else "."
        check_frames(x.shape[2], 32 * SEGMENTS[self.segment][0], fix="Take longer crops" + other)
        steps: Tensor = self.linear(self.blocks(as_image(x)).squeeze(2).transpose(1, 2))
        return steps


class MelConvMulti(SequenceEncoder):
    """A vector of every level: 5 x 128 numbers; 9,559,552 parameters.

    The blocks are those of :class:`MelConv`, the fifth with ``dim`` channels. After each block the maximum over time,
    bands and channels flattened, goes through that level's linear layer. With several segments the time axis of each
    level is cut into windows of as many frames as a segment leaves there (94, 47, 23, 5 and 1), and the maximum is
    taken in each; the last window of a level may be incomplete, and what comes after it is not seen.

    Args:
        bands: number of bands f of the features (given by the frontend).
        dim: size of a level's vector; the row's vector has five times as many.
        segment: seconds of a segment, 3.0 or 1.5.
        segments: how many segments a row has; 1: the whole row is one, whatever its length.
        channels: of the first block; the next three have 2, 2 and 4 times as many.

    Raises:
        RecipeError: fewer than 32 bands, another segment, no segment.
    """

    def __init__(
        self, *, bands: int, dim: int = 128, segment: float = 3.0, segments: int = 1, channels: int = 128
    ) -> None:
        super().__init__()
        if segments < 1:
            raise RecipeError("there is at least one segment", name="segments", value=segments, fix="Write 1 or more.")
        self.axes = ("level",) if segments == 1 else ("level", "segment")
        self.step_dim, self.dim = dim, dim * len(GROWTH)
        self.segment, self.segments = segment, segments
        widths = (*(channels * growth for growth in GROWTH[:-1]), dim)
        self.blocks = _blocks(bands, segment, widths)
        heights = (bands // 2, bands // 4, bands // 8, bands // 32, 1)
        self.linears = nn.ModuleList(
            _linear(width * height, dim) for width, height in zip(widths, heights, strict=True)
        )
        self.windows = _frames(SEGMENTS[segment][1], segment)

    def sequence(
        self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b level *segment d"]:
        """The vector of each level, or of each level and segment.

        Raises:
            RecipeError: too few frames for the segments.
        """
        self._check(x.shape[2])
        h, levels = as_image(x), []
        for block, linear, window in zip(self.blocks, self.linears, self.windows, strict=True):
            h = block(h)
            if self.segments == 1:
                levels.append(linear(h.amax(dim=3).flatten(1)))
            else:
                peaks = F.max_pool2d(h, (1, window), ceil_mode=True)[..., : self.segments]
                levels.append(linear(peaks.permute(0, 3, 1, 2).flatten(2)))
        return torch.stack(levels, dim=1)

    def _check(self, frames: int) -> None:
        """Each level has at least one frame of each segment."""
        for left, window in zip(_frames(frames, self.segment), self.windows, strict=True):
            if left <= (self.segments - 1) * window:
                raise RecipeError(
                    f"too few frames for {self.segments} segments of {self.segment:g} s",
                    name="input",
                    value=f"{frames} frames",
                    fix=f"Take crops of {self.segments * SEGMENTS[self.segment][1]} frames, or fewer segments.",
                )
