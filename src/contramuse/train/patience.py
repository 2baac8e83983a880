"""The end of a run whose validation gets no better."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from contramuse.train.bar import Bar
from contramuse.train.keeper import Keeper
from contramuse.train.pace import Pace


class Patience(Callback):
    """Ends a run after so many looks without a gain; comes after the session in the trainer's callbacks.

    Looks since the best are part of the keeper's state, and so of a checkpoint: a run that goes on counts on.

    Args:
        keeper: knows the looks since the best.
        pace: is told.
        bar: says it.
        looks: that are borne; 0 never ends early.
    """

    def __init__(self, keeper: Keeper, pace: Pace, bar: Bar, *, looks: int) -> None:
        self._keeper, self._pace, self._bar, self._looks = keeper, pace, bar, looks

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A run that ended so is not begun again: nothing is forecast."""
        self._check()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same, where the loop can be stopped."""
        trainer.should_stop = trainer.should_stop or self._pace.stopped_by == "patience"

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End it where that is due."""
        self._check()
        trainer.should_stop = trainer.should_stop or self._pace.stopped_by == "patience"

    def _check(self) -> None:
        if self._looks and self._keeper.waited >= self._looks and not self._pace.stopped_by:
            self._pace.stopped_by = "patience"
            looks = "1 look" if self._looks == 1 else f"{self._looks} looks"
            self._bar.say(f"validation was best at step {self._keeper.best_step:,}; {looks} without a gain: the end")
