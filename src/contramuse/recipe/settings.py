"""The sections of a recipe that are settings rather than parts: optimiser, schedule, training, embedding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contramuse.errors import RecipeError


class Optimizer:
    """How weights move; norms and biases never decay."""

    lr: float
    weight_decay: float

    def __post_init__(self) -> None:
        if not 0 < self.lr < float("inf"):
            raise RecipeError("must be above 0", name="lr", value=self.lr, fix="0.001 is a usual rate.")
        _not_below_0(self, "weight_decay", "momentum", "trust")
        betas: tuple[float, ...] = getattr(self, "betas", ())
        if not all(0 <= beta < 1 for beta in betas):
            raise RecipeError("must be from 0 to below 1", name="betas", value=betas, fix="Adam's are [0.9, 0.999].")


def _not_below_0(part: object, *names: str) -> None:
    for name in names:
        value = getattr(part, name, 0.0)
        if not 0 <= value < float("inf"):
            raise RecipeError("must not be below 0", name=name, value=value, fix="Give 0 or more.")


@dataclass(frozen=True, kw_only=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    lr: float
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015); weight decay is added to the gradient, as CLMR's probe does."""

    lr: float
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent with momentum."""

    lr: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    momentum_kind: Literal["nesterov", "classic"] = "nesterov"


@dataclass(frozen=True, kw_only=True)
class LARS(Optimizer):
    """Layer-wise adaptive rates (You et al. 2017) as SimCLR uses them: norms and biases are not adapted."""

    lr: float
    weight_decay: float = 1e-6
    momentum: float = 0.9
    trust: float = 0.001


OPTIMIZERS: dict[str, type[Optimizer]] = {"adamw": AdamW, "adam": Adam, "sgd": SGD, "lars": LARS}


class Schedule:
    """The factor of the learning rate over the run."""

    warmup: float

    def __post_init__(self) -> None:
        for name in ("warmup", "floor"):
            value = getattr(self, name, 0.0)
            if not 0 <= value <= 1:
                raise RecipeError("is a share", name=name, value=value, fix="Give 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """A linear rise over the first share ``warmup`` of the run, then half a cosine down to ``floor``."""

    warmup: float = 0.05
    floor: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """A linear rise over the first share ``warmup`` of the run, then 1."""

    warmup: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Plateau(Schedule):
    """1 after a linear rise, times ``factor`` whenever what is watched has not fallen for more than ``patience`` looks.

    What is watched is the validation loss, or the training loss since the last look where there is no validation
    track. A fall is one by more than a ten-thousandth (as in torch's ReduceLROnPlateau).

    Args:
        factor: of each reduction.
        patience: looks (``train.watch_every``) without a fall that are borne.
        stop_lr: the run ends when the rate falls below this; 0 is never. Choi et al. meant 1e-10 to end their runs;
            the scheduler that they used refuses steps smaller than 1e-8, so that theirs stays at 2.56e-9 for ever.
        warmup: share of the run over which the rate rises; reductions begin after it.
    """

    factor: float = 0.2
    patience: int = 5
    stop_lr: float = 1e-10
    warmup: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.factor < 1:
            raise RecipeError("must be between 0 and 1", name="factor", value=self.factor, fix="0.2 is a usual one.")
        _not_below_0(self, "patience", "stop_lr")


@dataclass(frozen=True, kw_only=True)
class Steps(Schedule):
    """A linear rise, then 1, times ``factor`` at each of some shares of the run.

    Args:
        at: shares of the run, rising; MSCOL halves its rate once, after half of its updates.
        factor: of each reduction.
        warmup: share of the run over which the rate rises, before the first reduction.
    """

    at: tuple[float, ...] = (0.5,)
    factor: float = 0.5
    warmup: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.at or list(self.at) != sorted(set(self.at)) or not self.warmup < self.at[0] <= self.at[-1] < 1:
            fix = "Give shares between the warmup and 1, each once, rising, as [0.5, 0.75]."
            raise RecipeError("are no shares of the run to reduce the rate at", name="at", value=list(self.at), fix=fix)
        if not 0 < self.factor < 1:
            raise RecipeError("must be between 0 and 1", name="factor", value=self.factor, fix="0.5 is a usual one.")


SCHEDULES: dict[str, type[Schedule]] = {"cosine": Cosine, "constant": Constant, "plateau": Plateau, "steps": Steps}


@dataclass(frozen=True, kw_only=True)
class Train:
    """How a recipe is trained.

    Args:
        batch: tracks in a batch, over all processes.
        optimizer: a kind of optimiser.
        schedule: a kind of schedule.
        steps: length of the run in optimiser steps; ``minutes`` on the command line takes its place.
        precision: arithmetic of the encoder; the loss is always in float32.
        accumulate: batches whose gradients are added before a step; each has its own negatives.
        pieces: parts in which each view of a batch goes through its tower, to save memory; the gradient is that of the
            whole batch, with all its negatives.
        clip: largest norm of the gradient; 0 does not clip.
        compile: "default" compiles the towers with torch.compile.
        seed: of initial weights, sampling, crops and augmentation.
        watch_every: steps between two looks at validation loss, alignment, uniformity, rank and neighbours.
        checkpoint_every: steps between two checkpoints.
        patience: looks without a better validation loss after which the run ends; 0: it never ends early.
        keep_every: steps between two models that are kept besides the best and the last, for curves over training;
            0: none is.
        batch_norm: batch normalisation over several GPUs: "own", each process by the statistics of its own rows;
            "shared", all by those of the whole batch.
        loggers: where numbers go.
    """

    optimizer: Optimizer
    batch: int = 48
    schedule: Schedule = field(default_factory=Cosine)
    steps: int = 1000
    precision: Literal["32", "bf16", "16"] = "32"
    accumulate: int = 1
    pieces: int = 1
    clip: float = 0.0
    compile: Literal["off", "default"] = "off"
    seed: int = 0
    watch_every: int = 100
    checkpoint_every: int = 100
    patience: int = 0
    keep_every: int = 0
    batch_norm: Literal["own", "shared"] = "own"
    loggers: tuple[Literal["tensorboard", "csv", "wandb", "mlflow"], ...] = ("tensorboard", "csv")

    def __post_init__(self) -> None:
        for name in ("batch", "steps", "accumulate", "pieces", "watch_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise RecipeError("must be 1 or more", name=name, value=getattr(self, name), fix="Raise it.")
        _not_below_0(self, "clip", "seed", "patience", "keep_every")


@dataclass(frozen=True, kw_only=True)
class Embed:
    """How a trained encoder sees a whole track.

    Args:
        window: seconds that go through the encoder at once.
        hop: seconds between the starts of two windows.
        tower: the tower that is the model.
        output: what the vectors are: "encoder", its representation; "head", the head's (its projection, or the
            context of a CPC head); or names of heads, whose projections are then parts of the vector, each of length 1.
    """

    window: float
    hop: float
    tower: str = "audio"
    output: tuple[str, ...] = ("encoder",)

    def __post_init__(self) -> None:
        for name in ("window", "hop"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise RecipeError("must be above 0", name=name, value=value, fix="Give seconds.")
