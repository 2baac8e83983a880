"""Candidates (which keys a query is compared with) and objectives (a scalar from S, T and C)."""

from contramuse.objective.base import Objective
from contramuse.objective.candidates import CANDIDATES, Candidates, NotSame, NotSelf, OtherView, OwnView, Within
from contramuse.objective.info_nce import InfoNCE

OBJECTIVES: dict[str, type[Objective]] = {"info_nce": InfoNCE}

__all__ = [
    "CANDIDATES",
    "OBJECTIVES",
    "Candidates",
    "InfoNCE",
    "NotSame",
    "NotSelf",
    "Objective",
    "OtherView",
    "OwnView",
    "Within",
]
