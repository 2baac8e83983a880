"""Targets that you made: a matrix over the tracks, or a function of an installed package."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from contramuse.errors import RecipeError
from contramuse.rows import Rows
from contramuse.targets.base import Target

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library

PLUGINS = "contramuse.targets"
"""The group of entry points in which installed packages offer targets."""


Metric = Callable[[Rows, Rows], Tensor]
"""What an entry point names: from who q and k rows are to float [q k], at least 0."""


@dataclass(frozen=True, kw_only=True)
class Given(Target):
    """A similarity that you computed: M[track_i, track_j] of a matrix over the tracks of the library.

    Args:
        file: a .npy file with float [n n], at least 0, n = tracks of the library in its order; it is memory-mapped.
    """

    file: str

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        matrix = square_matrix(self.file)
        i, j = q.ids["track"].cpu().numpy(), k.ids["track"].cpu().numpy()
        if max(i.max(), j.max()) >= len(matrix):
            raise RecipeError(
                f"is {len(matrix)} x {len(matrix)} and has no row for track {max(i.max(), j.max())}",
                name="file", value=self.file, fix="Give one row for each track of the library, in its order.",
            )  # fmt: skip
        values = np.asarray(matrix[i[:, None], j[None, :]], dtype=np.float32)
        values = np.where((i[:, None] < 0) | (j[None, :] < 0), np.float32(0), values)  # rows that are no track
        return torch.from_numpy(values).to(q.silent.device)


@dataclass(frozen=True, kw_only=True)
class Plugin(Target):
    """A similarity that an installed package computes, by its name in the entry points ``contramuse.targets``.

    The package's pyproject.toml has, say, ``[project.entry-points."contramuse.targets"]`` with
    ``melody = "my_package.melody:alike"``, and ``alike(q, k)`` takes two ``contramuse.rows.Rows`` of q and k rows and
    gives float [q k], at least 0. A recipe names no module and no code: what can run is what was installed.

    Args:
        name: of the entry point.
        reads: the library's label fields that the function finds in ``Rows.labels`` and ``Rows.values``.
    """

    name: str
    reads: tuple[str, ...] = ()

    def learn(self, library: Library, rows: NDArray[np.int64]) -> Plugin:
        """See ``Target.learn``: the function is looked for before the first batch, not in the middle of a run.

        A model that was trained with it loads and embeds without it.

        Raises:
            RecipeError: no installed package offers it, or it cannot be imported.
        """
        _installed(self.name)
        return self

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        alike = _installed(self.name)(q, k).to(device=q.silent.device, dtype=torch.float32)
        if alike.shape != (len(q), len(k)):
            problem = f"gave a matrix of shape {tuple(alike.shape)} for {len(q)} queries and {len(k)} keys"
            raise RecipeError(problem, name="name", value=self.name, fix="It must give one number for each pair.")
        if not bool((alike >= 0).all()):
            raise RecipeError("gave numbers below 0 or NaN", name="name", value=self.name,
                              fix="A target is at least 0, and 0 where it is unknown.")  # fmt: skip
        return alike

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset(self.reads)


@functools.cache
def _installed(name: str) -> Metric:
    found = {point.name: point for point in entry_points(group=PLUGINS)}
    if name not in found:
        raise RecipeError(
            "no installed package offers such a target", name="name", value=name,
            fix=f"Installed: {', '.join(sorted(found)) or '(none)'}. Install the package with an entry point in the"
            f" group {PLUGINS}.",
        )  # fmt: skip
    try:
        metric: Metric = found[name].load()
    except (ImportError, AttributeError) as error:
        raise RecipeError(
            f"cannot be imported from {found[name].value} ({error})", name="name", value=name, fix="Reinstall it."
        ) from error
    return metric


@functools.lru_cache(maxsize=4)
def square_matrix(file: str) -> NDArray[Any]:
    """A memory-mapped .npy file with a square matrix.

    Raises:
        RecipeError: it cannot be read, or is not square.
    """
    try:
        matrix: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"cannot be read as a .npy matrix ({error})", name="file", value=file, fix="Save it with numpy.save."
        ) from error
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise RecipeError(f"has shape {matrix.shape}", name="file", value=file, fix="It must be square, [n n].")
    return matrix
