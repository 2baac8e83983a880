"""Fine-tuning from end to end: what is frozen stays, what is tested is tested once, a run that stops goes on."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import contramuse
from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError, ModelFileError, TrainingError, UserError
from contramuse.probes.protocol import taught_labels
from contramuse.train.finetune import Settings, evaluate, fine_tune, resume
from contramuse.train.finetune.data import Windows
from contramuse.train.finetune.module import Classifier
from contramuse.train.keeper import Keeper, read_checkpoint

QUICK: dict[str, Any] = {"epochs": 2, "batch": 8}


def settings(*fields: str, **changed: Any) -> Settings:
    return Settings(fields=fields or ("genre",), **{**QUICK, **changed})


def state(run: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return dict(read_checkpoint(run / "checkpoints" / f"{name}.ckpt")["state_dict"])


def test_a_frozen_encoder_does_not_change_and_the_head_learns(library: Library, model: Path, tmp_path: Path) -> None:
    text = StringIO()
    done = fine_tune(
        str(model), library, tmp_path / "run", settings=settings(epochs=30, rate=3e-3),
        console=Console(file=text, width=200),
    )  # fmt: skip
    before, after = contramuse.load(model), contramuse.load(tmp_path / "run")
    assert after.model_hash == before.model_hash  # the very same weights
    assert after.info["extra"]["fine_tuned"]["from_model_hash"] == before.model_hash
    assert done.losses[-1] < done.losses[0]
    found = {row["metric"]: row for row in done.results["results"]}["accuracy"]
    assert found["low"] <= found["value"] <= found["high"]
    assert done.results["tracks"] == 8
    assert done.results["windows"] == 8 * 3
    assert np.sum(done.results["confusion"]) == 8
    assert json.loads((tmp_path / "run" / "test.json").read_text()) == json.loads(json.dumps(done.results))
    assert "genre: 24 tracks to train on (24 items an epoch), 8 to watch" in text.getvalue()
    assert (tmp_path / "run" / "tracks.txt").read_text().split() == library.ids[library.rows("train")].tolist()
    assert taught_labels(str(tmp_path / "run" / "model")) == []  # the encoder has seen no label


def test_batch_norm_of_a_frozen_encoder_is_unchanged_after_an_epoch(
    library: Library, normed: Path, tmp_path: Path
) -> None:
    small = settings(epochs=1, batch=12, share=0.5, valid_windows=1)
    fine_tune(str(normed), library, tmp_path / "run", settings=small)
    before = {f"towers.{k}": v for k, v in contramuse.load(normed).towers.state_dict().items()}
    after = state(tmp_path / "run")
    running = [name for name in before if "running" in name or "num_batches" in name]
    assert len(running) > 20
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_full_encoder_changes_and_its_layers_by_different_rates(
    library: Library, model: Path, tmp_path: Path
) -> None:
    slow = settings(encoder="full", layer_decay=0.5, steps=1, rate=1e-3, optimizer="sgd", head="linear")
    fine_tune(str(model), library, tmp_path / "run", settings=slow)
    optimizer = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["optimizer_states"][0]
    shares = {group["share"]: group["lr"] for group in optimizer["param_groups"]}
    assert sorted(shares) == [0.5**4, 0.5**3, 0.5**2, 0.5, 1.0] or len(shares) >= 4
    assert all(rate == pytest.approx(1e-3 * share) for share, rate in shares.items())
    assert contramuse.load(tmp_path / "run").model_hash != contramuse.load(model).model_hash
    assert taught_labels(str(tmp_path / "run" / "model")) == ["genre"]


@pytest.mark.parametrize(
    ("fields", "changed", "metrics"),
    [
        (("tags",), {"untagged": "out"}, {"roc_auc", "average_precision"}),
        (("tags",), {"untagged": "in", "aggregate": "logits", "segments": "all"}, {"roc_auc"}),
        (("tempo",), {"head": "linear", "aggregate": "embeddings"}, {"r2"}),
        (("genre",), {"share": 0.5, "augment": "recipe", "dropout": 0.5}, {"accuracy"}),
        (("genre",), {"share": 0.5, "share_rule": "powerset", "best_by": "loss", "precision": "bf16"}, {"accuracy"}),
    ],
)
def test_every_kind_of_label(
    library: Library, model: Path, tmp_path: Path, fields: tuple[str, ...], changed: Any, metrics: set[str]
) -> None:
    done = fine_tune(str(model), library, tmp_path / "run", settings=settings(*fields, **changed))
    assert metrics <= {row["metric"] for row in done.results["results"]}
    rows = library.rows("test")
    tagged = library.labels("tags")[rows].any(axis=1).sum()
    assert done.results["tracks"] == (tagged if fields == ("tags",) and changed["untagged"] == "out" else len(rows))
    if "share" in changed:
        assert len((tmp_path / "run" / "tracks.txt").read_text().split()) == 12
    again = evaluate(tmp_path / "run", library)
    assert again["results"] == done.results["results"]
    other = evaluate(tmp_path / "run", library, aggregate="embeddings", split="valid")
    assert other["split"] == "valid"


def test_a_corruption_changes_answers_the_same_way_each_time(library: Library, model: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    clean = fine_tune(str(model), library, run, settings=settings("tempo", epochs=1)).results
    noisy = ["colored_noise p=1.0", "bitcrush", "{kind: time_mask, p: 1.0}"]
    found = evaluate(run, library, corrupt=noisy)
    assert found["results"] != clean["results"]
    assert evaluate(run, library, corrupt=noisy)["results"] == found["results"]
    assert found["corrupt"]["words"] == "colored_noise, bitcrush, time_mask"
    assert evaluate(run, library, corrupt=["gain p=0"])["results"] == clean["results"]
    for wrong in ("bitcrash", "{kind: gain", "{kind: gain, db: loud}"):
        with pytest.raises(UserError, match=r"--corrupt"):
            evaluate(run, library, corrupt=[wrong])


def test_a_recipe_from_scratch(library: Library, tmp_path: Path) -> None:
    fresh = settings(encoder="full", start="scratch", epochs=1)
    overrides = ["embed.window=0.5", "embed.hop=0.5"]
    done = fine_tune("tiny", library, tmp_path / "run", settings=fresh, overrides=overrides)
    assert done.results["window"] == 0.5
    assert contramuse.load(tmp_path / "run").info["extra"]["fine_tuned"]["start"] == "scratch"


class StoppedError(Exception):
    pass


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"encoder": "full", "augment": "recipe", "segments": "all", "layers": 2, "norm": "batch"},
        {"encoder": "lora"},
    ],
)
def test_a_run_that_dies_goes_on_to_the_same_bits(
    library: Library, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: Any
) -> None:
    chosen = settings(epochs=4, dropout=0.3, optimizer="sgd", schedule="plateau", rate=0.1, patience=3, **changed)
    whole = fine_tune(str(model), library, tmp_path / "whole", settings=chosen)
    save, per_epoch = Keeper.save, 9 if "segments" in changed else 3

    def save_and_die(self: Keeper, trainer: Any, valid_loss: float | None) -> None:
        save(self, trainer, valid_loss)
        if trainer.global_step == 2 * per_epoch:
            raise StoppedError

    with monkeypatch.context() as patch, suppress(StoppedError):
        patch.setattr(Keeper, "save", save_and_die)
        fine_tune(str(model), library, tmp_path / "parts", settings=chosen)
        pytest.fail("the run was not stopped")
    torch.manual_seed(54321)
    rest = resume(tmp_path / "parts", library)
    one, other = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.results["results"] == rest.results["results"]
    assert rest.steps == whole.steps


def test_kill_9_before_and_after_the_first_checkpoint(library: Library, model: Path, tmp_path: Path) -> None:
    run = tmp_path / "killed"
    command = [
        "-m",
        "contramuse",
        "finetune",
        str(model),
        "--data",
        str(library.root),
        "--field",
        "genre",
        "-o",
        str(run),
    ]
    options = ["--batch", "4", "--epochs", "5", "--patience", "0", "--encoder", "full"]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen([sys.executable, *command, *options], **quiet)
    deadline = time.monotonic() + 60
    log = run / "log.csv"
    while child.poll() is None and time.monotonic() < deadline:
        if log.exists() and len(log.read_text().splitlines()) > 8:
            break
        time.sleep(0.005)
    assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    resume(run, library)
    chosen = Settings(fields=("genre",), batch=4, epochs=5, patience=0, encoder="full")
    fine_tune(str(model), library, tmp_path / "whole", settings=chosen)
    one, other = state(tmp_path / "whole"), state(run)
    assert all(torch.equal(one[name], other[name]) for name in one)
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    assert resume(run, library).steps == 5 * 6


def test_an_interrupt_saves_and_leaves_the_test_for_later(
    library: Library, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss_of = Classifier.loss_of

    def interrupted(self: Classifier, batch: Windows) -> torch.Tensor:
        if batch.number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss_of(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "loss_of", interrupted)
        done = fine_tune(str(model), library, tmp_path / "run", settings=settings())
    assert (done.stopped_by, done.results) == ("SIGTERM", None)
    assert not (tmp_path / "run" / "test.json").exists()
    assert resume(tmp_path / "run", library).results is not None


def test_validation_that_gains_no_more_ends_the_run_once_and_for_all(
    library: Library, model: Path, tmp_path: Path
) -> None:
    done = fine_tune(str(model), library, tmp_path / "run", settings=settings(epochs=200, patience=2, rate=1e-9))
    assert done.stopped_by == "patience"
    assert done.steps == 3 * 3  # the first look is the best
    assert resume(tmp_path / "run", library).steps == done.steps
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")["global_step"] == 3


def test_the_metric_of_a_protocol_chooses_the_best_and_ends_the_run(
    library: Library, model: Path, tmp_path: Path
) -> None:
    chosen = settings(epochs=9, patience=3, rate=3e-3, metric="balanced_accuracy")
    fine_tune(str(model), library, tmp_path / "run", settings=chosen)
    with open(tmp_path / "run" / "log.csv", newline="") as file:
        looks = [row for row in csv.DictReader(file) if row.get("valid_balanced_accuracy") and row["step"] != "0"]
    values = [float(row["valid_balanced_accuracy"]) for row in looks]
    assert [float(row["valid_error"]) for row in looks] == pytest.approx([1 - value for value in values])
    best = read_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")["global_step"]
    assert int(looks[int(np.argmax(values))]["step"]) == best
    assert len(values) == 9 or len(values) - 1 - int(np.argmax(values)) == 3
    with pytest.raises(UserError, match=r"metric: 'r2': is no metric of this field. accuracy, balanced_accuracy"):
        fine_tune(str(model), library, tmp_path / "other", settings=settings(metric="r2"))


def test_a_loss_that_is_not_finite(
    library: Library, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss_of = Classifier.loss_of
    monkeypatch.setattr(Classifier, "loss_of", lambda self, b: loss_of(self, b) * (math.nan if b.number == 3 else 1))
    with pytest.raises(TrainingError, match=r"loss: 'nan': is not a finite.*Lower --rate \(now 0.0003\).*last.ckpt"):
        fine_tune(str(model), library, tmp_path / "run", settings=settings())


def test_mistakes_leave_nothing_behind(library: Library, model: Path, tmp_path: Path) -> None:
    for wrong, told in (
        (settings("gener"), "no such label field"),
        (settings("genre", "tempo"), "cannot be learnt together"),
        (settings("tempo", "tempo2"), "no such label field"),
    ):
        with pytest.raises(LibraryError, match=told):
            fine_tune(str(model), library, tmp_path / "run", settings=wrong)
        assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="A recipe has no weights"):
        fine_tune("tiny", library, tmp_path / "run", settings=settings())
    with pytest.raises(UserError, match="are for recipes"):
        fine_tune(str(model), library, tmp_path / "run", settings=settings(), overrides=["train.batch=3"])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        fine_tune(str(model), library, tmp_path / "run", settings=settings())


def test_a_head_belongs_to_its_model_and_is_checked(library: Library, model: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fine_tune(str(model), library, run, settings=settings(epochs=1))
    info, weights = run / "head" / "model.json", run / "head" / "model.safetensors"
    whole, data = info.read_text(), weights.read_bytes()
    weights.write_bytes(data[:-4] + b"abcd")
    with pytest.raises(ModelFileError, match="does not belong"):
        evaluate(run, library)
    weights.write_bytes(data)
    info.write_text(json.dumps({**json.loads(whole), "model_hash": "0"}))
    with pytest.raises(ModelFileError, match="of another model"):
        evaluate(run, library)
    info.write_text("{}")
    with pytest.raises(ModelFileError, match="is not a head"):
        evaluate(run, library)
    info.unlink()
    with pytest.raises(ModelFileError, match="is missing"):
        evaluate(run, library)
