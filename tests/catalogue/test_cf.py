import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from contramuse.catalogue.cf import Factorisation, make_cf_vectors
from contramuse.catalogue.playlists import library_lists
from contramuse.errors import LibraryError, MissingDependencyError, UserError
from listlibrary import write_lists

pytest.importorskip("implicit")


def tastes(root, *, tracks=60, splits=None):
    """Two tastes: lists of 8 even or of 8 odd tracks; the last track is in none."""
    generator = np.random.default_rng(0)
    playlists = [[] for _ in range(tracks)]
    for number in range(40):
        for row in generator.choice(np.arange(number % 2, tracks - 1, 2), 8, replace=False):
            playlists[row].append(f"list {number}")
    return write_lists(root, groups={"playlists": playlists}, splits=splits)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize(("method", "columns"), [("bpr", 9), ("als", 8)])
def test_tracks_of_one_taste_are_alike(tmp_path, method, columns):
    library = tastes(tmp_path)
    vectors = Factorisation(method=method, dim=8).fit(library_lists(library, "playlists"), tracks=60)
    assert vectors.shape == (60, columns)
    assert vectors.dtype == np.float32
    assert np.isnan(vectors[59]).all()
    alike = unit(vectors[:59]) @ unit(vectors[:59]).T
    same = np.arange(59)[:, None] % 2 == np.arange(59) % 2
    assert alike[same & ~np.eye(59, dtype=bool)].mean() > alike[~same].mean() + 0.3


def test_b_2_3_300_dimensions_and_a_bias_are_301(tmp_path):
    assert Factorisation(epochs=1).fit(library_lists(tastes(tmp_path), "playlists"), tracks=60).shape == (60, 301)


def test_the_last_number_is_the_bias_which_is_larger_for_popular_tracks(tmp_path):
    groups = [["a", "b", "c", "d", "e", "f"] if row < 3 else ["abcdef"[row % 6]] for row in range(20)]
    lists = library_lists(write_lists(tmp_path, groups={"playlists": groups}), "playlists")
    bias = Factorisation(dim=4).fit(lists, tracks=20)[:, -1]
    assert bias[:3].min() > bias[3:].max()


@pytest.mark.parametrize("method", ["bpr", "als"])
def test_the_same_seed_gives_the_same_bytes(tmp_path, method):
    lists = library_lists(tastes(tmp_path), "playlists")
    first, again, other = (Factorisation(method=method, dim=8, seed=s).fit(lists, tracks=60) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("splits", [["train", "valid"], ["train"]])
def test_appendix_a_no_test_song_is_factorised(tmp_path, splits):
    """Moving test tracks between playlists changes no vector: nothing of them is inside."""
    of = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
    library = tastes(tmp_path / "a", splits=of)
    made = make_cf_vectors(
        library, library_lists(library, "playlists"), name="cf", how=Factorisation(dim=4, epochs=3), splits=splits,
        source="test",
    )  # fmt: skip
    vectors = library.vectors("cf")
    inside = np.isin(np.array(of), splits)
    assert np.isnan(vectors[~inside]).all()
    assert np.isfinite(vectors[inside]).all()
    assert (made.with_vector, made.other_splits, made.in_no_list) == (inside.sum(), (~inside).sum(), 0)
    playlists = [list(own) if inside[row] else ["other"] for row, own in enumerate(library.groups("playlists"))]
    moved = write_lists(tmp_path / "b", groups={"playlists": playlists}, splits=of)
    make_cf_vectors(
        moved, library_lists(moved, "playlists"), name="cf", how=Factorisation(dim=4, epochs=3), splits=splits,
        source="test",
    )  # fmt: skip
    np.testing.assert_array_equal(moved.vectors("cf")[inside], vectors[inside])
    about = json.loads((library.root / "vectors" / "cf.json").read_text())
    assert (about["method"], about["splits"], about["dim"], about["last_column"]) == (
        "bpr", splits, 5, "bias of the track",
    )  # fmt: skip


def test_test_tracks_are_refused(tmp_path):
    library = tastes(tmp_path)
    with pytest.raises(UserError, match="no test of its audio"):
        make_cf_vectors(
            library, library_lists(library, "playlists"), name="cf", how=Factorisation(), splits=["train", "test"],
            source="test",
        )  # fmt: skip


def test_no_two_tracks_in_a_list(tmp_path):
    library = write_lists(tmp_path, groups={"playlists": [["a"], ["b"], ["a"]]}, splits=["train", "train", "test"])
    lists = library_lists(library, "playlists")
    with pytest.raises(LibraryError, match="has no two tracks of train in one list"):
        make_cf_vectors(library, lists, name="cf", how=Factorisation(), splits=["train"], source="test")


@pytest.mark.parametrize("wrong", [{"method": "warp"}, {"dim": 0}, {"epochs": 0}])
def test_settings_that_are_not_possible(wrong):
    with pytest.raises(UserError, match="is not possible"):
        Factorisation(**wrong)


def test_no_warning_about_threads(tmp_path):
    lists = library_lists(tastes(tmp_path), "playlists")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Factorisation(method="als", dim=4, epochs=1).fit(lists, tracks=60)


def test_no_warning_about_threads_in_a_fresh_process(tmp_path):
    tastes(tmp_path)
    code = f"from contramuse.cli import app; app(['vectors', 'cf', {str(tmp_path)!r}, '--method', 'als', '--dim', '4'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "BLAS" not in done.stderr
    assert "4 numbers for each of 59 tracks" in done.stdout


def test_without_implicit_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(MissingDependencyError, match=r"contramuse\[playlists\]"):
        Factorisation(dim=4).fit(library_lists(tastes(tmp_path), "playlists"), tracks=60)
