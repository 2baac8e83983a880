"""Robustness: clean probes on corrupted tracks, closed forms, and what is not measured."""

import dataclasses
import json

import numpy as np
import pytest

from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError, UserError
from contramuse.probes import Settings, robustness
from contramuse.probes import robustness as module
from contramuse.probes.changes import CORRUPTIONS, STUDIED
from contramuse.probes.folds import Fold, cross_validation
from contramuse.probes.frozen import fit_frozen
from contramuse.probes.hearing import Ear, Hearing
from contramuse.probes.intervals import Resamples
from contramuse.probes.metrics import weighted_mean
from contramuse.probes.robustness import Robustness, chosen_tracks, moves_label, tables
from contramuse.probes.run import System, predict
from contramuse.probes.tasks import Task
from minilibrary import write_library
from minimodel import embedded_library

QUICK = Settings(tasks=("genre",), probes=("linear",), baselines=("mfcc",), resamples=200, folds=3)


def task(kind="multiclass", name="genre", n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = {
        "multiclass": rng.integers(0, 3, n), "numeric": rng.normal(size=n),
        "multilabel": (rng.random((n, 3)) < 0.4).astype(np.float32),
    }[kind]  # fmt: skip
    known = np.ones(n, bool)
    known[::7] = False
    return Task(name, kind, tuple("abc") if kind != "numeric" else (), y, known)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "numeric"])
@pytest.mark.parametrize("probe", ["linear", "knn"])
def test_a_frozen_probe_answers_as_the_probe_does(kind, probe):
    """On clean vectors it gives the scores of a probing session: nothing else was chosen or fitted."""
    one = task(kind)
    x = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    folds = cross_validation(np.arange(60), k=5, seed=0)
    scores, tested = predict(System("x", "model", x), task=one, probe=probe, plan=[(0, folds)])
    frozen = fit_frozen(x, task=one, folds=folds, probe=probe, seed=0)
    np.testing.assert_allclose(frozen.predict(x[tested], tested), scores.scores[0], atol=1e-12)


def test_tested_labels_and_vectors_have_no_part_in_the_fit():
    one = task()
    x = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    fold = Fold(np.arange(30), np.arange(30, 40), np.arange(40, 60))
    before = fit_frozen(x, task=one, folds=[fold], probe="linear", seed=0).predict(x[40:50], np.arange(40, 50))
    changed = Task(one.name, one.field, one.classes, np.where(np.arange(60) >= 40, 0, one.y), one.known)
    other = np.where((np.arange(60) >= 40)[:, None], 9.0, x).astype(np.float32)
    after = fit_frozen(other, task=changed, folds=[fold], probe="linear", seed=0).predict(x[40:50], np.arange(40, 50))
    np.testing.assert_array_equal(before[one.known[40:50]], after[one.known[40:50]])


def test_a_part_of_many_tracks_keeps_the_shares_of_the_labels():
    y = np.repeat([0, 1, 2], [600, 300, 100])
    one = Task("genre", "multiclass", tuple("abc"), y, np.ones(1000, bool))
    fold = Fold(np.arange(0), np.arange(0), np.arange(1000))
    chosen = chosen_tracks([one], [fold], most=100, seed=0)
    assert np.bincount(y[chosen]).tolist() == [60, 30, 10]
    np.testing.assert_array_equal(chosen, chosen_tracks([one], [fold], most=100, seed=0))
    assert len(chosen_tracks([one], [fold], most=5000, seed=0)) == 1000


def test_what_moves_the_label_is_not_measured():
    key = Task("key", "key", ("C major", "D major"), np.zeros(3, int), np.ones(3, bool))
    assert moves_label(key, CORRUPTIONS["pitch"])
    assert not moves_label(key, CORRUPTIONS["tempo"])
    assert moves_label(task("numeric", "tempo"), CORRUPTIONS["tempo"])
    assert moves_label(task("numeric", "bpm"), STUDIED["semisupcon time_stretch"])
    assert not moves_label(task("numeric", "arousal"), CORRUPTIONS["tempo"])


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"), tracks=40, seconds=2.0)


@pytest.fixture(scope="module")
def given(library, tmp_path_factory):
    return embedded_library(library, tmp_path_factory.mktemp("model"))


@pytest.mark.slow
def test_the_part_of_an_evaluation(library, given, tmp_path):
    settings = Robustness(QUICK, corruptions=("gain", "packet loss", "semisupcon reverse"), tracks=20, seconds=2.0)
    part = robustness.robustness([given], library=library, settings=settings, folder=tmp_path)
    assert json.loads(json.dumps(part)) == part
    assert [c["name"] for c in part["corruptions"]] == ["gain", "packet loss", "semisupcon reverse"]
    assert part["corruptions"][0]["amounts"] == [0.0, -3.0, -10.0, -20.0, -40.0]
    assert {p["metric"] for p in part["points"]} == set(part["fields"][0]["metrics"])
    assert len(part["points"]) == 2 * (5 + 5 + 2) * len(part["fields"][0]["metrics"])
    assert part["tracks"] == {"corrupted": 20, "tested": 40, "seconds": 2.0}
    clean = {p["value"] for p in part["points"] if (p["system"], p["severity"], p["metric"]) == ("tiny", 0, "accuracy")}
    assert len(clean) == 1
    drift = [d for d in part["drift"] if d["severity"] == 0]
    assert all(d["cosine"] == pytest.approx(1, abs=1e-6) for d in drift)
    assert any(word.startswith("20 tested tracks (a stratified part of 40)") for word in part["words"])
    assert len(list(tables(part))) == 2
    again = robustness.robustness([given], library=library, settings=settings, folder=tmp_path)
    assert again == part


