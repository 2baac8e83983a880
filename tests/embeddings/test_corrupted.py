"""Corrupted embeddings where they are used: a search and a probe that know of it."""

import numpy as np
import pytest
from typer.testing import CliRunner

from contramuse.checkpoint.model import load
from contramuse.cli import app
from contramuse.embeddings import Embeddings, embed_files, embed_library
from contramuse.embeddings.store import corrupted_by
from contramuse.errors import EmbeddingsError, UserError
from contramuse.probes import Settings, probe
from contramuse.search import resolve, search
from minilibrary import write_library
from minimodel import make_model, write_tone

CORRUPT = ("semisupcon severity=3", "reverse")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(make_model(tmp_path_factory.mktemp("models") / "model"))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"), tracks=40, seconds=2.0)


@pytest.fixture(scope="module")
def clean(model, library, tmp_path_factory):
    embed_library(model, library, tmp_path_factory.mktemp("clean") / "out")
    return Embeddings.open(tmp_path_factory.getbasetemp() / "clean0" / "out")


@pytest.fixture(scope="module")
def corrupted(model, library, tmp_path_factory):
    out = tmp_path_factory.mktemp("corrupted") / "out"
    embed_library(model, library, out, corrupt=CORRUPT)
    return Embeddings.open(out)


def test_a_search_takes_tracks_of_the_collection_and_no_clean_file(corrupted, tmp_path):
    hits = search(corrupted, resolve(corrupted, "Tune 3"), k=3)
    assert len(hits) == 3
    write_tone(tmp_path / "new.wav", seconds=2.0)
    with pytest.raises(EmbeddingsError, match=r"corrupted windows \(semisupcon severity=3.0, reverse\)"):
        resolve(corrupted, str(tmp_path / "new.wav"))


def test_a_probe_says_so_and_its_random_weights_hear_the_same(clean, corrupted, library):
    settings = Settings(probes=("knn",), baselines=("random", "mel"), seeds=1, resamples=100, tasks=("tempo",))
    found = probe(corrupted, library=library, against=[clean], settings=settings)
    names = [system["name"] for system in found["systems"]]
    assert names[0] == "tiny (corrupted0), corrupted by semisupcon severity=3.0, reverse"
    assert not any("corrupted" in name for name in names[1:])
    by_name = {system["name"]: system for system in found["systems"]}
    assert by_name[names[0]]["corrupt"] == "semisupcon severity=3.0, reverse"
    assert by_name["random weights"]["note"].endswith("the same windows, corrupted by semisupcon severity=3.0, reverse")
    assert by_name["mean log-mel"]["note"].endswith("of the clean tracks")
    assert by_name["random weights of tiny"]["note"].endswith("the same windows")
    cached = [Embeddings.open(folder).meta for folder in (library.root / "baselines").glob("random-*")]
    assert sorted(map(corrupted_by, cached)) == ["", "semisupcon severity=3.0, reverse"]
    probe(clean, library=library, settings=settings)
    assert len(list((library.root / "baselines").glob("random-*"))) == 2


def test_a_file_and_the_library_that_holds_it_are_corrupted_alike(model, tmp_path):
    """Draws depend on the content's hash, not on where it is from."""
    write_tone(tmp_path / "a" / "one.wav", seconds=4.0)
    write_tone(tmp_path / "b" / "another name.wav", seconds=4.0)
    write_tone(tmp_path / "b" / "0.wav", seconds=4.0, seed=1)
    for name in "ab":
        files = sorted((tmp_path / name).glob("*.wav"))
        embed_files(model, files, tmp_path / f"out {name}", corrupt=CORRUPT)
    one, both = (Embeddings.open(tmp_path / f"out {name}") for name in "ab")
    row = both.ids.tolist().index(one.ids[0])
    np.testing.assert_allclose(both.vectors[row], one.vectors[0], atol=1e-4)


def test_command(model, library, tmp_path):
    command = ["embed", str(model.path), str(library.root), "-o", str(tmp_path / "out"), "--corrupt"]
    done = CliRunner().invoke(app, [*command, "bitcrush", "--corrupt", "gain p=1", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert corrupted_by(Embeddings.open(tmp_path / "out").meta) == "bitcrush, gain"
    refused = CliRunner().invoke(app, [*command, "wow", "--device", "cpu"])
    assert isinstance(refused.exception, UserError)
    assert "time_stretch, splice, reverb" in str(refused.exception)
