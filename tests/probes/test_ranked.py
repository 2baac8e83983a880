"""Every metric against a slow loop over the whole ranked list, and values worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.probes.ranked import (
    average_precision,
    clicks,
    metric_title,
    ndcg,
    r_precision,
    r_precision_artist,
    ranking_metrics,
    recall,
)


def slow(order, wanted, k):
    """All metrics from the definition, going down the list of candidates one by one."""
    hits = [1 if candidate in wanted else 0 for candidate in order]
    first_r = sum(hits[: len(wanted)])
    gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits[:k]))
    ideal = sum(1 / math.log2(place + 2) for place in range(min(len(wanted), k)))
    precision = sum(hit * sum(hits[: place + 1]) / (place + 1) for place, hit in enumerate(hits[:k]))
    pages = 51
    for place, hit in enumerate(hits[:500]):
        if hit:
            pages = place // 10
            break
    return {
        "r_precision": first_r / len(wanted), f"recall_at_{k}": sum(hits[:k]) / len(wanted),
        f"ndcg_at_{k}": gain / ideal, f"map_at_{k}": precision / min(len(wanted), k), "clicks": pages,
    }  # fmt: skip


def ranks(order, wanted):
    return np.array([place + 1 for place, candidate in enumerate(order) if candidate in wanted], np.int64)


@given(m=st.integers(1, 700), h=st.integers(1, 30), k=st.integers(1, 120), seed=st.integers(0, 999))
@settings(max_examples=150, deadline=None)
def test_against_the_slow_loop(m, h, k, seed):
    generator = np.random.default_rng(seed)
    order = generator.permutation(m).tolist()
    wanted = set(generator.choice(m, min(h, m), replace=False).tolist())
    found, expected = ranking_metrics(ranks(order, wanted), (k,)), slow(order, wanted, k)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_by_hand():
    """Four are sought; they stand at 1, 3, 12 and 600."""
    at = np.array([1, 3, 12, 600])
    assert r_precision(at) == 2 / 4
    assert recall(at, 10) == 2 / 4
    assert recall(at, 100) == 3 / 4
    assert average_precision(at, 10) == pytest.approx((1 / 1 + 2 / 3) / 4)
    assert average_precision(at, 2) == pytest.approx(1 / 2)
    ideal = 1 + 1 / math.log2(3) + 1 / 2 + 1 / math.log2(5)
    assert ndcg(at, 10) == pytest.approx((1 + 1 / 2) / ideal)
    assert ndcg(at, 1) == 1


def test_clicks_as_in_the_million_playlist_challenge():
    for first, expected in ((1, 0), (10, 0), (11, 1), (500, 49), (501, 51)):
        assert clicks(np.array([first, 900])) == expected


def test_missed_tracks_count_against_ndcg():
    """Of five sought, one was retrieved, and first: the published evaluation calls that 1."""
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, 6))
    assert ndcg(np.array([1, 200, 201, 202, 203]), 100) == pytest.approx(1 / ideal)


def test_a_perfect_list():
    found = ranking_metrics(np.arange(1, 6), (10, 100))
    assert found.pop("clicks") == 0
    assert set(found.values()) == {1.0}


def test_titles():
    titles = [metric_title(name) for name in ("ndcg_at_10", "map_at_100", "r_precision")]
    assert titles == ["NDCG@10", "MAP@100", "R-precision"]


def slow_artists(order, wanted, artist):
    """Down the list of the first h: a track that is sought counts 1, else its artist a quarter, once."""
    sought, credited, total = {artist[track] for track in wanted}, set(), 0.0
    for track in order[: len(wanted)]:
        if track in wanted:
            total += 1
        elif artist[track] >= 0 and artist[track] in sought and artist[track] not in credited:
            credited.add(artist[track])
            total += 0.25
    return total / len(wanted)


@given(m=st.integers(1, 60), h=st.integers(1, 30), artists=st.integers(1, 12), seed=st.integers(0, 999))
@settings(max_examples=150, deadline=None)
def test_r_precision_with_artists_against_the_slow_loop(m, h, artists, seed):
    generator = np.random.default_rng(seed)
    order = generator.permutation(m)
    wanted = generator.choice(m, min(h, m), replace=False)
    artist = generator.integers(-1, artists, m)
    found = r_precision_artist(
        ranks(order.tolist(), set(wanted.tolist())), artist[order[: len(wanted)]], artist[wanted]
    )
    assert found == pytest.approx(slow_artists(order.tolist(), set(wanted.tolist()), artist), abs=1e-12)


def test_r_precision_with_artists_by_hand():
    """Of four sought, one is found; of the three others that stand first, two are by one sought artist."""
    at = np.array([2, 9, 10, 11])
    assert r_precision_artist(at, np.array([5, 5, 5, 8]), np.array([5, 6, 7, 7])) == pytest.approx((1 + 0.25) / 4)
    assert r_precision_artist(np.arange(1, 5), np.array([5, 6, 7, 7]), np.array([5, 6, 7, 7])) == 1
    assert r_precision(at) == 1 / 4
