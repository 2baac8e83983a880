"""What the convolutional encoders share: features as an image of one channel, and the block of a plain network."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.errors import RecipeError


class ConvPool(nn.Module):
    """Convolution with padding that keeps the size, batch normalisation, ReLU, max-pool.

    The pool comes before the ReLU, which changes no value (both rise) and leaves it less to do.

    Args:
        before, after: channels.
        kernel: bands and frames of the convolution, odd.
        pool: bands and frames of a window of the pool.
    """

    def __init__(self, *, before: int, after: int, kernel: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.pool = pool
        self.conv = nn.Conv2d(before, after, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Float[Tensor, "b c f n"]) -> Float[Tensor, "b o g m"]:
        """One block."""
        return F.relu(F.max_pool2d(self.norm(self.conv(x)), self.pool))


def as_image(x: Float[Tensor, "b f n"]) -> Float[Tensor, "b 1 f n"]:
    """Features as images of one channel, channels last.

    With one channel only the strides tell, and ``contiguous`` does not set them.
    """
    return x.contiguous().unsqueeze(3).permute(0, 3, 1, 2)


def store_channels_last(module: nn.Module) -> None:
    """Keep the kernels of ``module`` channels last, so that its activations are too; values stay."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def check_bands(bands: int, least: int, *, usual: int) -> None:
    """Refuse fewer than ``least`` bands.

    Args:
        bands: what the frontend gives.
        least: what the network takes.
        usual: what it was published with.

    Raises:
        RecipeError: too few bands.
    """
    if bands < least:
        raise RecipeError(
            f"the network needs {least} bands or more",
            name="bands",
            value=bands,
            fix=f"Set the frontend's n_mels, to {usual} as published.",
        )


def check_channels(channels: int) -> None:
    """Refuse a network without channels.

    Raises:
        RecipeError: fewer than one.
    """
    if channels < 1:
        raise RecipeError(
            "a network has at least one channel", name="channels", value=channels, fix="Leave it out: as published."
        )


def check_share(share: float, name: str) -> None:
    """Refuse a chance in training that is not 0 or more and below 1.

    Raises:
        RecipeError: another one; ``name`` is the setting.
    """
    if not 0 <= share < 1:
        raise RecipeError("a share is 0 or more and below 1", name=name, value=share, fix="Write 0.2.")


def check_frames(frames: int, least: int, *, fix: str) -> None:
    """Refuse fewer than ``least`` frames.

    Args:
        frames: what a row has.
        least: what the network takes.
        fix: what to do about it, one sentence.

    Raises:
        RecipeError: too few frames.
    """
    if frames < least:
        raise RecipeError(f"the network needs {least} frames or more", name="input", value=f"{frames} frames", fix=fix)
