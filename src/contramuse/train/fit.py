"""One training run, from a recipe and a library to a folder with checkpoints and models."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from rich.console import Console

from contramuse.errors import RecipeError
from contramuse.train.bar import Bar
from contramuse.train.data import MusicData
from contramuse.train.keeper import Keeper, read_checkpoint
from contramuse.train.models import Models, Past
from contramuse.train.module import Contrastive
from contramuse.train.origin import open_origin, reopen_origin, take_weights
from contramuse.train.pace import Pace, words
from contramuse.train.patience import Patience
from contramuse.train.runs import claim, describe, is_launched, same_library, same_vectors, set_minutes, stored_run
from contramuse.train.session import Session
from contramuse.train.trainer import build_trainer, told
from contramuse.train.watch import Watch

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Args:
        run: its folder.
        steps: optimiser steps done, over all sessions.
        seconds: of all sessions.
        stopped_by: "" (the budget was reached), "time", "patience", "plateau", or the signal that stopped it.
        losses: logged training losses of this session.
        found: the last watch.
    """

    run: Path
    steps: int
    seconds: float
    stopped_by: str
    losses: list[float]
    found: Mapping[str, float]


def fit(
    recipe: Recipe,
    library: Library,
    run: Path,
    *,
    minutes: float | None = None,
    start: Literal["new", "resume"] = "new",
    origin: str | Path | None = None,
    devices: int = -1,
    accelerator: str = "auto",
    console: Console | None = None,
    began: float | None = None,
) -> Outcome:
    """Train ``recipe`` on ``library``.

    Writes into ``run``: recipe.yaml (resolved), run.json, log.csv, tensorboard/, checkpoints/last.ckpt and best.ckpt,
    model/ (the best by validation loss), model-last/, and models/ where ``train.keep_every`` asks for them.

    Args:
        recipe: what to train.
        library: on what.
        run: folder; new or empty, or to be resumed.
        minutes: budget of time over all sessions, instead of the recipe's steps.
        start: "new", or "resume" from last.ckpt.
        origin: model whose weights a new run starts from, wherever they fit: its folder, a run's, or a hub id.
        devices: processes to train with, one per device; -1: every device, one process on a CPU.
        accelerator: "auto", "cpu", "gpu", ...
        console: for the bar and messages; None is silent.
        began: ``time.monotonic()`` that the budget counts from.

    Raises:
        UserError: the folder holds something else, the run was started with another library, or ``origin`` has nothing
            in common with the recipe.
        TrainingError: a loss or a weight is not finite; last.ckpt is from before.
        StorageError: something could not be written; last.ckpt is whole.
    """
    began = time.monotonic() if began is None else began
    devices, accelerator = _machine(devices, accelerator)
    recipe = recipe.fitted(library)
    data = MusicData(recipe, library)
    _check(recipe, data, devices=devices)
    checkpoint, state = run / "checkpoints" / "last.ckpt", None
    if start == "resume":
        same_library(run, library)
        same_vectors(run, data.vectors())
        state = read_checkpoint(checkpoint) if checkpoint.exists() else None
        set_minutes(run, minutes)
    elif not is_launched():
        claim(run)
    module = Contrastive(recipe, sample_rate=library.sample_rate)
    module.learn(library, data)
    bar = Bar(None if is_launched() else console)
    known = stored_run(run).get("from") if start == "resume" else None
    begun = {} if state else _begin(bar, module, recipe, library, origin=origin, known=known)
    pace = Pace(recipe.train, minutes=minutes, began=began)
    watch, keeper = Watch(library, tower=recipe.embed.tower), Keeper(checkpoint.parent)
    session = Session(pace, watch, keeper, bar, checkpoint_every=recipe.train.checkpoint_every)
    models = Models(run, module, recipe=recipe, library=library)
    patience = Patience(keeper, pace, bar, looks=recipe.train.patience)
    past = Past(models, pace, bar, every=recipe.train.keep_every)
    trainer = build_trainer(
        recipe.train, run, [pace, session, patience, past], facts=recipe.resolved(),
        steps=recipe.train.steps if minutes is None else -1, devices=devices,
        accelerator=accelerator, resumed_at=state["global_step"] if state else 0, idle=recipe.idle,
    )  # fmt: skip
    if start == "new" and not is_launched():
        describe(run, recipe, library, minutes=minutes, facts={**data.facts(), **begun})
    _introduce(bar, recipe, library, data, resumed_at=state["global_step"] if state else None)
    with told(run, checkpoint, verb="train"):
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint if state else None)
        finally:
            data.close()
        outcome = Outcome(
            run, trainer.global_step, pace.elapsed, pace.stopped_by or "", session.losses, dict(session.found)
        )
        if trainer.is_global_zero:
            models.finish()
            done = f"{outcome.steps:,} {'step' if outcome.steps == 1 else 'steps'} in {words(outcome.seconds)}"
            bar.say(f"{done}; model: {run / 'model'}", style="green")
            if outcome.stopped_by.startswith("SIG"):
                bar.say(f"interrupted; to go on: contramuse train --resume {run}", style="yellow")
    return outcome


