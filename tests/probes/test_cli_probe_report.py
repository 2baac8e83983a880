"""probe and report as a user runs them, with real baselines of a small model on a small library."""

import json
import re

import numpy as np
import pytest

from contramuse.checkpoint.model import load
from contramuse.embeddings import embed_library
from minilibrary import write_library
from minimodel import make_model


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    library = write_library(root / "library", tracks=40, seconds=2.0)
    model = load(make_model(root / "run" / "model", seed=5))
    embed_library(model, library, root / "embeddings")
    return root


def test_probe_adds_its_baselines_keeps_them_and_reports(run, world):
    arguments = ("probe", world / "embeddings", "--probe", "linear", "--resamples", 200)
    status, out, err = run(*arguments, "--json", world / "probe.json")
    assert status == 0, err
    assert "5 folds by artist" in out
    assert "tiny against MFCC statistics" in " ".join(out.split())
    results = json.loads((world / "probe.json").read_text())
    names = ["tiny", "random weights", "MFCC statistics", "mean log-mel"]
    assert [s["name"] for s in results["systems"]] == names
    assert {t["field"] for t in results["tasks"]} == {"genre", "tags", "tempo"}
    assert results["systems"][0]["model_hash"] != results["systems"][1]["model_hash"]

    kept = sorted((world / "library" / "baselines").rglob("*"))
    stamps = [file.stat().st_mtime_ns for file in kept if file.suffix in (".npz", ".parquet")]
    assert len(stamps) == 2
    assert run(*arguments, "--json", world / "again.json")[0] == 0
    assert stamps == [file.stat().st_mtime_ns for file in kept if file.suffix in (".npz", ".parquet")]
    again = json.loads((world / "again.json").read_text())
    assert again["tasks"] == results["tasks"]

    page = world / "report.html"
    given = ("--embeddings", world / "embeddings", "--probe", world / "probe.json")
    status, out, err = run("report", world / "run", *given, "-o", page)
    assert status == 0, err
    text = page.read_text(encoding="utf-8")
    for part in ("findings", "probe", "map", "neighbours", "recipe", "provenance"):
        assert f'<section id="{part}"' in text
    assert "Tune 3" in text
    beside = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert beside["sessions"][0]["probe"]["tasks"] == results["tasks"]
    assert "Tune 3" in beside["maps"][0]["title"]

    status, out, err = run("report", world / "run", world / "embeddings", world / "probe.json", "-o", page)
    assert status == 0, err
    assert re.findall('<section id="([a-z]+)"', page.read_text(encoding="utf-8")) == re.findall(
        '<section id="([a-z]+)"', text
    )
    card = world / "README.md"
    status, out, err = run(
        "report", world / "run", world / "probe.json", "-o", page, "--card", card, "--licence", "mit"
    )
    assert status == 0, err
    assert "card of run" in out
    assert results["systems"][0]["model_hash"] in card.read_text(encoding="utf-8")
    assert "license: mit" in card.read_text(encoding="utf-8")
    (world / "notes.md").write_text("mine")
    for taken in ("notes.md", "probe.json", "report.html"):
        status, _, err = run("report", world / "run", world / "probe.json", "-o", page, "--card", world / taken)
        assert status == 2
        assert "is another file" in err
    before = (world / "probe.json").read_bytes()
    status, _, err = run("report", world / "probe.json", "-o", world / "probe.html")
    assert status == 2
    assert "would be written over" in " ".join(err.split())
    assert (world / "probe.json").read_bytes() == before


def test_too_few_tracks_are_told(run, world, tmp_path):
    library = write_library(tmp_path / "library", tracks=5, seconds=2.0)
    embed_library(load(world / "run"), library, tmp_path / "out")
    status, _, err = run("probe", tmp_path / "out")
    assert status == 2
    assert "has 5 tracks (20 are needed)" in err
    status, _, err = run("probe", world / "embeddings", "--against", tmp_path / "out")
    assert status == 2
    assert f"{tmp_path / 'out'}': share 5 tracks with the library and the other embeddings" in err


@pytest.mark.parametrize(
    ("skipped", "told"),
    [
        ([], "The library has no label fields"),
        ([{"field": "genre", "reason": "one class"}], "No label field could be probed: genre (one class)."),
    ],
)
def test_nothing_to_probe_is_said_with_the_reason_and_no_empty_table(skipped, told):
    from contramuse.probes.table import tables
    from contramuse.probes.words import headline

    nothing = {"systems": [], "tasks": [], "retrieval": [], "skipped": skipped, "probes": ["linear"]}
    assert told in headline(nothing)[0]
    assert list(tables(nothing)) == []


