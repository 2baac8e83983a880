"""Neighbours, precision and hubs against slow loops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contramuse.probes.duplicates import found_first
from contramuse.probes.neighbours import hits, nearest, occurrences, sharing, skewness, standardised
from contramuse.probes.retrieval import related


def slow_nearest(x, k, barred):
    out = []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i and not barred(i, j)]
        order = sorted(others, key=lambda j: (-float(x[i] @ x[j]), j))[:k]
        out.append(order + [-1] * (k - len(order)))
    return np.array(out)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 25), st.integers(1, 10), st.integers(0, 5), st.integers(0, 10_000))
def test_nearest_is_a_loop(n, k, groups, seed):
    rng = np.random.default_rng(seed)
    x = standardised(rng.integers(-2, 3, (n, 3)).astype(np.float32))  # ties are frequent
    x = np.round(x * 64) / 64  # so that products are exact
    own = [(str(g),) if g else () for g in rng.integers(0, groups + 1, n)]
    excluded = sharing(related(own)) if groups else None
    found = nearest(x.astype(np.float32), k=k, excluded=excluded)
    expected = slow_nearest(x, k, lambda i, j: groups > 0 and bool(set(own[i]) & set(own[j])))
    shown = np.array([[x[i] @ x[j] if j >= 0 else -9 for j in row] for i, row in enumerate(found)])
    wanted = np.array([[x[i] @ x[j] if j >= 0 else -9 for j in row] for i, row in enumerate(expected)])
    np.testing.assert_allclose(shown, wanted, atol=1e-6)


def test_precision_is_a_loop():
    rng = np.random.default_rng(0)
    x = standardised(rng.normal(size=(40, 6)))
    own = [(str(g),) for g in rng.integers(0, 5, 40)]
    found, queries = nearest(x, k=10), np.arange(0, 40, 2)
    fast = hits(found, sharing(related(own)), queries)[:, :5].mean(axis=1)
    slow = [
        np.mean([bool(set(own[i]) & set(own[j])) for j in slow_nearest(x, 5, lambda i, j: False)[i]]) for i in queries
    ]
    np.testing.assert_allclose(fast, slow)


def test_occurrences_are_a_loop():
    rng = np.random.default_rng(1)
    found = nearest(standardised(rng.normal(size=(60, 4))), k=10)
    counts = occurrences(found)
    assert counts.sum() == 600
    np.testing.assert_array_equal(counts, [sum(i in row for row in found.tolist()) for i in range(60)])


def test_skewness_is_the_third_moment():
    counts = np.random.default_rng(0).poisson(3, 80)
    w = np.random.default_rng(1).integers(0, 4, (80, 3)).astype(np.float32)
    expected = [stats.skew(np.repeat(counts, w[:, r].astype(int))) for r in range(3)]
    np.testing.assert_allclose(skewness(counts, w), expected, rtol=1e-6)
    assert skewness(np.full(9, 10), np.ones((9, 1)))[0] == 0


def test_a_hub_is_seen():
    """One track is the nearest of all others, which are as far from each other: its count is theirs together."""
    x = np.zeros((31, 31), np.float32)
    x[0, 0] = 1
    x[1:, 0], x[np.arange(1, 31), np.arange(1, 31)] = 0.8, 0.6
    counts = occurrences(nearest(x, k=1))
    assert counts[0] == 30
    assert counts.sum() == 31
    assert skewness(counts, np.ones((31, 1)))[0] > 5


def test_a_copy_finds_its_original_or_a_twin_of_it():
    x = standardised(np.random.default_rng(0).normal(size=(30, 8)))
    tracks = np.concatenate([x, x[:1]])  # the library holds the first track twice
    place = np.array([0, 5, 7])
    np.testing.assert_array_equal(found_first(x[place], tracks, place), 1)
    np.testing.assert_array_equal(found_first(x[[1, 5, 8]], tracks, place), [0, 1, 0])
