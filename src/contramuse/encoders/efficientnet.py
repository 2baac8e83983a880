"""EfficientNet-B0 (Tan and Le 2019) on a spectrogram of one channel with a global maximum, as Keras builds it.

COLA and the contrast of mixes with their sources (MSCOL) use it. Keras' details that PyTorch's ports usually lack, and
that published weights need: values are divided by 255, a normalisation with fixed statistics follows (the identity
unless statistics are loaded), strided convolutions pad one side more than the other, batch normalisation has an
epsilon of 0.001, and weights start from a truncated normal distribution.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.encoders.image import as_image, check_bands, check_frames, check_share, store_channels_last


class Stage(NamedTuple):
    """Blocks of the same shape: their number, kernel, stride of the first, channels, channels inside over outside."""

    repeats: int
    kernel: int
    stride: int
    channels: int
    expand: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(2, 3, 2, 24, 6),
    Stage(2, 5, 2, 40, 6),
    Stage(3, 3, 2, 80, 6),
    Stage(3, 5, 1, 112, 6),
    Stage(4, 5, 2, 192, 6),
    Stage(1, 3, 1, 320, 6),
)
STEM, TOP = 32, 1280
Padding = Literal["keras", "same"]


class PaddedConv(nn.Conv2d):
    """A convolution without bias that pads as TensorFlow does.

    With stride 1 both sides get half a kernel. With stride 2 "same" leaves half the positions, rounded up, and where
    the padding is odd its larger part comes after; "keras" pads every size as "same" pads an even one, so that an odd
    size leaves half rounded down: what Keras does where a size is not known when the network is built.

    Args:
        before, after: channels.
        kernel: its height and width, odd.
        stride: 1 or 2.
        groups: see ``nn.Conv2d``.
        pad: "keras" or "same".
    """

    def __init__(
        self, *, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1, pad: Padding = "keras"
    ) -> None:
        symmetric = kernel // 2 if stride == 1 else 0
        super().__init__(before, after, kernel, stride=stride, padding=symmetric, groups=groups, bias=False)
        self.pad = pad

    def forward(self, input: Float[Tensor, "b c f n"]) -> Float[Tensor, "b o g m"]:
        """Pad where the stride is 2, and convolve."""
        if self.stride[0] == 2:
            half = self.kernel_size[0] // 2
            extra = [size % 2 if self.pad == "same" else 0 for size in input.shape[2:]]
            input = F.pad(input, (half - 1 + extra[1], half, half - 1 + extra[0], half))
        if self.groups > 1 and input.device.type == "cpu" and torch.is_autocast_enabled("cpu") and self.training:
            # The gradient of such a convolution takes three to ten times as long in bfloat16.
            with torch.autocast("cpu", enabled=False):
                return super().forward(input.float())
        return super().forward(input)


class InvertedBottleneck(nn.Module):
    """Widen, convolve each channel by itself, weigh the channels, narrow; added to the input where the shape stays.

    Args:
        before, after: channels outside.
        kernel, stride: of the convolution of each channel.
        expand: channels inside over ``before``; 1 does not widen.
        drop: chance that training leaves out the block of a row.
        pad: see :class:`PaddedConv`.
    """

    def __init__(
        self, *, before: int, after: int, kernel: int, stride: int, expand: int, drop: float, pad: Padding
    ) -> None:
        super().__init__()
        inside, squeezed = before * expand, max(1, before // 4)
        self.adds = stride == 1 and before == after
        self.drop = drop if self.adds else 0.0
        self.expand: nn.Module = nn.Identity()
        if expand != 1:
            self.expand = nn.Sequential(PaddedConv(before=before, after=inside, kernel=1), _norm(inside), nn.SiLU())
        self.depthwise = nn.Sequential(
            PaddedConv(before=inside, after=inside, kernel=kernel, stride=stride, groups=inside, pad=pad),
            _norm(inside),
            nn.SiLU(),
        )
        self.squeeze, self.excite = nn.Conv2d(inside, squeezed, 1), nn.Conv2d(squeezed, inside, 1)
        self.project = nn.Sequential(PaddedConv(before=inside, after=after, kernel=1), _norm(after))

    def forward(self, x: Float[Tensor, "b c f n"], generator: torch.Generator | None) -> Float[Tensor, "b o g m"]:
        """One block; ``generator`` draws which rows leave it out, in training."""
        h = self.depthwise(self.expand(x))
        weights = torch.sigmoid(self.excite(F.silu(self.squeeze(h.mean(dim=(2, 3), keepdim=True)))))
        h = self.project(h * weights)
        if not self.adds:
            return h  # type: ignore[no-any-return]
        return x + self._drop(h, generator)

    def _drop(self, h: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.training or self.drop == 0:
            return h
        if generator is None:
            raise ValueError("training with dropped blocks needs a generator")
        kept = torch.rand(len(h), generator=generator, device=generator.device) >= self.drop
        return h * (kept.to(h.device, h.dtype) / (1 - self.drop))[:, None, None, None]


class EfficientNetB0(nn.Module):
    """EfficientNet-B0 without its classifier, and the maximum over bands and time: 1,280 numbers.

    Keras counts 4,048,991 parameters: 4,006,972 that are trained, the 42,016 running means and variances of its batch
    normalisations, and the 3 numbers of its input normalisation (``mean``, ``variance`` and ``count``).

    Args:
        bands: number of bands f of the features (given by the frontend); 64 as published.
        drop: chance that training leaves out the last block of a row; that of earlier blocks grows up to it. Keras
            has 0.2.
        scale: factor of the input. Keras has 1/255, meant for pixels: after it a log-mel is so small that the epsilon
            of the first batch normalisation damps it. Published weights need it.
        padding: "keras" pads as Keras does for inputs of unknown length, "same" as TensorFlow's convolutions do. They
            differ where a layer of stride 2 meets an odd number of bands or frames. "keras" needs 32 frames.

    Raises:
        RecipeError: fewer than 32 bands with ``padding: keras``.
    """

    def __init__(self, *, bands: int, drop: float = 0.2, scale: float = 1 / 255, padding: Padding = "keras") -> None:
        super().__init__()
        self.bands, self.dim, self.scale = bands, TOP, scale
        self.least = 32 if padding == "keras" else 1
        check_bands(bands, self.least, usual=64)
        check_share(drop, "drop")
        self.mean: Tensor
        self.variance: Tensor
        self.count: Tensor
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("variance", torch.ones(1))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.stem = nn.Sequential(
            PaddedConv(before=1, after=STEM, kernel=3, stride=2, pad=padding), _norm(STEM), nn.SiLU()
        )
        self.blocks = nn.ModuleList(_blocks(drop, padding))
        self.top = nn.Sequential(PaddedConv(before=STAGES[-1].channels, after=TOP, kernel=1), _norm(TOP), nn.SiLU())
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                _initialise(module)
        store_channels_last(self)

    def forward(self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """The vector of each row.

        Args:
            x: features.
            generator: draws which rows leave out which block; needed in training when ``drop`` is above 0, ignored
                in eval mode.

        Raises:
            RecipeError: too few frames.
        """
        check_frames(x.shape[2], self.least, fix="Take longer crops, or set the encoder's padding: same.")
        h = self.stem((as_image(x) * self.scale - self.mean) / self.variance.sqrt())
        for block in self.blocks:
            h = block(h, generator)
        maximum: Tensor = self.top(h).amax(dim=(2, 3))
        return maximum


def _blocks(drop: float, pad: Padding) -> list[InvertedBottleneck]:
    blocks: list[InvertedBottleneck] = []
    before, total = STEM, sum(stage.repeats for stage in STAGES)
    for stage in STAGES:
        for repeat in range(stage.repeats):
            block = InvertedBottleneck(
                before=before, after=stage.channels, kernel=stage.kernel, stride=1 if repeat else stage.stride,
                expand=stage.expand, drop=drop * len(blocks) / total, pad=pad,
            )  # fmt: skip
            blocks.append(block)
            before = stage.channels
    return blocks


def _norm(channels: int) -> nn.BatchNorm2d:
    """Keras' momentum of 0.99 is PyTorch's 0.01."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _initialise(conv: nn.Conv2d) -> None:
    """Variance 2 / fan_out in a normal distribution cut at two deviations; biases 0.

    Keras counts one output per channel for a convolution of each channel by itself.
    """
    outputs = 1 if conv.groups > 1 else conv.out_channels
    deviation = math.sqrt(2 / (outputs * math.prod(conv.kernel_size))) / 0.87962566103423978
    nn.init.trunc_normal_(conv.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
