"""Candidates (which keys a query is compared with) and objectives (a scalar from S, T and C)."""

from contramuse.objective.base import Objective
from contramuse.objective.candidates import (
    CANDIDATES,
    Candidates,
    Labelled,
    NotSame,
    NotSelf,
    OtherView,
    OwnView,
    Within,
)
from contramuse.objective.chunked import chunked
from contramuse.objective.decoupled import Decoupled
from contramuse.objective.info_nce import InfoNCE
from contramuse.objective.no_negatives import Alignment, VICReg
from contramuse.objective.sigmoid import Sigmoid
from contramuse.objective.sigreg import SIGReg
from contramuse.objective.sog_clr import SogCLR
from contramuse.objective.triplet import Triplet

OBJECTIVES: dict[str, type[Objective]] = {
    "info_nce": InfoNCE,
    "decoupled": Decoupled,
    "sigmoid": Sigmoid,
    "sog_clr": SogCLR,
    "triplet": Triplet,
    "alignment": Alignment,
    "vicreg": VICReg,
    "sigreg": SIGReg,
}

__all__ = [
    "CANDIDATES",
    "OBJECTIVES",
    "Alignment",
    "Candidates",
    "Decoupled",
    "InfoNCE",
    "Labelled",
    "NotSame",
    "NotSelf",
    "Objective",
    "OtherView",
    "OwnView",
    "SIGReg",
    "Sigmoid",
    "SogCLR",
    "Triplet",
    "VICReg",
    "Within",
    "chunked",
]
