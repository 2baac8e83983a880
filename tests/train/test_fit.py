"""Runs as a user sees them: what a run leaves behind, and how it ends when something is wrong."""

import errno
import json
import math
import os
import signal
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from rich.console import Console

import contramuse
from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError, MissingDependencyError, StorageError, TrainingError, UserError
from contramuse.recipe import Recipe, load_recipe
from contramuse.train import fit, journal, session
from contramuse.train.data import Batch, MusicData
from contramuse.train.keeper import WholeFiles, read_checkpoint
from contramuse.train.module import Contrastive, Seen
from contramuse.train.runs import next_run, same_vectors, stored_recipe, stored_run
from minilibrary import write_library

SETTINGS = ["train.steps=6", "train.watch_every=3", "train.checkpoint_every=3", "train.batch=4", "train.loggers=[csv]"]
SHORT = ["views.audio.take.seconds=0.5"]


def recipe(*more: str) -> Recipe:
    return load_recipe("tiny", [*SETTINGS, *SHORT, *more])


def finite(checkpoint: Path) -> bool:
    return all(bool(torch.isfinite(w).all()) for w in read_checkpoint(checkpoint)["state_dict"].values())


def test_a_run_leaves_all_that_is_needed(library: Library, tmp_path: Path) -> None:
    run, text = tmp_path / "run", StringIO()
    outcome = fit(recipe("train.loggers=[csv, tensorboard]"), library, run, console=Console(file=text, width=200))
    assert outcome.steps == 6
    assert outcome.stopped_by == ""
    assert stored_recipe(run).hash == recipe("train.loggers=[csv, tensorboard]").hash
    facts = stored_run(run)
    assert facts["library_fingerprint"] == library.fingerprint
    assert facts["train_tracks"] == 16
    assert facts["skipped_tracks"] == []
    assert facts["code_version"].startswith(contramuse.__version__)
    assert list((run / "tensorboard").glob("events*"))
    model = contramuse.load(str(run / "model"))
    assert model.info["library_fingerprint"] == library.fingerprint
    assert model.info["extra"]["steps"] in (3, 6)
    assert contramuse.load(str(run / "model-last")).info["extra"]["steps"] == 6
    for line in (
        "16 tracks to train on, 8 to watch",
        "forecast: about 6 steps",
        "step 3 |",
        "neighbours share (chance) genre",
        "6 steps in",
    ):
        assert line in text.getvalue()


def test_best_is_the_lowest_validation_loss(library: Library, tmp_path: Path) -> None:
    fit(recipe("train.steps=12", "train.optimizer.lr=0.01"), library, tmp_path / "run")
    header, *rows = [line.split(",") for line in (tmp_path / "run" / "log.csv").read_text().splitlines()]
    losses = {int(row[0]): float(row[header.index("valid_loss")]) for row in rows if row[header.index("valid_loss")]}
    best = read_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert losses[best["numbers"]["steps"]] == min(loss for step, loss in losses.items() if step)
    assert set(losses) == {0, 3, 6, 9, 12}


