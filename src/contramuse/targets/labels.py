"""Targets from label sets: shared labels, Dice, Jaccard, and overlaps in which rare labels weigh more."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from contramuse.errors import LibraryError, RecipeError
from contramuse.rows import Rows
from contramuse.targets.base import Target, label_sets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


@dataclass(frozen=True, kw_only=True)
class Shared(Target):
    """1 where two rows share at least ``at_least`` labels (SupCon; SemiSupCon, threshold T); without labels none.

    Args:
        labels: a multiclass or multi-label field.
        at_least: the number of labels to share, 1 or more.
    """

    labels: str
    at_least: int = 1

    def __post_init__(self) -> None:
        if self.at_least < 1:
            raise RecipeError(
                "must be 1 or more", name="at_least", value=self.at_least, fix="Use 1 for any shared label."
            )

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        # One matrix product, never [q k c].
        return (label_sets(q, self.labels) @ label_sets(k, self.labels).T >= self.at_least).float()

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.labels])


@dataclass(frozen=True, kw_only=True)
class Dice(Target):
    """2 |A and B| / (|A| + |B|) of the label sets of two rows (SemiSupCon "weighted"); 0 where both are empty.

    Args:
        labels: a multiclass or multi-label field.
    """

    labels: str

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        return _dice(label_sets(q, self.labels), label_sets(k, self.labels), None)

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.labels])


@dataclass(frozen=True, kw_only=True)
class Jaccard(Target):
    """|A and B| / |A or B| of the label sets of two rows; 0 where both are empty.

    Args:
        labels: a multiclass or multi-label field.
    """

    labels: str

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        return _jaccard(label_sets(q, self.labels), label_sets(k, self.labels), None)

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.labels])


@dataclass(frozen=True, kw_only=True)
class InverseFrequency(Target):
    """Dice or Jaccard in which a label counts log(n / n_c) instead of 1: sharing a rare label says more.

    n tracks of the training rows have labels and n_c of them this one; labels that all of them have count nothing.
    ``learn`` counts them; labels of other splits are never seen.

    Args:
        labels: a multiclass or multi-label field.
        measure: "dice", 2 w(A and B) / (w(A) + w(B)); "jaccard", w(A and B) / w(A or B).
    """

    labels: str
    measure: Literal["dice", "jaccard"] = "dice"
    weights_: Tensor | None = field(init=False, default=None, repr=False, compare=False)
    """What each label counts, float32 [c]; known once learnt."""

    def learn(self, library: Library, rows: NDArray[np.int64]) -> InverseFrequency:
        """See ``Target.learn``.

        Raises:
            LibraryError: the field is numeric, or no training row has labels.
        """
        spec, found = library.fields.get(self.labels), library.labels(self.labels)[rows]
        if spec is not None and spec.kind == "numeric":
            raise LibraryError(
                "holds numbers, which have no frequency", name="labels", value=self.labels, fix="Use kind: kernel."
            )
        hot = found > 0 if found.ndim == 2 else found[:, None] == np.arange(len(library.fields[self.labels].classes))
        known = int(hot.any(axis=1).sum())
        if not known:
            raise LibraryError("no training track has labels of this field", name="labels", value=self.labels,
                               fix="Check the labels file, or choose another field.")  # fmt: skip
        weights = np.log(known / np.maximum(hot.sum(axis=0), 1))
        learnt = copy.copy(self)
        object.__setattr__(learnt, "weights_", torch.from_numpy(weights).float())
        return learnt

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        assert self.weights_ is not None, "learn() comes before the first batch"
        measure = _dice if self.measure == "dice" else _jaccard
        left, right = label_sets(q, self.labels), label_sets(k, self.labels)
        return measure(left, right, self.weights_.to(left.device))

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.labels])


def _overlap(q: Tensor, k: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """What the common labels of two rows count, and the sum of what the labels of each count, both [q k]."""
    left, right = (q, k) if weights is None else (q * weights, k * weights)
    return left @ k.T, left.sum(1)[:, None] + right.sum(1)[None, :]


def _dice(q: Tensor, k: Tensor, weights: Tensor | None) -> Tensor:
    common, sizes = _overlap(q, k, weights)
    return torch.where(sizes > 0, 2 * common / sizes.clamp(min=1e-30), common.new_zeros(()))


def _jaccard(q: Tensor, k: Tensor, weights: Tensor | None) -> Tensor:
    common, sizes = _overlap(q, k, weights)
    either = sizes - common
    return torch.where(either > 0, common / either.clamp(min=1e-30), common.new_zeros(()))