def test_an_encoder_that_does_not_hear_the_level_keeps_all_of_it(library, given, tmp_path, monkeypatch):
    """Closed form: vectors that do not depend on gain have flat curves, a share of 1 and no drift; a deaf one loses."""

    def spectrum(x):
        y = np.abs(np.fft.rfft(x[: 2 * 22050]))[:4000].reshape(40, -1).sum(axis=1)
        return y / np.linalg.norm(y)

    def level(x):
        return spectrum(x) * np.sqrt(np.mean(x**2))

    ears = {"even": spectrum, "level": level}
    whole = [library.store.read(i, 0, int(library.store.lengths[i])) / np.float32(32768) for i in range(len(library))]
    systems = [System(n, "model", np.stack([f(x) for x in whole]).astype(np.float32)) for n, f in ears.items()]
    monkeypatch.setattr(module.systems, "compared_systems", lambda *a, **k: systems)
    hearing = Hearing(
        {n: Ear(n, lambda s, f=f: np.stack([f(x) for x in s]).astype(np.float32)) for n, f in ears.items()},
        {n: (n, slice(None)) for n in ears},
    )
    monkeypatch.setattr(module, "hearing_of", lambda *a, **k: hearing)
    settings = Robustness(QUICK, corruptions=("gain",), tracks=40, seconds=2.0)
    part = robustness.robustness([given], library=library, settings=settings, folder=tmp_path)
    even = [p for p in part["points"] if p["system"] == "even"]
    assert len({p["value"] for p in even if p["metric"] == "accuracy"}) == 1
    told = {(p["system"], p["severity"]): p["against_clean"] for p in part["points"] if p["metric"] == "accuracy"}
    assert {told["even", severity] for severity in range(5)} == {"not distinguished"}
    assert any("severity 4, gain is not told from clean" in said for said in part["words"])
    kept = {s["system"]: s["kept"] for s in part["summary"] if s["metric"] == "accuracy"}
    assert kept["even"] == pytest.approx(1)
    assert kept["level"] < 1
    cosine = {(d["system"], d["severity"]): d["cosine"] for d in part["drift"]}
    assert cosine["even", 4] == pytest.approx(1, abs=1e-4)
    assert cosine["level", 4] < 0.9


def test_a_loss_that_the_paired_interval_shows_is_told_although_the_intervals_overlap():
    """Of 40 answers the same eight become wrong: 0.9 becomes 0.7, which is a loss, with intervals that overlap."""
    hit = np.r_[np.zeros(4), np.ones(36)]
    worse = hit.copy()
    worse[10:18] = 0
    draws = np.concatenate([weighted_mean(x, w) for x in (hit, worse) for w in Resamples(40, 300).blocks()])
    change, metrics = CORRUPTIONS["gain"], ("accuracy", "balanced_accuracy")
    keys = [module.CLEAN.key, *(module.Version(change, amount).key for amount in change.amounts)]
    value = {key: dict.fromkeys(metrics, 0.7 if i else 0.9) for i, key in enumerate(keys)}
    drawn = {key: dict.fromkeys(metrics, draws[300:] if i else draws[:300]) for i, key in enumerate(keys)}
    one = Task("genre", "multiclass", ("a", "b"), np.zeros(40, np.int64), np.ones(40, bool))
    points = [p for p in module._points(one, [change], {"x": module._Curve(value, drawn)}) if p["metric"] == "accuracy"]
    assert points[4]["high"] > points[0]["low"]
    assert [p["against_clean"] for p in points] == ["not distinguished", *["worse"] * 4]


def test_a_field_whose_answer_every_corruption_moves_says_so(library, given, tmp_path):
    settings = Robustness(dataclasses.replace(QUICK, tasks=("tempo",)), corruptions=("tempo",), tracks=20, seconds=1.5)
    part = robustness.robustness([given], library=library, settings=settings, folder=tmp_path)
    assert part["points"] == part["summary"] == []
    assert part["words"][1:] == ["tempo: tempo is not measured: it changes the right answer."]
    list(tables(part))


def test_mistakes_are_told(library, given, tmp_path):
    with pytest.raises(UserError, match="is no corruption"):
        Robustness(corruptions=("hail",))
    with pytest.raises(UserError, match="tracks"):
        Robustness(tracks=3)
    assert len(Robustness(corruptions=("noise", "semisupcon")).changes()) == 10
    bare = Library.open(library.root)
    bare.fields = {}
    with pytest.raises(LibraryError, match="no label"):
        robustness.robustness([given], library=bare, settings=Robustness(Settings(baselines=())), folder=tmp_path)
