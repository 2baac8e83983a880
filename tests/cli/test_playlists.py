"""`contramuse playlists` as a user runs it, on a small library with a small model."""

import json

import pytest

from contramuse.checkpoint.model import load
from contramuse.embeddings import embed_library
from minilibrary import write_library
from minimodel import make_model


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    library = write_library(root / "library", tracks=30, seconds=1.0)
    embed_library(load(make_model(root / "model", seed=5)), library, root / "embeddings")
    lists = [{"id": f"p{n}", "tracks": [f"{(7 * n + 3 * i) % 30:03d}.wav" for i in range(8)]} for n in range(12)]
    (root / "lists.json").write_text(json.dumps(lists), encoding="utf-8")
    return root


def test_from_a_file_of_playlists_to_numbers(run, world):
    status, out, err = run(
        "playlists", world / "embeddings", "--playlists", world / "lists.json", "--baselines", "random,mfcc,popularity",
        "--at", "3", "--resamples", 100, "--json", world / "out.json",
    )  # fmt: skip
    assert status == 0, err
    assert "5 folds by artist" in " ".join(out.split())
    results = json.loads((world / "out.json").read_text())
    assert [s["name"] for s in results["systems"]] == ["tiny", "random weights", "MFCC statistics", "random order"]
    assert results["format"] == "contramuse playlists"
    cell = results["results"][0]
    assert cell["low"] <= cell["value"] <= cell["high"]


def test_mistakes(run, world):
    status, _, err = run("playlists", world / "embeddings")
    assert status == 2
    assert "no such group" in err
    status, _, err = run("playlists", world / "embeddings", "--at", "ten")
    assert status == 2
    assert "is no list of numbers" in err
