"""One training run, from a recipe and a library to a folder with checkpoints and models."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from rich.console import Console

from contramuse.catalogue.vectors import vectors_hash
from contramuse.checkpoint.model import save_model
from contramuse.train.bar import Bar
from contramuse.train.data import MusicData
from contramuse.train.keeper import Keeper, read_checkpoint
from contramuse.train.module import Contrastive
from contramuse.train.pace import Pace, words
from contramuse.train.runs import claim, code_version, describe, is_launched, same_library, set_minutes
from contramuse.train.session import Session
from contramuse.train.trainer import build_trainer, told
from contramuse.train.watch import Watch
from contramuse.views import Tags, Vector

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
        stopped_by: "" (the budget was reached), "time", or the signal that stopped it.
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
    devices: int = -1,
    accelerator: str = "auto",
    console: Console | None = None,
    began: float | None = None,
) -> Outcome:
    """Train ``recipe`` on ``library``.

    Writes into ``run``: recipe.yaml (resolved), run.json, log.csv, tensorboard/, checkpoints/last.ckpt and best.ckpt,
    model/ (the best by validation loss) and model-last/.

    Args:
        recipe: what to train.
        library: on what.
        run: folder; new or empty, or to be resumed.
        minutes: budget of time over all sessions, instead of the recipe's steps.
        start: "new", or "resume" from last.ckpt.
        devices: processes to train with, one per device; -1: every device, one process on a CPU.
        accelerator: "auto", "cpu", "gpu", ...
        console: for the bar and messages; None is silent.
        began: ``time.monotonic()`` that the budget counts from.

    Raises:
        UserError: the folder holds something else, or the run was started with another library.
        TrainingError: a loss or a weight is not finite; last.ckpt is from before.
        StorageError: something could not be written; last.ckpt is whole.
    """
    began = time.monotonic() if began is None else began
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.cuda.is_available())
    if devices == -1:
        devices = 1 if on_cpu else max(torch.cuda.device_count(), 1)
    recipe = recipe.fitted(library)
    data = MusicData(recipe, library)
    data.stream(process=0, processes=devices)  # refuses a batch that does not fit, before anything is written
    checkpoint, state = run / "checkpoints" / "last.ckpt", None
    if start == "resume":
        same_library(run, library)
        state = read_checkpoint(checkpoint) if checkpoint.exists() else None
        set_minutes(run, minutes)
    elif not is_launched():
        claim(run)
    module = Contrastive(recipe, sample_rate=library.sample_rate)
    module.strategy.learn(library, data.labelled_rows)
    bar = Bar(None if is_launched() else console)
    pace = Pace(recipe.train, minutes=minutes, began=began)
    watch, keeper = Watch(library, tower=recipe.embed.tower), Keeper(checkpoint.parent)
    session = Session(pace, watch, keeper, bar, checkpoint_every=recipe.train.checkpoint_every)
    trainer = build_trainer(
        recipe.train, run, [pace, session], facts=recipe.resolved(),
        steps=recipe.train.steps if minutes is None else -1, devices=devices,
        accelerator="cpu" if on_cpu else accelerator, resumed_at=state["global_step"] if state else 0,
    )  # fmt: skip
    if start == "new" and not is_launched():
        describe(run, recipe, library, minutes=minutes, facts=data.facts())
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
            _save_models(recipe, library, run, module)
            done = f"{outcome.steps:,} {'step' if outcome.steps == 1 else 'steps'} in {words(outcome.seconds)}"
            bar.say(f"{done}; model: {run / 'model'}", style="green")
            if outcome.stopped_by.startswith("SIG"):
                bar.say(f"interrupted; to go on: contramuse train --resume {run}", style="yellow")
    return outcome


def _introduce(bar: Bar, recipe: Recipe, library: Library, data: MusicData, *, resumed_at: int | None) -> None:
    tracks = f"{len(data.rows):,} tracks to train on, {len(data.valid_rows):,} to watch, of {library.root}"
    bar.say(f"{recipe.name}: {tracks}{'' if resumed_at is None else f'; going on from step {resumed_at:,}'}")
    if len(data.skipped):
        bar.say(f"{len(data.skipped):,} tracks are too short and are skipped; run.json lists them", style="yellow")
    if len(data.valid_rows) < 2:
        bar.say("fewer than 2 tracks in the validation split: nothing is watched, the best is the last", style="yellow")


def _save_models(recipe: Recipe, library: Library, run: Path, module: Contrastive) -> None:
    """``model-last`` from last.ckpt, and ``model`` from best.ckpt, or from the last where nothing was watched."""
    facts = {
        "code_version": code_version(),
        "library_fingerprint": library.fingerprint,
        **_asked(recipe, library),
    }
    checkpoints = run / "checkpoints"
    best = checkpoints / "best.ckpt"
    for source, folder in (
        (checkpoints / "last.ckpt", "model-last"),
        (best if best.exists() else checkpoints / "last.ckpt", "model"),
    ):
        state = read_checkpoint(source)
        module.load_state_dict(state["state_dict"])
        save_model(
            run / folder, towers=module.towers, tower=recipe.embed.tower, recipe=recipe.resolved(),
            sample_rate=library.sample_rate, extra={**facts, **state["numbers"]},
        )  # fmt: skip


def _asked(recipe: Recipe, library: Library) -> dict[str, dict[str, object]]:
    """What a search must know to ask the towers of tags and of vectors: what each number of a view stands for."""
    takes = recipe.build_takes()
    tags = {view: take for view, take in takes.items() if isinstance(take, Tags)}
    vectors = {view: take.name for view, take in takes.items() if isinstance(take, Vector)}
    return {
        "tags": {v: {"labels": t.labels, "classes": list(library.fields[t.labels].classes)} for v, t in tags.items()},
        "vectors": {v: {"name": n, "hash": vectors_hash(library.vectors(n))} for v, n in vectors.items()},
    }
