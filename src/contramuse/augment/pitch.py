"""Pitch and tempo: each without the other, and both."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, Range, Spectral, uniform
from contramuse.augment.fourier import fall, frequencies
from contramuse.augment.wsola import Beyond, Grains, read, read_at, spline_gain, starts


@dataclass(frozen=True, kw_only=True)
class _BeforeReading(Spectral):
    """Takes away what a faster reading would alias, and makes spline coefficients of the rest."""

    sample_rate: int

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {}

    def ring(self, samples: int) -> int:
        """The edges are at least a hundred hertz wide."""
        return self.sample_rate // 20

    def response(self, params: Params, n_fft: int) -> Float[Tensor, "b bins"]:
        """Real gain of each row at each bin, for params["ratio"] [b] input samples per output sample."""
        hz = frequencies(n_fft, self.sample_rate, params["ratio"].device)
        edge = 0.95 * self.sample_rate / 2 / params["ratio"]
        # Reading slower aliases nothing: the edge is then moved out of the way.
        edge = torch.where(params["ratio"] > 1.0, edge, float(self.sample_rate))
        return fall(hz, edge, edge / 19) * spline_gain(hz, self.sample_rate)


@dataclass(frozen=True, kw_only=True)
class Reading(Augmentation):
    """An effect that reads the row at params["ratio"] input samples per output sample."""

    sample_rate: int

    def before(self) -> Spectral:
        """The linear part, which a chain may fuse with the linear effects before."""
        return _BeforeReading(sample_rate=self.sample_rate)

    @abstractmethod
    def shift(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        """The rest of the effect, after `before`."""

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        return self.shift(self.before().apply(x, params), params)


@dataclass(frozen=True, kw_only=True)
class PitchShift(Reading):
    """Another pitch at the same tempo, by any ratio of frequencies 2^(semitones / 12).

    Args:
        p: chance per row.
        semitones: range of the shift; fractions are drawn too.
        sample_rate: Hz.
    """

    semitones: Range = (-7.0, 7.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("semitones", self.semitones, low=-24.0, high=24.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"ratio": 2.0 ** (uniform(n, self.semitones, generator) / 12.0)}

    def shift(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        """The rest of the effect, after `before`."""
        grains, ratio = Grains.of(self.sample_rate), params["ratio"]
        begin = starts(x[:, 0], ratio=ratio, rate=torch.ones_like(ratio), grains=grains)
        return read(x[:, 0], begin, ratio=ratio, grains=grains)[:, None]


@dataclass(frozen=True, kw_only=True)
class Speed(Reading):
    """Another speed, as of a tape: pitch and tempo change together. The row keeps its length.

    A faster row is over before its end.

    Args:
        p: chance per row.
        speed: range; 2 is an octave up and twice as fast.
        beyond: what follows when the row is over: "silence", or its "mirror" image, backwards in time.
        sample_rate: Hz.
    """

    speed: Range = (0.8, 1.2)
    beyond: Beyond = "silence"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("speed", self.speed, low=0.25, high=4.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"ratio": uniform(n, self.speed, generator)}

    def shift(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        """The rest of the effect, after `before`."""
        return read_at(x[:, 0], ratio=params["ratio"], beyond=self.beyond)[:, None]


@dataclass(frozen=True, kw_only=True)
class TimeStretch(Augmentation):
    """Another tempo at the same pitch. The result is cut at the row's length, or ends in silence.

    Args:
        p: chance per row.
        rate: range of the tempo: 2 is twice as fast.
        sample_rate: Hz.
    """

    sample_rate: int
    rate: Range = (0.7, 1.3)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("rate", self.rate, low=0.25, high=4.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"rate": uniform(n, self.rate, generator)}

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        grains, rate = Grains.of(self.sample_rate), params["rate"]
        step = torch.ones_like(rate)
        begin = starts(x[:, 0], ratio=step, rate=rate, grains=grains)
        spline = _BeforeReading(sample_rate=self.sample_rate).apply(x, {**params, "ratio": step})
        y = read(spline[:, 0], begin, ratio=step, grains=grains)
        end = x.shape[-1] / rate
        return y.masked_fill(torch.arange(x.shape[-1], device=x.device) >= end[:, None], 0.0)[:, None]
