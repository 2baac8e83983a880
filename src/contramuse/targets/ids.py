"""Targets from ids: crops of one track, songs of one artist, members of one pair."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from contramuse.rows import Rows
from contramuse.targets.base import Target, same_id


@dataclass(frozen=True, kw_only=True)
class Same(Target):
    """1 where two rows have the same id, e.g. are crops of the same track (CLMR, SimCLR); 0 elsewhere.

    Args:
        by: "track", "group", "segment", "artist", "album" or another id of the rows.
    """

    by: str = "track"

    def __call__(self, q: Rows, k: Rows) -> Float[Tensor, "q k"]:
        return same_id(q, k, self.by).float()
