"""An evaluation: parts are measured once, kept, and measured anew when what goes in changes."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contramuse.catalogue.library import Library
from contramuse.embeddings import Embeddings
from contramuse.errors import UserError
from contramuse.probes import Settings, evaluation
from contramuse.probes.evaluation import PARTS, Part, Request, evaluate
from contramuse.probes.protocol import published_split
from minilibrary import write_library

QUICK = Settings(probes=("linear",), baselines=("mfcc",), seeds=1, resamples=100, protocol="folds", folds=3)


@pytest.fixture
def subject(tmp_path):
    """A library and embeddings of it that know nothing."""
    library = write_library(tmp_path / "library", tracks=80, seconds=1.0, sample_rate=8000)
    rng = np.random.default_rng(0)

    class Drawn(Embeddings):
        def __init__(self):
            self.root, self.meta = tmp_path / "drawn", {"model_hash": "a", "preprocessing_hash": "b", "windows": "none"}

        ids, vectors = library.ids, rng.normal(size=(len(library), 8)).astype(np.float32)

        def __len__(self):
            return len(library)

    return library, Drawn()


def test_what_is_done_is_kept_until_something_changes(subject, tmp_path, monkeypatch):
    library, drawn = subject
    calls = []

    def run(bench):
        calls.append(bench.settings.resamples)
        return {"words": [f"{len(bench.given)} model"], "value": 1}

    monkeypatch.setitem(PARTS, "counted", Part("counts", run, lambda part: []))
    monkeypatch.setitem(PARTS, "nothing", Part("has nothing", lambda bench: None, lambda part: []))
    request = Request(("counted", "nothing"), probe=QUICK)
    said = []
    first = evaluate([drawn], library=library, out=tmp_path / "out", request=request, shown=lambda *a: said.append(a))
    again = evaluate([drawn], library=library, out=tmp_path / "out", request=request, shown=lambda *a: said.append(a))
    assert calls == [100]
    nothing = "the library has nothing for it"
    assert [(name, state) for name, _, state in said] == [
        ("counted", "new"), ("nothing", nothing), ("counted", "kept"), ("nothing", nothing),
    ]  # fmt: skip
    assert first["parts"] == again["parts"] == {"counted": {"words": ["1 model"], "value": 1}}
    assert json.loads((tmp_path / "out/evaluation.json").read_text())["parts"] == first["parts"]
    evaluate(
        [drawn], library=library, out=tmp_path / "out", request=replace(request, probe=replace(QUICK, resamples=200))
    )
    drawn.meta["model_hash"] = "another"
    evaluate([drawn], library=library, out=tmp_path / "out", request=request)
    (tmp_path / "out/parts/counted.json").write_text("{damaged")
    evaluate([drawn], library=library, out=tmp_path / "out", request=request)
    assert calls == [100, 200, 100, 100]


def test_labels_and_vectors_that_change_under_the_same_tracks_are_measured_anew(subject, tmp_path, monkeypatch):
    """The library's fingerprint is of tracks, splits and classes: labels may be corrected under it."""
    library, drawn = subject
    calls = []
    monkeypatch.setitem(PARTS, "counted", Part("", lambda bench: {"n": calls.append(1)}, lambda part: []))

    def run(library):
        evaluate([drawn], library=library, out=tmp_path / "out", request=Request(("counted",), probe=QUICK))
        return len(calls)

    assert (run(library), run(library)) == (1, 1)
    table = pq.read_table(library.root / "index.parquet")
    swapped = table["label.genre"].to_pylist()[::-1]
    place = table.column_names.index("label.genre")
    pq.write_table(table.set_column(place, "label.genre", pa.array(swapped)), library.root / "index.parquet")
    corrected = Library.open(library.root)
    assert corrected.fingerprint == library.fingerprint
    assert (run(corrected), run(corrected)) == (2, 2)
    drawn.vectors[0] += 1
    assert (run(corrected), run(corrected)) == (3, 3)


def test_a_part_that_cannot_be_measured_is_told_and_the_others_are_measured(subject, tmp_path, monkeypatch):
    library, drawn = subject

    def refuse(bench):
        raise UserError("is too small", name="library", fix="Give a larger one.")

    monkeypatch.setitem(PARTS, "one", Part("", refuse, lambda part: []))
    monkeypatch.setitem(PARTS, "two", Part("", lambda bench: {"n": 2}, lambda part: []))
    results = evaluate([drawn], library=library, out=tmp_path, request=Request(("one", "two"), probe=QUICK))
    assert results["parts"] == {"two": {"n": 2}}
    assert "is too small" in results["left_out"]["one"]
    with pytest.raises(UserError, match="is too small"):
        evaluate([drawn], library=library, out=tmp_path, request=Request(("one",), probe=QUICK))


def test_a_part_done_before_stays_in_the_page(subject, tmp_path, monkeypatch):
    library, drawn = subject
    monkeypatch.setitem(PARTS, "one", Part("", lambda bench: {"n": 1}, lambda part: []))
    monkeypatch.setitem(PARTS, "two", Part("", lambda bench: {"n": 2}, lambda part: []))
    evaluate([drawn], library=library, out=tmp_path, request=Request(("one",), probe=QUICK))
    results = evaluate([drawn], library=library, out=tmp_path, request=Request(("two",), probe=QUICK))
    assert results["parts"] == {"one": {"n": 1}, "two": {"n": 2}}
    other = Request(("two",), probe=replace(QUICK, resamples=200), tracks=50)
    assert set(evaluate([drawn], library=library, out=tmp_path, request=other)["parts"]) == {"one", "two"}
    drawn.vectors = drawn.vectors + 1  # other vectors: what was measured of the old ones is gone from the page
    assert set(evaluate([drawn], library=library, out=tmp_path, request=other)["parts"]) == {"two"}


def test_probes_run_and_carry_the_published_figures_of_their_split(subject, tmp_path):
    library, drawn = subject
    library.info["dataset"] = {
        "name": "magnatagatune", "choices": {"split": "pons2017", "tags": "top50"}, "split": "pons2017",
    }  # fmt: skip
    results = evaluate([drawn], library=library, out=tmp_path, request=Request(("probe",), probe=QUICK))
    (task,) = results["parts"]["probe"]["tasks"]
    assert task["field"] == "tags"
    assert {one["metric"] for one in task["references"]} == {"roc_auc", "average_precision"}
    assert {one["split"] for one in task["references"]} == {"pons2017: its test part"}  # and not our folds
    assert results["protocols"] == ["mtat"]
    assert results["parts"]["probe"]["protocol"]["aggregate"] == "embeddings"  # there are no windows


@pytest.mark.parametrize(
    ("published", "tested", "whole", "told"),
    [
        (5329, 5329, True, "pons2017"),
        (5329, 5328, True, "pons2017: all 5,329 items of its test part"),
        (5329, 5329, False, "pons2017: all 5,329 items of its test part"),
        (0, 70, True, "pons2017"),
        (0, 70, False, "pons2017: its test part"),
    ],
)
def test_published_figures_are_of_our_split_only_where_all_of_its_test_part_was_tested(published, tested, whole, told):
    counts = {"test": published} if published else {}
    library = SimpleNamespace(info={"dataset": {"split": "pons2017", "published": counts}})
    assert published_split(library, tested=tested, whole=whole) == told


def test_a_part_that_is_none_is_named():
    with pytest.raises(UserError, match=r"robustnes.*Known: probe"):
        Request(("robustnes",))
    assert set(evaluation.PARTS) >= {"probe", "playlists"}
