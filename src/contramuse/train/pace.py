"""How long a run is, in steps or in minutes: its learning rate, its forecast and its end."""

from __future__ import annotations

import math
import signal
import threading
import time
from datetime import datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from contramuse.errors import TrainingError
from contramuse.recipe.settings import Plateau
from contramuse.train.optimizers import rate_at
from contramuse.train.plateau import Reducer

if TYPE_CHECKING:
    from contramuse.recipe import Train
    from contramuse.train.data import Batch


class Pace(Callback):
    """Sets the learning rate before every step, and ends the run at its budget, when interrupted, or on a NaN.

    The rate is a function of the share of the run that is done. With a budget of steps that is the share of steps, so
    a resumed run is the same run to the last bit. With a budget of minutes it is the share of time, so the schedule
    ends when the time does, whatever the machine.

    Args:
        train: the recipe's settings.
        minutes: budget of time from ``began``, over all sessions of the run; None: ``train.steps`` instead.
        began: ``time.monotonic()`` of the start.
    """

    def __init__(self, train: Train, *, minutes: float | None, began: float) -> None:
        self._train, self._began, self._earlier = train, began, 0.0
        self.seconds = None if minutes is None else 60.0 * minutes
        self.elapsed = 0.0
        self.step_seconds, self.watch_seconds, self.closing_seconds = 0.0, 0.0, 0.0
        self.watch_every = train.watch_every
        self.stopped_by: str | None = None
        self.last = False
        self._signal: str | None = None
        self._handlers: dict[int, Any] = {}
        self._pending: torch.Tensor | None = None
        self._now = began
        self._reducer = Reducer(train.schedule) if isinstance(train.schedule, Plateau) else None

    # --- the clock -----------------------------------------------------------------------------------------------

    def tick(self, trainer: Trainer) -> float:
        """Seconds of the run so far, the first process's for all."""
        self.elapsed = self._earlier + time.monotonic() - self._began
        if trainer.world_size > 1:
            self.elapsed = float(trainer.strategy.broadcast(self.elapsed))
        return self.elapsed

    def progress(self, step: int) -> float:
        """Share of the run that is done when ``step`` steps are."""
        if self.seconds is None:
            return (step + 0.5) / self._train.steps
        return min(self.elapsed / max(self.seconds - self.closing_seconds, 1e-9), 1.0)

    def expected_steps(self, step: int) -> int:
        """Steps of the whole run, as far as one can tell after ``step``."""
        if self.seconds is None:
            return self._train.steps
        each = self.step_seconds + self.watch_seconds / self.watch_every
        left = self.seconds - self.closing_seconds - self.elapsed
        return step + (0 if self.stopped_by else max(int(left / max(each, 1e-9)), 1))

    def seconds_left(self, step: int) -> float:
        """Until the end of the run, as far as one can tell after ``step``."""
        if self.seconds is not None:
            return max(self.seconds - self.elapsed, 0.0)
        each = self.step_seconds + self.watch_seconds / self.watch_every
        return (self._train.steps - step) * each + self.closing_seconds

    @property
    def interrupted(self) -> bool:
        """Whether a signal ends the session, and not the run."""
        return self.stopped_by is not None and self.stopped_by not in ("time", "plateau", "patience")

    # --- hooks ---------------------------------------------------------------------------------------------------

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to Ctrl-C and to SIGTERM: the step is finished, the checkpoint and the model are written."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._interrupt)
        if self.seconds is not None and self.tick(trainer) >= self.seconds:
            self.stopped_by, trainer.should_stop = "time", True
        if self._reducer and self._reducer.is_over(self._train.optimizer.lr):
            self.stopped_by, trainer.should_stop = "plateau", True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Set the learning rate."""
        self._now = self.tick(trainer)
        rate = self._train.optimizer.lr * rate_at(self.progress(trainer.global_step), self._train.schedule)
        if self._reducer:
            rate *= self._reducer.scale
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = rate * group.get("share", 1.0)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Look at the loss and decide whether this step was the last."""
        loss = outputs["loss"].detach()
        # On an accelerator the step before is looked at, so that the queue of work never runs dry.
        late, self._pending = self._pending, loss
        self.check(trainer, loss if loss.device.type == "cpu" else late)
        if self._reducer:
            self._reducer.trained(loss)
        took = self.tick(trainer) - self._now
        self.step_seconds = took if not self.step_seconds else 0.9 * self.step_seconds + 0.1 * took
        reason = self._signal
        if trainer.world_size > 1 and trainer.strategy.reduce_boolean_decision(reason is not None, all=False):
            reason = reason or "interrupted"
        if self.seconds is not None and self.elapsed + self.step_seconds + self.closing_seconds > self.seconds:
            reason = reason or "time"
        if reason:
            self.stopped_by, trainer.should_stop = reason, True
        self.last = trainer.should_stop or (self.seconds is None and trainer.global_step >= self._train.steps)

    def look(self, trainer: Trainer, valid_loss: float | None) -> None:
        """After a watch: a schedule that waits for a plateau takes in what was found, and may end the run.

        Args:
            trainer: of the run.
            valid_loss: None where there is no validation track; the training loss then takes its place.
        """
        if self._reducer is None:
            return
        loss = self._reducer.mean_loss(trainer) if valid_loss is None else valid_loss
        if self.progress(trainer.global_step) >= self._train.schedule.warmup:
            self._reducer.look(loss)
        if self._reducer.is_over(self._train.optimizer.lr):
            self.stopped_by, self.last, trainer.should_stop = self.stopped_by or "plateau", True, True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the signals back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the signals back."""
        self.on_train_end(trainer, pl_module)

    def check(self, trainer: Trainer, loss: torch.Tensor | None) -> None:
        """Stop where a loss is not finite."""
        if loss is not None and not bool(torch.isfinite(loss).all()):
            raise TrainingError(
                f"is not a finite number at step {trainer.global_step}",
                name="loss",
                value=float(loss),
                fix=f"Lower train.optimizer.lr (now {self._train.optimizer.lr:g}), warm up longer or set train.clip=1.",
            )

    def check_now(self, trainer: Trainer) -> None:
        """Stop where the last loss is not finite, before something is written."""
        self.check(trainer, self._pending)

    def state_dict(self) -> dict[str, Any]:
        """The time that was used, and where a schedule that waits for a plateau stands."""
        return {"elapsed": self.elapsed, **({"plateau": self._reducer.state_dict()} if self._reducer else {})}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Count on from there."""
        self._earlier = state_dict["elapsed"]
        if self._reducer:
            self._reducer.load_state_dict(state_dict["plateau"])

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._signal = signal.Signals(number).name
        signal.signal(number, self._handlers[number])  # a second one ends at once
        print("\nfinishing this step and saving; once more to stop at once", flush=True)

    # --- forecast ------------------------------------------------------------------------------------------------

    def plan(self, trainer: Trainer, *, step_seconds: float, watch_seconds: float, save_seconds: float) -> None:
        """Take in what was measured before the start.

        With a budget of minutes watches are spaced out until they take at most a tenth of the time.
        """
        self.step_seconds, self.watch_seconds = step_seconds, watch_seconds
        if trainer.world_size > 1:
            self.step_seconds, self.watch_seconds = trainer.strategy.broadcast((step_seconds, watch_seconds))
        self.closing_seconds = self.watch_seconds + 2 * save_seconds + 0.5
        if self.seconds is not None:
            sparing = math.ceil(9 * self.watch_seconds / max(self.step_seconds, 1e-9))
            self.watch_every = max(self._train.watch_every, sparing)
        self.tick(trainer)

    def forecast(self, trainer: Trainer, *, rows: int) -> str:
        """The run ahead in one line, after ``plan``; ``rows`` are those of one batch over all processes."""
        if self.stopped_by == "time":
            return f"the budget of {words(self.seconds or 0.0)} is used up"
        if self.stopped_by:
            return f"the run has ended ({self.stopped_by})"
        done = trainer.global_step
        steps, batches = self.expected_steps(done) - done, self._train.accumulate
        left = self.seconds_left(done)
        ends = datetime.now() + timedelta(seconds=left)
        speed = rows * batches / max(self.step_seconds, 1e-9)
        return (
            f"forecast: about {steps:,} steps of {self._train.batch * batches} tracks, "
            f"{1000 * self.step_seconds:,.0f} ms each; {steps * rows * batches:,} rows, "
            f"{speed:,.0f} a second; {words(left)}, until {ends:%H:%M:%S}"
        )


def words(seconds: float) -> str:
    """A duration as people say it."""
    seconds = max(round(seconds), 0)
    hours, minutes, rest = seconds // 3600, seconds % 3600 // 60, seconds % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
