"""Candidates: which keys a query is compared with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from contramuse.rows import Rows
from contramuse.targets.base import ids, same_id


class Candidates(ABC):
    """Which keys a query may be compared with; never itself."""

    @abstractmethod
    def __call__(self, q: Rows, k: Rows, target: Float[Tensor, "q k"]) -> Bool[Tensor, "q k"]:
        """True where the key is a candidate for the query. Rows carry the id "row", unique in the global batch."""


def _not_self(q: Rows, k: Rows) -> Tensor:
    return q.ids["row"][:, None] != k.ids["row"][None, :]


@dataclass(frozen=True, kw_only=True)
class NotSelf(Candidates):
    """Every row but the query itself (SimCLR, CLMR, SemiSupCon, PlaylistContrastive)."""

    def __call__(self, q: Rows, k: Rows, target: Float[Tensor, "q k"]) -> Bool[Tensor, "q k"]:
        return _not_self(q, k)


@dataclass(frozen=True, kw_only=True)
class OtherView(Candidates):
    """Only rows of another view: the other crop, the stem of the mix (Choi et al., COLA, MSCOL)."""

    def __call__(self, q: Rows, k: Rows, target: Float[Tensor, "q k"]) -> Bool[Tensor, "q k"]:
        return ~same_id(q, k, "view")


@dataclass(frozen=True, kw_only=True)
class Within(Candidates):
    """Only rows with the query's own id, e.g. other segments of the same track (Choi et al. intra-track).

    Args:
        by: the id to share.
    """

    by: str = "track"

    def __call__(self, q: Rows, k: Rows, target: Float[Tensor, "q k"]) -> Bool[Tensor, "q k"]:
        return _not_self(q, k) & same_id(q, k, self.by)


@dataclass(frozen=True, kw_only=True)
class NotSame(Candidates):
    """Rows with the query's own id are no negatives (another clip of the song, another song of the artist).

    The query's positives stay candidates, whatever their id.

    Args:
        by: the id whose equals are left out.
    """

    by: str = "artist"

    def __call__(self, q: Rows, k: Rows, target: Float[Tensor, "q k"]) -> Bool[Tensor, "q k"]:
        return _not_self(q, k) & (~same_id(q, k, self.by) | (target > 0))


@dataclass(frozen=True, kw_only=True)
class OwnView(Candidates):
    """The keys of the query's own view, and its positives in the others (Choi et al. intra-track with ``within``).

    There the negatives of an anchor are the other steps of its own crop: nothing of the positive's crop but the
    positive itself is a candidate.
    """

    def __call__(self, q: Rows, k: Rows, target: Float[Tensor, "q k"]) -> Bool[Tensor, "q k"]:
        return _not_self(q, k) & (same_id(q, k, "view") | (target > 0))


@dataclass(frozen=True, kw_only=True)
class Labelled(Candidates):
    """Only queries whose labels may be seen have candidates (binary cross-entropy beside unlabelled tracks)."""

    def __call__(self, q: Rows, k: Rows, target: Float[Tensor, "q k"]) -> Bool[Tensor, "q k"]:
        return _not_self(q, k) & (ids(q, "labelled") == 1)[:, None]


CANDIDATES: dict[str, type[Candidates]] = {
    "not_self": NotSelf,
    "other_view": OtherView,
    "own_view": OwnView,
    "within": Within,
    "not_same": NotSame,
    "labelled": Labelled,
}
