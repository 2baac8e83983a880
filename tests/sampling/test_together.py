from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.playlists import Lists, library_lists
from contramuse.errors import LibraryError, RecipeError
from contramuse.sampling import SAMPLERS, Batches, Together, generator_for
from listlibrary import write_lists


def lists_of(*members):
    numbers = [n for n, own in enumerate(members) for _ in own]
    rows = [row for own in members for row in own]
    names = [f"list {n}" for n in range(len(members))]
    return Lists.of(names, np.array(numbers, np.int64), np.array(rows, np.int64))


def pairs_of(lists, *, seed=0, **settings):
    return Together(**settings).groups(lists, generator=generator_for(seed, "test"))


@pytest.fixture
def library(tmp_path):
    """Twelve tracks: playlists of 6, 5 (the first three are also in the first) and 1; three artists."""
    playlists = [[] for _ in range(12)]
    for row in range(6):
        playlists[row].append("morning")
    for row in (0, 1, 2, 6, 7):
        playlists[row].append("evening")
    playlists[8].append("alone")
    artists = [[f"artist {row % 3}"] for row in range(12)]
    artists[4].append("artist 2")
    tags = [["loud"] if row % 2 else ["calm", "slow"] for row in range(12)]
    labels = {"tags": ("multilabel", tags), "tempo": ("numeric", [float(row) for row in range(12)])}
    labels["style"] = ("multiclass", ["jazz"] * 7 + ["rock"] * 4 + [None])
    return write_lists(tmp_path, groups={"playlists": playlists, "artist": artists}, labels=labels)


memberships = st.lists(st.lists(st.integers(0, 14), max_size=12), min_size=1, max_size=8)


@given(members=memberships, seed=st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_exclusive_pairs_leave_at_most_one_available_track_of_a_list(members, seed):
    """What the slow rule would leave: a list never holds two tracks that are in no pair."""
    paired = set(pairs_of(lists_of(*members), seed=seed).ravel().tolist())
    assert all(len(set(own) - paired) <= 1 for own in members)


def test_a_list_that_names_a_track_twice_has_it_once():
    assert lists_of([4, 4, 6])[0].tolist() == [4, 6]
    for seed in range(10):
        assert sorted(pairs_of(lists_of([4, 4, 6]), seed=seed)[0].tolist()) == [4, 6]


def test_every_pair_of_a_list_is_equally_likely():
    counts = Counter(tuple(sorted(pairs_of(lists_of([0, 1, 2]), seed=seed)[0].tolist())) for seed in range(600))
    assert set(counts) == {(0, 1), (0, 2), (1, 2)}
    assert min(counts.values()) > 150


def test_pairs_stand_side_by_side_with_one_group_number(library):
    plan = Together(by="artist").epoch(library, np.arange(12), batch=4, generator=generator_for(0))
    artists = library.groups("artist")
    assert plan.rows.shape == plan.group.shape == plan.labelled.shape == (3, 4)
    assert (plan.group[:, ::2] == plan.group[:, 1::2]).all()
    assert len(np.unique(plan.group)) == 6
    for a, b in zip(plan.rows[:, ::2].ravel(), plan.rows[:, 1::2].ravel(), strict=True):
        assert set(artists[a]) & set(artists[b])
    assert plan.labelled.all()


def test_only_the_rows_asked_for_are_drawn(library):
    rows = np.array([0, 1, 6, 7, 8])
    plan = Together().epoch(library, rows, batch=2, generator=generator_for(3))
    assert set(plan.rows.ravel().tolist()) <= {0, 1, 6, 7}


def test_epochs_differ_and_the_seed_decides(library):
    first, again, other = (
        Together().epoch(library, np.arange(12), batch=2, generator=generator_for(seed)).rows for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_pairs_that_fill_no_last_batch_are_left_out_other_ones_each_epoch(library):
    seen = set()
    for seed in range(30):
        plan = Together(by="tags").epoch(library, np.arange(12), batch=8, generator=generator_for(seed))
        assert plan.rows.shape == (1, 8)
        seen |= set(range(12)) - set(plan.rows.ravel().tolist())
    assert seen == set(range(12))


def test_groups_of_three(library):
    plan = Together(by="style", size=3).epoch(library, np.arange(12), batch=3, generator=generator_for(0))
    assert plan.rows.shape == (3, 3)
    assert {tuple(g) for g in plan.group.tolist()} == {(0, 0, 0), (1, 1, 1), (2, 2, 2)}


def test_lists_by_group_and_by_label(library):
    assert library_lists(library, "playlists").names == ("alone", "evening", "morning")
    assert library_lists(library, "playlists")[1].tolist() == [0, 1, 2, 6, 7]
    assert library_lists(library, "artist")[2].tolist() == [2, 4, 5, 8, 11]
    assert library_lists(library, "tags")[1].tolist() == [1, 3, 5, 7, 9, 11]
    assert library_lists(library, "style")[1].tolist() == [7, 8, 9, 10]


def test_what_a_run_is_told(library):
    assert Together().check(library, np.arange(12), batch=4) == {
        "lists": 2, "tracks_in_lists": 8, "tracks_in_none": 4,
    }  # fmt: skip


@pytest.mark.parametrize("batch", [3, 7])
def test_an_odd_batch(library, batch):
    with pytest.raises(RecipeError, match="whole groups of 2"):
        Batches(Together(), library, np.arange(12), batch=batch, seed=0)


def test_size_of_one():
    with pytest.raises(RecipeError, match="less than a pair"):
        Together(size=1)


def test_fewer_pairs_than_a_batch_say_how_many(library):
    with pytest.raises(LibraryError, match=r"has [34] groups of 2 tracks by playlists, one batch takes 6"):
        Batches(Together(), library, np.arange(12), batch=12, seed=0)


def test_no_pair_at_all(tmp_path):
    library = write_lists(tmp_path, groups={"playlists": [["a"], ["b"], []]})
    with pytest.raises(LibraryError, match="No 2 training tracks are together"):
        Batches(Together(), library, np.arange(3), batch=2, seed=0)


@pytest.mark.parametrize("by", ["playlist", "tempo"])
def test_no_such_lists(library, by):
    with pytest.raises(LibraryError):
        Batches(Together(by=by), library, np.arange(12), batch=2, seed=0)


def test_an_epoch_of_too_few_pairs_is_drawn_again(tmp_path):
    """Lists {0, 1, 2}, {2, 3}: one pair where the first list takes track 2 and one of the others, else two."""
    library = write_lists(tmp_path, groups={"playlists": [["a"], ["a"], ["a", "b"], ["b"]]})
    for seed in range(20):
        plan = Together().epoch(library, np.arange(4), batch=4, generator=generator_for(seed))
        assert {frozenset(pair) for pair in plan.rows.reshape(-1, 2).tolist()} == {frozenset({0, 1}), frozenset({2, 3})}


def test_it_is_in_the_table():
    assert SAMPLERS["together"] is Together
