import json
import sys

import numpy as np
import pytest

from contramuse.catalogue.genre_vectors import Words, default_fields, make_genre_vectors
from contramuse.catalogue.vectors import read_class_vectors
from contramuse.errors import LibraryError, MissingDependencyError, UserError
from listlibrary import write_lists

pytest.importorskip("gensim")
HOW = Words(dim=8, epochs=3)


@pytest.fixture
def library(tmp_path):
    tags = [["rock", "loud"], ["rock", "loud", "live"], ["calm"], [], ["calm", "piano"], ["only in test", "calm"]]
    labels = {
        "tags": ("multilabel", tags), "style": ("multiclass", ["a", "a", "b", "b", None, "b"]),
        "tempo": ("numeric", [1.0] * 6),
    }  # fmt: skip
    splits = ["train", "train", "valid", "train", "train", "test"]
    return write_lists(tmp_path, groups={"artist": [["x"]] * 6}, labels=labels, splits=splits)


def test_a_vector_per_class_and_their_mean_per_track(library):
    made = make_genre_vectors(library, ["tags"], name="genre", how=HOW, splits=["train", "valid"])
    classes = read_class_vectors(library, "genre", field="tags")
    names = list(library.fields["tags"].classes)
    assert names == ["calm", "live", "loud", "only in test", "piano", "rock"]
    assert (classes[3] == 0).all()
    assert (np.abs(classes[[0, 1, 2, 4, 5]]).sum(axis=1) > 0).all()
    vectors = library.vectors("genre")
    np.testing.assert_allclose(vectors[1], classes[[1, 2, 5]].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(vectors[5], classes[0])
    assert np.isnan(vectors[3]).all()
    assert (made.classes, made.classes_without, made.tracks, made.longest) == (5, 1, 5, 3)
    about = json.loads((library.root / "vectors" / "genre.json").read_text())
    assert (about["window"], about["fields"], about["sentences"], about["dim"]) == (3, ["tags"], 4, 8)


def test_several_fields_are_one_sentence(library):
    make_genre_vectors(library, ["style", "tags"], name="both", how=HOW, splits=["train", "valid"])
    styles, tags = (read_class_vectors(library, "both", field=field) for field in ("style", "tags"))
    assert styles.shape == (2, 8)
    np.testing.assert_allclose(library.vectors("both")[0], np.stack([styles[0], tags[5], tags[2]]).mean(0), rtol=1e-5)


def test_b_2_3_size_128_by_default(library):
    make_genre_vectors(library, default_fields(library), name="genre", how=Words(), splits=["train"])
    assert library.vectors("genre").shape == (6, 128)


def test_the_same_seed_gives_the_same_numbers():
    sentences = [["1", "2"], ["2", "3"], ["1", "3", "2"]]
    first, again, other = (Words(dim=4, seed=seed).fit(sentences) for seed in (0, 0, 1))
    for word in "123":
        np.testing.assert_array_equal(first[word], again[word])
    assert not np.array_equal(first["1"], other["1"])


def test_words_that_stand_in_the_same_company_are_alike():
    """CBOW: a and b are never together but stand beside the same words; c and d likewise, beside others."""
    sentences = [["a", "x", "y"], ["b", "x", "y"], ["c", "u", "v"], ["d", "u", "v"]] * 200
    found = {word: v / np.linalg.norm(v) for word, v in Words(dim=16, epochs=20).fit(sentences).items()}
    assert found["a"] @ found["b"] > found["a"] @ found["c"] + 0.2


@pytest.mark.parametrize(
    ("fields", "message"),
    [(["style"], "one class at most"), (["mood"], "no such label field"), (["tempo"], "field of numbers")],
)
def test_fields_that_teach_nothing(library, fields, message):
    with pytest.raises(LibraryError, match=message):
        make_genre_vectors(library, fields, name="genre", how=HOW, splits=["train"])


def test_a_library_without_genres_or_tags(tmp_path):
    with pytest.raises(LibraryError, match="no field called genre or tags"):
        default_fields(write_lists(tmp_path, groups={"artist": [["x"]]}))


def test_settings_that_are_not_possible():
    with pytest.raises(UserError, match="is not possible"):
        Words(dim=0)


def test_without_gensim_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(MissingDependencyError, match=r"contramuse\[playlists\]"):
        HOW.fit([["a", "b"]])
