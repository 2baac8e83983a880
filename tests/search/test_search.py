"""The index against exact search, conditions against plain loops, and what a query means."""

import contextlib
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.checkpoint.model import load
from contramuse.checkpoint.windows import Pooled
from contramuse.embeddings import Embeddings, embed_files, embed_library
from contramuse.embeddings.store import FORMAT
from contramuse.embeddings.writer import Entry, Writer
from contramuse.errors import EmbeddingsError, UserError
from contramuse.search import Index, resolve, search, select, shown
from contramuse.search import index as index_module
from contramuse.search.where import Condition, parse
from minilibrary import write_library
from minimodel import make_model, write_tone


def write_embeddings(out, vectors, **columns):
    """Embeddings of given vectors, as if a model had made them."""
    meta = {
        "format": FORMAT, "version": 1, "model_hash": "m" * 64, "preprocessing_hash": "p", "dim": vectors.shape[1],
        "dtype": "float32", "windows": "dropped", "preprocessing": {"sample_rate": 1}, "window": 1.0, "hop": 1.0,
        "library_root": None, "model_path": None,
    }  # fmt: skip
    writer = Writer(out, meta)
    seconds = columns.pop("seconds", range(10, 10 + len(vectors)))
    for i, (vector, length) in enumerate(zip(vectors, seconds, strict=True)):
        facts = {"id": f"{i:032x}", "path": f"{i}.mp3", **{name: values[i] for name, values in columns.items()}}
        writer.add(Entry(**facts), Pooled(index=i, vector=vector.astype(np.float32), count=1, samples=length))
    writer.close([], set())
    return Embeddings.open(out)


def clustered(n, dim=16, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(2, n // 50), dim))
    return (3.0 + centres[rng.integers(len(centres), size=n)] + 0.5 * rng.standard_normal((n, dim))).astype(np.float32)


def slow_nearest(vectors, query, k, allowed, centre):
    def unit(v):
        return (v - centre) / max(np.linalg.norm(v - centre), 1e-12)

    scored = [(float(unit(v) @ unit(query)), row) for row, v in enumerate(vectors) if allowed[row]]
    return sorted(scored, reverse=True)[:k]


@pytest.mark.parametrize("kind", ["exact", "numpy", "ivf"])
def test_answers_are_those_of_a_slow_loop(tmp_path, kind):
    vectors = clustered(600)
    found = write_embeddings(tmp_path / "e", vectors)
    index = Index.build(found, kind=kind)
    assert index.info["recall_at_10"] >= 0.99
    np.testing.assert_allclose(index.centre, vectors.mean(0), atol=1e-5)
    rng = np.random.default_rng(1)
    for share in (1.0, 0.5, 0.03):
        allowed = rng.random(600) < share
        query = vectors[5] + 0.1
        rows, similarity = index.query(query, 7, where=allowed)
        wanted = slow_nearest(vectors, query, 7, allowed, vectors.mean(0))
        np.testing.assert_allclose(similarity, [s for s, _ in wanted], atol=2e-3 if kind == "ivf" else 1e-5)
        if kind != "ivf":
            assert rows.tolist() == [row for _, row in wanted]
        assert allowed[rows].all()


@pytest.mark.parametrize("kind", ["exact", "numpy", "ivf"])
def test_fewer_answers_where_fewer_rows_are_allowed(tmp_path, kind):
    index = Index.build(write_embeddings(tmp_path / "e", clustered(300)), kind=kind)
    where = np.zeros(300, bool)
    assert len(index.query(np.ones(16, np.float32), 5, where=where)[0]) == 0
    where[[3, 250]] = True
    rows, similarity = index.query(np.ones(16, np.float32), 5, where=where)
    assert sorted(rows.tolist()) == [3, 250]
    assert similarity[0] >= similarity[1]
    assert len(index.query(np.ones(16, np.float32), 1000)[0]) == 300


def test_large_collections_get_inverted_lists_whose_recall_is_stated(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "EXACT_BELOW", 1000)
    found = write_embeddings(tmp_path / "e", clustered(2000))
    index = Index.open(found)
    assert index.info["kind"] == "ivf"
    stored = json.loads((tmp_path / "e" / "index" / "index.json").read_text())
    assert stored["recall_at_10"] == index.info["recall_at_10"] >= 0.99
    assert stored["recall_queries"] == 200
    assert 0 < stored["nprobe"] <= stored["lists"]


def test_the_index_is_stored_used_again_and_rebuilt_when_stale_or_damaged(tmp_path, monkeypatch):
    vectors = clustered(100)
    found = write_embeddings(tmp_path / "e", vectors)
    first = Index.open(found)
    built = []
    original = Index.build.__func__
    monkeypatch.setattr(Index, "build", classmethod(lambda cls, e, **k: built.append(1) or original(cls, e, **k)))
    again = Index.open(Embeddings.open(tmp_path / "e"))
    assert not built
    assert again.info == first.info
    np.testing.assert_array_equal(again.query(vectors[3])[0], first.query(vectors[3])[0])
    (tmp_path / "e" / "index" / "index.bin").write_bytes(b"broken")
    Index.open(found)
    (tmp_path / "e" / "index" / "index.json").write_text("{")
    Index.open(found)
    assert len(built) == 2
    part = tmp_path / "e" / "part-00000.parquet"
    (tmp_path / "e" / "part-00001.parquet").write_bytes(part.read_bytes())
    assert Index.open(Embeddings.open(tmp_path / "e")).info["tracks"] == 200
    assert len(built) == 3


def test_without_faiss_search_is_exact_in_numpy(tmp_path, monkeypatch):
    found = write_embeddings(tmp_path / "e", clustered(100))
    with_faiss = Index.open(found)
    monkeypatch.setattr(index_module, "_has_faiss", lambda: False)
    without = Index.open(found)
    assert (with_faiss.info["kind"], without.info["kind"]) == ("exact", "numpy")
    for row in range(0, 100, 9):
        one, two = with_faiss.query(found.vectors[row], 5), without.query(found.vectors[row], 5)
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_allclose(one[1], two[1], atol=1e-5)
    assert Index.open(found).info["kind"] == "numpy"


def test_a_read_only_collection_is_searched_all_the_same(tmp_path):
    found = write_embeddings(tmp_path / "e", clustered(50))
    (tmp_path / "e" / "index").write_text("a file in the way")
    assert Index.open(found).query(found.vectors[0], 3)[0][0] == 0


def test_no_tracks(tmp_path):
    with pytest.raises(EmbeddingsError, match="hold no tracks"):
        Index.open(write_embeddings(tmp_path / "e", np.zeros((0, 4))))


def test_small_collections_are_not_centred(tmp_path):
    index = Index.open(write_embeddings(tmp_path / "e", clustered(5)))
    assert index.info["similarity"] == "cosine"
    assert not index.centre.any()


# Conditions


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("artist=Nina", [("artist", "=", "Nina")]),
        (" artist != @query , seconds>60", [("artist", "!=", "@query"), ("seconds", ">", "60")]),
        ("a=x and b<=2 AND c>=3", [("a", "=", "x"), ("b", "<=", "2"), ("c", ">=", "3")]),
        ("artist=Earth, Wind & Fire", [("artist", "=", "Earth, Wind & Fire")]),
        ("artist=Simon and Garfunkel, year<1970", [("artist", "=", "Simon and Garfunkel"), ("year", "<", "1970")]),
        ('artist="a=b, c=d", split=test', [("artist", "=", "a=b, c=d"), ("split", "=", "test")]),
        ("title=", [("title", "=", "")]),
        ("", []),
    ],
)
def test_conditions_are_read(text, wanted):
    assert parse(text) == [Condition(*w) for w in wanted]


