"""ResNet-18 (He et al. 2016) on a spectrogram of one channel, with global average and maximum side by side."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.encoders.image import as_image, check_channels, store_channels_last


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, added to the input (or to its 1 x 1 projection).

    Args:
        before, after: channels.
        stride: of the first convolution and of the projection.
    """

    def __init__(self, *, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Float[Tensor, "b c f n"]) -> Float[Tensor, "b o g m"]:
        """One block."""
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + self.downsample(x))


class ResNet18(nn.Module):
    """Any bands and frames to 1,024 numbers: the mean and the maximum of 512 channels; 11,170,240 parameters.

    Parameters are named and shaped as in the usual ResNet-18 without its classifier; the first convolution reads one
    channel.

    Args:
        bands: number of bands f of the features (given by the frontend).
        channels: of the first stage; the others have 2, 4 and 8 times as many.
    """

    def __init__(self, *, bands: int, channels: int = 64) -> None:
        super().__init__()
        check_channels(channels)
        self.bands, self.dim = bands, 16 * channels
        self.conv1 = nn.Conv2d(1, channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = _stage(channels, channels, 1)
        self.layer2 = _stage(channels, 2 * channels, 2)
        self.layer3 = _stage(2 * channels, 4 * channels, 2)
        self.layer4 = _stage(4 * channels, 8 * channels, 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        store_channels_last(self)

    def forward(self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """The vector of each row: means of the channels, then their maxima.

        Args:
            x: features.
            generator: not used; nothing is drawn.
        """
        h = F.relu(self.bn1(self.conv1(as_image(x))))
        h = F.max_pool2d(h, 3, stride=2, padding=1)
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))
        return torch.cat([h.mean(dim=(2, 3)), h.amax(dim=(2, 3))], dim=1)


def _stage(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(before=before, after=after, stride=stride), BasicBlock(before=after, after=after, stride=1)
    )