def test_two_embeddings_are_compared_in_pairs(run, world):
    other = load(make_model(world / "other", seed=1))
    embed_library(other, world / "library", world / "second")
    file = world / "pair.json"
    status, _, err = run(
        *("probe", world / "embeddings", "--against", world / "second", "--task", "genre", "--probe", "knn"),
        *("--baselines", "none", "--folds", "4", "--json", file),
    )
    assert status == 0, err
    results = json.loads(file.read_text())
    assert [s["name"] for s in results["systems"]] == ["tiny (embeddings)", "tiny (second)"]
    gaps = results["tasks"][0]["differences"]
    assert [g["metric"] for g in gaps] == ["accuracy", "balanced_accuracy"]
    assert {(g["system"], g["against"]) for g in gaps} == {("tiny (embeddings)", "tiny (second)")}
    assert results["protocol"]["folds"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("probe", "nowhere"), "is missing"),
        (("probe", "embeddings", "--task", "mood"), "no such label field"),
        (("probe", "embeddings", "--folds", "2"), "--folds"),
        (("probe", "embeddings", "--baselines", "loud"), "random, mfcc, mel"),
        (("probe", "embeddings", "--library", "run"), "not a finished library"),
        (("report",), "nothing to report"),
        (("report", "library"), "is a library, which has no results"),
        (("report", "library/shards"), "neither a run nor a model"),
        (("report", "run", "-o", "report.json"), "is no page"),
        (("report", "embeddings", "--card", "card.md"), "no model to write a card of"),
    ],
)
def test_mistakes_are_told_with_the_next_step(run, world, monkeypatch, arguments, message):
    monkeypatch.chdir(world)
    status, _, err = run(*arguments)
    assert status == 2
    assert message in " ".join(err.split())


def test_vectors_stand_in_the_order_of_the_library(world):
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings
    from contramuse.probes.systems import common_rows, model_systems

    library, found = Library.open(world / "library"), Embeddings.open(world / "embeddings")
    rows = common_rows(library, [found])
    system = model_systems([found], library.ids[rows].tolist())[0]
    place = found.ids.tolist().index(library.ids[7])
    np.testing.assert_array_equal(system.vectors[7], found.vectors[place])


def test_chance_stands_beside_metrics_that_it_is_the_chance_of():
    """The share of sought tracks is what a random order has at R@1, and not its MAP or MRR."""
    from contramuse.probes.table import tables

    metrics = ["recall_at_1", "map", "precision_at_10", "ndcg_at_10", "mrr"]
    cells = [{"system": "a", "metric": metric, "value": 0.5, "low": 0.4, "high": 0.6} for metric in metrics]
    entry = {"group": "artist", "chance": 0.023, "results": cells}
    results = {
        "systems": [{"name": "a"}], "tasks": [], "probes": ["linear"], "library": {"tracks": 400},
        "retrieval": [entry, {**entry, "filter": "album"}],
    }  # fmt: skip
    (table,) = tables(results)
    assert list(table.columns[-1].cells) == ["0.023", "", "0.023", "", ""]


def test_few_labels_and_kept_results(run, world):
    arguments = ("probe", world / "embeddings", "--task", "genre", "--probe", "prototype", "--baselines", "none",
                 "--folds", "3", "--shots", "1,3", "--draws", "2", "--resamples", "100",
                 "--json", world / "few.json")  # fmt: skip
    status, out, err = run(*arguments)
    assert status == 0, err
    assert "prototype probe with few labels" in out
    assert "3 a class" in out
    assert "that was learnt from" in out.replace("\n", " ")
    results = json.loads((world / "few.json").read_text())
    assert {p["shots"] for p in results["few"][0]["points"]} == {None, 1, 3}
    status, out, err = run(*arguments)
    assert status == 0, err
    assert "Computed on" in out
    assert json.loads((world / "few.json").read_text()) == results
    for file in (world / "embeddings" / "probes").iterdir():
        file.write_text("{")
    status, out, err = run(*arguments)
    assert status == 0, err
    assert "Computed on" not in out
    again = json.loads((world / "few.json").read_text())
    assert {**again, "created": ""} == {**results, "created": ""}
    for wrong in (("--shots", "two"), ("--shots", "0"), ("--draws", "0", "--shots", "1"), ("--permutations", "3")):
        status, _, err = run("probe", world / "embeddings", *wrong)
        assert status == 2
        assert wrong[0] in err
