from pathlib import Path
from typing import Any

import pytest
import yaml
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


def test_a_recipe_that_took_its_widths_from_the_library_is_still_the_same(library: Library, tmp_path: Path) -> None:
    tags = [
        "views.genre={take: {kind: tags, labels: genre}, tower: genre}",
        "towers.genre={frontend: stored, encoder: {kind: tag_mean, dim: 8}, head: {kind: mlp, out: 32}}",
    ]
    done = command("tiny", "--data", library.root, "-o", tmp_path / "run", *SETTINGS, *tags)
    assert done.exit_code == 0, done.output
    again = command("tiny", "--data", library.root, "--resume", tmp_path / "run", *SETTINGS, *tags)
    assert again.exit_code == 0, again.exception


def test_a_run_of_a_version_with_fewer_settings_goes_on(library: Library, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert command("tiny", "--data", library.root, "-o", run, *SETTINGS).exit_code == 0
    written = yaml.safe_load((run / "recipe.yaml").read_text())
    for name in ("patience", "keep_every", "batch_norm"):
        del written["train"][name]
    (run / "recipe.yaml").write_text(yaml.safe_dump(written))
    same = command("tiny", "--data", library.root, "--resume", run, *SETTINGS)
    assert same.exit_code == 0, same.exception


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "RECIPE: is missing"),
        (["tiny"], "--data: is missing"),
        (["tiny", "--data", "/nowhere"], "is not a finished library"),
        (["--resume", "/nowhere"], "is not the folder of a run"),
        (["tiny", "--data", "LIBRARY", "-o", "RUN", "--accelerator", "toaster"], "'toaster': cannot be used"),
        (["tiny", "--data", "LIBRARY", "-o", "RUN", "views.audio.take.seconds=0.01"], "too short for n_fft 1024"),
        (["tiny", "--data", "LIBRARY", "-o", "RUN", "contrasts.0.target.by=nobody", *SETTINGS], "no such id"),
        (["--resume", "run", "-o", "other"], "Leave out -o"),
        (["--resume", "run", "train.batch=4"], "A run goes on with its own settings"),
        (["train.batch=4", "--data", "LIBRARY"], "Write RECIPE first"),
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


@pytest.mark.parametrize(
    ("name", "written", "told"),
    [
        ("run.json", "{}", "damaged or another program's"),
        ("run.json", "[1]", "damaged or another program's"),
        ("recipe.yaml", "text", "is no recipe"),
        ("recipe.yaml", "a: [", "has no recipe.yaml that can be read"),
    ],
)
def test_a_damaged_run_is_told(library: Library, tmp_path: Path, name: str, written: str, told: str) -> None:
    facts = '{"library": "LIBRARY", "library_fingerprint": "0", "minutes": null}'
    (tmp_path / "run.json").write_text(facts.replace("LIBRARY", str(library.root)))
    (tmp_path / name).write_text(written)
    failed = command("--resume", tmp_path)
    assert isinstance(failed.exception, UserError), failed.output
    assert told in str(failed.exception)


@pytest.mark.parametrize("setting", ["views.audio.take.count=1", "train.batch=1"])
def test_a_loss_that_nothing_can_lower_is_said(library: Library, tmp_path: Path, setting: str) -> None:
    done = command("tiny", "--data", library.root, "-o", tmp_path / "run", *SETTINGS, setting)
    assert "the loss is exactly 0" in done.output


def test_a_folder_of_something_else_is_left_alone(library: Library, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    failed = command("tiny", "--data", library.root, "-o", tmp_path, *SETTINGS)
    assert "Choose another folder with -o" in str(failed.exception)
    assert "--resume" not in str(failed.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    failed = command("tiny", "--data", library.root, "-o", tmp_path / "precious.txt", *SETTINGS)
    assert "is a file" in str(failed.exception)
