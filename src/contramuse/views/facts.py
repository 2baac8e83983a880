"""What a library knows of its tracks, for the rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from contramuse.rows import UNKNOWN, Rows

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library


class Facts:
    """What a library knows of its tracks, read once as tensors that every batch indexes.

    Args:
        library: the library.
        fields: the label fields that are wanted, those that the targets of a recipe name.

    Raises:
        LibraryError: the library has no such field.
    """

    def __init__(self, library: Library, *, fields: Sequence[str] = ()) -> None:
        groups = library.info.get("groups", ("artist", "album"))
        self._groups = {name: torch.from_numpy(library.group(name)) for name in groups}
        self._classes: dict[str, Tensor] = {}
        self._labels: dict[str, Tensor] = {}
        self._values: dict[str, Tensor] = {}
        for name in fields:
            found = torch.from_numpy(np.array(library.labels(name)))  # a copy: the index is read-only
            kind = library.fields[name].kind
            if kind == "numeric":
                self._values[name] = found.float().reshape(len(found), -1)
            elif kind == "multilabel":
                self._labels[name] = found.float()
            else:
                self._labels[name] = multi_hot(found, classes=len(library.fields[name].classes))
                self._classes[name] = found.long()

    def told(self, who: Rows) -> Rows:
        """``who`` with the groups, labels and values of its tracks.

        A row that is no track has none; one that was drawn as unlabelled (id "labelled" 0) has no labels or values.
        What ``who`` says already (rows that stand for classes) stays.
        """
        track = who.ids["track"]
        known = track != UNKNOWN
        shown = known & (who.ids["labelled"] > 0) if "labelled" in who.ids else known
        place = track.clamp(min=0)

        def pick(table: dict[str, Tensor], visible: Tensor, hidden: float) -> dict[str, Tensor]:
            return {
                name: torch.where(visible.reshape(-1, *[1] * (facts.ndim - 1)), facts[place], hidden)
                for name, facts in table.items()
            }

        return replace(
            who,
            ids={**pick(self._groups, known, UNKNOWN), **pick(self._classes, shown, UNKNOWN), **who.ids},
            labels={**pick(self._labels, shown, 0.0), **who.labels},
            values={**pick(self._values, shown, float("nan")), **who.values},
        )


def multi_hot(ids: Tensor, *, classes: int) -> Tensor:
    """Class numbers int64 [n] as float32 [n c]; an unknown one gives a row of zeros."""
    known = ids != UNKNOWN
    out = torch.zeros(len(ids), classes)
    out[known, ids[known]] = 1.0
    return out
