"""Permutation tests against slow loops over exchanged answers; how often they cry wolf; Holm's rule; coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from contramuse.probes import metrics
from contramuse.probes.intervals import Resamples, interval
from contramuse.probes.permutation import Swaps, holm, mean_p, p_value, ranking_p
from contramuse.probes.run import contributions, measure
from contramuse.probes.tasks import Task


def tasks(rng, n=40):
    y = rng.integers(0, 3, n)
    known = np.ones(n, np.bool_)
    return [
        Task("c", "multiclass", ("a", "b", "c"), y, known),
        Task("k", "key", ("C major", "A minor", "G major"), y, known),
        Task("r", "numeric", (), rng.normal(size=n) + y, known),
    ]


@given(seed=st.integers(0, 10_000), clustered=st.booleans())
@settings(max_examples=15, deadline=None)
def test_sums_over_tracks_equal_a_slow_loop_that_exchanges_predictions(seed, clustered):
    rng = np.random.default_rng(seed)
    for task in tasks(rng):
        n = len(task.y)
        a, b = (rng.normal(size=(n, task.columns)) for _ in range(2))
        swaps = Swaps(n, 30, seed=seed, clusters=rng.integers(0, 12, n) if clustered else None, block=n * 7)
        whole = np.concatenate(list(swaps.blocks()), axis=1)
        assert whole.shape == (n, 30)
        for metric in task.metrics:

            def value(scores, task=task, metric=metric):
                return measure(task, task.y, scores, metrics.ones(len(task.y)))[metric][0]

            gaps = [
                value(np.where(s[:, None] > 0, b, a)) - value(np.where(s[:, None] > 0, a, b)) for s in whole.T
            ]  # fmt: skip
            observed = value(a) - value(b)
            expected = (1 + sum(abs(g) >= abs(observed) - 1e-9 for g in gaps)) / 31
            parts = [contributions(task, task.y, scores)[metric] for scores in (a, b)]
            assert parts[0].sum() - parts[1].sum() == pytest.approx(observed)
            assert mean_p(*parts, swaps) == pytest.approx(expected), metric


def test_rankings_equal_a_slow_loop_that_exchanges_ranks():
    rng = np.random.default_rng(0)
    y = (rng.random((30, 3)) < 0.4).astype(np.float32)
    y[rng.random((30, 3)) < 0.2] = np.nan
    a, b = y * 0 + 0.5 + rng.normal(size=(30, 3)), 100 * rng.normal(size=(30, 3))
    a, b = np.nan_to_num(a + np.nan_to_num(y)), np.nan_to_num(b)
    swaps = Swaps(30, 40, seed=3)
    from scipy.stats import rankdata

    def value(scores):
        own = []
        for c in range(3):
            said = ~np.isnan(y[:, c])
            own.append([f(y[said, c], scores[said, c]) for f in (sk.roc_auc_score, sk.average_precision_score)])
        return np.mean(own, axis=0)

    ranked = []
    for scores in (a, b):
        out = np.zeros((30, 3))
        for c in range(3):
            said = ~np.isnan(y[:, c])
            out[said, c] = rankdata(scores[said, c])
        ranked.append(out)
    observed = value(ranked[0]) - value(ranked[1])
    np.testing.assert_allclose(observed, value(a) - value(b))
    swapped = np.concatenate(list(swaps.blocks()), axis=1).T[:, :, None] > 0
    gaps = np.array([value(np.where(s, *ranked[::-1])) - value(np.where(s, *ranked)) for s in swapped])
    expected = (1 + (np.abs(gaps) >= np.abs(observed) - 1e-6).sum(axis=0)) / 41
    np.testing.assert_allclose(ranking_p(y, [a], [b], swaps), expected)


def test_the_same_answers_have_p_one_and_a_clear_difference_the_least_p():
    y = (np.arange(60) % 3 == 0).astype(np.float32)[:, None]
    rng = np.random.default_rng(0)
    good, poor = y + 0.01 * rng.normal(size=(60, 1)), rng.normal(size=(60, 1))
    assert ranking_p(y, [good], [good], Swaps(60, 100)) == (1.0, 1.0)
    assert ranking_p(y, [good], [poor], Swaps(60, 199)) == (1 / 200, 1 / 200)
    assert mean_p(np.ones(60) / 60, np.zeros(60), Swaps(60, 199)) == 1 / 200


def test_p_is_uniform_when_nothing_differs():
    rng = np.random.default_rng(0)
    small = []
    for trial in range(400):
        ease = rng.random(80)
        a, b = ((rng.random(80) < ease) / 80 for _ in range(2))
        small.append(mean_p(a, b, Swaps(80, 199, seed=trial)))
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(small) <= level) <= level + 0.04
    assert np.mean(np.array(small) <= 0.2) > 0.1


def test_unknown_values_have_no_p():
    assert np.isnan(p_value(float("nan"), np.zeros(3)))
    assert np.isnan(p_value(0.1, np.array([0.1, np.nan])))


@given(st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=12))
def test_holm_is_the_step_down_rule(ps):
    held = holm(ps)
    known = sorted((p, i) for i, p in enumerate(ps) if p == p)
    expected = [False] * len(ps)
    for step, (p, i) in enumerate(known):
        if p > 0.05 / (len(ps) - step):
            break
        expected[i] = True
    assert sum(held) == sum(expected)
    assert {ps[i] for i, one in enumerate(held) if one} == {ps[i] for i, one in enumerate(expected) if one}


def covered(trials, clustered):
    """How often 95 % intervals of a mean accuracy hold the true one, of tracks or of clusters of tracks."""
    rng, hits = np.random.default_rng(0), 0
    for trial in range(trials):
        if clustered:
            chance = rng.beta(7, 3, 60)
            value, cluster = (rng.random((60, 4)) < chance[:, None]).ravel() / 1.0, np.repeat(np.arange(60), 4)
        else:
            value, cluster = (rng.random(200) < 0.7) / 1.0, None
        drawn = np.concatenate([
            metrics.weighted_mean(value, w) for w in Resamples(len(value), 500, seed=trial, clusters=cluster).blocks()
        ])  # fmt: skip
        found = interval(value.mean(), drawn)
        hits += found.low <= 0.7 <= found.high
    return hits / trials


def test_intervals_cover_what_they_claim():
    assert 0.91 <= covered(300, clustered=False) <= 0.98
    assert 0.90 <= covered(300, clustered=True) <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("clustered", [False, True])
def test_intervals_cover_between_93_and_97_in_a_hundred(clustered):
    assert 0.93 <= covered(4000, clustered=clustered) <= 0.97
