"""Every metric against scikit-learn, mir_eval or a slow loop; weightings against repeated rows."""

import mir_eval.key
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from contramuse.catalogue.track import KEYS
from contramuse.probes import metrics


def drawn(seed: int, n: int = 60, ties: bool = False):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    y = (score + rng.normal(size=n) > 0.5).astype(np.float32)
    y[:2] = (0, 1)
    return y, np.round(score, 0 if ties else 9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_ranking_is_sklearns_also_with_ties(seed, ties):
    y, score = drawn(seed, ties=ties)
    auc, ap = metrics.ranking(y, score, metrics.ones(len(y)))
    assert auc[0] == pytest.approx(sk.roc_auc_score(y, score), abs=1e-6)
    assert ap[0] == pytest.approx(sk.average_precision_score(y, score), abs=1e-6)


def test_roc_auc_is_the_chance_that_a_positive_outranks_a_negative():
    y, score = drawn(1, n=25, ties=True)
    pairs = [(p > q) + 0.5 * (p == q) for p in score[y > 0] for q in score[y == 0]]
    assert metrics.ranking(y, score, metrics.ones(25))[0][0] == pytest.approx(np.mean(pairs))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_a_weighting_is_the_same_as_repeating_the_tracks(seed):
    rng = np.random.default_rng(seed)
    y, score = drawn(seed, ties=True)
    w = rng.integers(0, 4, size=(len(y), 3)).astype(np.float32)
    w[:2] = 1
    classes, scores = rng.integers(0, 4, len(y)), rng.normal(size=(len(y), 4))
    found = {
        "auc": metrics.ranking(y, score, w)[0],
        "ap": metrics.ranking(y, score, w)[1],
        "r2": metrics.r_squared(score, y.astype(float), w),
        "accuracy": metrics.accuracy(classes, scores, w),
    }
    for r in range(3):
        rows = np.repeat(np.arange(len(y)), w[:, r].astype(int))
        assert found["auc"][r] == pytest.approx(sk.roc_auc_score(y[rows], score[rows]), abs=1e-6)
        assert found["ap"][r] == pytest.approx(sk.average_precision_score(y[rows], score[rows]), abs=1e-6)
        assert found["r2"][r] == pytest.approx(sk.r2_score(score[rows], y[rows]), abs=1e-6)
        assert found["accuracy"][r] == pytest.approx(sk.accuracy_score(classes[rows], scores[rows].argmax(1)), abs=1e-6)


def test_macro_skips_tags_that_do_not_divide_the_tracks():
    rng = np.random.default_rng(0)
    y = (rng.random((80, 6)) < 0.3).astype(np.float32)
    y[:, 2], y[:, 4] = 0, 1
    scores = rng.normal(size=(80, 6))
    kept = [0, 1, 3, 5]
    assert metrics.usable_tags(y).tolist() == kept
    auc, ap = metrics.macro_ranking(y, scores, metrics.ones(80))
    assert auc[0] == pytest.approx(sk.roc_auc_score(y[:, kept], scores[:, kept], average="macro"))
    assert ap[0] == pytest.approx(sk.average_precision_score(y[:, kept], scores[:, kept], average="macro"))


def test_a_value_that_does_not_exist_is_nan():
    y, score = np.array([1.0, 1.0, 0.0], np.float32), np.array([0.3, 0.1, 0.2])
    w = np.array([[1, 1], [1, 1], [1, 0]], np.float32)
    auc, ap = metrics.ranking(y, score, w)
    assert np.isnan(auc).tolist() == [False, True]
    assert np.isnan(ap).tolist() == [False, True]
    assert np.isnan(metrics.r_squared(np.array([2.0, 2.0, 3.0]), score, w)).tolist() == [False, True]


def test_r_squared_survives_a_large_offset():
    rng = np.random.default_rng(0)
    y = 1e6 + rng.normal(size=50)
    guess = y + 0.3 * rng.normal(size=50) + 0.2
    assert metrics.r_squared(y, guess, metrics.ones(50))[0] == pytest.approx(sk.r2_score(y, guess), abs=1e-6)


def test_key_table_is_mir_evals():
    table = metrics.key_table(KEYS)
    for i, a in enumerate(KEYS):
        for j, b in enumerate(KEYS):
            assert table[i, j] == mir_eval.key.weighted_score(a, b)
    fifth = table[KEYS.index("C major"), KEYS.index("G major")]
    relative = table[KEYS.index("C major"), KEYS.index("A minor")]
    parallel = table[KEYS.index("C major"), KEYS.index("C minor")]
    assert (fifth, relative, parallel) == (0.5, 0.3, 0.2)


def test_classes_that_are_no_keys_have_no_key_score():
    assert metrics.key_table(("C major", "atonal")) is None
