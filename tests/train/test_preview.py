"""What `recipes check --data` says before anything is trained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from contramuse.catalogue.library import Library
from contramuse.cli import app
from contramuse.errors import LibraryError, UserError
from contramuse.recipe import load_recipe
from contramuse.train.preview import preview
from minilibrary import write_library

MEL = "towers.audio.frontend={kind: choi_mel, mean: 2.0, std: 3.0}"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_library(tmp_path_factory.mktemp("library"), tracks=24, seconds=2.0)


def test_shapes_are_those_of_one_batch(library: Library) -> None:
    recipe = load_recipe("tiny", ["train.batch=8", "towers.audio.heads={a: {kind: mlp, out: 7}, b: {kind: linear}}",
                                  "towers.audio.head=null", "contrasts.0.between=[audio.a]"])  # fmt: skip
    found = preview(recipe, library)
    assert found[0] == "tracks    16 to train on, 8 to watch"
    (view,) = [line for line in found if line.startswith("view")]
    tower = recipe.build_towers()["audio"].eval()
    x = torch.zeros(16, 1, 33075)
    features = tower.features(x)
    wanted = f"audio: int16 [16, 1, 33075] -> log_mel {list(features.shape)} -> mel_transformer {[16, tower.dim]}"
    assert view == f"view      {wanted} -> a [16, 7], b [16, 128]"


def test_statistics_are_those_of_the_crops(library: Library) -> None:
    """Whole tracks as crops, so that nothing is drawn."""
    recipe = load_recipe("tiny", [MEL, "views.audio.take={kind: crop, seconds: 2.0}", "train.batch=8"])
    line, advice = preview(recipe, library)[-2:]
    tower = recipe.build_towers()["audio"]
    rows = library.rows("train")
    x = torch.from_numpy(library.store.gather(rows, 0 * rows, int(library.store.lengths[rows[0]]))).float() / 32768
    mel = tower.features(x[:, None] if x.ndim == 2 else x).double()
    mean, deviation = map(float, re.findall(r"(?:mean|deviation) (-?[\d.]+)", line))
    assert mean == pytest.approx(float(mel.mean()), abs=1e-3)
    assert deviation == pytest.approx(float(mel.std(correction=0)), abs=1e-3)
    assert "choi_mel of tower audio" in line
    settings = advice.split(": ")[1].split()
    again = preview(recipe_with(settings), library)
    assert "mean -0.0000, standard deviation 1.0000" in again[-1].replace("mean 0.0000", "mean -0.0000")


def recipe_with(settings: list[str]) -> object:
    return load_recipe("tiny", [MEL, "views.audio.take={kind: crop, seconds: 2.0}", "train.batch=8", *settings])


def test_segments_are_named(tmp_path: Path) -> None:
    library = write_library(tmp_path / "lib", tracks=12, seconds=10.0, sample_rate=16000)
    head = ["towers.audio.head.steps=1", "towers.audio.head.predictions=1"]
    overrides = ["train.batch=4", "views.audio.take.seconds=10.0", *head]
    found = preview(load_recipe("choi_cpc", overrides), library)
    (view,) = [line for line in found if line.startswith("view")]
    assert re.search(r"target \[4, \d+ segments?, 128\], prediction \[4, \d+ segments?, 128\]", view)


def test_what_does_not_fit_is_refused(library: Library) -> None:
    with pytest.raises(UserError, match="22050"):
        preview(load_recipe("choi"), library)
    with pytest.raises(LibraryError):
        preview(load_recipe("tiny", ["train.batch=64"]), library)


def test_command(library: Library, tmp_path: Path) -> None:
    command = ["recipes", "check", "tiny", "train.batch=8", "--data", str(library.root)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "16 to train on" in done.output
    assert "features  log_mel of tower audio" in done.output
    refused = CliRunner().invoke(app, ["recipes", "check", "choi", "--data", str(library.root)])
    assert refused.exit_code == 2
    assert refused.output.startswith("wrong  choi")
    refused = CliRunner().invoke(app, ["recipes", "check", "--data", str(library.root)])
    assert "takes one recipe" in str(refused.exception)
    done = CliRunner().invoke(app, ["recipes", "check", "tiny", "clmr"])
    assert done.exit_code == 0
    assert "tracks" not in done.output
