"""One run of fine-tuning: from a model and a labelled library to a classifier, tested once on every track."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from torch import nn

from contramuse.checkpoint.model import load, save_model
from contramuse.embeddings.library import check_fits
from contramuse.errors import TrainingError, UserError
from contramuse.files import replacing, write_json
from contramuse.train.bar import Bar
from contramuse.train.finetune.data import LabelledData
from contramuse.train.finetune.evaluation import evaluate
from contramuse.train.finetune.head import save_head
from contramuse.train.finetune.labels import Labels, Scale, check_divided, choose, read_labels, without_empty
from contramuse.train.finetune.lora import merge
from contramuse.train.finetune.module import Classifier
from contramuse.train.finetune.settings import Settings
from contramuse.train.finetune.start import Origin, describe_run, open_origin, own_recipe, reopen, stored_settings
from contramuse.train.finetune.watch import Look
from contramuse.train.keeper import Keeper, read_checkpoint
from contramuse.train.pace import Pace, words
from contramuse.train.patience import Patience
from contramuse.train.runs import claim, code_version, same_library, set_minutes
from contramuse.train.session import Session
from contramuse.train.trainer import build_trainer, told
from contramuse.views import samples_of

if TYPE_CHECKING:
    from rich.console import Console

    from contramuse.catalogue.library import Library

CHOSEN = "tracks.txt"
"""Ids of the training tracks that a run learns from."""


@dataclass(frozen=True)
class FineTuned:
    """What a run came to.

    Args:
        run: its folder.
        steps: optimiser steps done, over all sessions.
        stopped_by: "" (the budget was reached), "time", "patience", "plateau", or the signal that stopped it.
        losses: logged training losses of this session.
        results: of the test, as in RUN/test.json; None where a signal stopped the run.
    """

    run: Path
    steps: int
    stopped_by: str
    losses: list[float]
    results: dict[str, Any] | None


@dataclass(frozen=True)
class _Parts:
    """What is learnt from what."""

    labels: Labels
    scale: Scale
    train: NDArray[Any]
    valid: NDArray[Any]
    facts: dict[str, Any]


def fine_tune(
    origin: str,
    library: Library,
    run: Path,
    *,
    settings: Settings,
    overrides: Sequence[str] = (),
    minutes: float | None = None,
    accelerator: str = "auto",
    console: Console | None = None,
    began: float | None = None,
) -> FineTuned:
    """Train a classifier on the encoder of a model (or of a recipe, from scratch), and test it.

    Writes into ``run``: run.json, recipe.yaml, tracks.txt, log.csv, checkpoints/, model/ (the encoder, a model like any
    other), head/ (weights and names of the classes) and test.json. The best checkpoint by validation is what is kept
    and tested.

    Args:
        origin: model folder, run, hub id, or a recipe.
        library: with labels and the splits train, valid and test.
        run: folder; new or empty.
        settings: how.
        overrides: key=value, where ``origin`` is a recipe.
        minutes: budget of time, instead of the settings' epochs.
        accelerator: "auto", "cpu", "gpu", ...
        console: for the bar and messages; None is silent.
        began: ``time.monotonic()`` that the budget counts from.

    Raises:
        UserError: the labels, the model or the folder do not fit.
        TrainingError: a loss is not finite.
    """
    claim(run, verb="finetune")
    parts = _parts(library, settings)
    start, towers = open_origin(origin, overrides, settings)
    return _run(
        start, towers, library, run, parts=parts, settings=settings, minutes=minutes, accelerator=accelerator,
        console=console, began=time.monotonic() if began is None else began, going="new",
    )  # fmt: skip


def resume(
    run: Path,
    library: Library,
    *,
    minutes: float | None = None,
    accelerator: str = "auto",
    console: Console | None = None,
    began: float | None = None,
) -> FineTuned:
    """Go on with a run; on a CPU the result is that of a run that never stopped, to the last bit.

    Args:
        run: its folder.
        library: the one that it was started with.
        minutes: another budget over all sessions.
        accelerator: "auto", "cpu", "gpu", ...
        console: for the bar and messages.
        began: ``time.monotonic()`` that the budget counts from.

    Raises:
        UserError: the folder is no such run, or the library is another one.
    """
    settings = stored_settings(run)
    same_library(run, library)
    set_minutes(run, minutes)
    has_checkpoint = (run / "checkpoints" / "last.ckpt").exists()
    start, towers = reopen(run, settings, weights="any" if has_checkpoint else "start")
    return _run(
        start, towers, library, run, parts=_parts(library, settings), settings=settings, minutes=minutes,
        accelerator=accelerator, console=console, began=time.monotonic() if began is None else began, going="on",
    )  # fmt: skip


def _parts(library: Library, settings: Settings) -> _Parts:
    """Labels and rows, checked before anything is written."""
    labels = read_labels(library, settings.fields, untagged=settings.untagged)
    everything = library.rows("train")
    train = choose(labels, everything, settings)
    check_divided(labels, labels.rows(everything), split="train")
    labels = without_empty(labels, train, empty=settings.empty, untagged=settings.untagged)
    train, valid = labels.rows(train), labels.rows(library.rows("valid"))
    check_divided(labels, train, split="train")
    check_divided(labels, labels.rows(library.rows("test")), split="test")
    known = labels.tasks(train)[0].metrics
    if settings.metric and settings.metric not in known:
        raise UserError("is no metric of this field", name="metric", value=settings.metric, fix=f"{', '.join(known)}.")
    facts = {
        "train_tracks": len(train), "valid_tracks": len(valid), "unlabelled_tracks": int((~labels.known).sum()),
        "labelled_train_tracks": len(labels.rows(everything)), "classes": list(labels.classes),
    }  # fmt: skip
    return _Parts(labels, Scale.of(labels, train), train, valid, facts)


def _run(
    origin: Origin,
    towers: nn.ModuleDict,
    library: Library,
    run: Path,
    *,
    parts: _Parts,
    settings: Settings,
    minutes: float | None,
    accelerator: str,
    console: Console | None,
    began: float,
    going: str,
) -> FineTuned:
    tower: Any = towers[origin.tower]
    check_fits(library, sample_rate=origin.sample_rate, frontend=tower.frontend)
    data = LabelledData(
        library, parts.labels, parts.scale, train=parts.train, valid=parts.valid, settings=settings,
        window=samples_of(origin.window, sample_rate=origin.sample_rate),
    )  # fmt: skip
    if settings.norm == "batch" and len(data) // data.per_epoch < 2:
        fix = "Batch normalisation needs two or more in every batch: give a larger --batch, or leave --norm out."
        raise UserError("leaves a batch of one window", name="--batch", value=settings.batch, fix=fix)
    module = _module(origin, towers, parts.labels, settings)
    train, checkpoint = settings.train(per_epoch=data.per_epoch), run / "checkpoints" / "last.ckpt"
    state = read_checkpoint(checkpoint) if going == "on" and checkpoint.exists() else None
    bar, pace = Bar(console), Pace(train, minutes=minutes, began=began)
    keeper, look = Keeper(checkpoint.parent), Look(parts.labels, parts.scale, settings)
    session = Session(
        pace, look, keeper, bar, checkpoint_every=train.checkpoint_every,
        best_by="valid_error" if settings.best_by == "metric" else "valid_loss",
    )  # fmt: skip
    trainer = build_trainer(
        train, run, [pace, session, Patience(keeper, pace, bar, looks=settings.patience)], facts=settings.to_json(),
        steps=train.steps if minutes is None else -1, devices=1, accelerator=accelerator,
        resumed_at=state["global_step"] if state else 0,
    )  # fmt: skip
    if going == "new":
        describe_run(run, origin, library, settings, minutes=minutes, facts=parts.facts)
        with replacing(run / CHOSEN) as temporary:
            temporary.write_text("".join(f"{library.ids[row]}\n" for row in parts.train), encoding="utf-8")
    _introduce(bar, library, data, parts, module, resumed_at=state["global_step"] if state else None)
    with told(run, checkpoint, verb="finetune"), _advised(settings):
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint if state else None)
        finally:
            data.close()
        stopped_by = pace.stopped_by or ""
        _save(origin, library, run, module, parts, settings)
        bar.say(f"{trainer.global_step:,} steps in {words(pace.elapsed)}{_why(stopped_by)}; model: {run / 'model'}")
        if stopped_by.startswith("SIG"):
            bar.say(f"interrupted; to go on: contramuse finetune --resume {run}", style="yellow")
            return FineTuned(run, trainer.global_step, stopped_by, session.losses, None)
        results = evaluate(run, library, accelerator=accelerator)
        write_json(run / "test.json", results)
    return FineTuned(run, trainer.global_step, stopped_by, session.losses, results)


def _why(stopped_by: str) -> str:
    told_as = {
        "patience": ", ended because validation gained no more",
        "plateau": ", ended because the learning rate fell below its end",
    }
    return told_as.get(stopped_by, "")


@contextmanager
def _advised(settings: Settings) -> Iterator[None]:
    """A failure names this command's settings, not a recipe's."""
    try:
        yield
    except TrainingError as error:
        fix = f"Lower --rate (now {settings.rate:g})."
        raise TrainingError(error.problem, name=error.name, value=error.value, fix=fix) from error


def _module(origin: Origin, towers: nn.ModuleDict, labels: Labels, settings: Settings) -> Classifier:
    recipe = own_recipe(origin)
    views = [view for view, tower in recipe.view_towers().items() if tower == origin.tower]
    chains = recipe.build_chains(sample_rate=origin.sample_rate)[views[0]]
    return Classifier(towers, tower=origin.tower, labels=labels, settings=settings, chains=chains)


def _introduce(
    bar: Bar, library: Library, data: LabelledData, parts: _Parts, module: Classifier, *, resumed_at: int | None
) -> None:
    settings = module.settings
    field, facts = "+".join(settings.fields), parts.facts
    chosen = "" if settings.share == 1 else f" of {facts['labelled_train_tracks']:,} with labels"
    going = "" if resumed_at is None else f"; going on from step {resumed_at:,}"
    bar.say(
        f"{field}: {len(data.train_rows):,} tracks{chosen} to train on ({len(data):,} items an epoch), "
        f"{len(data.valid_rows):,} to watch, of {library.root}{going}"
    )
    counts = module.counts()
    adapters = f" (adapters of {counts['adapters']} linear layers)" if counts["adapters"] else ""
    bar.say(
        f"{counts['head'] + counts['encoder_trained']:,} weights are trained: {counts['head']:,} of the head and "
        f"{counts['encoder_trained']:,}{adapters} of the encoder, which has {counts['encoder']:,}"
    )
    if facts["unlabelled_tracks"]:
        bar.say(f"{facts['unlabelled_tracks']:,} tracks of the library have no label in {field} and are left out")
    if not len(data.valid_rows):
        bar.say("no labelled track in the validation split: nothing is watched, the best is the last", style="yellow")


def _save(origin: Origin, library: Library, run: Path, module: Classifier, parts: _Parts, settings: Settings) -> None:
    """``model`` and ``head`` from best.ckpt, or from the last where nothing was watched."""
    best, last = run / "checkpoints" / "best.ckpt", run / "checkpoints" / "last.ckpt"
    state = read_checkpoint(best if best.exists() else last)
    module.load_state_dict(state["state_dict"])
    merge(module.tower.encoder)
    told_of = {
        "fields": list(settings.fields), "encoder": settings.encoder, **settings.adapters, "start": settings.start,
        "from": origin.name, "from_model_hash": origin.model_hash,
    }  # fmt: skip
    save_model(
        run / "model", towers=module.towers, tower=origin.tower, recipe=origin.recipe,
        sample_rate=origin.sample_rate,
        extra={
            "code_version": code_version(), "library_fingerprint": library.fingerprint, "fine_tuned": told_of,
            **({"from": dict(origin.seen)} if origin.seen else {}), **state["numbers"],
        },
    )  # fmt: skip
    save_head(
        run / "head", module.head, head=settings.head, settings=settings.head_settings,
        dim_in=int(module.tower.dim), labels=parts.labels, scale=parts.scale, model_hash=load(run / "model").model_hash,
    )  # fmt: skip
