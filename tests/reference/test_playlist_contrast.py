"""PlaylistContrastive: counts of its pairs, its splits and its epochs, as published and as they were meant."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.playlists import Lists
from contramuse.catalogue.stratify import split_rows
from contramuse.sampling import Alone, Together, generator_for

MELON_50 = {"train": 0.6, "valid": 0.2, "test": 0.2}
memberships = st.lists(st.lists(st.integers(0, 14), max_size=12), min_size=1, max_size=8)


def pairs_of(*members, seed=0, **settings):
    numbers = np.array([n for n, own in enumerate(members) for _ in own], np.int64)
    rows = np.array([row for own in members for row in own], np.int64)
    lists = Lists.of([str(n) for n in range(len(members))], numbers, rows)
    return Together(**settings).groups(lists, generator=generator_for(seed, "test"))


def test_appendix_a_a_list_of_five_gives_two_pairs_and_leaves_one():
    left = set()
    for seed in range(40):
        pairs = pairs_of([3, 5, 7, 8, 9], seed=seed)
        assert pairs.shape == (2, 2)
        assert len(set(pairs.ravel().tolist())) == 4
        left |= {3, 5, 7, 8, 9} - set(pairs.ravel().tolist())
    assert left == {3, 5, 7, 8, 9}


@given(members=memberships, seed=st.integers(0, 99), size=st.integers(2, 4))
@settings(max_examples=100, deadline=None)
def test_appendix_a_exclusive_a_track_is_in_at_most_one_pair(members, seed, size):
    groups = pairs_of(*members, seed=seed, size=size)
    assert max(Counter(groups.ravel().tolist()).values(), default=0) <= 1
    for group in groups.tolist():
        assert any(set(group) <= set(own) for own in members)


@given(members=memberships, seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_appendix_a_artists_a_track_is_in_at_most_one_pair_of_each_list(members, seed):
    pairs = pairs_of(*members, seed=seed, repeats="across_lists")
    assert len(pairs) == sum(len(set(own)) // 2 for own in members)
    of_track = Counter(pairs.ravel().tolist())
    for track, count in of_track.items():
        assert count <= sum(track in own for own in members)


@pytest.mark.parametrize(("batch", "steps"), [(768, 671), (384, 1342)])
def test_b_2_5_steps_of_an_epoch(batch, steps):
    """515,622 training songs: 671 steps of the cross-modal methods' 768 songs, 1,342 of 384 songs."""
    plan = Alone().epoch(None, np.arange(515_622), batch=batch, generator=generator_for(0))
    assert plan.rows.shape == (steps, batch)


def test_b_4_2_a_playlist_that_lists_a_song_twice():
    """The published loop removes such a song twice and stops with a KeyError."""
    for seed in range(10):
        assert sorted(pairs_of([4, 4, 6], seed=seed)[0].tolist()) == [4, 6]


def tags(n, c):
    return (np.random.default_rng(0).random((n, c)) < 0.15).astype(np.float32)


@pytest.mark.parametrize("base", [0, 5000])
def test_appendix_a_no_test_song_is_in_training_of_melon_50(base):
    """1,000 songs inside a larger library; the parts are rows of the library, whatever its numbering."""
    labels = tags(base + 1000, 50)
    songs = np.random.default_rng(1).permutation(np.arange(base, base + 1000))
    parts = split_rows(songs, labels, seed=0, shares=MELON_50)
    assert [len(parts[name]) for name in MELON_50] == [600, 200, 200]
    assert np.intersect1d(parts["test"], parts["train"]).size == 0
    assert np.intersect1d(parts["test"], parts["valid"]).size == 0
    np.testing.assert_array_equal(np.sort(np.concatenate(list(parts.values()))), np.sort(songs))


def test_appendix_a_the_published_mistake_leaks():
    """Positions of a split of the remaining songs, read with the numbering of all songs: 3 in 5 test songs leak."""
    generator = np.random.default_rng(0)
    songs = np.arange(1000)
    order = generator.permutation(1000)
    test, rest = order[:200], np.sort(order[200:])
    positions = generator.permutation(len(rest))
    train, valid = songs[positions[200:]], songs[positions[:200]]  # songs[...] where rest[...] was meant
    assert 105 < np.intersect1d(test, train).size < 135
    assert 25 < np.intersect1d(test, valid).size < 55
    assert np.intersect1d(test, rest[positions[200:]]).size == 0
