"""Filters with a cut-off of its own for every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Params, Range, Spectral, uniform
from contramuse.augment.fourier import fall, frequencies
from contramuse.errors import RecipeError

Shape = Literal["high_pass", "low_pass", "band_pass", "band_stop"]
_SHAPES: tuple[Shape, ...] = ("high_pass", "low_pass", "band_pass", "band_stop")


@dataclass(frozen=True, kw_only=True)
class Filter(Spectral):
    """A filter without phase shift: -6 dB at its cut-off, nothing left beyond 1.25 (or below 0.75) times it.

    (An edge is at least 20 Hz wide to either side, so that it rings for no more than 0.15 s.)

    That is the response of a windowed sinc with 8 zero crossings on each side, which CLMR and SemiSupCon use, without
    its ripples.

    Args:
        p: chance per row.
        shapes: one of these is drawn for a row, each as likely.
        high_pass: range of the cut-off of a high-pass, Hz.
        low_pass: range of the cut-off of a low-pass, Hz.
        centre: range of the centre of a band-pass or band-stop, Hz.
        bandwidth: range of the width of the band as a share of its centre, in (0, 2): from
            centre (1 - bandwidth / 2) to centre (1 + bandwidth / 2).
        uniform_in: what is drawn uniformly: "hertz" or "mel" (2595 log10(1 + f / 700)).
        sample_rate: Hz.
    """

    sample_rate: int
    shapes: tuple[Shape, ...] = ("high_pass", "low_pass")
    high_pass: Range = (200.0, 1200.0)
    low_pass: Range = (2200.0, 4000.0)
    centre: Range = (200.0, 4000.0)
    bandwidth: Range = (0.5, 1.99)
    uniform_in: Literal["hertz", "mel"] = "hertz"

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [shape for shape in self.shapes if shape not in _SHAPES]
        if unknown or not self.shapes:
            known = ", ".join(_SHAPES)
            raise RecipeError("is no list of filter shapes", name="shapes", value=self.shapes, fix=f"Known: {known}.")
        bands = "band_pass" in self.shapes or "band_stop" in self.shapes
        for name, value, used in (
            ("high_pass", self.high_pass, "high_pass" in self.shapes),
            ("low_pass", self.low_pass, "low_pass" in self.shapes),
            ("centre", self.centre, bands),
        ):
            if used:
                self._range(name, value, low=20.0, high=self.sample_rate)
        self._range("bandwidth", self.bandwidth, low=0.01, high=1.99)

    def ring(self, samples: int) -> int:
        """0.15 s: the steepest edge, 20 Hz to either side, has then decayed by 60 dB."""
        return round(0.15 * self.sample_rate)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        shapes = torch.tensor([_SHAPES.index(shape) for shape in self.shapes])
        return {
            "shape": shapes[torch.randint(len(shapes), (n,), generator=generator)],
            "high_pass": self._hertz(n, self.high_pass, generator),
            "low_pass": self._hertz(n, self.low_pass, generator),
            "centre": self._hertz(n, self.centre, generator),
            "bandwidth": uniform(n, self.bandwidth, generator),
        }

    def _hertz(self, n: int, bounds: Range, generator: Generator) -> Float[Tensor, " n"]:
        if self.uniform_in == "hertz":
            return uniform(n, bounds, generator)
        low, high = 2595.0 * torch.log10(1.0 + torch.tensor(bounds) / 700.0)
        return 700.0 * (10.0 ** (uniform(n, (low.item(), high.item()), generator) / 2595.0) - 1.0)

    def response(self, params: Params, n_fft: int) -> Float[Tensor, "b bins"]:
        """Real gain of each row at each bin."""
        shape = params["shape"]
        hz = frequencies(n_fft, self.sample_rate, shape.device)
        half = params["centre"] * params["bandwidth"] / 2
        band = shape >= _SHAPES.index("band_pass")
        upper = torch.where(
            band, params["centre"] + half, torch.where(shape == 0, params["high_pass"], params["low_pass"])
        )
        gain = fall(hz, upper, _width(upper))
        if bool(band.any()):
            lower = (params["centre"] - half).clamp(min=20.0)
            # 1 - fall(lower) passes what is above the lower edge; rows without a band keep all.
            gain = gain * torch.where(band[:, None], 1.0 - fall(hz, lower, _width(lower)), 1.0)
        # A high-pass and a band-stop are one minus their complement.
        complement = (shape == _SHAPES.index("high_pass")) | (shape == _SHAPES.index("band_stop"))
        sign = 1.0 - 2.0 * complement.to(gain.dtype)
        return gain.mul_(sign[:, None]).add_(complement.to(gain.dtype)[:, None])


def _width(edge: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    return (0.25 * edge).clamp(min=20.0)
