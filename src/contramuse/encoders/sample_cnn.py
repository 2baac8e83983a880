"""SampleCNN (Lee et al. 2017) as CLMR has it (Spijkervet and Burgoyne 2021): eleven convolutions on the waveform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.errors import UserError

CHANNELS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)
STRIDES = {22050: (3,) * 9, 16000: (3, 3, 3, 3, 3, 3, 5, 2, 2), 8000: (3, 3, 3, 2, 2, 4, 4, 2, 2)}
"""Sample rate in Hz -> the strides that CLMR gives it; they read 59,049, 43,740 and 20,736 samples."""


class SampleCNN(nn.Module):
    """CLMR's encoder: waveform to 512 numbers; 2,368,512 parameters.

    Block 0 is a convolution of 3 samples every 3 samples; blocks 1 to 9 a convolution of ``strides[i]`` taps and a
    max-pool over ``strides[i]``; block 10 a convolution of 3 taps; each with batch normalisation and ReLU. Parameters
    are named and shaped as in the published checkpoints (``sequential.{block}.{0 convolution | 1 norm}.*``).

    Args:
        bands: 1: it reads a waveform (given by the frontend).
        strides: nine strides; ``STRIDES`` has those of 22,050, 16,000 and 8,000 Hz.
        pool: "none" takes inputs that leave one frame (59,049 samples with the default strides), as published;
            "mean" and "max" pool over time and so take any length that leaves a frame.
        dropout: chance that a number of the vector is set to 0 in training (0.5 in the supervised baseline).
        initialise: "torch" leaves PyTorch's default as CLMR v2; "kaiming" draws convolutions as CLMR v1.

    Raises:
        UserError: more than one band, or other than nine strides.
    """

    def __init__(
        self,
        *,
        bands: int = 1,
        strides: Sequence[int] = STRIDES[22050],
        pool: Literal["none", "mean", "max"] = "none",
        dropout: float = 0.0,
        initialise: Literal["torch", "kaiming"] = "torch",
    ) -> None:
        super().__init__()
        if bands != 1:
            raise UserError(
                f"it reads a waveform, not {bands} bands",
                name="encoder",
                value="sample_cnn",
                fix="Use frontend: waveform.",
            )
        if len(strides) != 9 or min(strides) < 2:
            raise UserError(
                "nine strides of 2 or more are needed",
                name="encoder.strides",
                value=list(strides),
                fix=f"Those of 22,050 Hz are {list(STRIDES[22050])}.",
            )
        self.dim, self.pool, self.dropout = CHANNELS[-1], pool, dropout
        self.strides = tuple(strides)
        kernels = (3, *strides, 3)
        self.sequential = nn.Sequential()
        for block, (kernel, channels) in enumerate(zip(kernels, CHANNELS, strict=True)):
            before = CHANNELS[block - 1] if block else 1
            convolution = nn.Conv1d(before, channels, kernel, stride=1 if block else 3, padding=1 if block else 0)
            if initialise == "kaiming":
                nn.init.kaiming_uniform_(convolution.weight, mode="fan_in", nonlinearity="relu")
            self.sequential.append(nn.Sequential(convolution, nn.BatchNorm1d(channels)))

    @property
    def samples(self) -> int:
        """The input length in samples for which the network was drawn."""
        length = 3
        for stride in self.strides:
            length *= stride
        return length

    def frames(self, samples: int) -> int:
        """How many frames ``samples`` samples leave; 0 where they are too few."""
        frames = samples // 3
        for stride in self.strides:
            frames = max(0, frames + 3 - stride) // stride
        return frames

    def forward(self, x: Float[Tensor, "b 1 t"], generator: torch.Generator | None = None) -> Float[Tensor, "b 512"]:
        """The vector of each row.

        Args:
            x: waveform.
            generator: draws the dropout; needed in training when ``dropout`` is above 0, ignored in eval mode.

        Raises:
            UserError: a length that leaves no frame, or with ``pool="none"`` more than one.
        """
        self._check(x.shape[2])
        x = x[..., : x.shape[2] // 3 * 3].unsqueeze(2)
        for block, (kernel, layers) in enumerate(zip((3, *self.strides, 3), self.sequential, strict=True)):
            assert isinstance(layers, nn.Sequential)
            convolution, norm = layers[0], layers[1]
            assert isinstance(convolution, nn.Conv1d) and isinstance(norm, nn.BatchNorm1d)
            weight = convolution.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
            x = F.conv2d(x, weight, convolution.bias, (1, 3 if block == 0 else 1), (0, 0 if block == 0 else 1))
            x = x.contiguous(memory_format=torch.channels_last)
            if self.training and norm.num_batches_tracked is not None:
                norm.num_batches_tracked += 1
            x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, self.training, 0.1, 1e-5)
            x = F.relu(x)
            if 0 < block < 10:
                x = F.max_pool2d(x, (1, kernel))
        return self._drop(self._over_time(x.squeeze(2)), generator)

    def _over_time(self, x: Float[Tensor, "b h n"]) -> Float[Tensor, "b h"]:
        if self.pool == "max":
            return x.amax(dim=2)
        return x.mean(dim=2) if self.pool == "mean" else x[:, :, 0]

    def _drop(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.training or self.dropout == 0:
            return x
        if generator is None:
            raise ValueError("training with dropout needs a generator")
        kept = torch.rand(x.shape, generator=generator, device=generator.device) >= self.dropout
        return x * kept.to(x.device) / (1 - self.dropout)

    def _check(self, samples: int) -> None:
        frames = self.frames(samples)
        if frames == 1 or (frames > 1 and self.pool != "none"):
            return
        raise UserError(
            f"SampleCNN with these strides reads {self.samples} samples" + ("" if self.pool == "none" else " or more"),
            name="input",
            value=f"{samples} samples",
            fix="Take crops of that length"
            + (", or set the encoder's pool: mean to take longer ones." if self.pool == "none" else "."),
        )
