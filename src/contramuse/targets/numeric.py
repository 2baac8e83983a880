"""Targets from numbers: a kernel of their distance on a line, on a circle, or in octaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from contramuse.errors import RecipeError
from contramuse.rows import Rows
from contramuse.targets.base import Target, check_width, gaussian, numbers


@dataclass(frozen=True, kw_only=True)
class Kernel(Target):
    """exp(-d^2 / (2 width^2)) of the distance d of two numbers; 0 where either is unknown.

    SemiSupCon promised supervision by numbers and never built it. d is the Euclidean distance, or, for values on a
    circle of circumference ``period`` (pitch class, hour), the shorter way round, per dimension.

    Args:
        value: a numeric field, [b m].
        width: the standard deviation of the kernel, in the field's unit.
        metric: "linear" or "circular".
        period: circumference of the circle in the field's unit; needed for "circular" only.
    """

    value: str
    width: float
    metric: Literal["linear", "circular"] = "linear"
    period: float = 0.0

    def __post_init__(self) -> None:
        check_width(self.width, "the field's unit")
        if self.metric == "circular" and not self.period > 0:
            raise RecipeError(
                "a circular metric needs a period above 0",
                name="period",
                value=self.period,
                fix="Use 12 for semitones.",
            )

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        gap = (numbers(q, self.value)[:, None, :] - numbers(k, self.value)[None, :, :]).abs()
        if self.metric == "circular":
            gap = _shorter_way(gap, self.period)
        return gaussian(gap.square().sum(-1), self.width)

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.value])


@dataclass(frozen=True, kw_only=True)
class Tempo(Target):
    """exp(-d^2 / (2 width^2)) of the distance d of two tempos in octaves, where 60, 120 and 240 are the same tempo.

    d is the distance of |log2(a / b)| to the nearest whole number, 0 to 0.5: which of these a listener taps, or an
    estimator reports, is a matter of taste. 0 where a tempo is unknown or not above 0.

    Args:
        value: a numeric field of one number, in beats per minute.
        width: the standard deviation of the kernel, in octaves; 0.1 is 7 % of the tempo.
    """

    value: str
    width: float = 0.1

    def __post_init__(self) -> None:
        check_width(self.width, "octaves")

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        left, right = (torch.log2(torch.where(x > 0, x, torch.nan)) for x in (self._of(q), self._of(k)))
        return gaussian(_shorter_way((left[:, None] - right[None, :]).abs(), 1.0).square(), self.width)

    def _of(self, rows: Rows) -> Float[Tensor, " b"]:
        found = numbers(rows, self.value)
        if found.shape[1] != 1:
            raise RecipeError(
                f"holds {found.shape[1]} numbers for each track", name="value", value=self.value,
                fix="Name a field of one number, the tempo in beats per minute.",
            )  # fmt: skip
        return found[:, 0]

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.value])


def _shorter_way(gap: Tensor, period: float) -> Tensor:
    """Distances around a circle from distances along it."""
    gap = gap % period
    return torch.minimum(gap, period - gap)
