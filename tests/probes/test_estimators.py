"""Estimators against scikit-learn with the same settings, and their edge cases."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from contramuse.probes.estimators import ABSENT, Linear, Neighbours, Standard, loss
from contramuse.probes.mlp import MLP
from contramuse.probes.selection import choose


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 150)
    x = rng.normal(size=(4, 20))[y] + 1.5 * rng.normal(size=(150, 20))
    return x, y


@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_linear_is_sklearns_softmax_regression(data, strength):
    x, y = data
    ours = Linear(kind="multiclass", classes=4, strength=strength).fit(x, y)
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x, y)
    np.testing.assert_allclose(np.exp(ours.predict(x)), theirs.predict_proba(x), atol=5e-3)


def test_linear_one_vs_rest_is_sklearns_per_tag(data):
    x, y = data
    tags = np.stack([y == 1, y >= 2, y % 2 == 0], axis=1).astype(np.float32)
    ours = Linear(kind="multilabel", classes=3, strength=0.1).fit(x, tags)
    for c in range(3):
        theirs = LogisticRegression(C=0.1, tol=1e-8, max_iter=5000).fit(x, tags[:, c])
        np.testing.assert_allclose(ours.predict(x)[:, c], theirs.decision_function(x), atol=1e-2)


@pytest.mark.parametrize("n", [150, 12])
def test_linear_on_numbers_is_sklearns_ridge_also_with_few_tracks(data, n):
    x, y = data[0][:n], data[0][:n, 0] * 3 + data[1][:n] + 100
    ours = Linear(kind="numeric", classes=1, strength=0.2).fit(x, y)
    np.testing.assert_allclose(ours.predict(x)[:, 0], Ridge(alpha=5.0).fit(x, y).predict(x), rtol=1e-8)


def test_a_warm_start_leads_to_the_same_place(data):
    x, y = data
    cold = Linear(kind="multiclass", classes=4, strength=1.0).fit(x, y)
    weak = Linear(kind="multiclass", classes=4, strength=0.01).fit(x, y)
    warm = Linear(kind="multiclass", classes=4, strength=1.0, start=weak).fit(x, y)
    np.testing.assert_allclose(np.exp(cold.predict(x)), np.exp(warm.predict(x)), atol=5e-3)


@pytest.mark.parametrize("make", [Linear, Neighbours, MLP])
def test_classes_and_tags_without_examples_do_no_harm(data, make):
    x, y = data
    fitted = make(kind="multiclass", classes=6).fit(x, y)
    scores = fitted.predict(x)
    assert np.isfinite(scores).all()
    assert (scores[:, 4:] <= ABSENT + 1).all()
    assert (scores.argmax(axis=1) == y).mean() > 0.5
    tags = np.stack([y == 1, np.zeros(150), np.ones(150)], axis=1).astype(np.float32)
    assert np.isfinite(make(kind="multilabel", classes=3).fit(x, tags).predict(x)).all()


def test_nearest_neighbour_finds_itself(data):
    x, y = data
    assert (Neighbours(kind="multiclass", classes=4, k=1).fit(x, y).predict(x).argmax(axis=1) == y).all()
    values = np.arange(150.0)
    np.testing.assert_allclose(Neighbours(kind="numeric", classes=1, k=1).fit(x, values).predict(x)[:, 0], values)


def test_neighbours_equal_a_slow_loop(data):
    x, y = data
    found = Neighbours(kind="multiclass", classes=4, k=7).fit(x[:100], y[:100]).predict(x[100:])
    for q in range(50):
        cosine = [x[100 + q] @ v / np.linalg.norm(x[100 + q]) / np.linalg.norm(v) for v in x[:100]]
        near = np.argsort(cosine)[-7:]
        votes = np.bincount(y[:100], minlength=4) / 100
        for i in near:
            votes[y[i]] += 0.5 + 0.5 * cosine[i]
        np.testing.assert_allclose(np.exp(found[q]), votes / votes.sum(), atol=1e-6)


def test_standardisation_learns_from_training_tracks_only_and_drops_constants():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, size=(50, 4)).astype(np.float32)
    x[:, 2] = 7
    scale = Standard().fit(x)
    done = scale.transform(x)
    np.testing.assert_allclose(done[:, [0, 1, 3]].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(done[:, [0, 1, 3]].std(axis=0), 1, atol=1e-6)
    assert (done[:, 2] == 0).all()
    assert (scale.transform(x + 100)[:, 2] == 0).all()


def test_mlp_learns_what_no_line_can_and_is_repeatable():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(np.int64)
    mlp = MLP(kind="multiclass", classes=2, seed=3).fit_until(x[:200], y[:200], x[200:300], y[200:300])
    again = MLP(kind="multiclass", classes=2, seed=3).fit_until(x[:200], y[:200], x[200:300], y[200:300])
    assert (mlp.predict(x[300:]).argmax(axis=1) == y[300:]).mean() > 0.85
    assert (
        Linear(kind="multiclass", classes=2).fit(x[:200], y[:200]).predict(x[300:]).argmax(1) == y[300:]
    ).mean() < 0.7
    np.testing.assert_array_equal(mlp.predict(x), again.predict(x))


def test_mlp_answers_numbers_in_their_own_unit(data):
    x = data[0]
    y = 500 + 40 * x[:, 0]
    mlp = MLP(kind="numeric", classes=1).fit_until(x[:100], y[:100], x[100:], y[100:])
    assert np.corrcoef(mlp.predict(x)[:, 0], y)[0, 1] > 0.9
    assert abs(mlp.predict(x).mean() - y.mean()) < 10


@pytest.mark.parametrize("name", ["linear", "knn", "mlp"])
def test_the_choice_never_sees_the_tested_tracks_and_fits_the_rest(data, name):
    x, y = data
    fitted, setting = choose(
        name, kind="multiclass", classes=4, train=(x[:90], y[:90]), valid=(x[90:120], y[90:120]), seed=0
    )
    assert setting > 0
    assert loss("multiclass", y[120:], fitted.predict(x[120:])) < np.log(4)