def _machine(devices: int, accelerator: str) -> tuple[int, str]:
    """How many devices (-1: every one, one process on a CPU), and of what kind ("auto" where it is no CPU)."""
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.cuda.is_available())
    if devices == -1:
        devices = 1 if on_cpu else max(torch.cuda.device_count(), 1)
    return devices, "cpu" if on_cpu else accelerator


def _check(recipe: Recipe, data: MusicData, *, devices: int) -> None:
    """Refuse what cannot be trained, before anything is written."""
    data.stream(process=0, processes=devices)
    if recipe.train.patience and len(data.valid_rows) < 2:
        raise RecipeError(
            "waits for a better validation loss, and fewer than 2 tracks are in the validation split",
            name="train.patience", value=recipe.train.patience,
            fix="Leave it out, or prepare the library with a validation split.",
        )  # fmt: skip


def _begin(
    bar: Bar,
    module: Contrastive,
    recipe: Recipe,
    library: Library,
    *,
    origin: str | Path | None,
    known: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The weights of the start, where they are a model's; facts of it for run.json.

    ``known`` are these facts, in a run that goes on and has no checkpoint yet.
    """
    if known is None and origin is None:
        return {}
    source = reopen_origin(known) if known else open_origin(origin or "")
    taken, told_of = take_weights(module.towers, source, recipe, library)
    bar.say(f"weights of {source.name} ({source.model.model_hash[:12]}):")
    for line in told_of:
        bar.say(f"  {line}")
    return {"from": source.facts(taken)}


def _introduce(bar: Bar, recipe: Recipe, library: Library, data: MusicData, *, resumed_at: int | None) -> None:
    tracks = f"{len(data.rows):,} tracks to train on, {len(data.valid_rows):,} to watch, of {library.root}"
    bar.say(f"{recipe.name}: {tracks}{'' if resumed_at is None else f'; going on from step {resumed_at:,}'}")
    if len(data.skipped):
        bar.say(f"{len(data.skipped):,} tracks are too short and are skipped; run.json lists them", style="yellow")
    for view, short in data.padded().items():
        said = (
            f"{short:,} of {len(data.rows):,} tracks are shorter than what {view} takes, and are filled up with silence"
        )
        bar.say(said, style="yellow")
    unread = recipe.build_sampler().label_fields() - recipe.fields
    if unread:
        said = f"the sampler draws by the labels of {', '.join(sorted(unread))}, and no contrast reads them"
        bar.say(f"{said}: set the field in contrasts too", style="yellow")
    if len(data.valid_rows) < 2:
        bar.say("fewer than 2 tracks in the validation split: nothing is watched, the best is the last", style="yellow")
