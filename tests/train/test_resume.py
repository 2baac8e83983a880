"""A run that stops anywhere and goes on is the run that never stopped, to the last bit."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from contramuse.catalogue.library import Library
from contramuse.recipe import Recipe, load_recipe
from contramuse.train import fit
from contramuse.train.keeper import Keeper, read_checkpoint
from smallrecipes import small

SETTINGS = [
    "train.steps=10",
    "train.watch_every=5",
    "train.checkpoint_every=5",
    "train.batch=4",
    "views.audio.take.seconds=0.5",
    "views.audio.augment=[{kind: polarity, p: 0.5}, {kind: noise, p: 0.9}, {kind: time_mask}]",
    "train.loggers=[csv]",
]


def recipe(*more: str) -> Recipe:
    return load_recipe("tiny", [*SETTINGS, *more])


class StoppedError(Exception):
    pass


@contextmanager
def stopping_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process dies right after the checkpoint of ``step``."""
    save = Keeper.save

    def save_and_die(self: Keeper, trainer: Any, valid_loss: float | None) -> None:
        save(self, trainer, valid_loss)
        if trainer.global_step == step:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "save", save_and_die)
        with suppress(StoppedError):
            yield
            pytest.fail("the run was not stopped")


def tensors(value: Any, place: str = "") -> dict[str, torch.Tensor]:
    """Every tensor of a nested state, by its place."""
    if isinstance(value, torch.Tensor):
        return {place: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    found: dict[str, torch.Tensor] = {}
    for name, item in items:
        found |= tensors(item, f"{place}/{name}")
    return found


def assert_same_run(one: Path, other: Path) -> None:
    a, b = (read_checkpoint(run / "checkpoints" / "last.ckpt") for run in (one, other))
    assert a["global_step"] == b["global_step"]
    left, right = (tensors({"weights": s["state_dict"], "optimizer": s["optimizer_states"]}) for s in (a, b))
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name
    assert a["MusicData"] == b["MusicData"]


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("train.accumulate=2", "train.optimizer={kind: lars, lr: 0.5}"),
        ("train.optimizer={kind: sgd, lr: 0.01}", "train.clip=1", "train.precision=bf16"),
        ("train.schedule={kind: plateau, patience: 0, factor: 0.5}", "train.optimizer.lr=0.3", "train.watch_every=2"),
        ("contrasts.0.objective=sog_clr",),
        ("contrasts.0.objective=sigreg", "contrasts.0.similarity=euclidean"),
    ],
    ids=["adamw", "accumulated lars", "sgd in bf16", "plateau", "denominators of tracks", "directions of a step"],
)
def test_ten_steps_are_five_and_five_more(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    whole = fit(recipe(*more), library, tmp_path / "whole")
    with stopping_at(5, monkeypatch):
        fit(recipe(*more), library, tmp_path / "parts")
    torch.manual_seed(12345)
    rest = fit(recipe(*more), library, tmp_path / "parts", start="resume")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    assert whole.losses[5:] == rest.losses
    assert whole.found == rest.found


@pytest.mark.parametrize("name", ["clmr_byol", "momentum"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_towers_that_follow_and_queues_go_on(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, accumulate: int
) -> None:
    views = ["views.audio.take.seconds=2.0"] if name == "momentum" else []
    following = small(
        name, *SETTINGS[:4], *views, "views.audio.augment=[{kind: polarity, p: 0.5}, {kind: noise, p: 0.9}]",
        f"train.accumulate={accumulate}", "train.watch_every=10",
    )  # fmt: skip
    fit(following, library, tmp_path / "whole")
    with stopping_at(5, monkeypatch):
        fit(following, library, tmp_path / "parts")
    torch.manual_seed(12345)
    fit(following, library, tmp_path / "parts", start="resume")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    state = read_checkpoint(tmp_path / "whole" / "checkpoints" / "last.ckpt")["state_dict"]
    queues = [value for key, value in state.items() if key.endswith("queue.place")]
    assert [int(place) for place in queues] == [10 * accumulate * 8] * (name == "momentum")


def test_log_of_a_resumed_run_has_every_step_once(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stopping_at(5, monkeypatch):
        fit(recipe("train.checkpoint_every=5"), library, tmp_path / "run")
    with (tmp_path / "run" / "log.csv").open("a") as file:
        file.write("6,1.0\n7,1.0\n")  # steps after the checkpoint, of a session that was killed
    fit(recipe("train.checkpoint_every=5"), library, tmp_path / "run", start="resume")
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == list(range(11))


def test_kill_9(library: Library, tmp_path: Path) -> None:
    settings = [*SETTINGS, "train.steps=60", "train.checkpoint_every=3", "train.watch_every=30"]
    run = tmp_path / "killed"
    command = ["-m", "contramuse", "train", "tiny", "--data", str(library.root), "-o", str(run), *settings]
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while child.poll() is None and time.monotonic() < deadline and not _beyond(run / "log.csv", 10):
        time.sleep(0.005)
    assert child.poll() is None, child.stderr.read().decode() if child.stderr else ""
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not (run / "model").exists()
    fit(load_recipe("tiny", settings), library, run, start="resume")
    fit(load_recipe("tiny", settings), library, tmp_path / "whole")
    assert_same_run(tmp_path / "whole", run)
    assert (run / "model" / "model.json").exists()


def _beyond(log: Path, step: int) -> bool:
    return log.exists() and any(line.startswith(f"{step},") for line in log.read_text().splitlines())


def test_a_finished_run_stays_as_it_is(library: Library, tmp_path: Path) -> None:
    fit(recipe("train.steps=3"), library, tmp_path / "run")
    before = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["state_dict"]
    outcome = fit(recipe("train.steps=3"), library, tmp_path / "run", start="resume")
    after = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["state_dict"]
    assert outcome.steps == 3
    assert all(torch.equal(after[name], value) for name, value in before.items())
