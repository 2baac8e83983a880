"""What may be written in a recipe: its sections, and the tables of parts that may stand in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NewType

from torch import nn

from contramuse.audio.frontend import FRONTENDS
from contramuse.augment import AUGMENTATIONS, PRESETS
from contramuse.encoders import ENCODERS, HEADS
from contramuse.encoders.tower import Over
from contramuse.errors import RecipeError
from contramuse.objective import CANDIDATES, OBJECTIVES, Candidates, InfoNCE, NotSelf, Objective
from contramuse.recipe.parts import Grammar
from contramuse.recipe.settings import OPTIMIZERS, SCHEDULES, Embed, Optimizer, Schedule, Train
from contramuse.sampling import SAMPLERS, Sampler
from contramuse.similarity import SIMILARITIES, Similarity
from contramuse.strategy import Absent
from contramuse.targets import TARGETS, Target
from contramuse.views import TAKES, Take

# Parts that share no base class of their own are told apart by these names.
Augmentation = NewType("Augmentation", object)
Frontend = NewType("Frontend", nn.Module)
Encoder = NewType("Encoder", nn.Module)
Head = NewType("Head", nn.Module)


@dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """What is seen of a track, how it is augmented, and the tower that it goes to.

    Args:
        take: a kind of take.
        augment: augmentations and presets, in order.
        tower: name of the tower.
    """

    take: Take
    augment: tuple[Augmentation, ...] = ()
    tower: str = "audio"


@dataclass(frozen=True, kw_only=True)
class TowerSpec:
    """From a view to its embedding: an encoder with heads, or a moving average of another tower (``follow``).

    Args:
        encoder: a kind of encoder.
        frontend: a kind of frontend.
        head: the projection head, dropped after training.
        heads: several heads by name instead of one; in ``between`` they are called "view.name".
        over: "vector", heads project the encoder's vector; "steps", each vector of its sequence.
        predictor: a projection after the head, of this tower alone (BYOL).
        follow: name of another tower, whose frontend, encoder and head this one follows without being trained itself.
        momentum: share of its own weights that a following tower keeps at every step.
    """

    encoder: Encoder | None = None
    frontend: Frontend | None = None
    head: Head | None = None
    heads: dict[str, Head] | None = None
    over: Over = "vector"
    predictor: Head | None = None
    follow: str = ""
    momentum: float = 0.99

    def __post_init__(self) -> None:
        if not 0 <= self.momentum <= 1:
            raise RecipeError("is a share", name="momentum", value=self.momentum, fix="BYOL uses 0.99.")


@dataclass(frozen=True, kw_only=True)
class ContrastSpec:
    """One comparison; see ``strategy.Contrast``."""

    between: tuple[str, ...]
    target: Target
    similarity: Similarity
    candidates: tuple[Candidates, ...] = (NotSelf(),)
    objective: Objective = field(default_factory=InfoNCE)
    weight: float = 1.0
    queries: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    absent: Absent = "keep"
    queue: int = 0
    chunk: int = 0


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole recipe.

    Args:
        about: what it is and where it comes from; the first line is shown in lists.
        sampler: which tracks stand together in a batch.
        views: name -> what is seen of a track.
        towers: name -> from a view to its embedding.
        contrasts: their weighted sum is the loss.
        train: how it is trained.
        embed: how the trained encoder sees a whole track.
        sample_rate: Hz, of the libraries that it takes.
    """

    views: dict[str, ViewSpec]
    towers: dict[str, TowerSpec]
    contrasts: tuple[ContrastSpec, ...]
    train: Train
    embed: Embed
    sampler: Sampler
    about: str = ""
    sample_rate: int = 22050


GRAMMAR = Grammar(
    tables={
        Sampler: SAMPLERS,
        Take: TAKES,
        Augmentation: {**AUGMENTATIONS, **PRESETS},
        Frontend: FRONTENDS,
        Encoder: ENCODERS,
        Head: HEADS,
        Target: TARGETS,
        Similarity: SIMILARITIES,
        Candidates: CANDIDATES,
        Objective: OBJECTIVES,
        Optimizer: OPTIMIZERS,
        Schedule: SCHEDULES,
    },
    sections=(Document, ViewSpec, TowerSpec, ContrastSpec, Train, Embed),
)
