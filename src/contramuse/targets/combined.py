"""Targets made of targets: the largest, the product, the weighted sum."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from contramuse.errors import RecipeError
from contramuse.rows import Rows
from contramuse.targets.base import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


@dataclass(frozen=True, kw_only=True)
class _Combined(Target):
    of: tuple[Target, ...]

    def __post_init__(self) -> None:
        if not self.of:
            raise RecipeError("there is nothing to combine", name="of", value=[], fix="Give one target or more.")

    def _each(self, q: Rows, k: Rows) -> Sequence[Tensor]:
        return [target(q, k) for target in self.of]

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset().union(*[target.fields() for target in self.of])

    def learn(self, library: Library, rows: NDArray[np.int64]) -> Target:
        """See ``Target.learn``."""
        return replace(self, of=tuple(target.learn(library, rows) for target in self.of))


@dataclass(frozen=True, kw_only=True)
class Any(_Combined):
    """The largest of several targets: rows are alike if any of them says so.

    For SemiSupCon this is "same track OR shared label" (threshold) and min(1, A + S) (weighted), as A is 0 or 1.

    Args:
        of: the targets.
    """

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        return functools.reduce(torch.maximum, self._each(q, k))


@dataclass(frozen=True, kw_only=True)
class Product(_Combined):
    """The product of several targets: rows are alike only as far as all of them say so.

    Args:
        of: the targets.
    """

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        return functools.reduce(torch.mul, self._each(q, k))


@dataclass(frozen=True, kw_only=True)
class Sum(_Combined):
    """The weighted sum of several targets: several label fields at once, each as much as it matters.

    Args:
        of: the targets.
        weights: factor of each, 0 or more; none: 1 each. Weights that sum to 1 keep targets within 0 to 1 there.
    """

    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights and len(self.weights) != len(self.of):
            raise RecipeError(
                f"there are {len(self.weights)} weights for {len(self.of)} targets", name="weights",
                value=list(self.weights), fix="Give one weight for each target, or none.",
            )  # fmt: skip
        if not all(weight >= 0 for weight in self.weights):
            raise RecipeError("must not be below 0", name="weights", value=list(self.weights), fix="Give 0 or more.")

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        weights = self.weights or (1.0,) * len(self.of)
        return functools.reduce(torch.add, [w * x for w, x in zip(weights, self._each(q, k), strict=True)])
