"""Paths are told apart by content; sessions of the same tracks are put together."""

import pytest

import reportparts
from contramuse.errors import UserError
from contramuse.probes.report import Sources, assemble, build_page, gather_sources
from contramuse.probes.report.gathering import kind_of
from contramuse.probes.report.joining import join, joined, renamed
from contramuse.probes.report.sources import Session


def test_sources_are_checked(tmp_path):
    with pytest.raises(UserError, match="nothing to report"):
        gather_sources()
    with pytest.raises(UserError, match="neither a run nor a model"):
        gather_sources([tmp_path])
    with pytest.raises(UserError, match="is not there"):
        gather_sources([tmp_path / "nowhere"])
    (tmp_path / "library.json").write_text("{}")
    with pytest.raises(UserError, match="is a library"):
        gather_sources([tmp_path])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({}, "no result"),
        ([], "no result"),
        ({"format": "contramuse probe", "version": 2}, "has version 2"),
        ({"format": "contramuse probe", "version": 1}, 'its part "probe" has no primary_probe'),
        ({"format": "contramuse evaluation", "version": 1, "parts": []}, "no mapping"),
        ({"format": "contramuse evaluation", "version": 1, "parts": {"few": {}}}, "not a list of curves"),
        ({"format": "contramuse evaluation", "version": 1, "parts": {"own": {}}}, 'part "own" has no results'),
    ],
)
def test_damaged_results_are_told(tmp_path, content, told):
    wrong = reportparts.written(tmp_path / "x.json", content)
    for how in ({"paths": [wrong]}, {"probe": wrong}):
        with pytest.raises(UserError, match=told):
            gather_sources(**how)
    wrong.write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        gather_sources([wrong])


def test_kinds_are_told_apart_by_what_is_there(tmp_path):
    reportparts.written(tmp_path / "evaluation" / "evaluation.json", reportparts.evaluation())
    reportparts.written(tmp_path / "probe.json", reportparts.probe())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("name: tiny\n")
    assert [kind_of(tmp_path / n) for n in ("evaluation", "probe.json", "run")] == ["results", "results", "run"]
    found = gather_sources([tmp_path / "evaluation", tmp_path / "probe.json", tmp_path / "run"])
    assert len(found.sessions) == 2
    assert found.name == "run"


def test_an_evaluation_brings_its_models(tmp_path):
    content = reportparts.evaluation()
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "recipe.yaml").write_text("name: tiny\n")
    content["models"] = [{"path": str(tmp_path / "run" / "model"), "embeddings": str(tmp_path / "gone")}]
    found = gather_sources([reportparts.written(tmp_path / "e" / "evaluation.json", content).parent])
    assert [one.name for one in found.trained] == ["run"]
    assert found.embeddings == ()


def test_a_run_is_read_as_far_as_it_goes(tmp_path):
    (tmp_path / "recipe.yaml").write_text("name: tiny\nabout: small\n")
    (tmp_path / "log.csv").write_text("step,loss,valid_loss\n1,4.2,\n2,4.0,3.9\nbroken\n")
    sources = gather_sources([tmp_path])
    assert sources.trained[0].log[:2] == ({"step": 1.0, "loss": 4.2}, {"step": 2.0, "loss": 4.0, "valid_loss": 3.9})
    page = build_page(assemble(sources))
    assert "small" in page


def sessions(*contents):
    places = [("one.json",), ("two.json",)]
    return [Session(c["library"], c["parts"], p, "now") for c, p in zip(contents, places, strict=True)]


def test_sessions_of_the_same_tracks_are_put_together():
    a, b = reportparts.evaluation(0, models=("clmr",)), reportparts.evaluation(1, models=("masked",))
    (both,) = joined(sessions(a, b))
    names = [s["name"] for s in both.parts["probe"]["systems"]]
    assert names == ["clmr", *reportparts.BASELINES, "masked"]
    task = both.parts["probe"]["tasks"][0]
    assert sum(c["system"] == "masked" for c in task["results"]) == 2
    assert sum(c["system"] == "random weights" for c in task["results"]) == 2
    assert task["confusion"]["systems"]["masked"] == b["parts"]["probe"]["tasks"][0]["confusion"]["systems"]["masked"]
    first = a["parts"]["probe"]["tasks"][0]["confusion"]["systems"]
    assert task["confusion"]["systems"]["MFCC statistics"] == first["MFCC statistics"]
    page = build_page(assemble(Sources(sessions=tuple(sessions(a, b)))))
    assert "measured in sessions of their own" in page


def test_other_tracks_or_protocols_stay_apart():
    a, b = reportparts.evaluation(0), reportparts.evaluation(1)
    b["parts"]["probe"]["protocol"]["name"] = "5 folds by artist"
    assert len(joined(sessions(a, b))) == 2
    a, b = reportparts.evaluation(0), {**reportparts.evaluation(1), "library": {"fingerprint": "other"}}
    assert len(joined(sessions(a, b))) == 2


def test_two_models_of_one_name_get_two_and_one_model_has_one():
    a, b = reportparts.evaluation(0), reportparts.evaluation(1)
    for part in ("probe", "playlists"):
        b["parts"][part]["systems"][0]["model_hash"] = "another"
    (both,) = joined(sessions(a, b))
    names = [s["name"] for s in both.parts["probe"]["systems"]]
    assert names == ["clmr", *reportparts.BASELINES, "clmr (two)"]
    c = reportparts.evaluation(1, models=("the same under another name",))
    for part in ("probe", "playlists"):
        c["parts"][part]["systems"][0]["model_hash"] = "hash of clmr"
    (both,) = joined(sessions(a, c))
    assert [s["name"] for s in both.parts["probe"]["systems"]] == ["clmr", *reportparts.BASELINES]


def test_joining_keeps_the_first_of_two_values_and_every_entry_once():
    a = {"n": 1, "rows": [{"system": "x", "value": 1}], "words": ["said"], "values": [1, 2]}
    b = {
        "n": 2,
        "rows": [{"system": "x", "value": 3}, {"system": "y", "value": 4}],
        "words": ["said", "more"],
        "values": [5],
    }
    assert join(a, b) == {
        "n": 1, "rows": [{"system": "x", "value": 1}, {"system": "y", "value": 4}], "words": ["said", "more"],
        "values": [1, 2],
    }  # fmt: skip
    assert renamed({"system": "x", "systems": {"x": 1}}, {"x": "z"}) == {"system": "z", "systems": {"z": 1}}