@pytest.mark.parametrize("text", ["artist", "=x", "artist~x", "a=1, b"])
def test_what_is_no_condition(text):
    if text == "a=1, b":  # a comma that no condition follows belongs to the value
        assert parse(text) == [Condition("a", "=", "1, b")]
    else:
        with pytest.raises(UserError, match="is not a condition"):
            parse(text)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet='ab =!<>,"@\nand', max_size=30))
def test_reading_conditions_gives_conditions_or_a_message(text):
    with contextlib.suppress(UserError):
        assert all(c.field and c.operator in ("=", "!=", "<", "<=", ">", ">=") for c in parse(text))


def rows_of(embeddings, text, query=None):
    return np.flatnonzero(select(embeddings, parse(text), query)).tolist()


def test_conditions_on_columns(tmp_path):
    found = write_embeddings(
        tmp_path / "e", clustered(5), artist=["A", "B", "", "a", "C"], seconds=[10, 20, 30, 40, 50],
        split=["train", "test", "test", "train", "test"],
    )  # fmt: skip
    assert rows_of(found, "artist=a") == [0, 3]
    assert rows_of(found, "artist!=A") == [1, 2, 4]
    assert rows_of(found, "seconds>20, seconds<=40") == [2, 3]
    assert rows_of(found, "seconds!=20 and split=test") == [2, 4]
    assert rows_of(found, "artist!=@query", {"artist": "B"}) == [0, 2, 3, 4]
    assert rows_of(found, "seconds>=@query", {"seconds": 40.0}) == [3, 4]
    for text, problem in (
        ("mood=sad", "is not a field"), ("artist<B", "no order"), ("seconds>long", "is not a number"),
        ("artist!=@query", "own value is not known"), ("artist!=@qery", "is not known"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=problem):
            rows_of(found, text, {"artist": ""})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library, its model and its embeddings."""
    root = tmp_path_factory.mktemp("world")
    library = write_library(root / "library", tracks=40, seconds=3.0)
    model = load(make_model(root / "model"))
    embed_library(model, library, root / "out")
    return library, model, Embeddings.open(root / "out")


def test_conditions_on_the_librarys_labels_and_groups(world):
    library, _, found = world
    tags, tempo = library.column("label.tags"), library.labels("tempo")
    assert rows_of(found, "tags=lively") == [i for i, t in enumerate(tags) if "lively" in t]
    assert rows_of(found, "tags!=LIVELY") == [i for i, t in enumerate(tags) if "lively" not in t]
    assert rows_of(found, "tempo<70, genre=calm") == [i for i in range(40) if tempo[i] < 70 and i % 2 == 0]
    with pytest.raises(UserError, match="tempo") as caught:
        rows_of(found, "mood=x")
    assert "Fields: id, path" in caught.value.fix


def test_fields_of_the_library_are_shown_as_text(world):
    library, _, found = world
    texts = shown(found, ["genre", "tempo", "tags"])
    assert texts["genre"] == [str(value) for value in library.column("label.genre")]
    assert texts["tempo"] == [f"{value:g}" for value in library.labels("tempo")]
    assert texts["tags"] == [", ".join(value) for value in library.column("label.tags")]
    with pytest.raises(UserError, match="--show: 'mood'"):
        shown(found, ["mood"])


def test_a_query_by_id_prefix_path_stem_and_title_is_the_same_track(world):
    _, _, found = world
    for text in (found.ids[7], found.ids[7].upper(), found.paths[7], "007", "Tune 7", "tune 7"):
        assert resolve(found, str(text)).row == 7
    with pytest.raises(EmbeddingsError, match="is ambiguous") as caught:
        resolve(found, "00000000")
    assert "Tune 0" in str(caught.value)
    assert "30 more" in str(caught.value)
    with pytest.raises(EmbeddingsError, match="is no file") as caught:
        resolve(found, "Tune 77")
    assert "Did you mean" in caught.value.fix


def test_answers_leave_out_the_query_and_its_duplicates(tmp_path):
    vectors = clustered(60)
    vectors[10] = vectors[3] * 1.0000001  # the same audio with other tags
    vectors[20] = vectors[3]  # as near, but of another length
    ids = [f"{i:032x}" for i in range(60)]
    ids[30] = ids[3]  # the same file in two places
    seconds = [100.0] * 60
    seconds[20] = 200.0
    found = write_embeddings(tmp_path / "e", vectors, id=ids, seconds=seconds)
    hits = search(found, resolve(found, "3.mp3"), k=57)
    rows = [hit.row for hit in hits]
    assert len(rows) == 57
    assert {3, 10, 30}.isdisjoint(rows)
    assert rows[0] == 20
    assert [hit.rank for hit in hits] == list(range(1, 58))
    assert all(one.similarity >= two.similarity for one, two in itertools.pairwise(hits))


def test_other_artists_than_the_querys(world):
    _, _, found = world
    query = resolve(found, "Tune 7")
    hits = search(found, query, k=40, where="artist!=@query")
    assert len(hits) == 32
    assert "Artist 2" not in {hit.artist for hit in hits}
    same = search(found, query, k=40, where=["artist=@query", "genre=@query"])
    assert {hit.artist for hit in same} == {"Artist 2"}
    assert sorted(hit.row for hit in same) == [17, 27, 37]


def test_a_file_is_found_by_its_content_or_embedded(world, tmp_path):
    library, model, found = world
    samples = library.store.read(7)
    import soundfile

    soundfile.write(tmp_path / "new.wav", samples, 22050)
    query = resolve(found, str(tmp_path / "new.wav"))
    assert query.row == -1
    np.testing.assert_allclose(query.vector, found.vectors[7], atol=1e-5)
    hits = search(found, query, k=5)
    assert 7 not in [hit.row for hit in hits]  # the same audio under another id
    embed_files(model, [tmp_path / "new.wav"], tmp_path / "files")
    files = Embeddings.open(tmp_path / "files")
    (tmp_path / "copy.wav").write_bytes((tmp_path / "new.wav").read_bytes())
    assert resolve(files, str(tmp_path / "copy.wav")).row == 0


def test_a_file_is_embedded_by_the_model_of_the_collection_alone(world, tmp_path):
    library, model, found = world
    write_tone(tmp_path / "a.wav", seconds=2.0)
    file = str(tmp_path / "a.wav")
    other = make_model(tmp_path / "other", seed=5)
    with pytest.raises(EmbeddingsError, match="has hash"):
        resolve(found, file, model=other)
    np.testing.assert_array_equal(resolve(found, file, model=model).vector, resolve(found, file).vector)
    embed_library(model.randomised(3), library, tmp_path / "random")
    random = Embeddings.open(tmp_path / "random")
    np.testing.assert_allclose(resolve(random, file).vector, model.randomised(3).embed(file)[0], atol=1e-6)
    random.meta["model_path"] = str(tmp_path / "moved")
    with pytest.raises(EmbeddingsError, match="cannot be loaded") as caught:
        resolve(random, file)
    assert "--model" in caught.value.fix
    (tmp_path / "bad.wav").write_bytes(b"bad")
    with pytest.raises(Exception, match=r"bad\.wav"):
        resolve(found, str(tmp_path / "bad.wav"))
