"""Target: how alike two rows should be, and the ids and label sets that it is told by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from contramuse.errors import RecipeError
from contramuse.rows import UNKNOWN, Rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


class Target(ABC):
    """How alike queries and keys should be."""

    @abstractmethod
    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        """Target matrix, at least 0; 0 where they are not alike or where it is unknown."""

    def fields(self) -> frozenset[str]:
        """The label fields of the library that this target reads."""
        return frozenset()

    def learn(self, library: Library, rows: NDArray[np.int64]) -> Target:
        """This target with what it must know of a library, such as how often each tag occurs; most need nothing.

        Training calls it once before the first batch, and uses what it returns. A recipe holds none of it.

        Args:
            library: that is trained on.
            rows: int64 [n], the library's rows that are trained on.
        """
        return self


def ids(rows: Rows, by: str) -> Int[Tensor, " b"]:
    """The ids of the name ``by``.

    Raises:
        RecipeError: the rows of this recipe carry no such id.
    """
    if by not in rows.ids:
        raise RecipeError(
            "the rows have no such id", name="by", value=by, fix=f"Choose one of: {', '.join(sorted(rows.ids))}."
        )
    return rows.ids[by]


def same_id(q: Rows, k: Rows, by: str) -> Bool[Tensor, "q k"]:
    """Known and equal ids of the name ``by``.

    Raises:
        RecipeError: the rows of this recipe carry no such id.
    """
    left, right = ids(q, by)[:, None], ids(k, by)[None, :]
    return (left == right) & (left != UNKNOWN)


def label_sets(rows: Rows, name: str) -> Float[Tensor, "b c"]:
    """Labels of the field ``name``, multi-hot.

    Raises:
        RecipeError: the rows have no such label field.
    """
    if name not in rows.labels:
        raise RecipeError(
            "the rows have no such label field",
            name="labels", value=name, fix=f"Choose one of: {', '.join(sorted(rows.labels)) or '(none known)'}.",
        )  # fmt: skip
    return rows.labels[name]


def numbers(rows: Rows, name: str) -> Float[Tensor, "b m"]:
    """Values of the numeric field ``name``; NaN is unknown.

    Raises:
        RecipeError: the rows have no such numeric field.
    """
    if name not in rows.values:
        raise RecipeError(
            "the rows have no such numeric field",
            name="value", value=name, fix=f"Choose one of: {', '.join(sorted(rows.values)) or '(none known)'}.",
        )  # fmt: skip
    return rows.values[name]


def gaussian(squared: Float[Tensor, "q k"], width: float) -> Float[Tensor, "q k"]:
    """exp(-d^2 / (2 width^2)) of squared distances; 0 where the distance is NaN."""
    return torch.nan_to_num(torch.exp(-squared / (2 * width**2)), nan=0.0)


def check_width(width: float, unit: str) -> None:
    """The width of a kernel is above 0.

    Raises:
        RecipeError: it is not.
    """
    if not width > 0:
        raise RecipeError("must be above 0", name="width", value=width, fix=f"Give it in {unit}.")
