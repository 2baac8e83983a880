"""SampleCNN (Lee et al. 2017) as CLMR has it (Spijkervet and Burgoyne 2021): eleven convolutions on the waveform."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.encoders.dropout import drop
from contramuse.encoders.fused import fits, fused_block, stem
from contramuse.errors import UserError

MOMENTUM = 0.1
CHANNELS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)
XL = (128, 128, 128, 256, 256, 512, 512, 1024, 1024, 2048, 2048)
"""Channels of the eleven convolutions of SampleCNN-XL."""
STRIDES = {22050: (3,) * 9, 16000: (3, 3, 3, 3, 3, 3, 5, 2, 2), 8000: (3, 3, 3, 2, 2, 4, 4, 2, 2)}
"""Sample rate in Hz -> the strides that CLMR gives it; they read 59,049, 43,740 and 20,736 samples."""


class SampleCNN(nn.Module):
    """CLMR's encoder: waveform to 512 numbers, 2,368,512 parameters; "xl" to 2048 numbers, 25,190,400 parameters.

    Block 0 is a convolution of 3 samples every 3 samples; blocks 1 to 9 a convolution of ``strides[i]`` taps and a
    max-pool over ``strides[i]``; block 10 a convolution of 3 taps; each with batch normalisation and ReLU. Parameters
    are named and shaped as in the published checkpoints (``sequential.{block}.{0 convolution | 1 norm}.*``).

    Args:
        bands: 1: it reads a waveform (given by the frontend).
        strides: nine strides; ``STRIDES`` has those of 22,050, 16,000 and 8,000 Hz.
        size: "clmr"; "xl" with up to four times the channels (SampleCNN-XL); "small" with an eighth of them, for trying
            things.
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
        bands: int,
        strides: Sequence[int] = STRIDES[22050],
        size: Literal["clmr", "xl", "small"] = "clmr",
        pool: Literal["none", "mean", "max"] = "none",
        dropout: float = 0.0,
        initialise: Literal["torch", "kaiming"] = "torch",
    ) -> None:
        super().__init__()
        if bands != 1:
            raise UserError(
                f"it reads a waveform, not {bands} bands",
                name="bands",
                value=bands,
                fix="Use frontend: waveform.",
            )
        if len(strides) != 9 or min(strides) < 2:
            raise UserError(
                "nine strides of 2 or more are needed",
                name="strides",
                value=list(strides),
                fix=f"Those of 22,050 Hz are {list(STRIDES[22050])}.",
            )
        channels = {"clmr": CHANNELS, "xl": XL, "small": tuple(c // 8 for c in CHANNELS)}[size]
        self.dim, self.pool, self.dropout = channels[-1], pool, dropout
        self.strides = tuple(strides)
        kernels = (3, *strides, 3)
        self.sequential = nn.Sequential()
        for block, (kernel, after) in enumerate(zip(kernels, channels, strict=True)):
            before = channels[block - 1] if block else 1
            convolution = nn.Conv1d(before, after, kernel, stride=1 if block else 3, padding=1 if block else 0)
            if initialise == "kaiming":
                nn.init.kaiming_uniform_(convolution.weight, mode="fan_in", nonlinearity="relu")
            self.sequential.append(nn.Sequential(convolution, nn.BatchNorm1d(after)))

    @property
    def samples(self) -> int:
        """The input length in samples for which the network was drawn."""
        return 3 * math.prod(self.strides)

    def frames(self, samples: int) -> int:
        """How many frames ``samples`` samples leave; 0 where they are too few."""
        frames = samples // 3
        for stride in self.strides:
            frames = max(0, frames + 3 - stride) // stride
        return frames

    def forward(self, x: Float[Tensor, "b 1 t"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """The vector of each row.

        Args:
            x: waveform.
            generator: draws the dropout; needed in training when ``dropout`` is above 0, ignored in eval mode.

        Raises:
            UserError: a length that leaves no frame, or with ``pool="none"`` more than one.
        """
        self._check(x.shape[2])
        x = x[..., : x.shape[2] // 3 * 3]
        if self.training:
            h = self._train(x)
        elif x.device.type != "cpu" or torch.is_grad_enabled() or torch.compiler.is_compiling():
            h = self._evaluate(x.unsqueeze(2), 0, 11)
        else:
            # Row by row while a row's activations are larger than the cache; together once they are not.
            wide = torch.cat([self._evaluate(row[None].unsqueeze(2), 0, 5) for row in x])
            h = self._evaluate(wide, 5, 11)
        return drop(self._over_time(h.squeeze(2)), self.dropout, generator, training=self.training)

    def _layers(self, block: int) -> tuple[nn.Conv1d, nn.BatchNorm1d | nn.SyncBatchNorm]:
        layers = self.sequential[block]
        assert isinstance(layers, nn.Sequential)
        convolution, norm = layers[0], layers[1]
        assert isinstance(convolution, nn.Conv1d)
        assert isinstance(norm, (nn.BatchNorm1d, nn.SyncBatchNorm))
        return convolution, norm

    def _train(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b h 1 n"]:
        """Batch statistics; the fused blocks on the CPU where they apply, the plain layers elsewhere."""
        block, h = 0, x.unsqueeze(2)
        if x.device.type == "cpu" and not x.requires_grad and not torch.compiler.is_compiling():
            block, h = self._fused(x)
        for rest in range(block, 11):
            convolution, norm = self._layers(rest)
            h = _convolve(h, convolution.weight, convolution.bias, rest)
            h = norm(h) if isinstance(norm, nn.SyncBatchNorm) else _normalise(h, norm)
            h = _pool(F.relu(h), self._window(rest))
        return h

    def _fused(self, x: Float[Tensor, "b 1 t"]) -> tuple[int, Float[Tensor, "b c 1 n"]]:
        """As many leading blocks as leave whole windows, fused; the next block's number, and its input."""
        length = x.shape[2] // 3
        if not fits(length, self.strides[0], self.strides[0]):
            return 0, x.unsqueeze(2)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
        with torch.autocast("cpu", enabled=False):
            convolution, norm = self._layers(0)
            source, mean, variance = stem(x.squeeze(1).float(), convolution.weight, norm.weight, norm.bias)
            _track(convolution, norm, mean, variance, len(x) * length)
            source = source._replace(bias=source.bias + _nothing(convolution))
            h, block = source.patches, 1
            while block < 10 and fits(length, self.strides[block - 1], self.strides[block - 1]):
                convolution, norm = self._layers(block)
                stride = self.strides[block - 1]
                beta = norm.bias + _nothing(convolution)
                h, mean, variance = fused_block(
                    h, convolution.weight, norm.weight, beta, stride, source=source if block == 1 else None, dtype=dtype
                )
                _track(convolution, norm, mean, variance, len(x) * (length + 3 - stride))
                length = (length + 3 - stride) // stride
                block += 1
        return block, h[:, 1:-1].unsqueeze(1).permute(0, 3, 1, 2)

    def _evaluate(self, h: Float[Tensor, "b c 1 n"], block: int, stop: int) -> Float[Tensor, "b o 1 m"]:
        """Blocks ``block`` to ``stop`` with the running statistics folded into the convolutions."""
        for number in range(block, stop):
            convolution, norm = self._layers(number)
            assert norm.running_var is not None
            assert norm.running_mean is not None
            assert convolution.bias is not None
            scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
            bias = norm.bias + (convolution.bias - norm.running_mean) * scale
            h = F.relu(
                _pool(_convolve(h, convolution.weight * scale[:, None, None], bias, number), self._window(number))
            )
        return h

    def _window(self, block: int) -> int:
        return self.strides[block - 1] if 0 < block < 10 else 1

    def _over_time(self, x: Float[Tensor, "b h n"]) -> Float[Tensor, "b h"]:
        if self.pool == "max":
            return x.amax(dim=2)
        return x.mean(dim=2) if self.pool == "mean" else x[:, :, 0]

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


def _convolve(x: Float[Tensor, "b c 1 n"], weight: Tensor, bias: Tensor | None, block: int) -> Float[Tensor, "b o 1 m"]:
    """A block's convolution on channels-last images."""
    kernel = weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    stride, padding = (3, 0) if block == 0 else (1, 1)
    return F.conv2d(x, kernel, bias, (1, stride), (0, padding)).contiguous(memory_format=torch.channels_last)


def _pool(x: Float[Tensor, "b c 1 n"], window: int) -> Float[Tensor, "b c 1 m"]:
    return x if window == 1 else F.max_pool2d(x, (1, window))


def _nothing(convolution: nn.Conv1d) -> Tensor:
    """0, from the bias, which changes nothing before batch normalisation: DDP wants a gradient of every parameter."""
    assert convolution.bias is not None
    return 0 * convolution.bias


def _normalise(x: Float[Tensor, "b c 1 n"], norm: nn.BatchNorm1d) -> Float[Tensor, "b c 1 n"]:
    """What the layer does, on images, which it refuses."""
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked += 1
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, True, MOMENTUM)


@torch.no_grad()
def _track(
    convolution: nn.Conv1d, norm: nn.BatchNorm1d | nn.SyncBatchNorm, mean: Tensor, variance: Tensor, count: int
) -> None:
    """Move the running statistics as batch normalisation does; ``mean`` is without the convolution's bias."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert convolution.bias is not None
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean + convolution.bias, MOMENTUM)
    norm.running_var.lerp_(variance * (count / max(count - 1, 1)), MOMENTUM)
