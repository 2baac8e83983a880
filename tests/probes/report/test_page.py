"""The page: self-contained, escaped, and whole with whatever is missing."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from contramuse.errors import UserError
from contramuse.probes.report import Sources, build_page, gather_sources
from contramuse.probes.report.atlas import coordinates
from contramuse.probes.report.charts import axis, curves, label, span_of, thinned, ticks
from contramuse.probes.report.sections import embedded_json
from contramuse.probes.report.sources import Ledger
from contramuse.probes.words import figure, headline, listed

EVIL = "</script><img src=x onerror=alert(1)>\"'&\u2028"


def cell(system, value, **more):
    return {"system": system, "value": value, "low": value - 0.1, "high": value + 0.1, "metric": "accuracy", **more}


def gap(against, value, verdict):
    low, high = (0.01, 0.2) if verdict == "better" else (-0.2, -0.01) if verdict == "worse" else (-0.1, 0.1)
    return {
        "system": EVIL, "against": against, "metric": "accuracy", "probe": "linear", "value": value,
        "low": low, "high": high, "p": 0.01, "verdict": verdict,
    }  # fmt: skip


@pytest.fixture
def results():
    systems = [(EVIL, "model"), ("random weights", "baseline"), ("MFCC statistics", "baseline")]
    cells = [cell(name, 0.4 + 0.1 * i, probe="linear", seed_values=[0.4]) for i, (name, _) in enumerate(systems)]
    protocol = {
        "name": "5 folds by artist", "kind": "folds", "seeds": [0], "seed_varies": "folds", "resampled": "tracks",
        "resamples": 100,
    }  # fmt: skip
    task = {
        "field": EVIL, "kind": "multiclass", "classes": 3, "tested": 50, "tags_left_out": 0, "metrics": ["accuracy"],
        "floor": {"accuracy": 0.2}, "results": cells,
        "differences": [gap("random weights", 0.1, "better"), gap("MFCC statistics", -0.1, "worse")],
    }  # fmt: skip
    return {
        "format": "contramuse probe", "version": 1, "created": "now", "primary_probe": "linear", "probes": ["linear"],
        "library": {"root": None, "tracks": 50}, "protocol": protocol, "tasks": [task], "retrieval": [],
        "systems": [{"name": n, "role": r, "dim": 4, "note": ""} for n, r in systems],
        "skipped": [{"field": EVIL, "reason": "because"}],
    }  # fmt: skip


class Checker(HTMLParser):
    """Collects elements and refuses tags that are closed in the wrong order."""

    VOID = frozenset({"meta", "line", "circle", "img", "path", "polyline"})

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(page):
    parser = Checker()
    parser.feed(page)
    assert parser.open == []
    assert "img" not in parser.seen
    assert not any(name.startswith("on") for name, _ in parser.attributes)
    assert not any(
        name in ("src", "srcset") or (name == "href" and not v.startswith("#")) for name, v in parser.attributes
    )
    assert not re.search(r"@import|url\(", page)
    return parser


def test_the_page_is_whole_without_anything():
    page = build_page(Sources())
    checked(page)
    assert "Nothing has been measured yet" in page


def test_malicious_texts_stay_texts(results):
    log = ({"step": 0.0, "loss": 3.0}, {"step": 10.0, "loss": 2.0, "valid_loss": 2.5, f"knn_{EVIL}": 0.3})
    ledger = Ledger({"ok": 3, EVIL: 1}, ({"path": EVIL, "verdict": "failed", "note": EVIL},), 0)
    page = build_page(
        Sources(
            name=EVIL,
            recipe={"name": EVIL},
            log=log,
            results=results,
            ledger=ledger,
            command=EVIL,
            run={"recipe": EVIL},
        )
    )
    parser = checked(page)
    assert "polyline" in parser.seen
    assert "<img" not in page
    assert parser.seen.count("script") == 1


def test_the_lead_says_where_a_baseline_wins(results):
    page = build_page(Sources(results=results))
    assert "A baseline is better on 1" in page
    assert "On none of the 1 tasks is the model distinguishably better than every baseline" in page
    sentences = headline(results)
    assert any("A baseline wins: MFCC statistics on" in s for s in sentences)
    results["tasks"][0]["differences"] = [gap("random weights", 0.1, "better"), gap("MFCC statistics", 0.1, "better")]
    assert "on 1 of 1 tasks" in build_page(Sources(results=results))
    results["tasks"][0]["floor"]["accuracy"] = 0.39
    assert "On none of the 1 tasks" in build_page(Sources(results=results))
    assert any("not above an answer without features" in s for s in headline(results))


def test_json_in_a_script_cannot_end_it():
    text = embedded_json({"title": EVIL})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["title"] == EVIL


def test_sources_are_checked(tmp_path):
    with pytest.raises(UserError, match="nothing to report"):
        gather_sources()
    with pytest.raises(UserError, match="neither a run nor a model"):
        gather_sources(tmp_path)
    wrong = tmp_path / "x.json"
    wrong.write_text("{}")
    with pytest.raises(UserError, match="no result"):
        gather_sources(probe=wrong)
    wrong.write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        gather_sources(probe=wrong)


def test_a_run_is_read_as_far_as_it_goes(tmp_path):
    (tmp_path / "recipe.yaml").write_text("name: tiny\nabout: small\n")
    (tmp_path / "log.csv").write_text("step,loss,valid_loss\n1,4.2,\n2,4.0,3.9\nbroken\n")
    sources = gather_sources(tmp_path)
    assert sources.log[:2] == ({"step": 1.0, "loss": 4.2}, {"step": 2.0, "loss": 4.0, "valid_loss": 3.9})
    page = build_page(sources)
    checked(page)
    assert "small" in page


def test_axes_hold_everything_and_have_round_numbers():
    low, high = span_of([cell("a", 0.52), {"value": None, "low": None, "high": None}], 0.1)
    assert low <= 0.1
    assert high >= 0.62
    assert ticks(0, 1) == pytest.approx([0, 0.5, 1])
    assert [label(v, 1.0) for v in (0, -0.0, 0.5, 20000)] == ["0", "0", "0.5", "20k"]
    assert axis(0, 1).count("<text") == 3
    assert span_of([], None) == (0, 1)


def test_curves_survive_constants_nan_and_single_points():
    assert curves([]) == ""
    assert "circle" in curves([("a", "s0", [(1, 2)])])
    assert "polyline" in curves([("a", "s0", [(1, 2), (2, 2), (3, float("nan"))])])
    long = [(float(i), float(i % 7)) for i in range(5000)]
    assert len(thinned(long)) <= 301
    assert thinned(long)[-1] == long[-1]


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_the_map_is_repeatable_and_within_its_frame(n):
    x = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    where = coordinates(x)
    assert where.shape == (n, 2)
    assert np.isfinite(where).all()
    assert where.min() >= 0
    assert where.max() <= 1
    np.testing.assert_array_equal(where, coordinates(x))


def test_figures_are_written_as_people_do():
    assert [figure(v) for v in (0.5, -0.057, 1.0, -1.25, -0.0001, None)] == [
        ".500", "−.057", "1.000", "−1.250", ".000", "n/a"
    ]  # fmt: skip
    assert listed(["a", "b", "c"]) == "a, b and c"
