"""A whole probing session on a small library: what contains the labels reaches the top, noise stays at chance."""

import json

import numpy as np
import pytest

from contramuse.errors import EmbeddingsError, LibraryError, UserError
from contramuse.probes import Settings, probe, protocol
from contramuse.probes.folds import cross_validation, group_folds
from contramuse.probes.retrieval import per_query, run_retrieval
from contramuse.probes.run import System
from contramuse.probes.tasks import codes, split_group
from contramuse.probes.words import lost_to
from memorylibrary import QUICK, Library, N, embedded, knowing
from minimodel import make_model


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path)


def values(results, probe="linear"):
    return {(t["field"], c["metric"]): c for t in results["tasks"] for c in t["results"] if c["probe"] == probe}


def test_features_that_contain_the_labels_reach_the_top(library, tmp_path):
    results = probe(embedded(tmp_path, knowing(library)), library=library, settings=QUICK)
    found = values(results)
    assert found["genre", "accuracy"]["value"] == 1
    assert found["key", "key_score"]["value"] == 1
    assert found["tags", "roc_auc"]["value"] > 0.999
    assert found["tags", "average_precision"]["value"] > 0.999
    assert found["tempo", "r2"]["value"] > 0.99
    assert [s["field"] for s in results["skipped"]] == ["artist"]
    assert results["protocol"]["name"] == "5 folds by artist, predictions pooled"
    json.dumps(results, allow_nan=False)


def test_noise_stays_at_chance_and_names_no_winner(library, tmp_path):
    rng = np.random.default_rng(3)
    one, other = (embedded(tmp_path, rng.normal(size=(N, 16)), name) for name in ("one", "other"))
    results = probe(one, library=library, against=[other], settings=QUICK)
    for name in ("linear", "knn"):
        found = values(results, name)
        assert found["genre", "accuracy"]["value"] < 0.5
        assert abs(found["tags", "roc_auc"]["value"] - 0.5) < 0.12
        assert found["tempo", "r2"]["value"] < 0.1
    gaps = [g for t in results["tasks"] for g in t["differences"]]
    # Two metrics of one task share their luck: the first of each is counted.
    first = [g for t in results["tasks"] for g in t["differences"] if g["metric"] == t["metrics"][0]]
    named = [g for g in first if g["verdict"] != "not distinguished"]
    assert len(named) <= 0.2 * len(first)
    for gap in gaps:
        assert (gap["verdict"] == "not distinguished") == (gap["low"] <= 0 <= gap["high"])


def test_the_same_embeddings_are_not_distinguished_from_themselves(library, tmp_path):
    vectors = np.random.default_rng(4).normal(size=(N, 8))
    results = probe(
        embedded(tmp_path, vectors), library=library, against=[embedded(tmp_path, vectors, "copy")], settings=QUICK
    )
    assert {g["verdict"] for t in results["tasks"] + results["retrieval"] for g in t["differences"]} == {
        "not distinguished"
    }
    assert not any("better" in sentence.split(":", 1)[-1] for sentence in results["words"][:1])


def test_the_stored_split_is_used_when_asked_for_and_fits_deterministic_probes_once(library, tmp_path):
    settings = Settings(probes=("linear",), baselines=(), tasks=("genre",), protocol="split", resamples=100)
    results = probe(embedded(tmp_path, knowing(library)), library=library, settings=settings)
    task = results["tasks"][0]
    assert task["tested"] == 20
    assert len(task["results"][0]["seed_values"]) == 1
    assert "test 20" in results["protocol"]["name"]


def test_embeddings_of_other_tracks_and_impossible_settings_are_refused(library, tmp_path):
    other = embedded(tmp_path, np.ones((N, 4)))
    other.ids = np.array([f"x{i}" for i in range(N)])
    with pytest.raises(EmbeddingsError, match="share 0 tracks"):
        probe(other, library=library, settings=QUICK)
    good = embedded(tmp_path, np.ones((N, 4)))
    with pytest.raises(LibraryError, match="'mood'"):
        probe(good, library=library, settings=Settings(tasks=("mood",), baselines=()))
    with pytest.raises(LibraryError, match="shoe"):
        probe(good, library=library, settings=Settings(group="shoe", protocol="folds", baselines=()))
    for wrong in ({"folds": 2}, {"seeds": 0}, {"probes": ("deep",)}, {"baselines": ("x",)}, {"resamples": 3}):
        with pytest.raises(UserError):
            Settings(**wrong)


