"""What is known of a track besides its audio, as views: vectors, tags, the classes themselves; and a view once more."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from contramuse.errors import LibraryError, RecipeError
from contramuse.rows import UNKNOWN, Rows
from contramuse.views.base import Chance, Take, who_is

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library
    from contramuse.sampling import Drawn

Missing = Literal["skip", "silent"]


@dataclass(frozen=True, kw_only=True)
class Vector(Take):
    """A stored vector of each track, such as its collaborative-filtering factors (``contramuse vectors``).

    Args:
        name: of the vectors in the library.
        missing: what becomes of a track without one: "skip", it is left out of training; "silent", its row is silent.
    """

    name: str
    missing: Missing = "skip"

    def usable(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool [n]: under ``missing: skip`` the tracks that have a vector."""
        if self.missing == "silent":
            return super().usable(library, rows)
        return np.asarray(~np.isnan(library.vectors(self.name)[rows]).any(1))

    def width(self, library: Library) -> int:
        """Size of the vectors."""
        return int(library.vectors(self.name).shape[1])

    def take(self, library: Library, drawn: Drawn, chance: Chance, seen: Mapping[str, Rows]) -> tuple[Tensor, Rows]:
        """Vectors float32 [b w]; zeros in silent rows."""
        x = torch.from_numpy(library.vectors(self.name)[drawn.rows].astype(np.float32))
        absent = x.isnan().any(1)
        return torch.where(absent[:, None], 0.0, x), who_is(drawn, silent=absent)


@dataclass(frozen=True, kw_only=True)
class Tags(Take):
    """The tags of each track: numbers from 1, 0 where there are no more.

    Args:
        labels: a multiclass or multi-label field.
        most: tags of a track at most, the first ones in the order of the field's classes; 10 in PlaylistContrastive.
        missing: what becomes of a track without a tag: "skip", it is left out of training; "silent", its row is silent.
        words: name of the library's word vectors (``contramuse vectors genre``) that the tower's encoder starts from;
            "": from random ones.
    """

    labels: str
    most: int = 10
    missing: Missing = "skip"
    words: str = ""

    def __post_init__(self) -> None:
        if self.most < 1:
            raise RecipeError("must be 1 or more", name="most", value=self.most, fix="PlaylistContrastive uses 10.")

    def usable(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool [n]: under ``missing: skip`` the tracks that have a tag."""
        if self.missing == "silent":
            return super().usable(library, rows)
        return np.asarray(_tag_numbers(library, self.labels, self.most)[torch.from_numpy(rows), 0].numpy() > 0)

    def fields(self) -> frozenset[str]:
        """See ``Take.fields``."""
        return frozenset([self.labels])

    def width(self, library: Library) -> int:
        """Number of different tags."""
        return len(library.fields[self.labels].classes)

    def take(self, library: Library, drawn: Drawn, chance: Chance, seen: Mapping[str, Rows]) -> tuple[Tensor, Rows]:
        """Numbers int64 [b most]; a row of zeros, of a track whose labels must not be seen too, is silent."""
        x = _tag_numbers(library, self.labels, self.most)[torch.from_numpy(drawn.rows)].long()
        x = x * torch.from_numpy(drawn.labelled)[:, None]
        return x, who_is(drawn, silent=x[:, 0] == 0)


@dataclass(frozen=True, kw_only=True)
class Classes(Take):
    """The classes of a label field themselves, one row for each: with them a linear classifier is a contrast.

    Args:
        labels: a multiclass, key or multi-label field.
    """

    labels: str

    def width(self, library: Library) -> int:
        """Number of classes."""
        return len(library.fields[self.labels].classes)

    def fields(self) -> frozenset[str]:
        """See ``Take.fields``."""
        return frozenset([self.labels])

    def take(self, library: Library, drawn: Drawn, chance: Chance, seen: Mapping[str, Rows]) -> tuple[Tensor, Rows]:
        """Numbers int64 [c 1]; each row is labelled with its own class, is no track, and is the same in all processes.

        Raises:
            LibraryError: the field has no classes.
        """
        count = self.width(library) if self.labels in library.fields else 0
        if not count:
            raise LibraryError(
                "is no label field with classes", name="labels", value=self.labels,
                fix=f"The library has: {', '.join(library.fields) or 'none'}.",
            )  # fmt: skip
        none = torch.full((count,), UNKNOWN)
        who = Rows.of(
            labels={self.labels: torch.eye(count)}, track=none, group=none, view=torch.zeros(count),
            segment=torch.arange(count), labelled=torch.ones(count), shared=torch.ones(count),
        )  # fmt: skip
        return torch.arange(count)[:, None], who


@dataclass(frozen=True, kw_only=True)
class Again(Take):
    """The very input of another view, augmentation included, through another tower (a momentum tower, a second head).

    Args:
        of: the other view, taken before this one.
    """

    of: str

    @property
    def per_track(self) -> int:
        """0: its rows have the view numbers of the other view's."""
        return 0

    @property
    def after(self) -> str:
        """The other view."""
        return self.of

    def take(self, library: Library, drawn: Drawn, chance: Chance, seen: Mapping[str, Rows]) -> tuple[Tensor, Rows]:
        """Nothing (the trainer hands on the other view's input), and the rows of the other view."""
        return torch.zeros(len(seen[self.of]), 0), replace(seen[self.of])


@functools.lru_cache(maxsize=8)
def _tag_numbers(library: Library, field: str, most: int) -> Tensor:
    """The first ``most`` tags of every track, int32 [n most]: class numbers from 1, ascending, then zeros.

    Raises:
        LibraryError: the field is numeric, or not there.
    """
    found = np.asarray(library.labels(field))
    if library.fields[field].kind == "numeric":
        raise LibraryError("is numeric and has no tags", name="labels", value=field, fix="Name a field with classes.")
    out = np.zeros((len(found), most), np.int32)
    if library.fields[field].kind != "multilabel":
        out[:, 0] = found + 1  # unknown is -1
        return torch.from_numpy(out)
    rows, classes = np.nonzero(found)
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = place < most
    out[rows[kept], place[kept]] = classes[kept] + 1
    return torch.from_numpy(out)
