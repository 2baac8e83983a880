"""The plateau schedule is torch's without its epsilon, really stops, and goes on where it stood."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from contramuse.errors import RecipeError
from contramuse.recipe import Train, settings
from contramuse.train.pace import Pace
from contramuse.train.plateau import Reducer


def reducer(**changed: Any) -> Reducer:
    return Reducer(settings.Plateau(**changed))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("patience", [0, 1, 5])
def test_it_is_torchs_without_epsilon(seed: int, patience: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    losses = (2 - 0.01 * torch.arange(200) + 0.5 * torch.randn(200, generator=generator)).tolist()
    ours = reducer(factor=0.5, patience=patience)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience, eps=0.0)
    for loss in losses:
        ours.look(loss)
        theirs.step(loss)
        assert ours.scale == optimizer.param_groups[0]["lr"]


def test_a_nan_is_no_fall_and_losses_may_be_negative() -> None:
    one = reducer(patience=0)
    for loss in (math.nan, -1.0, -2.0, math.nan):
        one.look(loss)
    assert one.reductions == 2
    one.look(-2.0001)  # a fall of less than a ten-thousandth
    assert one.reductions == 3
    one.look(-3.0)
    assert one.reductions == 3


class Run:
    """A trainer as far as ``Pace`` looks at it."""

    def __init__(self, **plateau: Any) -> None:
        self.train = Train(
            optimizer=settings.Adam(lr=1e-3), steps=10_000, schedule=settings.Plateau(**plateau), watch_every=1
        )
        self.pace = Pace(self.train, minutes=None, began=0.0)
        self.group: dict[str, float] = {"lr": 0.0, "share": 0.5}
        self.trainer: Any = SimpleNamespace(
            global_step=0, world_size=1, should_stop=False,
            optimizers=[SimpleNamespace(param_groups=[self.group])],
        )  # fmt: skip
        self.rates: list[float] = []

    def step(self, valid_loss: float | None, *, loss: float = 1.0) -> None:
        self.pace.on_train_batch_start(self.trainer, None, None, 0)  # type: ignore[arg-type]
        self.trainer.global_step += 1
        self.rates.append(self.group["lr"])
        self.pace.on_train_batch_end(self.trainer, None, {"loss": torch.tensor(loss)}, None, 0)  # type: ignore[arg-type]
        self.pace.look(self.trainer, valid_loss)


def test_the_run_ends_below_the_stopping_rate() -> None:
    run = Run(patience=2)
    while not run.trainer.should_stop and run.trainer.global_step < 100:
        run.step(1.0)
    assert run.trainer.global_step == 1 + 11 * 3
    assert run.pace.stopped_by == "plateau"
    assert min(run.rates) == pytest.approx(0.5 * 1.024e-10)
    again = Run(patience=2)
    again.pace.load_state_dict(run.pace.state_dict())
    again.pace.on_train_start(again.trainer, None)  # type: ignore[arg-type]
    again.pace.on_train_end(again.trainer, None)  # type: ignore[arg-type]
    assert again.trainer.should_stop


def test_0_never_stops() -> None:
    run = Run(patience=0, stop_lr=0.0)
    for _ in range(60):
        run.step(1.0)
    assert not run.trainer.should_stop


def test_without_validation_the_training_loss_is_watched_and_the_state_goes_on() -> None:
    losses = [3.0, 2.0, 2.5, 1.9, 1.9, 1.9, 1.9, 1.0, 1.0, 1.0, 1.0]
    whole = Run(patience=1)
    for loss in losses:
        whole.step(None, loss=loss)
    split, state = Run(patience=1), None
    for loss in losses:
        split.step(None, loss=loss)
        state = split.pace.state_dict()
        rates, at = split.rates, split.trainer.global_step
        split = Run(patience=1)
        split.pace.load_state_dict(state)
        split.rates, split.trainer.global_step = rates, at
    assert split.rates == whole.rates
    assert len(set(whole.rates)) == 3


def test_nothing_is_reduced_while_the_rate_rises() -> None:
    run = Run(patience=0, warmup=0.001)
    for _ in range(9):
        run.step(1.0)
    assert all(b > a for a, b in zip(run.rates, run.rates[1:], strict=False))
    for _ in range(4):
        run.step(1.0)
    assert run.rates[-1] < run.rates[9]


@pytest.mark.parametrize("wrong", [{"factor": 1.0}, {"factor": 0.0}, {"patience": -1}, {"stop_lr": -1.0}])
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        settings.Plateau(**wrong)