def test_folds_keep_groups_together_and_test_every_track_once():
    group = np.array([0] * 7 + [1] * 3 + [-1] * 6 + [2, 3, 4, 5, 6] * 4)
    for seed in range(3):
        folds = cross_validation(group, k=5, seed=seed)
        assert sorted(np.concatenate([f.test for f in folds]).tolist()) == list(range(len(group)))
        for fold in folds:
            parts = [set(group[rows][group[rows] >= 0]) for rows in (fold.train, fold.valid, fold.test)]
            assert not parts[0] & parts[1]
            assert not (parts[0] | parts[1]) & parts[2]
            assert len(fold.train) + len(fold.valid) + len(fold.test) == len(group)
    sizes = np.bincount(group_folds(np.arange(50) // 2, k=5, seed=0))
    assert sizes.tolist() == [10] * 5
    assert codes([("a",), (), ("b", "a"), ("a",)]).tolist() == [0, -1, 1, 0]


def test_retrieval_equals_a_slow_loop():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 5)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    group = rng.integers(0, 6, 30)
    relevant = group[:, None] == group[None]
    np.fill_diagonal(relevant, False)
    queries = np.flatnonzero(relevant.any(axis=1))
    barred = rng.integers(0, 4, 30)
    left_out = barred[queries, None] == barred[None]
    for out in (None, left_out):
        found = per_query(x, relevant[queries], queries, out)
        for i, q in enumerate(queries):
            kept = [j for j in range(30) if j != q and (out is None or not out[i, j])]
            order = sorted(kept, key=lambda j: -float(x[q] @ x[j]))
            ranks = [r for r, j in enumerate(order, start=1) if relevant[q, j]]
            best = sum(1 / np.log2(1 + r) for r in range(1, min(10, len(ranks)) + 1))
            expected = {
                "recall_at_1": float(ranks[:1] == [1]),
                "map": np.mean([(n + 1) / r for n, r in enumerate(ranks)]) if ranks else 0,
                "precision_at_10": sum(r <= 10 for r in ranks) / 10,
                "ndcg_at_10": sum(1 / np.log2(1 + r) for r in ranks if r <= 10) / (best or 1),
                "mrr": 1 / ranks[0] if ranks else 0,
            }
            assert {m: v[i] for m, v in found.items()} == pytest.approx(expected)


def test_retrieval_of_one_hot_groups_is_perfect_and_needs_queries():
    group = np.repeat(np.arange(12), 3)
    system = System("s", "model", np.eye(12)[group] + 0.01 * np.random.default_rng(0).normal(size=(36, 12)))
    names = [(f"g{g}",) for g in group]
    table = run_retrieval("track", names, systems=[system], resamples=100, clusters=None, seed=0)
    assert {c["metric"]: c["value"] for c in table["results"]} == pytest.approx(
        {"recall_at_1": 1, "map": 1, "precision_at_10": 0.2, "ndcg_at_10": 1, "mrr": 1}
    )
    assert table["chance"] == pytest.approx(2 / 35)
    assert run_retrieval("track", [()] * 36, systems=[system], resamples=100, clusters=None, seed=0) is None


@pytest.mark.parametrize(
    ("made", "group"),
    [
        ("artist (240 tracks), album (0), track (0)", "artist"),
        ("artist (0 tracks), album (0), folder (12)", "folder"),
        ("playlists", "playlists"),
        ("given", None),
        ("track", None),
    ],
)
def test_folds_keep_together_what_the_split_kept_together(made, group):
    library = Library("library")
    library.info = {"split_groups": made}
    assert split_group(library) == group


def test_labels_that_a_model_was_taught_with_are_known(tmp_path):
    parts = "same, {kind: kernel, value: tempo, width: 9.0}, {kind: dice, labels: tags}"
    target = f"contrasts.0.target={{kind: any, of: [{parts}]}}"
    assert protocol.taught_labels(str(make_model(tmp_path / "taught", overrides=[target]))) == ["tags", "tempo"]
    assert protocol.taught_labels(str(make_model(tmp_path / "plain"))) == []
    assert protocol.taught_labels(str(tmp_path / "gone")) == []


@pytest.mark.parametrize(
    ("artists", "folds", "name"),
    [
        (24, 5, "5 folds by artist, "),
        (4, 4, "4 folds by artist, "),
        (2, 5, "5 folds by track (2 of artist are too few "),
    ],
)
def test_few_artists_make_fewer_folds_and_two_of_them_are_not_kept_apart(tmp_path, artists, folds, name):
    library = Library(tmp_path)
    library.data["artist"] = np.arange(N) % artists
    made = protocol.make_protocol(library, np.arange(N), QUICK, taught=())
    assert made.facts["name"].startswith(name)
    assert all(len(parts) == folds for _, parts in made.plan)
    if artists < 5:
        asked = Settings(probes=("linear",), baselines=(), seeds=1, resamples=200, group="artist")
        with pytest.raises(LibraryError, match="fewer groups than the 5 folds"):
            protocol.make_protocol(library, np.arange(N), asked, taught=())


def test_a_baseline_that_knows_nothing_of_a_field_wins_nothing_there():
    def cell(system, low):
        return {"system": system, "probe": "linear", "metric": "r2", "value": low, "low": low, "high": low + 1}

    gap = {"system": "m", "against": "b", "probe": "linear", "metric": "r2", "verdict": "worse"}
    task = {"field": "year", "metrics": ["r2"], "floor": {"r2": 0.0}, "differences": [gap]}
    results = {"primary_probe": "linear", "retrieval": [], "tasks": [task]}
    task["results"] = [cell("m", -3.0), cell("b", -1.0)]
    assert lost_to(results, "m", ["b"]) == []
    task["results"] = [cell("m", -3.0), cell("b", 0.2)]
    assert lost_to(results, "m", ["b"]) == [("b", ["year"])]
