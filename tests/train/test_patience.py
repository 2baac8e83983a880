"""A run ends when validation gets no better, and one that was interrupted ends where the whole one does."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from contramuse.catalogue.library import Library
from contramuse.errors import RecipeError
from contramuse.recipe import Recipe, load_recipe
from contramuse.train import fit
from contramuse.train.keeper import Keeper, read_checkpoint
from contramuse.train.session import Session
from contramuse.train.watch import Watch
from minilibrary import write_library

SETTINGS = ["train.steps=40", "train.batch=4", "train.loggers=[csv]", "views.audio.take.seconds=0.5"]


def recipe(*more: str) -> Recipe:
    return load_recipe("tiny", [*SETTINGS, "train.watch_every=3", "train.patience=2", *more])


@pytest.fixture
def falling_until_6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation losses 10 - step until step 6, then 9."""

    def look(self: Watch, trainer: Any, module: Any, data: Any) -> dict[str, float]:
        return {"valid_loss": 10.0 - trainer.global_step if trainer.global_step <= 6 else 9.0}

    monkeypatch.setattr(Watch, "look", look)


@pytest.mark.usefixtures("falling_until_6")
def test_it_ends_after_so_many_looks_and_stays_ended(library: Library, tmp_path: Path) -> None:
    text, run = StringIO(), tmp_path / "run"
    done = fit(recipe(), library, run, console=Console(file=text, width=200))
    assert (done.steps, done.stopped_by) == (12, "patience")
    assert "validation was best at step 6; 2 looks without a gain: the end" in text.getvalue()
    assert read_checkpoint(run / "checkpoints" / "best.ckpt")["global_step"] == 6
    again = fit(recipe(), library, run, start="resume", console=Console(file=text, width=200))
    assert (again.steps, again.stopped_by) == (12, "patience")
    assert "the run has ended (patience)" in text.getvalue()
    assert text.getvalue().count("forecast: ") == 1


@pytest.mark.usefixtures("falling_until_6")
@pytest.mark.parametrize("signalled_at", [7, 8, 10])
def test_a_signal_is_no_look(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signalled_at: int
) -> None:
    end = Session.on_train_batch_end

    def interrupted(self: Session, trainer: Any, *arguments: Any) -> None:
        if trainer.global_step == signalled_at:
            self._pace.stopped_by, self._pace.last, trainer.should_stop = "SIGTERM", True, True
        end(self, trainer, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "on_train_batch_end", interrupted)
        first = fit(recipe(), library, tmp_path / "run")
    assert (first.steps, first.stopped_by) == (signalled_at, "SIGTERM")
    rest = fit(recipe(), library, tmp_path / "run", start="resume")
    assert (rest.steps, rest.stopped_by) == (12, "patience")


@pytest.mark.usefixtures("falling_until_6")
def test_0_never_ends_a_run(library: Library, tmp_path: Path) -> None:
    done = fit(recipe("train.patience=0", "train.steps=15"), library, tmp_path / "run")
    assert (done.steps, done.stopped_by) == (15, "")


def test_nothing_to_wait_for_is_refused(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library", tracks=5, seconds=1.0)  # one of them to watch
    with pytest.raises(RecipeError, match=r"train.patience: '2': waits for a better validation loss"):
        fit(recipe("train.batch=2"), library, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_session_may_begin_with_a_look(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, settings = Keeper.save, ("train.steps=13", "train.watch_every=13", "train.checkpoint_every=12")

    def die(self: Keeper, trainer: Any, valid_loss: float | None) -> None:
        save(self, trainer, valid_loss)
        if trainer.global_step == 12:
            raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "save", die)
        with pytest.raises(KeyError):
            fit(recipe(*settings), library, tmp_path / "run")
    assert fit(recipe(*settings), library, tmp_path / "run", start="resume").steps == 13
