"""Targets: how alike two rows should be, from who they are. Each maps (Rows q, Rows k) to T >= 0 of shape [q k]."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from contramuse.errors import RecipeError
from contramuse.rows import UNKNOWN, Rows


class Target(ABC):
    """How alike queries and keys should be."""

    @abstractmethod
    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        """Target matrix, at least 0; 0 where they are not alike or where it is unknown."""

    def fields(self) -> frozenset[str]:
        """The label fields of the library that this target reads."""
        return frozenset()


def same_id(q: Rows, k: Rows, by: str) -> Tensor:
    """Bool [q k]: known and equal ids of the name ``by``.

    Raises:
        RecipeError: the rows of this recipe carry no such id.
    """
    for rows in (q, k):
        if by not in rows.ids:
            raise RecipeError(
                "the rows have no such id", name="by", value=by, fix=f"Choose one of: {', '.join(sorted(rows.ids))}."
            )
    left, right = q.ids[by][:, None], k.ids[by][None, :]
    return (left == right) & (left != UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Same(Target):
    """1 where two rows have the same id, e.g. are crops of the same track (CLMR, SimCLR); 0 elsewhere.

    Args:
        by: "track", "group", "segment", "artist", "album" or another id of the rows.
    """

    by: str = "track"

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        return same_id(q, k, self.by).float()


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
        return (_overlap(q, k, self.labels) >= self.at_least).float()

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
        overlap = _overlap(q, k, self.labels)
        sizes = q.labels[self.labels].sum(1)[:, None] + k.labels[self.labels].sum(1)[None, :]
        return torch.where(sizes > 0, 2 * overlap / sizes.clamp(min=1), overlap.new_zeros(()))

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.labels])


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
        if not self.width > 0:
            raise RecipeError("must be above 0", name="width", value=self.width, fix="Give it in the field's unit.")
        if self.metric == "circular" and not self.period > 0:
            raise RecipeError(
                "a circular metric needs a period above 0",
                name="period",
                value=self.period,
                fix="Use 12 for semitones.",
            )

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        gap = (_known(q.values, self.value)[:, None, :] - _known(k.values, self.value)[None, :, :]).abs()
        if self.metric == "circular":
            gap = gap % self.period
            gap = torch.minimum(gap, self.period - gap)
        likeness = torch.exp(-gap.square().sum(-1) / (2 * self.width**2))
        return torch.nan_to_num(likeness, nan=0.0)

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.value])


@dataclass(frozen=True, kw_only=True)
class Given(Target):
    """A similarity that you computed: M[track_i, track_j] of a matrix over the tracks of the library.

    Args:
        file: a .npy file with float [n n], at least 0, n = tracks of the library in its order; it is memory-mapped.
    """

    file: str

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        matrix = _matrix(self.file)
        i, j = q.ids["track"].cpu().numpy(), k.ids["track"].cpu().numpy()
        if max(i.max(), j.max()) >= len(matrix):
            raise RecipeError(
                f"is {len(matrix)} x {len(matrix)} and has no row for track {max(i.max(), j.max())}",
                name="file", value=self.file, fix="Give one row for each track of the library, in its order.",
            )  # fmt: skip
        values = np.asarray(matrix[i[:, None], j[None, :]], dtype=np.float32)
        return torch.from_numpy(values).to(q.silent.device)


@dataclass(frozen=True, kw_only=True)
class Any(Target):
    """The largest of several targets: rows are alike if any of them says so.

    For SemiSupCon this is "same track OR shared label" (threshold) and min(1, A + S) (weighted), as A is 0 or 1.
    """

    of: tuple[Target, ...]

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        return functools.reduce(torch.maximum, [target(q, k) for target in self.of])

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset().union(*[target.fields() for target in self.of])


@dataclass(frozen=True, kw_only=True)
class Product(Target):
    """The product of several targets: rows are alike only as far as all of them say so."""

    of: tuple[Target, ...]

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        return functools.reduce(torch.mul, [target(q, k) for target in self.of])

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset().union(*[target.fields() for target in self.of])


def _overlap(q: Rows, k: Rows, labels: str) -> Tensor:
    """Number of labels that two rows share, [q k]; one matrix product, never [q k c]."""
    for rows in (q, k):
        if labels not in rows.labels:
            raise RecipeError(
                "the rows have no such label field",
                name="labels", value=labels, fix=f"Choose one of: {', '.join(sorted(rows.labels)) or '(none known)'}.",
            )  # fmt: skip
    return q.labels[labels] @ k.labels[labels].T


def _known(values: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in values:
        raise RecipeError(
            "the rows have no such numeric field",
            name="value", value=name, fix=f"Choose one of: {', '.join(sorted(values)) or '(none known)'}.",
        )  # fmt: skip
    return values[name]


@functools.lru_cache(maxsize=4)
def _matrix(file: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    try:
        matrix: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"cannot be read as a .npy matrix ({error})", name="file", value=file, fix="Save it with numpy.save."
        ) from error
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise RecipeError(f"has shape {matrix.shape}", name="file", value=file, fix="It must be square, [n n].")
    return matrix


TARGETS: dict[str, type[Target]] = {
    "same": Same,
    "shared": Shared,
    "dice": Dice,
    "kernel": Kernel,
    "given": Given,
    "any": Any,
    "product": Product,
}
