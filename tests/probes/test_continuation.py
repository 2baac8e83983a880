"""A whole session: what knows the taste reaches the top, noise stays at chance, all else is said."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from contramuse.errors import LibraryError, UserError
from contramuse.probes import continuation
from contramuse.probes.continuation import Continuation, continue_playlists, taught_company
from contramuse.probes.table import continuation_tables
from contramuse.recipe import load_recipe
from listlibrary import write_lists

pytest.importorskip("implicit")
N = 120
QUICK = Continuation(baselines=("popularity", "cf"), resamples=200, at=(5, 100), protocol="split")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Four tastes, 40 playlists of ten tracks each of one taste; every artist has tracks in training and test."""
    generator = np.random.default_rng(0)
    playlists = [[] for _ in range(N)]
    for number in range(40):
        for row in generator.choice(np.arange(number % 4, N, 4), 10, replace=False):
            playlists[row].append(f"p{number:02d}")
    groups = {"playlists": playlists, "artist": [[f"artist {row % 12}"] for row in range(N)]}
    splits = ["test" if row % 5 == 4 else "valid" if row % 5 == 3 else "train" for row in range(N)]
    return write_lists(tmp_path_factory.mktemp("lists") / "library", groups=groups, splits=splits)


def embedded(library, vectors, name="e"):
    order = np.random.default_rng(1).permutation(N)
    meta = {"model_path": None, "library_root": None}
    return SimpleNamespace(
        root=library.root / name, ids=library.ids[order], vectors=vectors[order].astype(np.float32), meta=meta
    )


def knowing(scale=0.1):
    generator = np.random.default_rng(2)
    return np.eye(4)[np.arange(N) % 4] + scale * generator.normal(size=(N, 4))


def noise(seed=3):
    return np.random.default_rng(seed).normal(size=(N, 8))


def value(results, system, ranking, metric):
    cells = [c for c in results["results"] if (c["system"], c["ranking"], c["metric"]) == (system, ranking, metric)]
    return cells[0]


def test_taste_is_found_and_noise_is_not(library):
    one, other = embedded(library, knowing(), "one"), embedded(library, noise(), "other")
    results = continue_playlists(one, library=library, against=[other], settings=QUICK)
    assert results["protocol"]["candidates"] == 24
    names = ["ndcg_at_5", "recall_at_5", "map_at_5", "r_precision", "clicks", "r_precision_artist"]
    assert results["metrics"] == names
    assert results["protocol"]["votes"] == 3
    for ranking in ("vote", "centroid"):
        assert (
            value(results, "one", ranking, "r_precision")["value"] > 0.2
        )  # 6 of 24 candidates have the taste, about 2 are hidden
        noisy, chance = (value(results, *names, "ndcg_at_5") for names in (("other", ranking), ("random order", "own")))
        assert noisy["low"] < chance["value"] < noisy["high"]
    assert value(results, "one", "centroid", "recall_at_5")["value"] > 0.6
    assert {s["name"]: s["role"] for s in results["systems"]} == {
        "one": "model", "other": "model", "random order": "baseline", continuation.POPULARITY: "baseline",
        continuation.FACTORS: "reference",
    }  # fmt: skip
    wanted = {"system": "one", "against": "other", "ranking": "vote"}
    gap = next(d for d in results["differences"] if wanted.items() <= d.items())
    assert gap["verdict"] == "better"
    assert not any(d["metric"] == "clicks" for d in results["differences"])
    assert any(s.startswith("one (vote, NDCG@5) is better than") and "other" in s for s in results["words"])
    json.dumps(results, allow_nan=False)
    console = Console(width=200, file=io.StringIO())
    for table in continuation_tables(results):
        console.print(table)
    text = console.file.getvalue()
    assert "NDCG@5" in text
    assert "without audio" in text


def test_the_same_numbers_again_and_few_candidates_leave_out_k(library):
    first, again = (continue_playlists(embedded(library, knowing()), library=library, settings=QUICK) for _ in range(2))
    assert first["results"] == again["results"]
    assert not any("100" in metric for metric in first["metrics"])


def test_each_fold_is_hidden_once(library):
    settings = Continuation(baselines=(), resamples=100, at=(5,), protocol="auto")
    results = continue_playlists(embedded(library, knowing()), library=library, settings=settings)
    assert results["protocol"]["name"] == "5 folds by artist, each hidden once"
    assert results["protocol"]["playlists"] == 40
    assert value(results, "e", "centroid", "recall_at_5")["value"] > 0.4  # the taste has ten candidates, chance is 0.2
    assert any(s.startswith("Each fold is hidden once") for s in results["words"])


def test_a_model_that_saw_playlists_is_tested_on_the_split(library, monkeypatch):
    monkeypatch.setattr(continuation, "taught_company", lambda path: ["lists by playlists"])
    settings = Continuation(baselines=(), resamples=100, at=(5,))
    results = continue_playlists(embedded(library, knowing()), library=library, settings=settings)
    assert results["protocol"]["kind"] == "split"
    assert results["protocol"]["trained_with"] == ["lists by playlists"]
    assert any("only the stored split is fair" in s for s in results["words"])


def test_what_a_recipe_took_from_company(monkeypatch):
    resolved = load_recipe("playlist_hybrid").resolved()
    monkeypatch.setattr(continuation, "read_info", lambda path: {"recipe": resolved})
    assert taught_company("model") == ["lists by playlists", "vectors cf", "tags genre"]
    assert taught_company(None) == []


def test_playlists_of_another_source(library):
    from contramuse.catalogue.playlists import library_lists

    lists = library_lists(library, "artist")
    results = continue_playlists(embedded(library, knowing()), library=library, lists=lists, settings=QUICK)
    assert results["protocol"]["of_playlists"] == 12


def test_artists_that_no_known_track_has_leave_popularity_out(library, tmp_path):
    groups = {"playlists": library.groups("playlists"), "artist": [[f"a{row}"] for row in range(N)]}
    alone = write_lists(tmp_path / "alone", groups=groups, splits=library.column("split"))
    results = continue_playlists(embedded(alone, noise()), library=alone, settings=QUICK)
    assert any("so its order is random" in s for s in results["words"])


def test_too_few_playlists(library, tmp_path):
    one = write_lists(tmp_path / "few", groups={"playlists": [["p"]] * N}, splits=library.column("split"))
    with pytest.raises(LibraryError, match="only 1 of its playlists"):
        continue_playlists(embedded(one, noise()), library=one, settings=QUICK)


def test_no_playlists(tmp_path):
    bare = write_lists(tmp_path / "bare", groups={"artist": [["x"]] * N}, splits=(["train", "valid", "test"] * N)[:N])
    with pytest.raises(LibraryError, match="no such group"):
        continue_playlists(embedded(bare, noise()), library=bare, settings=QUICK)


@pytest.mark.parametrize(
    "wrong", [{"rankings": ("best",)}, {"baselines": ("als",)}, {"at": ()}, {"votes": 0}, {"scale": "log"}]
)
def test_settings_that_are_not_possible(wrong):
    with pytest.raises(UserError, match="is not possible"):
        Continuation(**wrong)
