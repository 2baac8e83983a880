"""Weighed search against a slow loop: the weighted mean of the parts' cosines, whatever the index."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.checkpoint.windows import Pooled
from contramuse.embeddings import Embeddings
from contramuse.embeddings.store import FORMAT
from contramuse.embeddings.writer import Entry, Writer
from contramuse.errors import UserError
from contramuse.search import Index, Query, read_weights, search, weights_of
from contramuse.search.space import Space

PARTS = {"key": 5, "tempo": 3, "timbre": 8}


def write_parts(out, vectors, *, seconds=None):
    meta = {
        "format": FORMAT, "version": 1, "model_hash": "m", "preprocessing_hash": "p", "dim": 16, "dtype": "float32",
        "windows": "dropped", "preprocessing": {"sample_rate": 1}, "window": 1.0, "hop": 1.0, "library_root": None,
        "output": list(PARTS), "parts": PARTS,
    }  # fmt: skip
    writer = Writer(out, meta)
    for i, vector in enumerate(vectors):
        length = 10 * i if seconds is None else seconds
        writer.add(Entry(id=f"{i:032x}", path=f"{i}.mp3"), Pooled(index=i, vector=vector, count=1, samples=length))
    writer.close([], set())
    return Embeddings.open(out)


def random_parts(n, seed=0):
    rng = np.random.default_rng(seed)
    scale = np.repeat([0.1, 10.0, 1.0], list(PARTS.values()))  # parts of very different lengths
    return (scale * (0.5 + rng.standard_normal((n, 16)))).astype(np.float32)


def slow(vectors, query, weights, centre):
    """Weighted mean of cosines, part by part, track by track."""
    found = []
    for vector in vectors:
        start, total = 0, 0.0
        for name, width in PARTS.items():
            a, b = (v[start : start + width] - centre[start : start + width] for v in (vector, query))
            total += weights.get(name, 1.0) * float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            start += width
        found.append(total / sum(weights.get(name, 1.0) for name in PARTS))
    return np.array(found)


@pytest.mark.parametrize("kind", ["exact", "numpy", "ivf"])
@pytest.mark.parametrize("weights", [{}, {"key": 2.0, "tempo": 0.5, "timbre": 0.0}, {"tempo": 7.0}])
def test_weighed_answers_are_those_of_a_slow_loop(tmp_path, kind, weights):
    vectors = random_parts(300)
    found = write_parts(tmp_path / "e", vectors)
    assert found.parts == PARTS
    index = Index.build(found, kind=kind)
    rows, similarity = index.query(vectors[7], 20, weights=weights)
    wanted = slow(vectors, vectors[7], weights, vectors.mean(0))
    atol = 5e-3 if kind == "ivf" else 1e-5
    np.testing.assert_allclose(similarity, np.sort(wanted)[::-1][:20], atol=atol)
    np.testing.assert_allclose(similarity, wanted[rows], atol=atol)
    assert rows[0] == 7


def test_one_index_serves_all_weights(tmp_path):
    found = write_parts(tmp_path / "e", random_parts(60))
    Index.open(found)
    written = (tmp_path / "e" / "index" / "index.bin").stat().st_mtime_ns
    query = Query(vector=found.vector(3), row=3)
    even = [hit.row for hit in search(found, query, k=59)]
    heavy = [hit.row for hit in search(found, query.weighed({"tempo": 50.0}), k=59)]
    assert sorted(even) == sorted(heavy)
    assert even != heavy
    assert (tmp_path / "e" / "index" / "index.bin").stat().st_mtime_ns == written


def test_a_track_that_is_alike_in_the_weighed_part_alone_is_no_duplicate(tmp_path):
    vectors = random_parts(40)
    vectors[1, :5] = vectors[0, :5]  # the same key
    vectors[2] = vectors[0]  # the same audio
    found = write_parts(tmp_path / "e", vectors, seconds=30)
    query = Query(vector=vectors[0], row=0, facts={"seconds": 30.0})
    rows = [hit.row for hit in search(found, query.weighed({"tempo": 0.0, "timbre": 0.0}), k=5)]
    assert rows[0] == 1
    assert 2 not in rows
    assert 2 not in [hit.row for hit in search(found, query, k=5)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=3, max_size=3), st.integers(0, 1000))
def test_weights_stand_on_the_querys_side_alone(weights, seed):
    given_weights = dict(zip(PARTS, weights, strict=True))
    if sum(weights) < 1e-3:
        return
    a, b = np.random.default_rng(seed).standard_normal((2, 16)).astype(np.float32)
    space = Space(np.zeros(16, np.float32), PARTS)
    assert np.linalg.norm(space.unit(a)) == pytest.approx(1.0, abs=1e-5)
    asked = space.weighed(space.unit(a), given_weights) @ space.unit(b)
    assert asked == pytest.approx(slow([b], a, given_weights, np.zeros(16))[0], abs=1e-4)


def test_a_part_that_is_not_asked_stays_out():
    space = Space(np.ones(16, np.float32), PARTS)
    query = np.zeros(16, np.float32)
    query[:5] = 3.0
    assert not space.unit(query)[5:].any()


@pytest.mark.parametrize("text", ["key", "key=", "key=loud", "=", ""])
def test_what_is_no_weight(text):
    with pytest.raises(UserError, match="PART=NUMBER"):
        read_weights(text)


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ({"mood": 1.0}, "key, tempo, timbre"),
        ({"key": -1.0}, "is not a weight"),
        ({"key": float("nan")}, "is not a weight"),
        ({"key": float("inf")}, "is not a weight"),
        ({"key": 0.0, "tempo": 0.0, "timbre": 0.0}, "nothing to compare"),
    ],
)
def test_weights_that_are_refused(weights, problem):
    with pytest.raises(UserError, match=problem):
        weights_of(PARTS, weights)


def test_weights_are_read_and_filled_up():
    assert read_weights(" key=2, tempo=0.5") == {"key": 2.0, "tempo": 0.5}
    assert weights_of(PARTS, {"key": 2.0}) == {"key": 2.0, "tempo": 1.0, "timbre": 1.0}
