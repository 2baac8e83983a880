"""The bootstrap: what it draws, what it covers, and that it names no winner where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contramuse.probes.intervals import Resamples, difference, interval
from contramuse.probes.metrics import bounds, weighted_mean


def test_resamples_are_the_same_for_whoever_asks_and_keep_the_number_of_tracks():
    draw = Resamples(37, 50, block=37 * 7)
    blocks = list(draw.blocks())
    assert [b.shape[1] for b in blocks] == [7] * 7 + [1]
    w = np.concatenate(blocks, axis=1)
    assert (w.sum(axis=0) == 37).all()
    assert (w == np.concatenate(list(draw.blocks()), axis=1)).all()
    assert not (w == np.concatenate(list(Resamples(37, 50, seed=1).blocks()), axis=1)).all()


@given(
    hits=st.integers(0, 6),
    metric=st.sampled_from(["accuracy", "roc_auc", "ndcg_at_10", "r2", "clicks"]),
    spread=st.lists(st.floats(-5, 5), min_size=4, max_size=30),
)
def test_no_interval_leaves_what_its_metric_can_be(hits, metric, spread):
    value = hits / 6
    found = interval(value, np.array(spread), bounds=bounds(metric))
    least, most = bounds(metric)
    assert least <= found.low <= found.high <= most
    assert (least, most) == {"r2": (-np.inf, 1), "clicks": (0, np.inf)}.get(metric, (0, 1))


def test_six_tracks_of_which_one_is_hit_have_no_negative_accuracy():
    hits = np.array([1.0, 0, 0, 0, 0, 0])
    (w,) = Resamples(6, 1000).blocks()
    assert interval(hits.mean(), weighted_mean(hits, w)).low < 0  # the move carries it there
    assert interval(hits.mean(), weighted_mean(hits, w), bounds=bounds("accuracy")).low == 0


def test_clusters_are_drawn_together():
    clusters = np.array([5, 5, 5, 2, 2, 9])
    (w,) = Resamples(6, 200, clusters=clusters).blocks()
    assert (w[0] == w[1]).all()
    assert (w[3] == w[4]).all()
    assert ((w[0] + w[3] + w[5]) == 3).all()


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(400):
        hits = (rng.random(150) < 0.7).astype(float)
        (w,) = Resamples(150, 400, seed=trial).blocks()
        found = interval(hits.mean(), weighted_mean(hits, w))
        covered += found.low <= 0.7 <= found.high
    assert 0.91 <= covered / 400 <= 0.98


def test_the_paired_interval_covers_zero_under_the_null_and_is_narrower_than_two_apart():
    rng = np.random.default_rng(1)
    named = 0
    for trial in range(300):
        ease = rng.random(120)
        a, b = ((rng.random(120) < ease).astype(float) for _ in range(2))
        (w,) = Resamples(120, 400, seed=trial).blocks()
        gap = difference(a.mean() - b.mean(), weighted_mean(a, w), weighted_mean(b, w))
        named += gap.verdict != "not distinguished"
        assert (gap.verdict == "not distinguished") == (gap.low <= 0 <= gap.high)
    assert named / 300 <= 0.09


def test_the_same_predictions_are_never_distinguished():
    hits = np.arange(50) % 2
    (w,) = Resamples(50, 200).blocks()
    mean = weighted_mean(hits.astype(float), w)
    gap = difference(0.0, mean, mean)
    assert (gap.low, gap.high, gap.p, gap.verdict) == (0, 0, 1.0, "not distinguished")


def test_a_clear_difference_is_named_with_a_small_p():
    (w,) = Resamples(100, 1000).blocks()
    good, poor = weighted_mean(np.ones(100), w), weighted_mean((np.arange(100) % 2).astype(float), w)
    gap = difference(0.5, good, poor)
    assert gap.verdict == "better"
    assert gap.p == pytest.approx(2 / 1001)
    assert difference(-0.5, poor, good).verdict == "worse"


def test_an_interval_is_unknown_where_most_resamples_have_no_value():
    values = np.array([np.nan] * 6 + [0.5] * 4)
    found = interval(0.5, values)
    assert np.isnan(found.low)
    assert difference(0.1, values, values).verdict == "not distinguished"


@pytest.mark.parametrize("seed", range(6))
def test_one_track_that_differs_names_no_winner(seed):
    """A third of the resamples do not have it: they are ties, to whichever side the mean of the others is moved."""
    hits = np.zeros(300)
    hits[7] = 1
    drawn = np.random.default_rng(seed).multinomial(300, np.full(300, 1 / 300), size=1000) @ hits / 300
    gap = difference(1 / 300, drawn, np.zeros(1000))
    assert gap.verdict == "not distinguished"
    assert gap.low == 0
    assert gap.p > 0.3
    assert difference(-1 / 300, np.zeros(1000), drawn).verdict == "not distinguished"
