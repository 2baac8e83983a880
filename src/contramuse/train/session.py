"""What happens around the training steps: measured before the start, logged, watched, saved."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sized
from typing import Any, Protocol, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from contramuse.train.bar import Bar, watch_line
from contramuse.train.keeper import Keeper, check_weights
from contramuse.train.pace import Pace

LOG_EVERY = 10
"""Steps between two rows of the log (each step is one at the start of a run); losses are means over them."""


def is_logged(step: int) -> bool:
    """Whether the log has a row for ``step``; it has one for the last step too."""
    return step % LOG_EVERY == 0 or step <= LOG_EVERY


NOTHING_TO_LEARN = (
    "the loss is exactly 0: no row has a positive, or none has another row to be told apart from. "
    "Give views two crops (take.count=2) or a target that holds between tracks, and train.batch=2 or more."
)


class Learner(Protocol):
    """What a session asks of the module that it trains."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""

    def loss_of(self, batch: Any) -> torch.Tensor:
        """The loss of a batch, a scalar."""

    def named_buffers(self) -> Any:
        """Buffers by name."""

    def get_submodule(self, target: str) -> torch.nn.Module:
        """The part of this name."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients."""


class Source(Protocol):
    """What a session asks of the data."""

    @property
    def waited(self) -> float:
        """Seconds that training has waited for batches so far."""

    def example(self) -> Any:
        """A batch to time a step with."""


class Watching(Protocol):
    """Looks at validation; ``contramuse.train.watch.Watch`` is one."""

    seconds: float
    warning: str | None

    def look(self, trainer: Trainer, module: Any, data: Any) -> dict[str, float]:
        """The numbers of now, by name."""


class Session(Callback):
    """Comes after ``Pace`` in the trainer's callbacks.

    Args:
        pace: budget of the run.
        watch: looks at validation.
        keeper: writes checkpoints.
        bar: shows things.
        checkpoint_every: steps between two checkpoints; one more is written with every watch.
        best_by: the number of a watch that is lowest in the best checkpoint.
    """

    def __init__(
        self, pace: Pace, watch: Watching, keeper: Keeper, bar: Bar, *, checkpoint_every: int,
        best_by: str = "valid_loss",
    ) -> None:  # fmt: skip
        self._pace, self._watch, self._keeper, self._bar = pace, watch, keeper, bar
        self._checkpoint_every, self._best_by = checkpoint_every, best_by
        self._losses: list[torch.Tensor] = []
        self._parts: dict[str, list[torch.Tensor]] = {}
        self._step, self._rows = 0, 0
        self._since, self._waited_then = 0.0, 0.0
        self.found: dict[str, float] = {}
        self.losses: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure a step, a watch and a checkpoint, and say what lies ahead."""
        module, data = _typed(trainer)
        self._step = trainer.global_step
        batch = data.example().to(module.device)
        with trainer.precision_plugin.forward_context():
            step_seconds = measure_step(module, batch)
        if self._step == 0:
            self._look(trainer, loss=None)
            self._keeper.save(trainer, None)  # weights that learned nothing are never the best
        else:
            self._watch.look(trainer, module, data)
        self._pace.plan(
            trainer,
            step_seconds=step_seconds,
            watch_seconds=self._watch.seconds,
            save_seconds=self._keeper.seconds,
        )
        self._bar.say(self._pace.forecast(trainer, rows=len(batch) * trainer.world_size))
        self._bar.start()
        self._since, self._waited_then, self._rows = time.perf_counter(), data.waited, 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Sized, batch_idx: int
    ) -> None:
        """After every optimiser step: log, watch and save where due."""
        self._losses.append(outputs["loss"].detach() * trainer.accumulate_grad_batches)
        for name, part in outputs.items():
            if name != "loss":
                self._parts.setdefault(name, []).append(part)
        self._rows += len(batch) * trainer.world_size
        step, last = trainer.global_step, self._pace.last
        if step == self._step and not last:
            return
        self._step = step
        if is_logged(step) or last:
            self._log(trainer)
        due = step % self._pace.watch_every == 0
        watching = due or last
        if not watching and step % self._checkpoint_every:
            return
        self._pace.check_now(trainer)
        check_weights(trainer)
        if watching:
            self._look(trainer, loss=self.losses[-1] if self.losses else None)
        counts = due or (last and not self._pace.interrupted)  # a run that was never interrupted had no such look
        if counts:
            self._pace.look(trainer, self.found.get("valid_loss"))
        self._keeper.save(trainer, self.found.get(self._best_by) if counts else None)
        self._since += self._keeper.seconds

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away."""
        self._bar.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Take the bar away."""
        self._bar.stop()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """The numbers of now, for the model that is made of this checkpoint."""
        checkpoint["numbers"] = {"steps": trainer.global_step, "seconds": self._pace.elapsed, **self.found}

    def state_dict(self) -> dict[str, Any]:
        """The best so far."""
        return {"keeper": self._keeper.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._keeper.load_state_dict(state_dict["keeper"])

    def _log(self, trainer: Trainer) -> None:
        _, data = _typed(trainer)
        loss = float(torch.stack(self._losses).mean())
        self.losses.append(loss)
        if loss == 0.0 and trainer.global_step == 1:
            self._bar.say(NOTHING_TO_LEARN, style="bold yellow")
        now = time.perf_counter()
        took = max(now - self._since, 1e-9)
        waiting = min((data.waited - self._waited_then) / took, 1.0)
        numbers = {
            "seconds": self._pace.elapsed,
            "loss": loss,
            **{name: float(torch.stack(parts).mean()) for name, parts in self._parts.items()},
            "lr": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "rows_per_second": self._rows / took,
            "waiting": waiting,
        }
        for logger in trainer.loggers:
            logger.log_metrics(numbers, step=trainer.global_step)
        share = self._pace.progress(trainer.global_step)
        left = self._pace.seconds_left(trainer.global_step)
        self._bar.move(
            step=trainer.global_step, share=share, loss=loss, speed=self._rows / took, waiting=waiting, left=left
        )
        self._losses, self._parts = [], {}
        self._rows, self._since, self._waited_then = 0, now, data.waited

    def _look(self, trainer: Trainer, *, loss: float | None) -> None:
        self.found = self._watch.look(trainer, *_typed(trainer))
        self._since += self._watch.seconds
        if not self.found:
            return
        for logger in trainer.loggers:
            logger.log_metrics(self.found, step=trainer.global_step)
        self._bar.say(watch_line(trainer.global_step, self.found, loss=loss))
        if self._watch.warning and trainer.global_step > 0:
            self._bar.say(self._watch.warning, style="bold yellow")


def _typed(trainer: Trainer) -> tuple[Learner, Source]:
    return cast(Learner, trainer.lightning_module), cast(Source, trainer.datamodule)  # type: ignore[attr-defined]


def measure_step(module: Learner, batch: Sized) -> float:
    """Seconds that the loss of ``batch`` and its gradients take, the second time.

    Buffers and gradients are left as they were; no weight moves.
    """
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    seconds = 0.0
    for _ in range(2):
        began = time.perf_counter()
        loss = module.loss_of(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if loss.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    module.zero_grad(set_to_none=True)
    for name, buffer in kept.items():
        owner, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner), leaf, buffer)  # not copied into place: a queue takes its width meanwhile
    return seconds
