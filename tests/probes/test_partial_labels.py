"""Tags of which it is not known whether a track has them: nothing is learnt from them and nothing is tested on them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from contramuse.probes import metrics, probe
from contramuse.probes.classes import by_class, class_rows, confusion, without_positives
from contramuse.probes.estimators import Linear, Neighbours, loss
from contramuse.probes.folds import Fold
from contramuse.probes.intervals import Resamples
from contramuse.probes.mlp import MLP
from contramuse.probes.run import System, measure, predict, score
from contramuse.probes.tasks import Task, library_tasks
from memorylibrary import QUICK, Library, N, embedded, knowing


def partial(seed=0, n=160, c=4, missing=0.4):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    y = (x[:, :c] + rng.normal(size=(n, c)) > 0.3).astype(np.float32)
    hidden = rng.random((n, c)) < missing
    y[hidden] = np.nan
    return x, y


def test_linear_is_sklearns_on_the_stated_tracks_of_each_tag():
    x, y = partial()
    ours = Linear(kind="multilabel", classes=4, strength=0.3).fit(x, y)
    for c in range(4):
        said = ~np.isnan(y[:, c])
        theirs = LogisticRegression(C=0.3, tol=1e-8, max_iter=5000).fit(x[said], y[said, c])
        np.testing.assert_allclose(ours.predict(x)[:, c], theirs.decision_function(x), atol=1e-2)


@pytest.mark.parametrize("make", [Linear, Neighbours, MLP])
def test_what_is_not_stated_changes_nothing(make):
    """A track of which nothing is stated about a tag may as well not be there, for that tag."""
    x, y = partial(c=1)
    said = ~np.isnan(y[:, 0])
    if make is MLP:  # batches differ, so only that it learns, and from what
        fitted = MLP(kind="multilabel", classes=1).fit(x, y)
        assert sk.roc_auc_score(y[said, 0], fitted.predict(x)[said, 0]) > 0.75
        return
    if make is Neighbours:  # a neighbour without a word votes for nothing
        found = Neighbours(kind="multilabel", classes=1, k=len(x)).fit(x, y).predict(x)
        np.testing.assert_allclose(
            found, Neighbours(kind="multilabel", classes=1, k=int(said.sum())).fit(x[said], y[said]).predict(x)
        )
        return
    np.testing.assert_allclose(
        make(kind="multilabel", classes=1).fit(x, y).predict(x),
        make(kind="multilabel", classes=1).fit(x[said], y[said]).predict(x), atol=5e-3,
    )  # fmt: skip


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_metrics_are_those_of_the_stated_tracks(seed):
    x, y = partial(seed)
    scores = np.round(x[:, :4] + np.random.default_rng(seed).normal(size=(160, 4)), 1)
    task = Task("t", "multilabel", tuple("abcd"), y, np.ones(160, np.bool_))
    found = measure(task, y, scores, metrics.ones(160))
    slow = []
    for c in range(4):
        said = ~np.isnan(y[:, c])
        slow.append((sk.roc_auc_score(y[said, c], scores[said, c]),
                     sk.average_precision_score(y[said, c], scores[said, c])))  # fmt: skip
    assert found["roc_auc"][0] == pytest.approx(np.mean(slow, axis=0)[0], abs=1e-6)
    assert found["average_precision"][0] == pytest.approx(np.mean(slow, axis=0)[1], abs=1e-6)
    said = ~np.isnan(y)
    assert loss("multilabel", y, scores) == pytest.approx(
        np.mean(np.log1p(np.exp(-np.where(y[said] > 0, 1, -1) * scores[said])))
    )


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_classes_are_sklearns(seed, c):
    rng = np.random.default_rng(seed)
    y, scores = rng.integers(0, c, 50), rng.normal(size=(50, c + 1))
    answer = scores.argmax(axis=1)
    task = Task("t", "multiclass", tuple("abcdefgh"[: c + 1]), y, np.ones(50, np.bool_))
    labels = list(range(c + 1))
    found = measure(task, y, scores, metrics.ones(50))
    recall = sk.recall_score(y, answer, labels=labels, average=None, zero_division=np.nan)
    assert found["balanced_accuracy"][0] == pytest.approx(np.nanmean(recall))
    assert found["accuracy"][0] == pytest.approx(sk.accuracy_score(y, answer))
    assert confusion(task, y, scores) == sk.confusion_matrix(y, answer, labels=labels).tolist()
    np.testing.assert_allclose(by_class(task, y, scores, metrics.ones(50))["recall"][:, 0], recall)
    w = rng.integers(0, 4, size=(50, 2)).astype(np.float32)
    for r in range(2):
        rows = np.repeat(np.arange(50), w[:, r].astype(int))
        recall = sk.recall_score(y[rows], answer[rows], labels=labels, average=None, zero_division=np.nan)
        assert measure(task, y, scores, w)["balanced_accuracy"][r] == pytest.approx(np.nanmean(recall))


def test_a_line_per_tag_counts_what_is_stated_and_tags_without_positives_are_named():
    x, y = partial()
    y[:, 2] = np.where(np.isnan(y[:, 2]), np.nan, 0)
    task = Task("t", "multilabel", tuple("abcd"), y, np.ones(160, np.bool_))
    fold = Fold(np.arange(80), np.arange(80, 110), np.arange(110, 160))
    predictions, tested = predict(System("s", "model", x.astype(np.float32)), task=task, probe="linear",
                                  plan=[(0, [fold])])  # fmt: skip
    scored = score(task, y[tested], predictions, Resamples(50, 100))
    rows = class_rows(task, y[tested], "s", scored.classes, scored.classes_resampled)
    assert [row["class"] for row in rows] == list("abcd")
    assert [row["tested"] for row in rows] == (~np.isnan(y[tested])).sum(axis=0).tolist()
    assert [row["positives"] for row in rows] == (y[tested] > 0).sum(axis=0).tolist()
    assert rows[2]["roc_auc"] is None
    assert all(row["roc_auc_low"] <= row["roc_auc"] <= row["roc_auc_high"] for row in rows if row["roc_auc"])
    assert without_positives(task, y[tested]) == ["c"]
    assert scored.value("roc_auc") == pytest.approx(
        np.mean([row["roc_auc"] for row in rows if row["roc_auc"]]), abs=1e-5
    )


def test_a_library_with_stated_tags_is_probed_on_them_alone(tmp_path):
    library = Library(tmp_path)
    stated = np.random.default_rng(5).random((N, 5)) < 0.5
    clean, false = library.data["tags"], np.where(stated, library.data["tags"], 1 - library.data["tags"])
    library.stated = lambda field: stated if field == "tags" else None
    library.known = lambda field: stated.any(axis=1) if field == "tags" else np.ones(N, np.bool_)
    settings = dataclasses.replace(QUICK, tasks=("tags",), probes=("linear", "mlp", "knn"), seeds=1)
    first = probe(embedded(tmp_path, knowing(library)), library=library, settings=settings)["tasks"][0]
    library.data["tags"] = false.astype(np.float32)  # what is not stated now says the opposite
    features = knowing(library)
    features[:, 3:8] = clean
    library_tasks(library, np.arange(N), ["tags"])
    second = probe(embedded(tmp_path, features), library=library, settings=settings)["tasks"][0]
    for one, other in zip(first["results"], second["results"], strict=True):
        assert one["value"] == pytest.approx(other["value"], abs=0.02)
    assert all(row["tested"] == stated[:, i].sum() for i, row in enumerate(first["per_class"][:5]))
