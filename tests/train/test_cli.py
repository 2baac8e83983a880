from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contramuse.catalogue.library import Library
from contramuse.cli import app
from contramuse.errors import UserError

SETTINGS = ["train.steps=2", "train.batch=4", "train.loggers=[csv]", "views.audio.take.seconds=0.5"]


def command(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["train", *[str(a) for a in arguments]])


def test_trains_and_goes_on(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("tiny", "--data", library.root, *SETTINGS)
    assert done.exit_code == 0, done.output
    assert "model: runs/tiny-1/model" in done.output
    again = command("--resume", "runs/tiny-1")
    assert again.exit_code == 0, again.output
    same = command("tiny", "--data", library.root, "--resume", "runs/tiny-1", *SETTINGS)
    assert same.exit_code == 0, same.output
    other = command("tiny", "--data", library.root, "--resume", "runs/tiny-1", "train.steps=3")
    assert isinstance(other.exception, UserError)
    assert "other settings" in str(other.exception)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "RECIPE: is missing"),
        (["tiny"], "--data: is missing"),
        (["tiny", "--data", "/nowhere"], "is not a finished library"),
        (["--resume", "/nowhere"], "is not the folder of a run"),
        (["--resume", "run", "-o", "other"], "Leave out -o"),
        (["tini", "--data", "LIBRARY"], "is not a shipped recipe"),
        (["tiny", "--data", "LIBRARY", "train.batch=many"], "train.batch"),
        (["tiny", "--data", "LIBRARY", "--devices", "two"], "is not a number of devices"),
        (["tiny", "--data", "LIBRARY", "-o", "RUN", "train.batch=4000"], "train.batch=16"),
    ],
)
def test_mistakes_are_user_errors(library: Library, tmp_path: Path, arguments: list[str], told: str) -> None:
    places = {"LIBRARY": str(library.root), "RUN": str(tmp_path / "run")}
    failed = command(*[places.get(a, a) for a in arguments])
    assert isinstance(failed.exception, UserError), failed.output
    assert told in str(failed.exception)
    assert not (tmp_path / "run").exists()
