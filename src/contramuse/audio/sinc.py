"""SincNet's filters (Ravanelli and Bengio 2018): band-passes on the waveform, of which only the edges are learned."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.audio.filterbank import hz_to_mel, mel_to_hz
from contramuse.audio.spectrum import in_float32
from contramuse.errors import RecipeError

NARROWEST = 50.0
"""Hz that a band always spans, as in the published code: one that shrank to nothing would learn nothing more."""


class SincNet(nn.Module):
    """A bank of band-pass filters with learned edges, and what is kept of each in every frame.

    Filter k is g[n] = 2 f2 sinc(2 f2 n) - 2 f1 sinc(2 f1 n) times a Hamming window, with f1 = |low_k| and
    f2 = f1 + 50 Hz + |width_k|: gain 1 within the band. Lower edges start equally spaced on HTK's mel scale, and a
    band reaches 50 Hz into the next. Edges are kept in units of the sample rate, where the steps of an optimiser made
    for weights move them by some hertz. Computed in float32, also under autocast.

    Args:
        sample_rate: Hz.
        filters: number of bands f.
        length: samples of a filter, odd; 251 at 16 kHz tells apart some 250 Hz.
        hop: samples from frame to frame; 3 with ``keep: max`` is the paper's.
        keep: "log_energy", the logarithm of the mean square over the frame, an image for convolutions of two
            dimensions; "max", the largest value of the frame (with ``hop: 1`` the filtered waveform itself), for
            convolutions over time.
        f_min: lower edge of the lowest band at the start, Hz, above 0.
        f_max: where the highest band ends at the start, Hz; None is half the sample rate.
        floor: added to the mean square before the logarithm.

    Raises:
        RecipeError: a range that is empty or above half the sample rate, or a length that is not odd.
    """

    window: Tensor
    positions: Tensor

    def __init__(
        self,
        *,
        sample_rate: int,
        filters: int = 80,
        length: int = 251,
        hop: int = 256,
        keep: Literal["log_energy", "max"] = "log_energy",
        f_min: float = 30.0,
        f_max: float | None = None,
        floor: float = 1e-6,
    ) -> None:
        super().__init__()
        top = sample_rate / 2 if f_max is None else f_max
        _check(filters=filters, length=length, hop=hop, floor=floor, f_min=f_min, f_max=top, half=sample_rate / 2)
        self.bands, self.hop, self.keep, self.floor = filters, hop, keep, floor
        self.sample_rate = sample_rate
        first, last = hz_to_mel(np.array([f_min, top], np.float64), "htk")
        edges = mel_to_hz(np.linspace(first, last, filters + 1), "htk") / sample_rate
        self.low = nn.Parameter(torch.from_numpy(edges[:-1]).to(torch.float32))
        self.width = nn.Parameter(torch.from_numpy(np.diff(edges)).to(torch.float32))
        # Not saved with the weights: they follow from the settings.
        self.register_buffer("window", torch.hamming_window(length, periodic=False), persistent=False)
        self.register_buffer("positions", torch.arange(length) - float(length // 2), persistent=False)

    def frames(self, samples: int) -> int:
        """Number of frames n of ``samples`` samples."""
        return samples // self.hop

    def edges(self) -> Float[Tensor, "f 2"]:
        """Lower and upper edge of each band in cycles per sample (times ``sample_rate``: Hz), at most 0.5."""
        low = self.low.abs()
        high = low + NARROWEST / self.sample_rate + self.width.abs()
        return torch.stack([low, high], dim=1).clamp(max=0.5)

    def kernels(self) -> Float[Tensor, "f 1 taps"]:
        """The filters as they are now."""
        twice = 2 * self.edges()
        passes = twice[:, :, None] * torch.sinc(twice[:, :, None] * self.positions)
        return ((passes[:, 1] - passes[:, 0]) * self.window)[:, None]

    def forward(self, x: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b f n"]:
        """What is kept of each band [b f n] of waveforms [b 1 t], t >= hop; silence stands before and after them."""
        if x.shape[2] < self.hop:
            raise RecipeError(
                f"is too short for a frame of {self.hop} samples", name="crop or window", value=f"{x.shape[2]} samples",
                fix="Give it more seconds, or the frontend a smaller hop.",
            )  # fmt: skip
        with in_float32(x):
            filtered = F.conv1d(x.float(), self.kernels(), padding=len(self.positions) // 2)
            if self.keep == "max":
                return F.max_pool1d(filtered, self.hop)
            return (F.avg_pool1d(filtered.square(), self.hop) + self.floor).log()


def _check(*, filters: int, length: int, hop: int, floor: float, f_min: float, f_max: float, half: float) -> None:
    for name, value in {"filters": filters, "length": length, "hop": hop}.items():
        if value < 1:
            raise RecipeError("must be at least 1", name=name, value=value, fix="Leave it out for the default.")
    if length % 2 == 0:
        raise RecipeError("must be odd: a filter has a middle", name="length", value=length, fix=f"Write {length + 1}.")
    if floor <= 0:
        raise RecipeError("must be above zero", name="floor", value=floor, fix="1e-6 suits audio in [-1, 1].")
    if not 0 < f_min < f_max <= half:
        raise RecipeError(
            f"must be above 0 and below f_max ({f_max:g} Hz), which is at most {half:g} Hz", name="f_min",
            value=f_min, fix="Leave f_min and f_max out.",
        )  # fmt: skip
