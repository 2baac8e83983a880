"""Checkpoints: whole or not at all, the last one and the best one."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_only

from contramuse.errors import TrainingError, UserError
from contramuse.files import replacing


class WholeFiles(CheckpointIO):
    """Writes a checkpoint to a temporary name and moves it into place; reads tensors and plain values, never code."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write ``checkpoint``.

        Raises:
            StorageError: it cannot be written; the file that was there is kept.
        """
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        with replacing(Path(path)) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            UserError: it is no checkpoint, or damaged.
        """
        return read_checkpoint(Path(path), map_location=map_location or "cpu")

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint."""
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path, *, map_location: Any = "cpu") -> dict[str, Any]:
    """The content of a checkpoint.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        found: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
    except FileNotFoundError as error:
        raise UserError(
            "there is no checkpoint", name="checkpoint", value=path, fix="Give the folder of a run that has started."
        ) from error
    except Exception as error:  # torch raises many kinds for damaged files
        raise UserError(
            f"is not a checkpoint, or damaged ({type(error).__name__})",
            name="checkpoint",
            value=path,
            fix="Copy best.ckpt beside it to last.ckpt, or start a new run.",
        ) from error
    return found


class Keeper:
    """Writes ``last.ckpt`` and, when the validation loss is the lowest so far, ``best.ckpt``.

    Args:
        folder: of the checkpoints.

    Attributes:
        best: the lowest value so far.
        best_step: when it was found.
        waited: looks since then.
        seconds: that the last checkpoint took.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best: float | None = None
        self.best_step = 0
        self.waited = 0
        self.seconds = 0.0

    def save(self, trainer: Trainer, valid_loss: float | None) -> None:
        """Write the checkpoint of now.

        Args:
            trainer: of the run.
            valid_loss: measured at this step; None leaves the best as it is.

        Raises:
            StorageError: the disk is full or the folder read-only; what was there is kept.
        """
        began = time.perf_counter()
        better = valid_loss is not None and (self.best is None or valid_loss < self.best)
        if better:
            self.best, self.best_step = valid_loss, trainer.global_step
        if valid_loss is not None:
            self.waited = 0 if better else self.waited + 1
        trainer.save_checkpoint(self.folder / "last.ckpt")
        if better:
            _copy(self.folder / "last.ckpt", self.folder / "best.ckpt")
        self.seconds = time.perf_counter() - began

    def state_dict(self) -> dict[str, float | int | None]:
        """The best so far."""
        return {"best": self.best, "best_step": self.best_step, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best, self.best_step, self.waited = state["best"], state["best_step"], state.get("waited", 0)


def check_weights(trainer: Trainer) -> None:
    """Make sure that what is to be saved can be used.

    Raises:
        TrainingError: a weight is not finite.
    """
    if not all(bool(torch.isfinite(weight).all()) for weight in trainer.lightning_module.parameters()):
        raise TrainingError(
            f"hold numbers that are not finite at step {trainer.global_step}",
            name="weights",
            fix="Lower train.optimizer.lr, warm up longer, or set train.clip=1.",
        )


@rank_zero_only
def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
