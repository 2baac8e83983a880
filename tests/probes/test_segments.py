"""Windows as items, answers averaged over windows, shares of the labels, prototypes: against slow loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.library import Library
from contramuse.checkpoint.model import load
from contramuse.embeddings import Embeddings, embed_library
from contramuse.errors import EmbeddingsError, UserError
from contramuse.probes import Settings, probe
from contramuse.probes.folds import Fold
from contramuse.probes.run import System, predict
from contramuse.probes.segments import How, Segments, average, items, reduced
from contramuse.probes.tasks import Task
from contramuse.probes.zero_shot import NOTHING, Prototype
from minilibrary import write_library
from minimodel import make_model


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_windows_of_some_tracks(counts, seed):
    rng = np.random.default_rng(seed)
    windows = [rng.normal(size=(count, 3)).astype(np.float32) for count in counts]
    segments = Segments(np.concatenate(windows), np.array(counts))
    tracks = rng.permutation(len(counts))[: rng.integers(1, len(counts) + 1)]
    x, owner = segments.of(tracks)
    np.testing.assert_array_equal(x, np.concatenate([windows[t] for t in tracks]))
    assert owner.tolist() == [i for i, t in enumerate(tracks) for _ in range(counts[t])]
    vectors = np.stack([w.mean(axis=0) for w in windows])
    x, owner = items(vectors, segments, tracks, How(train_on="segments"))
    assert owner.tolist() == [t for t in tracks for _ in range(counts[t])]
    x, owner = items(vectors, None, tracks, How(train_on="segments"))
    assert owner.tolist() == tracks.tolist()
    again = segments.take(tracks)
    np.testing.assert_array_equal(again.vectors, segments.of(tracks)[0])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_means_of_logits_and_of_probabilities():
    rng = np.random.default_rng(0)
    scores, owner = 3 * rng.normal(size=(7, 4)), np.array([0, 0, 0, 1, 2, 2, 2])
    parts = [scores[owner == i] for i in range(3)]
    logits = average(scores, owner, 3, rule="logits", kind="multilabel")
    np.testing.assert_allclose(logits, [part.mean(axis=0) for part in parts])
    odds = average(scores, owner, 3, rule="probabilities", kind="multilabel")
    np.testing.assert_allclose(sigmoid(odds), [sigmoid(part).mean(axis=0) for part in parts], rtol=1e-9)
    softmax = [np.exp(part) / np.exp(part).sum(axis=1, keepdims=True) for part in parts]
    chances = average(scores, owner, 3, rule="probabilities", kind="multiclass")
    np.testing.assert_allclose(np.exp(chances), [part.mean(axis=0) for part in softmax], rtol=1e-9)
    numbers = average(scores, owner, 3, rule="probabilities", kind="numeric")
    np.testing.assert_allclose(numbers, logits)


def task_of(y, kind="multiclass", classes=3):
    return Task("t", kind, tuple("abcdef"[:classes]), y, np.ones(len(y), bool))


def test_one_window_a_track_changes_nothing():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 90)
    x = (np.eye(3)[y] + rng.normal(size=(90, 3))).astype(np.float32)
    fold = Fold(np.arange(50), np.arange(50, 70), np.arange(70, 90))
    plain = predict(System("s", "model", x), task=task_of(y), probe="linear", plan=[(0, [fold])])[0].scores[0]
    windowed = System("s", "model", x, segments=Segments(x, np.ones(90, np.int64)))
    for rule in ("embeddings", "logits", "probabilities"):
        how = How(train_on="segments", aggregate=rule)
        scores = predict(windowed, task=task_of(y), probe="linear", plan=[(0, [fold])], how=how)[0].scores[0]
        np.testing.assert_allclose(scores, plain, atol=1e-9)


def test_windows_as_items_tell_what_means_hide():
    """Class 1 differs from class 0 in the spread of its windows, not in their mean."""
    rng = np.random.default_rng(2)
    y, n = np.arange(200) % 2, 200
    windows = rng.normal(size=(n, 6, 1)) * np.where(y == 1, 4.0, 0.5)[:, None, None]
    windows = np.concatenate([windows - windows.mean(axis=1, keepdims=True), np.abs(windows) > 1.5], axis=2)
    segments = Segments(windows.reshape(-1, 2).astype(np.float32), np.full(n, 6))
    system = System("s", "model", windows.mean(axis=1).astype(np.float32) * [1, 0], segments=segments)
    fold = Fold(np.arange(100), np.arange(100, 150), np.arange(150, 200))

    def accuracy(how):
        scores, tested = predict(system, task=task_of(y, classes=2), probe="linear", plan=[(0, [fold])], how=how)
        return (scores.scores[0].argmax(axis=1) == y[tested]).mean()

    assert accuracy(How()) < 0.7
    assert accuracy(How(train_on="segments", aggregate="probabilities")) > 0.95


def test_a_share_of_the_labels_is_exact_or_by_sets():
    rng = np.random.default_rng(3)
    y = (rng.random((1000, 4)) < 0.3).astype(np.float32)
    tagged = np.flatnonzero(y.any(axis=1))
    task = task_of(y, "multilabel", 4)
    exact = reduced(task, tagged, How(share=0.1), seed=0)
    assert len(exact) == round(0.1 * len(tagged))
    assert set(exact) <= set(tagged)
    by_sets = reduced(task, tagged, How(share=0.01, share_rule="powerset"), seed=0)
    sets, counts = np.unique(y[tagged], axis=0, return_counts=True)
    assert len(by_sets) == sum(max(1, int(0.01 * count)) for count in counts)
    assert len(np.unique(y[by_sets], axis=0)) == len(sets)
    assert reduced(task, tagged, How(), seed=0) is tagged


def test_nothing_is_fitted_on_validation_tracks_under_a_share():
    rng = np.random.default_rng(4)
    y = np.arange(120) % 2
    x = rng.normal(size=(120, 4)).astype(np.float32)
    fold = Fold(np.arange(60), np.arange(60, 90), np.arange(90, 120))
    other = y.copy()
    other[60:90] = np.roll(other[60:90], 1)
    for share, same in ((0.5, True), (1.0, False)):
        how = How(share=share)
        plan = [(0, [fold])]
        scores = [
            predict(System("s", "model", x), task=task_of(labels, classes=2), probe="knn", plan=plan, how=how)[0]
            for labels in (y, other)
        ]
        if scores[0].chosen == scores[1].chosen:
            assert np.allclose(scores[0].scores[0], scores[1].scores[0]) == same


def test_tracks_that_are_known_to_have_no_tag_are_in_every_share():
    """A tenth of clips of which a fifth has none of the tags is a tenth of these too (MagnaTagATune's pons2017)."""
    y = np.zeros((200, 3), np.float32)
    y[np.arange(160), np.arange(160) % 3] = 1
    y[:40:2, 0] = np.nan  # and tags of which nothing is stated are no tags
    task = task_of(y, classes=3)
    for rule in ("exact", "powerset"):
        chosen = reduced(task, np.arange(200), How(share=0.1, share_rule=rule), seed=0)
        without = ~(y > 0).any(axis=1)
        assert without[chosen].sum() == pytest.approx(0.1 * without.sum(), abs=1)
        assert len(chosen) == pytest.approx(20, abs=2)


def test_a_prototype_is_of_the_tracks_of_which_its_tag_is_stated():
    rng = np.random.default_rng(7)
    z, y = rng.normal(size=(60, 5)), (rng.random((60, 3)) < 0.4).astype(np.float32)
    y[rng.random(y.shape) < 0.5] = np.nan
    found = Prototype(kind="multilabel", classes=3).fit(z, y).predict(z)
    for c in range(3):
        alone = Prototype(kind="multilabel", classes=1).fit(z[y[:, c] > 0], np.ones((int((y[:, c] > 0).sum()), 1)))
        assert np.allclose(found[:, c], alone.predict(z)[:, 0])


def test_prototypes_against_loops():
    rng = np.random.default_rng(5)
    z, y = rng.normal(size=(30, 5)), (rng.random((30, 3)) < 0.4).astype(np.float32)
    queries = rng.normal(size=(8, 5))
    found = Prototype(kind="multilabel", classes=3).fit(z, y).predict(queries)
    for c in range(3):
        members = [z[i] / np.linalg.norm(z[i]) for i in range(30) if y[i, c]]
        centre = sum(members) / len(members)
        for i, q in enumerate(queries):
            cosine = q @ centre / np.linalg.norm(q) / np.linalg.norm(centre)
            assert found[i, c] == pytest.approx(cosine)
    some = Prototype(kind="multiclass", classes=3).fit(z, np.zeros(30, np.int64)).predict(queries)
    assert (some[:, 1:] == NOTHING).all()
    assert (some[:, 0] > NOTHING).all()


def test_the_mean_of_cosines_over_windows():
    rng = np.random.default_rng(6)
    windows = rng.normal(size=(40, 3, 4)).astype(np.float32)
    y = np.arange(40) % 2
    system = System("s", "model", windows.mean(1), segments=Segments(windows.reshape(-1, 4), np.full(40, 3)))
    fold = Fold(np.arange(20), np.arange(20, 25), np.arange(25, 40))
    how = How(train_on="segments", aggregate="probabilities")
    scores = predict(system, task=task_of(y, classes=2), probe="prototype", plan=[(0, [fold])], how=how)[0].scores[0]
    unit = windows / np.linalg.norm(windows, axis=2, keepdims=True)
    for c in range(2):
        centre = unit[:20][y[:20] == c].reshape(-1, 4).mean(axis=0)
        np.testing.assert_allclose(scores[:, c], (unit[25:] @ centre / np.linalg.norm(centre)).mean(axis=1), rtol=1e-5)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory) -> tuple[Library, Embeddings]:
    root = tmp_path_factory.mktemp("segments")
    library = write_library(root / "library", tracks=48, seconds=1.7)
    short = ["embed.window=0.5", "embed.hop=0.5", "views.audio.take.seconds=0.5"]
    model = load(make_model(root / "model", overrides=short))
    embed_library(model, library, root / "e", keep="windows")
    embed_library(model, library, root / "plain")
    return library, Embeddings.open(root / "e")


