"""Budgets, on a clock that the test turns by hand."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from contramuse.errors import TrainingError
from contramuse.recipe import Train, settings
from contramuse.train import pace
from contramuse.train.pace import Pace, words


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Run:
    """A trainer as far as ``Pace`` looks at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, minutes: float | None, steps: int = 10) -> None:
        self.clock = Clock()
        monkeypatch.setattr(pace, "time", self.clock)
        schedule = settings.Cosine(warmup=0.1)
        self.train = Train(optimizer=settings.AdamW(lr=1.0), steps=steps, schedule=schedule, watch_every=10)
        self.pace = Pace(self.train, minutes=minutes, began=100.0)
        self.group: dict[str, float] = {"lr": 0.0}
        self.trainer: Any = SimpleNamespace(
            global_step=0, world_size=1, should_stop=False, optimizers=[SimpleNamespace(param_groups=[self.group])]
        )
        self.rates: list[float] = []

    def step(self, seconds: float, loss: float = 1.0) -> None:
        self.pace.on_train_batch_start(self.trainer, None, None, 0)  # type: ignore[arg-type]
        self.clock.now += seconds
        self.trainer.global_step += 1
        self.rates.append(self.group["lr"])
        self.pace.on_train_batch_end(self.trainer, None, {"loss": torch.tensor(loss)}, None, 0)  # type: ignore[arg-type]


def test_steps_follow_the_schedule_whatever_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, minutes=None)
    for i in range(10):
        assert not run.pace.last
        run.step(seconds=1.0 + 50 * (i % 3))
    assert run.pace.last
    assert not run.trainer.should_stop  # the trainer counts steps itself
    assert run.rates[0] == pytest.approx(0.5)
    assert run.rates == pytest.approx([pace.rate_at((i + 0.5) / 10, run.train.schedule) for i in range(10)])


@pytest.mark.parametrize("slower", [1.0, 3.0, 0.3])
def test_minutes_end_schedule_and_run_even_if_the_machine_changes(
    monkeypatch: pytest.MonkeyPatch, slower: float
) -> None:
    run = Run(monkeypatch, minutes=2.0)
    run.pace.plan(run.trainer, step_seconds=0.5, watch_seconds=3.0, save_seconds=0.1)
    while not run.trainer.should_stop:
        run.step(seconds=0.5 * (slower if run.clock.now > 150 else 1.0))
    assert run.pace.stopped_by == "time"
    assert run.pace.last
    left = 220.0 - run.clock.now  # the last watch, checkpoint and models take 3.7 s of it
    assert 3.7 <= left <= 3.7 + 2 * 0.5 * max(slower, 1.0) + 0.1
    assert max(run.rates) > 0.99
    assert run.rates[-1] < 0.01


def test_watches_take_at_most_a_tenth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, minutes=2.0)
    run.pace.plan(run.trainer, step_seconds=0.01, watch_seconds=5.0, save_seconds=0.0)
    assert run.pace.watch_every == 4500
    steps = Run(monkeypatch, minutes=None)
    steps.pace.plan(steps.trainer, step_seconds=0.01, watch_seconds=5.0, save_seconds=0.0)
    assert steps.pace.watch_every == 10


def test_forecast_says_steps_rows_and_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, minutes=2.0)
    run.pace.plan(run.trainer, step_seconds=0.5, watch_seconds=0.5, save_seconds=0.25)
    line = run.pace.forecast(run.trainer, rows=96)
    assert line.startswith("forecast: about 215 steps of 48 tracks, 500 ms each; 20,640 rows, 192 a second; 2 min 00 s")
    steps = Run(monkeypatch, minutes=None, steps=100)
    steps.pace.plan(steps.trainer, step_seconds=0.5, watch_seconds=0.5, save_seconds=0.25)
    assert "about 100 steps" in steps.pace.forecast(steps.trainer, rows=96)
    assert "; 57 s, until" in steps.pace.forecast(steps.trainer, rows=96)


def test_a_resumed_budget_counts_earlier_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, minutes=2.0)
    run.pace.load_state_dict({"elapsed": 119.0})
    run.pace.plan(run.trainer, step_seconds=0.5, watch_seconds=0.1, save_seconds=0.0)
    run.step(0.5)
    assert run.pace.stopped_by == "time"
    assert run.pace.forecast(run.trainer, rows=96) == "the budget of 2 min 00 s is used up"


def test_a_loss_that_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, minutes=None)
    run.step(1.0)
    with pytest.raises(TrainingError, match=r"^loss: 'inf': is not a finite number at step 2\. Lower"):
        run.step(1.0, loss=float("inf"))


def test_durations_as_people_say_them() -> None:
    assert [words(x) for x in (0.2, 59.6, 61, 3600, 5430)] == [
        "0 s",
        "1 min 00 s",
        "1 min 01 s",
        "1 h 00 min",
        "1 h 30 min",
    ]
