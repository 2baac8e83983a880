"""A run that starts from another model's weights takes what fits, says what, and keeps what that model was taught."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import contramuse
from contramuse.catalogue.library import Library
from contramuse.checkpoint.model import Model, build_towers
from contramuse.cli import app
from contramuse.errors import UserError
from contramuse.probes.protocol import taught_labels
from contramuse.recipe import Recipe, load_recipe
from contramuse.train import fit
from contramuse.train.keeper import Keeper
from contramuse.train.origin import open_origin, take_weights
from contramuse.train.runs import stored_run
from minilibrary import write_library
from minimodel import make_model

SETTINGS = ["train.steps=2", "train.batch=4", "train.loggers=[csv]", "views.audio.take.seconds=0.5"]
TAGS = [
    "views.genre={take: {kind: tags, labels: genre}, tower: genre}",
    "towers.genre={frontend: stored, encoder: {kind: tag_mean, dim: 8}, head: {kind: mlp, out: 32}}",
    "contrasts=[{between: [audio, genre], target: {kind: same, by: track}, "
    "similarity: {kind: cosine, temperature: 0.1}, candidates: other_view}]",
]


def recipe(*more: str) -> Recipe:
    return load_recipe("tiny", [*SETTINGS, *more])


def start(model: Path, library: Library, *more: str) -> tuple[torch.nn.ModuleDict, Model, Any, list[str]]:
    wanted = recipe(*more).fitted(library)
    towers, origin = wanted.build_towers(), open_origin(model)
    taken, told = take_weights(towers, origin, wanted, library)
    return towers, origin.model, taken, told


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_the_same_towers_are_taken_whole(library: Library, tmp_path: Path) -> None:
    towers, model, taken, told = start(make_model(tmp_path / "m"), library)
    assert same(towers, model.towers)
    assert sum(taken["audio"].values()) == len(towers["audio"].state_dict())
    assert told == [
        f"tower audio: tensors taken: {taken['audio']['encoder']} of encoder, {taken['audio']['head']} of head"
    ]


def test_another_head_begins_anew(library: Library, tmp_path: Path) -> None:
    towers, model, taken, told = start(make_model(tmp_path / "m"), library, "towers.audio.head.out=48")
    assert same(towers["audio"].encoder, model.towers["audio"].encoder)
    assert set(taken["audio"]) == {"encoder"}
    assert told[0].endswith("of encoder; new: head")


def test_nothing_in_common_lists_both(library: Library, tmp_path: Path) -> None:
    model = make_model(tmp_path / "m", overrides=["towers.audio.encoder.dim=48"])
    with pytest.raises(UserError, match=r"nothing in common.*The model has audio \(.*numbers\); the recipe audio \("):
        start(model, library)
    assert not (tmp_path / "run").exists()


def test_a_momentum_tower_begins_as_a_copy(library: Library, tmp_path: Path) -> None:
    slow = [
        "towers.slow={follow: audio, momentum: 0.9}", "views.later={take: {kind: again, of: audio}, tower: slow}",
        "contrasts=[{between: [audio, later], target: {kind: same, by: track}, "
        "similarity: {kind: cosine, temperature: 0.1}}]",
    ]  # fmt: skip
    towers, model, taken, told = start(make_model(tmp_path / "m"), library, *slow)
    assert same(towers["slow"].encoder, model.towers["audio"].encoder)
    assert set(taken) == {"audio"}
    assert told[1] == "tower slow: a copy of audio"


def test_what_changed_around_the_weights_is_said(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library", sample_rate=16000)
    model = make_model(tmp_path / "m")
    _, _, _, told = start(model, library, "sample_rate=16000", "towers.audio.frontend.n_fft=512")
    assert told[1] == "the model heard 22,050 Hz, the library has 16,000 Hz"
    assert told[2].startswith("tower audio had another frontend: {'kind': ")


def test_a_run_says_where_it_began_and_what_its_weights_were_taught(library: Library, tmp_path: Path) -> None:
    fit(recipe(*TAGS), library, tmp_path / "first")
    text = StringIO()
    run = tmp_path / "second"
    fit(recipe(), library, run, origin=tmp_path / "first", console=Console(file=text, width=200))
    first, second = contramuse.load(tmp_path / "first"), contramuse.load(run)
    begun = stored_run(run)["from"]
    assert begun["model_hash"] == first.model_hash
    assert begun["taught"] == ["genre"]
    assert begun["company"] == ["tags genre"]
    assert begun["library_fingerprints"] == [library.fingerprint]
    assert second.info["extra"]["from"] == begun
    assert taught_labels(str(run / "model")) == ["genre"]
    assert "tower audio: tensors taken: " in text.getvalue()


def test_a_tower_of_tags_is_taken_only_where_its_numbers_mean_the_same(library: Library, tmp_path: Path) -> None:
    fit(recipe(*TAGS), library, tmp_path / "run")
    _, _, taken, _ = start(tmp_path / "run", library, *TAGS)
    assert set(taken) == {"audio", "genre"}
    _, _, taken, told = start(
        tmp_path / "run", library, *[text.replace("labels: genre", "labels: tags") for text in TAGS]
    )
    assert set(taken) == {"audio", "genre"}  # the same classes under another name
    info = json.loads((write_library(tmp_path / "other").root / "library.json").read_text())
    info["fields"][0]["classes"] = ["lively", "calm"]  # the other way round
    (tmp_path / "other" / "library.json").write_text(json.dumps(info))
    other = Library.open(tmp_path / "other")
    _, _, taken, told = start(tmp_path / "run", other, *TAGS)
    assert set(taken) == {"audio"}
    assert told[1] == "tower genre: nothing taken (the classes of genre are others)"


class StoppedError(Exception):
    pass


def test_a_run_that_stops_before_its_first_checkpoint_begins_there_again(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, run = make_model(tmp_path / "m", seed=7), tmp_path / "run"

    def die(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "save", die)
        with pytest.raises(StoppedError):
            fit(recipe(), library, run, origin=model)
    fit(recipe(), library, tmp_path / "whole", origin=model)
    fit(recipe(), library, run, start="resume")
    assert contramuse.load(run).model_hash == contramuse.load(tmp_path / "whole").model_hash
    fit(recipe(), library, tmp_path / "fresh")
    assert contramuse.load(run).model_hash != contramuse.load(tmp_path / "fresh").model_hash


def test_another_model_in_its_place_is_refused(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, run = make_model(tmp_path / "m", seed=7), tmp_path / "run"
    fit(recipe(), library, run, origin=model)
    (run / "checkpoints" / "last.ckpt").unlink()
    make_model(tmp_path / "m", seed=8)
    with pytest.raises(UserError, match="another model than the run was started from"):
        fit(recipe(), library, run, start="resume")


def test_the_command(library: Library, tmp_path: Path) -> None:
    def command(*arguments: object) -> Any:
        return CliRunner().invoke(app, ["train", *[str(a) for a in arguments]])

    model, run = make_model(tmp_path / "m"), tmp_path / "run"
    done = command("tiny", "--data", library.root, "-o", run, "--from", model, *SETTINGS)
    assert done.exit_code == 0, done.output
    assert "tower audio: " in done.output
    assert command("--resume", run).exit_code == 0
    for arguments, told in (
        (["--resume", run, "--from", model], "goes on with its own weights"),
        (
            ["tiny", "--data", library.root, "-o", tmp_path / "new", "--from", tmp_path / "no"],
            "there is no such folder",
        ),
    ):
        failed = command(*arguments)
        assert told in str(failed.exception), failed.output
    assert not (tmp_path / "new").exists()


def test_fresh_towers_are_not_the_models(library: Library, tmp_path: Path) -> None:
    model = contramuse.load(make_model(tmp_path / "m"))
    assert not same(build_towers(recipe().resolved(), sample_rate=22050), model.towers)
