import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.errors import LibraryError
from contramuse.sampling import SAMPLERS, Batches, OneOf, generator_for
from listlibrary import write_lists

SONGS = ["a", "a", "a", "b", "b", "c", None, None]


@pytest.fixture
def library(tmp_path):
    groups = {"artist": [[song] if song else [] for song in SONGS], "album": [[] for _ in SONGS]}
    labels = {"track": ("multiclass", SONGS), "tags": ("multilabel", [[s] if s else [] for s in SONGS])}
    return write_lists(tmp_path, groups=groups, labels=labels)


@pytest.mark.parametrize("by", ["artist", "track"])
def test_one_of_each_group_and_every_track_without_one(library, by):
    seen = set()
    for seed in range(60):
        plan = OneOf(by=by).epoch(library, np.arange(8), batch=5, generator=generator_for(seed))
        songs = [SONGS[row] or str(row) for row in plan.rows[0]]
        assert sorted(songs) == ["6", "7", "a", "b", "c"]
        np.testing.assert_array_equal(plan.rows, plan.group)
        seen |= set(plan.rows.ravel().tolist())
    assert seen == set(range(8))


@given(batch=st.integers(1, 5), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_tracks_of_a_group_never_meet(tmp_path_factory, batch, seed):
    library = write_lists(tmp_path_factory.mktemp("one"), groups={"artist": [[s] if s else [] for s in SONGS]})
    plan = OneOf().epoch(library, np.arange(8), batch=batch, generator=generator_for(seed))
    assert plan.rows.shape == (5 // batch, batch)
    songs = [SONGS[row] or str(row) for row in plan.rows.ravel()]
    assert len(songs) == len(set(songs))


def test_a_track_without_a_group_stands_alone(library):
    assert OneOf(by="album").check(library, np.arange(8), batch=8) == {"groups": 8}


def test_fewer_groups_than_a_batch(library):
    with pytest.raises(LibraryError, match="larger than the 5 groups by artist"):
        Batches(OneOf(), library, np.arange(8), batch=6, seed=0)


@pytest.mark.parametrize("by", ["song", "tags"])
def test_no_such_group(library, by):
    with pytest.raises(LibraryError):
        Batches(OneOf(by=by), library, np.arange(8), batch=2, seed=0)


def test_it_is_in_the_table():
    assert SAMPLERS["one_of"] is OneOf