def test_a_session_with_windows_shares_and_prototypes(embedded):
    library, embeddings = embedded
    chosen = Settings(
        probes=("linear", "prototype"), baselines=("random", "mel"), seeds=1, resamples=100, train_on="segments",
        aggregate="probabilities", shares=(1.0, 0.5),
    )  # fmt: skip
    results = probe(embeddings, library=library, settings=chosen)
    half = "(50 % of the labels)"
    assert results["probes"] == ["linear", f"linear {half}", "prototype", f"prototype {half}"]
    cells = {(t["field"], c["probe"], c["system"]) for t in results["tasks"] for c in t["results"]}
    assert ("genre", f"prototype {half}", "random weights") in cells
    assert ("tempo", "linear", "mean log-mel") in cells
    assert ("tempo", "prototype", "mean log-mel") not in cells
    assert results["protocol"]["train_on"] == "segments"
    one = probe(embeddings, library=library, settings=Settings(probes=("prototype",), baselines=(), resamples=100))
    assert {"field": "tempo", "reason": "numbers have no prototypes"} in one["skipped"]


def test_windows_are_read_at_once_as_one_by_one(embedded):
    _, embeddings = embedded
    vectors, counts = embeddings.every_window()
    assert len(counts) == len(embeddings)
    np.testing.assert_array_equal(vectors, np.concatenate([embeddings.windows(i) for i in range(len(embeddings))]))


def test_windows_that_were_not_kept_and_impossible_settings(embedded):
    library, embeddings = embedded
    plain = Embeddings.open(embeddings.root.parent / "plain")
    with pytest.raises(EmbeddingsError, match="keep-windows"):
        probe(plain, library=library, settings=Settings(train_on="segments", baselines=()))
    for wrong in ({"shares": (0.0,)}, {"shares": ()}, {"aggregate": "mean"}, {"train_on": "songs"}):
        with pytest.raises(UserError):
            Settings(**wrong)


def test_the_command(embedded, run, tmp_path):
    library, embeddings = embedded
    arguments = ["probe", embeddings.root, "--library", library.root, "--probe", "prototype", "--baselines", "none"]
    more = [
        "--shares",
        "1,0.5",
        "--train-on",
        "segments",
        "--aggregate",
        "logits",
        "--resamples",
        "100",
        "--seeds",
        "1",
    ]
    status, out, _ = run(*arguments, *more, "--task", "genre")
    assert status == 0
    assert "prototype (50 % of the labels) probe" in out
    status, _, err = run(*arguments, "--shares", "all")
    assert status == 2
    assert "Give shares as" in err
