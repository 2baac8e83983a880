"""Tags and playlists as queries, of a model that heard them in training, as a user asks them."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional

import contramuse
from contramuse.catalogue.vectors import write_vectors
from contramuse.embeddings import Embeddings, embed_library
from contramuse.errors import EmbeddingsError, LibraryError, UserError
from contramuse.search import from_playlist, from_tags, search
from contramuse.search.modalities import _doors, _numbers
from crossmodal import train_cross, write_cross_library
from minimodel import make_model


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("cross")
    library = write_cross_library(root / "library")
    train_cross(library, root / "run", steps=200)
    embed_library(contramuse.load(root / "run/model-last").giving(["head"]), library, root / "head")
    return root, library


@pytest.mark.parametrize("genre", ["calm", "lively"])
def test_a_genre_finds_tracks_of_it_that_training_never_saw(run, world, genre):
    root, _ = world
    status, text, _ = run(
        "search", root / "head", "--genre", genre, "-k", 8, "--where", "split=valid", "--show", "genre", "--json"
    )
    assert status == 0
    answer = json.loads(text)
    assert np.mean([hit["genre"] == genre for hit in answer["results"]]) >= 0.75  # chance: 0.5
    assert answer["query"]["means"] == f"genre {genre}, through the tower genre"
    assert answer["index"]["similarity"] == "cosine"
    assert answer["weights"] == {"head": 1.0}


def test_similarities_are_plain_cosines_of_what_the_towers_give(world):
    root, library = world
    model = contramuse.load(root / "run" / "model-last")
    found = Embeddings.open(root / "head")
    number = library.fields["genre"].classes.index("lively") + 1
    tags = torch.zeros(1, 10, dtype=torch.int64)
    tags[0, 0] = number
    z = functional.normalize(model.towers["genre"].project(tags), dim=1)[0].numpy()
    wanted = found.vectors @ z / np.linalg.norm(found.vectors, axis=1)
    hits = search(found, from_tags(found, {"genre": ["Lively"]}), k=len(found))
    assert len(hits) == len(found)
    np.testing.assert_allclose([hit.similarity for hit in hits], wanted[[hit.row for hit in hits]], atol=1e-5)


def test_genres_combine_and_conditions_know_the_query(world):
    root, _ = world
    found = Embeddings.open(root / "head")
    both = from_tags(found, {"genre": ["lively", "calm"]})
    assert both.facts == {"genre": ("lively", "calm")}
    one = from_tags(found, {"genre": ["lively"]})
    hits = search(found, one, k=5, where="genre!=@query")
    assert {int(hit.path[:3]) % 2 for hit in hits} == {0}  # the even ones are calm


def test_a_playlist_through_the_tower_of_vectors(run, world):
    root, library = world
    status, text, _ = run("search", root / "head", "--playlist", "lively", "-k", 10, "--show", "genre")
    assert status == 0
    assert "Nearest to playlists lively: the mean of 16 of its 18 tracks, through the tower cf" in text
    found = Embeddings.open(root / "head")
    query = from_playlist(found, library, "lively")
    hits = search(found, query, k=10)
    lists = library.groups("playlists")
    assert all("lively" not in lists[hit.row] for hit in hits)  # what the query is made of is no answer
    assert np.mean([library.column("genre")[hit.row] == "lively" for hit in hits]) >= 0.8
    status, text, _ = run("search", root / "head", "--playlist", "lively", "--data", library.root, "--json")
    assert status == 0
    assert json.loads(text)["query"]["playlists"] == ["lively"]


def test_a_playlist_by_its_tracks_embeddings(run, world, tmp_path):
    """Where the model has no tower of vectors, or one that was trained on others."""
    root, library = world
    plain = contramuse.load(make_model(tmp_path / "model", overrides=["sample_rate=8000"]))
    embed_library(plain, library, tmp_path / "plain")
    status, text, _ = run("search", tmp_path / "plain", "--playlist", "calm", "-k", "3")
    assert status == 0
    assert "the mean of the embeddings of 18 of its 18 tracks (the model has no tower of vectors)" in text
    other = write_cross_library(tmp_path / "other")
    turned = -library.vectors("cf")
    write_vectors(other, "cf", turned, provenance={})
    found = Embeddings.open(root / "head")
    query = from_playlist(found, type(other).open(other.root), "calm")
    assert "vectors cf are not those that the model was trained on" in query.means
    vectors = found.vectors[[i for i, names in enumerate(library.groups("playlists")) if "calm" in names]]
    np.testing.assert_allclose(query.vector, vectors.mean(0), atol=1e-5)


def test_test_tracks_of_a_playlist_are_not_in_the_query(world, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    root, _ = world
    library = write_cross_library(tmp_path / "library")
    table = pq.read_table(library.root / "index.parquet")
    splits = ["test" if row in (1, 3) else split for row, split in enumerate(library.column("split"))]
    table = table.set_column(table.schema.get_field_index("split"), "split", pa.array(splits))
    pq.write_table(table, library.root / "index.parquet")
    library = type(library).open(library.root)
    query = from_playlist(Embeddings.open(root / "head"), library, "lively")
    assert "14 of its 18 tracks" in query.means
    assert len(query.ids) == 16
    assert not {library.ids[1], library.ids[3]} & set(query.ids)


def test_embeddings_of_another_space_are_refused_with_the_command(run, world, tmp_path):
    root, library = world
    embed_library(contramuse.load(root / "run" / "model-last"), library, tmp_path / "plain")
    for asked in (("--genre", "calm"), ("--playlist", "calm")):
        status, _, err = run("search", tmp_path / "plain", *asked)
        assert status == 2
        assert (
            f"contramuse embed {root.resolve()}/run/model-last {library.root.resolve()} -o {tmp_path}/plain-head "
            "--output head" in err
        )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--genre", "lvely"], "Did you mean lively?"),
        (["--tag", "mood=calm"], "It was trained with: genre."),
        (["--genre", "no such thing"], "--genre: 'no such thing'"),
        (["--tag", "calm"], "FIELD=VALUE"),
        (["--tag", "genre="], "FIELD=VALUE"),
        (["--playlist", "calmer"], "Did you mean calm?"),
        (["--genre", "calm", "--playlist", "calm"], "Ask for one"),
        (["Tune 3", "--genre", "calm"], "Ask for one"),
        ([], "is missing"),
        (["Tune 3", "--data", "x"], "for --playlist alone"),
        (["--playlist", "calm", "--data", "nowhere"], "is not a finished library"),
        (["Tune 3", "--weigh", "key=2"], "The parts of these embeddings: head"),
        (["Tune 3", "--weigh", "head"], "PART=NUMBER"),
    ],
)
def test_a_mistake_is_one_message_and_status_2(run, world, arguments, problem):
    status, _, err = run("search", world[0] / "head", *arguments)
    assert status == 2
    assert problem in err
    assert len(err.strip().splitlines()) == 1


def test_a_model_of_audio_alone_answers_no_tags(world, tmp_path):
    _, library = world
    plain = contramuse.load(make_model(tmp_path / "model", overrides=["sample_rate=8000"]))
    embed_library(plain, library, tmp_path / "plain")
    with pytest.raises(UserError, match="no tower of tags"):
        from_tags(Embeddings.open(tmp_path / "plain"), {"genre": ["calm"]})


def test_playlists_that_a_library_does_not_have(world):
    root, library = world
    with pytest.raises(LibraryError, match="It has: calm, lively"):
        from_playlist(Embeddings.open(root / "head"), library, "p9")


def test_the_head_that_shares_a_contrast_is_asked(tmp_path):
    """``everything`` contrasts vectors with the head "pairs"; its other heads weigh nothing."""
    overrides = ["towers.cf.encoder={kind: dense, width: 5}"]
    model = contramuse.load(make_model(tmp_path / "model", recipe="everything", overrides=overrides))
    assert list(_doors(model, "cf")) == [("", "pairs")]
    cross = contramuse.load(make_model(tmp_path / "cross", recipe="playlist_cross"))
    assert list(_doors(cross, "genre")) == [("", "head")]


def test_numbers_of_tags():
    assert _numbers("genre", ["Rock", "folk", "rock"], ["Blues", "Folk", "Rock"], most=3) == [2, 3]
    with pytest.raises(UserError, match="at most 1"):
        _numbers("genre", ["rock", "folk"], ["folk", "rock"], most=1)


def test_the_model_of_the_collection_gives_its_output(world, tmp_path):
    root, _ = world
    found = Embeddings.open(root / "head")
    with pytest.raises(EmbeddingsError):
        from_tags(found, {"genre": ["calm"]}, model=make_model(tmp_path / "other"))
