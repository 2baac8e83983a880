"""Targets from how alike the classes of two rows are: musical keys, or a table that you give."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from contramuse.catalogue.track import KEYS
from contramuse.errors import RecipeError
from contramuse.rows import Rows
from contramuse.targets.base import Target, check_width, gaussian, label_sets
from contramuse.targets.given import square_matrix


@dataclass(frozen=True, kw_only=True)
class Key(Target):
    """How near two musical keys are; 0 where either is unknown.

    "circle": exp(-(f^2 + m^2) / (2 width^2)), with f the steps between the two on the circle of fifths, 0 to 6, on
    which a minor key stands where its relative major does (A minor with C major), and m = ``relative`` if one is
    major and the other minor, else 0. With the defaults a fifth and the relative are at 0.61, two fifths at 0.14, and
    the parallel key (C major, C minor: three steps and a change of mode) at 0.007.

    "mirex": the weights of the MIREX key score: 1 the same, 0.5 a fifth apart in the same mode, 0.3 relative, 0.2
    parallel, else 0. There only an estimate a fifth *above* the reference earns 0.5; between two rows neither is the
    reference, and both directions do.

    Args:
        labels: a field of keys.
        scheme: "circle" or "mirex".
        width: the standard deviation of the kernel, in fifths ("circle").
        relative: the distance of a key and its relative, in fifths ("circle").
    """

    labels: str
    scheme: Literal["circle", "mirex"] = "circle"
    width: float = 1.0
    relative: float = 1.0

    def __post_init__(self) -> None:
        check_width(self.width, "steps on the circle of fifths")
        if not self.relative >= 0:
            raise RecipeError("is a distance", name="relative", value=self.relative, fix="Give 0 or more fifths.")

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        table = _mirex() if self.scheme == "mirex" else _circle(self.width, self.relative)
        classes = label_sets(q, self.labels).shape[1]
        if classes != len(KEYS):
            raise RecipeError(
                f"has {classes} classes and is no field of keys", name="labels", value=self.labels,
                fix="Name a field of kind key, with 24 classes; its column in the labels file reads `Eb minor`.",
            )  # fmt: skip
        return _looked_up(q, k, self.labels, table)

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.labels])


@dataclass(frozen=True, kw_only=True)
class Lookup(Target):
    """A table of how alike classes are, e.g. genres of a taxonomy: M[class_i, class_j].

    Rows with several labels have the mean over all pairs of a label of one with a label of the other; 0 where a row
    has none.

    Args:
        labels: a multiclass or multi-label field.
        file: a .npy file with float [c c], at least 0, in the order of the field's classes.
    """

    labels: str
    file: str

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        table = torch.from_numpy(square_matrix(self.file).astype("float32"))
        classes = label_sets(q, self.labels).shape[1]
        if len(table) != classes:
            raise RecipeError(
                f"is {len(table)} x {len(table)}, and the field {self.labels!r} has {classes} classes",
                name="file", value=self.file, fix="Give one row for each class, in the field's order.",
            )  # fmt: skip
        return _looked_up(q, k, self.labels, table)

    def fields(self) -> frozenset[str]:
        """See ``Target.fields``."""
        return frozenset([self.labels])


def _looked_up(q: Rows, k: Rows, labels: str, table: Float[Tensor, "c c"]) -> Float[Tensor, "q k"]:
    left, right = label_sets(q, labels), label_sets(k, labels)
    left, right = (x / x.sum(1, keepdim=True).clamp(min=1) for x in (left, right))
    return left @ table.to(left.device) @ right.T


def _tonics_and_modes() -> tuple[Tensor, Tensor]:
    """Pitch class of the tonic and mode (0 major, 1 minor) of each of ``KEYS``."""
    number = torch.arange(len(KEYS))
    return number % 12, number // 12


@functools.lru_cache(maxsize=8)
def _circle(width: float, relative: float) -> Tensor:
    tonic, mode = _tonics_and_modes()
    place = 7 * (tonic + 3 * mode) % 12  # of the major key with the same notes
    steps = (place[:, None] - place[None, :]) % 12
    fifths = torch.minimum(steps, 12 - steps).float()
    changed = (mode[:, None] != mode[None, :]).float() * relative
    return gaussian(fifths.square() + changed.square(), width)


@functools.cache
def _mirex() -> Tensor:
    tonic, mode = _tonics_and_modes()
    above = (tonic[None, :] - tonic[:, None]) % 12
    same_mode, to_minor = mode[:, None] == mode[None, :], mode[:, None] < mode[None, :]
    relative = torch.where(to_minor, above == 9, above == 3) & ~same_mode
    out = torch.zeros(len(KEYS), len(KEYS))
    out[same_mode & (above == 0)] = 1.0
    out[same_mode & ((above == 7) | (above == 5))] = 0.5
    out[relative] = 0.3
    out[~same_mode & (above == 0)] = 0.2
    return out