def test_a_loss_that_is_not_finite_stops_the_run(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, loss_of = tmp_path / "run" / "checkpoints" / "last.ckpt", Contrastive.loss_of

    def broken(self: Contrastive, batch: Batch) -> torch.Tensor:
        return loss_of(self, batch) * (math.nan if batch.number == 4 else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(Contrastive, "loss_of", broken)
        with pytest.raises(TrainingError, match=r"loss: 'nan': is not a finite number at step 5.*last.ckpt"):
            fit(recipe(), library, tmp_path / "run")
    assert finite(whole)
    assert read_checkpoint(whole)["global_step"] == 3
    assert fit(recipe(), library, tmp_path / "run", start="resume").steps == 6


def test_weights_that_are_not_finite_are_not_saved(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = session.Session.on_train_batch_end

    def poison(self: session.Session, trainer: Any, *arguments: Any) -> None:
        if trainer.global_step == 3:
            next(trainer.lightning_module.parameters()).data.view(-1)[0] = math.nan
        end(self, trainer, *arguments)

    monkeypatch.setattr(session.Session, "on_train_batch_end", poison)
    with pytest.raises(TrainingError, match="weights: hold numbers that are not finite at step 3"):
        fit(recipe(), library, tmp_path / "run")
    assert finite(tmp_path / "run" / "checkpoints" / "last.ckpt")


def test_a_full_disk_keeps_the_checkpoint_before(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, write = tmp_path / "run" / "checkpoints" / "last.ckpt", Path.write_bytes

    def full(self: Path, data: Any) -> int:
        if whole.exists() and self.name.startswith(".last.ckpt"):
            write(self, bytes(data)[:1000])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StorageError, match="No space left on device"):
            fit(recipe(), library, tmp_path / "run")
    assert read_checkpoint(whole)["global_step"] == 0
    assert [p.name for p in whole.parent.iterdir() if p.name.startswith(".")] == []
    assert fit(recipe(), library, tmp_path / "run", start="resume").steps == 6


def test_a_full_disk_under_the_log(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: journal.CsvLog, metrics: Any, step: int | None = None) -> None:
        if step == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "log.csv")

    monkeypatch.setattr(journal.CsvLog, "log_metrics", full)
    with pytest.raises(StorageError, match=r"log.csv.*--resume"):
        fit(recipe(), library, tmp_path / "run")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_finishes_the_step_and_saves(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    loss_of, before = Contrastive.loss_of, signal.getsignal(signal.SIGINT)

    def interrupted(self: Contrastive, batch: Batch) -> torch.Tensor:
        if batch.number == 1 and batch.after:
            os.kill(os.getpid(), number)
        return loss_of(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Contrastive, "loss_of", interrupted)
        outcome = fit(recipe(), library, tmp_path / "run")
    assert outcome.stopped_by == number.name
    assert outcome.steps == 2
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 2
    assert (tmp_path / "run" / "model" / "model.json").exists()
    assert signal.getsignal(signal.SIGINT) is before  # a background job starts with SIGINT ignored
    assert fit(recipe(), library, tmp_path / "run", start="resume").steps == 6


def test_a_folder_with_something_in_it_is_refused(library: Library, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"run: .*is not empty\. Choose another folder with -o"):
        fit(recipe(), library, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_second_run_into_a_run_changes_nothing(library: Library, tmp_path: Path) -> None:
    fit(recipe("train.steps=1"), library, tmp_path / "run")
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    with pytest.raises(UserError, match="is not empty"):
        fit(recipe("train.steps=2"), library, tmp_path / "run")
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before


def test_another_library_is_refused(library: Library, tmp_path: Path) -> None:
    fit(recipe(), library, tmp_path / "run")
    other = write_library(tmp_path / "other", tracks=24, seconds=1.0, seed=1)
    with pytest.raises(LibraryError, match="other tracks"):
        fit(recipe("train.steps=8"), other, tmp_path / "run", start="resume")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file"])
def test_a_damaged_checkpoint_is_told(library: Library, tmp_path: Path, content: bytes) -> None:
    fit(recipe("train.steps=1"), library, tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "last.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=r"checkpoint: .*is not a checkpoint, or damaged.*best.ckpt"):
        fit(recipe("train.steps=1"), library, tmp_path / "run", start="resume")


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_over(library: Library, tmp_path: Path) -> None:
    fit(recipe("train.steps=1"), library, tmp_path / "run")
    for file in (tmp_path / "run" / "checkpoints").iterdir():
        file.unlink()
    assert fit(recipe("train.steps=1"), library, tmp_path / "run", start="resume").steps == 1


def test_a_folder_that_is_no_run_is_not_resumed(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not the folder of a run"):
        fit(recipe(), library, tmp_path, start="resume")


def test_checkpoints_run_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {tmp_path / 'ran'}",))

    torch.save({"state_dict": Evil()}, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match="not a checkpoint"):
        WholeFiles().load_checkpoint(tmp_path / "last.ckpt")
    assert not (tmp_path / "ran").exists()


def test_a_logger_that_is_not_installed(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"wandb.*pip install 'contramuse\[wandb\]'"):
        fit(recipe("train.loggers=[wandb]"), library, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_half_precision_needs_a_gpu(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train.precision: '16'.*bf16"):
        fit(recipe("train.precision='16'"), library, tmp_path / "run", accelerator="cpu")


def test_another_rate_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="wants 16000 Hz and the library has 22050 Hz"):
        fit(recipe("sample_rate=16000"), library, tmp_path / "run")


def test_skipped_tracks_are_counted_and_listed(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library", tracks=12, seconds=1.0)
    library.store.lengths = np.where(np.isin(np.arange(12), [0, 3]), 5000, library.store.lengths)
    text = StringIO()
    chosen = recipe("views.audio.take.short=skip")
    fit(chosen, library, tmp_path / "run", console=Console(file=text, width=200))
    assert "2 tracks are too short and are skipped" in text.getvalue()
    assert stored_run(tmp_path / "run")["skipped_tracks"] == ["000.wav", "003.wav"]


def test_nothing_left_to_train_on(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library", tracks=12, seconds=1.0)
    with pytest.raises(LibraryError, match="no track of it can be trained on"):
        fit(recipe("views.audio.take={kind: crop, seconds: 9, short: skip}"), library, tmp_path / "run")


def test_without_validation_tracks_the_best_is_the_last(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library", tracks=2, seconds=1.0)
    text = StringIO()
    fit(recipe("train.batch=2"), library, tmp_path / "run", console=Console(file=text, width=200))
    assert "nothing is watched" in text.getvalue()
    assert not (tmp_path / "run" / "checkpoints" / "best.ckpt").exists()
    assert contramuse.load(str(tmp_path / "run" / "model")).info["extra"]["steps"] == 6


def test_minutes_end_the_run_and_are_not_spent_twice(library: Library, tmp_path: Path) -> None:
    outcome = fit(recipe(), library, tmp_path / "run", minutes=0.03)
    assert outcome.stopped_by == "time"
    assert stored_run(tmp_path / "run")["minutes"] == 0.03
    again = fit(recipe(), library, tmp_path / "run", minutes=0.0001, start="resume")
    assert again.stopped_by == "time"
    assert again.steps == outcome.steps
    assert stored_run(tmp_path / "run")["minutes"] == 0.0001


def test_collapse_is_said(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def alike(self: Contrastive, batch: Batch, *, purpose: str) -> Seen:
        seen = see(self, batch, purpose=purpose)
        if purpose == "validation":
            return replace(seen, z={name: torch.ones_like(z) + 1e-4 * z for name, z in seen.z.items()})
        return seen

    see, text = Contrastive.see, StringIO()
    monkeypatch.setattr(Contrastive, "see", alike)
    fit(recipe(), library, tmp_path / "run", console=Console(file=text, width=200))
    assert "collapse: all embeddings point the same way" in text.getvalue()


def test_measuring_a_step_leaves_no_trace(library: Library) -> None:
    chosen = recipe(
        "views.audio.take.seconds=2.678", "towers.audio.frontend=waveform", "towers.audio.encoder=sample_cnn"
    )
    module, data = Contrastive(chosen, sample_rate=22050), MusicData(chosen, library)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert session.measure_step(module, data.example()) > 0
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(weight.grad is None for weight in module.parameters())


def test_runs_are_numbered(tmp_path: Path) -> None:
    assert next_run("tiny", root=tmp_path) == tmp_path / "tiny-1"
    (tmp_path / "tiny-1").mkdir()
    assert next_run("tiny", root=tmp_path) == tmp_path / "tiny-2"


def test_recipe_file_of_a_run_is_yaml_that_trains_again(library: Library, tmp_path: Path) -> None:
    fit(recipe("train.steps=1"), library, tmp_path / "run")
    assert yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())["name"] == "tiny"
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"] == "tiny"


def test_vectors_that_were_made_anew_are_told_when_a_run_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        '{"library": "l", "library_fingerprint": "f", "minutes": null, "vectors": {"cf": "a"}}', encoding="utf-8"
    )
    same_vectors(tmp_path, {"cf": "a"})
    same_vectors(tmp_path, {"other": "b"})
    with pytest.raises(LibraryError, match="made anew"):
        same_vectors(tmp_path, {"cf": "b"})


def test_padding_and_labels_that_nothing_reads_are_said(library: Library, tmp_path: Path) -> None:
    text = StringIO()
    settings = ["views.audio.take.seconds=3.5", "sampler={kind: mixed, labels: genre}", "train.steps=1"]
    fit(recipe(*settings), library, tmp_path / "run", console=Console(file=text, width=200))
    said = text.getvalue()
    assert "16 of 16 tracks are shorter than what audio takes" in said
    assert "the sampler draws by the labels of genre, and no contrast reads them" in said
