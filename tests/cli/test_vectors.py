import json

import numpy as np
import pytest
from typer.testing import CliRunner

from contramuse.catalogue.library import Library
from contramuse.cli import app
from contramuse.errors import LibraryError, UserError
from listlibrary import write_lists

pytest.importorskip("implicit")
pytest.importorskip("gensim")


@pytest.fixture
def root(tmp_path):
    playlists = [["a", "b"], ["a"], ["b"], ["a", "b"], [], ["a"]]
    tags = [["calm", "piano"], ["loud"], ["loud", "live"], [], ["calm"], ["new"]]
    splits = ["train", "train", "valid", "train", "train", "test"]
    write_lists(tmp_path / "lib", groups={"playlists": playlists}, labels={"tags": ("multilabel", tags)}, splits=splits)
    return tmp_path / "lib"


def run(*arguments):
    done = CliRunner().invoke(app, ["vectors", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_from_playlists_to_a_list_of_vectors(root):
    assert "no vectors; make some" in run("list", root)
    said = run("cf", root, "--dim", 4)
    assert "5 numbers for each of 4 tracks" in said
    assert "1 tracks of train and valid that are in no list" in said
    assert "1 tracks of other splits, which are never inside" in said
    assert "8 numbers for each of 4 classes" in run("genre", root, "--dim", 8)
    said = run("list", root)
    assert "collaborative filtering 4 of 6 5 group playlists" in said
    assert "word vectors 4 of 6 8 tags" in said
    assert np.isnan(Library.open(root).vectors("cf")[[4, 5]]).all()


def test_playlists_from_a_file(root):
    file = root / "mine.json"
    file.write_text(json.dumps({"one": ["artist/000.wav", "artist/004.wav"], "two": ["000", "no such track"]}))
    said = run("cf", root, "--dim", 4, "--playlists", file, "--name", "mine")
    assert "each of 2 tracks" in said
    assert "1 entries of the lists name no track" in said
    assert np.isfinite(Library.open(root).vectors("mine")[[0, 4]]).all()


def test_mistakes_are_errors_of_ours(root):
    with pytest.raises(LibraryError, match="no such group"):
        CliRunner().invoke(app, ["vectors", "cf", str(root), "--by", "charts"], catch_exceptions=False)
    with pytest.raises(UserError, match="names no split"):
        CliRunner().invoke(app, ["vectors", "genre", str(root), "--splits", ","], catch_exceptions=False)
