"""What an augmentation is: parameters are drawn per row by a generator, then applied to the whole batch at once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Inexact
from torch import Generator, Tensor

from contramuse.augment.fourier import good_size
from contramuse.errors import RecipeError

Params = Mapping[str, Tensor]
"""What was drawn for n rows: "active" bool [n] and an augmentation's own values [n ...]."""

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Augmentation(ABC):
    """A random change of the rows of a batch. Only rows drawn as active are computed.

    Gradients flow through changes of features, so that a front end before them can be learned.

    Args:
        p: chance that a row is changed, in [0, 1].

    Raises:
        RecipeError: a setting is out of its range.
    """

    stage: ClassVar[Literal["waveform", "features"]] = "waveform"

    p: float = 1.0

    def __post_init__(self) -> None:
        self._within("p", self.p, low=0.0, high=1.0)

    def draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """Parameters for ``n`` rows, on the CPU; the same state of ``generator`` gives the same ones."""
        active = torch.rand(n, generator=generator) < self.p
        return {"active": active, **self._draw(n, generator)}

    def apply(self, x: Float[Tensor, "b c t"], params: Params) -> Float[Tensor, "b c t"]:
        """The batch with its active rows changed; ``x`` itself is left as it is."""
        rows = params["active"].cpu().nonzero().squeeze(1)
        if len(rows) == 0:
            return x
        place = rows.to(x.device)
        return x.index_copy(0, place, self._apply(x.index_select(0, place), take(params, rows, x.device)))

    @abstractmethod
    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """This augmentation's own parameters, without "active"."""

    @abstractmethod
    def _apply(self, x: Float[Tensor, "b c t"], params: Params) -> Float[Tensor, "b c t"]:
        """Change all rows of ``x``; the parameters are on its device."""

    def _within(self, name: str, value: float, *, low: float = -math.inf, high: float = math.inf) -> None:
        if not low <= value <= high:
            bounds = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
            raise RecipeError(f"must be {bounds}", name=name, value=value, fix="Change it, or leave it out.")

    def _range(self, name: str, value: Range, *, low: float = -math.inf, high: float = math.inf) -> None:
        if len(value) != 2 or not value[0] <= value[1]:
            fix = f"Write it as {name}: [lowest, highest]."
            raise RecipeError("must be two numbers, the lower one first", name=name, value=value, fix=fix)
        for end in value:
            self._within(name, end, low=low, high=high)


class Factor(Augmentation):
    """A linear effect that multiplies a row by one number."""

    @abstractmethod
    def factor(self, params: Params) -> Float[Tensor, " b"]:
        """The number for each row."""

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        return x * self.factor(params)[:, None, None]


class Spectral(Augmentation):
    """A linear, time-invariant effect that is a product in the frequency domain."""

    @abstractmethod
    def ring(self, samples: int) -> int:
        """Samples that the effect on ``samples`` samples may ring on for, and that must not wrap around."""

    @abstractmethod
    def response(self, params: Params, n_fft: int) -> Inexact[Tensor, "b bins"]:
        """Response of each row, real or complex, at the bins of a real transform of ``n_fft`` samples."""

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        samples = x.shape[-1]
        n_fft = good_size(samples + self.ring(samples))
        spectrum = torch.fft.rfft(x, n_fft) * self.response(params, n_fft)[:, None]
        changed: Tensor = torch.fft.irfft(spectrum, n_fft)
        return changed[..., :samples]


class Echo(Augmentation):
    """A linear, causal, time-invariant effect that is cheaper in the time domain."""


def take(params: Params, rows: Tensor, device: torch.device) -> dict[str, Tensor]:
    """The parameters of ``rows`` (int64 [m]), moved to ``device``."""
    place = rows.to(device)
    return {name: value.to(device, non_blocking=True)[place] for name, value in params.items()}


def uniform(n: int, bounds: Range, generator: Generator) -> Float[Tensor, " n"]:
    """``n`` numbers, uniform between the bounds."""
    low, high = bounds
    return low + (high - low) * torch.rand(n, generator=generator)


def whole(n: int, bounds: tuple[int, int], generator: Generator) -> Tensor:
    """``n`` whole numbers (int64), uniform from the lower bound to the upper one inclusive."""
    return torch.randint(bounds[0], bounds[1] + 1, (n,), generator=generator)
