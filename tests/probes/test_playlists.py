"""The rankings against slow loops that read like the rule, on toys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.cf import Factorisation
from contramuse.catalogue.playlists import Lists
from contramuse.probes.playlists import (
    Part,
    artist_popularity,
    by_centroid,
    by_chance,
    by_factors,
    by_popularity,
    by_vote,
    evaluate,
    nearest,
    ranks_of,
)


def lists_of(*members):
    numbers = [n for n, own in enumerate(members) for _ in own]
    rows = [row for own in members for row in own]
    return Lists.of([str(n) for n in range(len(members))], np.array(numbers, np.int64), np.array(rows, np.int64))


def vectors(n, h, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, h))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def slow_vote(unit, known, candidates, votes):
    """Each known song votes for its nearest; by votes, then by the mean cosine to all known songs."""
    count = dict.fromkeys(candidates, 0)
    for song in known:
        for candidate in sorted(candidates, key=lambda c: -float(unit[c] @ unit[song]))[:votes]:
            count[candidate] += 1
    mean = {c: np.mean([float(unit[c] @ unit[song]) for song in known]) for c in candidates}
    return sorted(candidates, key=lambda c: (-count[c], -mean[c]))


def slow_centroid(unit, known, candidates):
    centre = np.mean([unit[song] for song in known], axis=0)
    return sorted(candidates, key=lambda c: -float(unit[c] @ centre / np.linalg.norm(centre)))


@given(seed=st.integers(0, 200), votes=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_b_2_9_voting_and_centroid_against_slow_loops(seed, votes):
    generator = np.random.default_rng(seed)
    unit = vectors(30, 4, seed)
    candidates = np.sort(generator.choice(30, 10, replace=False))
    lists = lists_of(*(generator.choice(30, 8, replace=False).tolist() for _ in range(4)))
    part = Part.of(lists, candidates)
    for rule, slow in (
        (by_vote(unit, votes=votes), lambda known: slow_vote(unit, known, candidates.tolist(), votes)),
        (by_centroid(unit), lambda known: slow_centroid(unit, known, candidates.tolist())),
    ):
        for case, keys in zip(part.cases, rule(part), strict=True):
            everything = np.arange(len(candidates))
            order = slow(case.known.tolist())
            for place in case.hidden.tolist():
                rank = ranks_of(np.array([place]), keys, generator=generator)
                assert rank[0] == order.index(int(candidates[place])) + 1
            np.testing.assert_array_equal(ranks_of(everything, keys, generator=generator), everything + 1)


def test_a_case_by_hand():
    """Songs on a circle: known at 0 and 90 degrees. Two votes each: 10 and 45 of the first, 80 and 45 of the other."""
    angles = np.deg2rad([0, 90, 10, 45, 80, 200])
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    part = Part.of(lists_of([0, 1, 2, 5]), np.array([2, 3, 4, 5]))
    ((counted, mean),) = list(by_vote(unit, votes=2)(part))
    assert counted.tolist() == [1, 2, 1, 0]
    np.testing.assert_allclose(mean, unit[2:] @ unit[:2].mean(0), rtol=1e-6)
    ranks = ranks_of(part.cases[0].hidden, (counted, mean), generator=np.random.default_rng(0))
    assert 4 in ranks
    assert ranks[0] in (2, 3)


def test_parts_hide_candidates_and_keep_playlists_with_both_parts():
    part = Part.of(lists_of([0, 1, 5], [5, 6], [0, 1], [2, 6]), np.array([5, 6]))
    assert [case.playlist for case in part.cases] == [0, 3]
    assert part.cases[0].known.tolist() == [0, 1]
    assert part.cases[0].hidden.tolist() == [0]
    assert part.cases[1].hidden.tolist() == [1]
    assert [case.playlist for case in Part.of(part.lists, part.candidates, playlists=np.array([3])).cases] == [3]


def test_nearest_in_blocks():
    unit = vectors(50, 5)
    found = nearest(unit, np.arange(40), np.arange(40, 50), count=3)
    for row in range(40):
        best = np.argsort(-(unit[40:] @ unit[row]))[:3]
        assert set(found[row]) == set(best)
    assert nearest(unit, np.arange(4), np.arange(40, 50), count=99).shape == (4, 10)


def test_equal_keys_are_ordered_by_chance():
    part = Part.of(lists_of([0, 1], [0, 2], [0, 3]), np.arange(1, 11))
    found = evaluate(by_chance, [part], at=(1,), seed=0, draws=400)
    assert found["recall_at_1"].shape == (3,)
    assert found["recall_at_1"].mean() == pytest.approx(0.1, abs=0.03)


def test_popularity_is_that_of_the_artist_in_known_parts():
    """Artist x has known tracks 0 and 1 (three memberships), y none; candidate 3 is by both, 4 by y, 5 by nobody."""
    lists = lists_of([0, 1, 3], [0, 4, 5], [3, 4])
    artists = lists_of([0, 1, 3], [3, 4])
    part = Part.of(lists, np.array([3, 4, 5]))
    assert artist_popularity(part, artists).tolist() == [3, 0, 0]
    (first, _) = by_popularity(artists)(part)
    assert first[0].tolist() == [3, 0, 0]


def test_a_playlist_tested_in_several_parts_has_their_mean():
    lists, unit = lists_of([0, 1, 2, 3]), vectors(6, 3)
    parts = [Part.of(lists, np.array([0, 4])), Part.of(lists, np.array([1, 5]))]
    both = evaluate(by_centroid(unit), parts, at=(1,), seed=0)
    each = [evaluate(by_centroid(unit), [part], at=(1,), seed=0) for part in parts]
    for metric, value in both.items():
        assert value.tolist() == [np.mean([one[metric][0] for one in each])]


def test_factors_know_other_playlists_but_not_the_hidden_part():
    """Two tastes; hidden tracks 40 to 47 are in other playlists of their taste. Its own part is kept back."""
    pytest.importorskip("implicit")
    generator = np.random.default_rng(0)
    taste = [np.arange(0, 48, 2), np.arange(1, 48, 2)]
    lists = lists_of(*(generator.choice(taste[n % 2], 10, replace=False).tolist() for n in range(60)))
    part = Part.of(lists, np.arange(40, 48))
    how = Factorisation(dim=8)
    found = evaluate(by_factors(how, tracks=48), [part], at=(4,), seed=0)
    assert found["recall_at_4"].mean() > 0.9
    known = [lists[number][lists[number] < 40].tolist() for number in (0, 1)]
    alone = Part.of(lists_of(*known, [0, 2, 40], [1, 41]), np.array([40, 41]))
    (first, second) = by_factors(how, tracks=48)(alone)
    assert first[0].tolist()[0] == -np.inf  # 40 is in no other playlist, and its own membership is not told
    assert second[0].tolist()[1] == -np.inf
