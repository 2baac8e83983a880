"""The trainer of a run: devices, precision, loggers, checkpoints; and failures told with what is left of the run."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer

from contramuse.errors import StorageError, TrainingError, UserError
from contramuse.recipe.settings import Train
from contramuse.train.journal import build_loggers
from contramuse.train.keeper import WholeFiles
from contramuse.train.runs import abandon, is_launched

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "32": "32-true",
    "bf16": "bf16-mixed",
    "16": "16-mixed",
}


@contextmanager
def told(run: Path, checkpoint: Path, *, verb: str) -> Iterator[None]:
    """Failures of a run say what is left of it.

    Args:
        run: its folder.
        checkpoint: its last.
        verb: the command that goes on with it.
    """
    left = f"The checkpoint before it is whole: {checkpoint}."
    try:
        yield
    except UserError:  # what no check before the start could see, e.g. an id that the rows do not have
        if not checkpoint.exists() and not is_launched():
            abandon(run)
        raise
    except TrainingError as error:
        raise TrainingError(error.problem, name=error.name, value=error.value, fix=f"{error.fix} {left}") from error
    except OSError as error:  # a logger's: our own files raise StorageError
        raise StorageError(
            f"cannot be written ({error.strerror or error})",
            name="run",
            value=error.filename or run,
            fix=f"Free some space, then `contramuse {verb} --resume {run}`. {left}",
        ) from error


def build_trainer(
    settings: Train,
    run: Path,
    callbacks: Sequence[Callback],
    *,
    facts: Mapping[str, Any],
    steps: int,
    devices: int,
    accelerator: str,
    resumed_at: int,
    idle: Literal["some", "none"] = "none",
) -> Trainer:
    """A trainer that writes into ``run`` and does nothing by itself.

    Args:
        settings: precision, accumulation, clipping, batch normalisation, loggers.
        run: folder of the run.
        callbacks: in order.
        facts: what loggers show as the run's settings.
        steps: of the run; -1 is without end.
        devices: processes.
        accelerator: "auto", "cpu", "gpu", ...
        resumed_at: the step of the checkpoint that the run goes on from.
        idle: whether some weights have no part in the loss; several processes must know before they wait for them.

    Raises:
        UserError: the devices or the precision cannot be used here.
    """
    _quiet()
    if accelerator == "cpu" and settings.precision == "16":
        raise UserError("needs a GPU", name="train.precision", value="16", fix="Use train.precision=bf16 or 32.")
    shared = settings.batch_norm == "shared" and devices > 1
    if accelerator == "cpu" and shared:
        fix = "Use train.batch_norm=own, or one process: a batch is then whole, and its statistics too."
        raise UserError(
            "needs GPUs where there are several processes", name="train.batch_norm", value="shared", fix=fix
        )
    loggers = build_loggers(settings.loggers, run, recipe=facts, resumed_at=resumed_at)
    try:
        return Trainer(
            accelerator=accelerator,
            devices=devices,
            strategy=("ddp" if idle == "none" else "ddp_find_unused_parameters_true") if devices > 1 else "auto",
            precision=PRECISIONS[settings.precision],
            max_steps=steps,
            max_epochs=-1,
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip or None,
            logger=loggers,
            callbacks=list(callbacks),
            plugins=[WholeFiles()],
            sync_batchnorm=shared,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            use_distributed_sampler=False,
            default_root_dir=run,
        )
    except (MisconfigurationException, ValueError) as error:  # the trainer checks its devices here
        problem = f"cannot be used with --devices {devices} ({str(error).splitlines()[0]})"
        fix = "Leave out --accelerator and --devices, or give --accelerator cpu."
        raise UserError(problem, name="--accelerator", value=accelerator, fix=fix) from error


def _quiet() -> None:
    """Hide the trainer's tips and its warnings about things that are chosen here on purpose."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
