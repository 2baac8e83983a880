"""The page: self-contained, escaped, and whole with whatever is missing."""

import json
import re
from html.parser import HTMLParser

import pytest

import reportparts
from contramuse.probes.report import Sources, assemble, numbers
from contramuse.probes.report import build_page as build
from contramuse.probes.report.sections import embedded_json
from contramuse.probes.report.sources import Ledger, Session, Trained
from contramuse.probes.words import figure, headline, listed

EVIL = "</script><img src=x onerror=alert(1)>\"'&\u2028"
PARTS = {
    "findings", "compare", "probe", "published", "tags", "confusion", "few", "robustness", "profile", "own",
    "retrieval", "playlists", "provenance",
}  # fmt: skip


def build_page(sources):
    return build(assemble(sources))


def session(content):
    return Session(content["library"], content["parts"], ("evaluation.json",), "now")


def small(model="tiny"):
    """One task and two baselines, by hand: better than one, worse than the other."""
    names = (model, "random weights", "MFCC statistics")
    cells = [
        {"system": n, "probe": "linear", "metric": "accuracy", "value": v, "low": v - 0.1, "high": v + 0.1}
        for n, v in zip(names, (0.4, 0.3, 0.5), strict=True)
    ]
    results = reportparts.probe()
    task = results["tasks"][0] | {
        "metrics": ["accuracy"],
        "results": cells,
        "differences": [gap(model, 1, 0.1), gap(model, 2, -0.1)],
    }
    for key in ("confusion", "per_class"):
        del task[key]
    systems = [{"name": n, "role": "model" if n == model else "baseline", "dim": 4} for n in names]
    return results | {"systems": systems, "tasks": [task], "retrieval": []}


def gap(model, against, value):
    low, high = (0.01, 0.2) if value > 0 else (-0.2, -0.01)
    return {
        "system": model, "against": ("", "random weights", "MFCC statistics")[against], "metric": "accuracy",
        "probe": "linear", "value": value, "low": low, "high": high, "p": 0.01,
        "verdict": "better" if value > 0 else "worse",
    }  # fmt: skip


def everywhere(value, text):
    """``value`` with every free text in it ending in ``text``; words that mean something to the page stay."""
    free = {"system", "against", "name", "field", "group", "class", "classes", "words", "examples", "reason", "unit",
            "source", "split", "corruption", "factor", "without_positives"}  # fmt: skip

    def change(one, key):
        if isinstance(one, dict):
            return (
                {k + text: v for k, v in one.items()} if key == "systems" else {k: change(v, k) for k, v in one.items()}
            )
        if isinstance(one, list):
            return [change(v, None if isinstance(v, dict) else key) for v in one]
        return one + text if isinstance(one, str) and key in free else one

    return change(value, None)


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


def test_every_part_is_shown_and_every_one_may_be_missing():
    whole = reportparts.evaluation(models=reportparts.MODELS)
    page = build_page(Sources(sessions=(session(whole),)))
    checked(page)
    assert set(re.findall('<section id="([a-z]+)"', page)) == PARTS
    for name in whole["parts"]:
        alone = {**whole, "parts": {name: whole["parts"][name]}}
        rest = {**whole, "parts": {n: p for n, p in whole["parts"].items() if n != name}}
        for content in (alone, rest):
            checked(build_page(Sources(sessions=(session(content),))))


def test_malicious_texts_stay_texts():
    log = ({"step": 0.0, "loss": 3.0}, {"step": 10.0, "loss": 2.0, "valid_loss": 2.5, f"knn_{EVIL}": 0.3})
    ledger = Ledger({"ok": 3, EVIL: 1}, ({"path": EVIL, "verdict": "failed", "note": EVIL},), 0)
    content = everywhere(reportparts.evaluation(models=reportparts.MODELS[:2]), EVIL)
    assert EVIL in content["parts"]["probe"]["tasks"][0]["confusion"]["classes"][0]
    page = build_page(
        Sources(
            name=EVIL,
            trained=tuple(Trained(EVIL + str(i), {"name": EVIL}, log, {"recipe": EVIL}, place=EVIL) for i in range(2)),
            sessions=(session(content), session({**content, "library": {"root": EVIL, "fingerprint": "other"}})),
            ledger=ledger,
            command=EVIL,
        )
    )
    parser = checked(page)
    assert "polyline" in parser.seen
    assert "<img" not in page
    assert parser.seen.count("script") == 1


def test_the_lead_says_where_a_baseline_wins():
    results = small()
    sources = Sources(sessions=(Session({}, {"probe": results}),))
    page = build_page(sources)
    assert "A baseline is better on 1" in page
    assert "On none of the 1 tasks is the model distinguishably better than every baseline" in page
    assert any("A baseline wins: MFCC statistics on" in s for s in headline(results))
    results["tasks"][0]["differences"] = [gap("tiny", 1, 0.1), gap("tiny", 2, 0.1)]
    assert "on 1 of 1 tasks" in build_page(sources)
    results["tasks"][0]["floor"]["accuracy"] = 0.39
    assert "On none of the 1 tasks" in build_page(sources)
    assert any("not above an answer without features" in s for s in headline(results))


def test_a_leak_is_told_first_and_its_absence_too():
    results = reportparts.probe()
    page = build_page(Sources(sessions=(Session({}, {"probe": results}),)))
    assert page.index("Training and tested tracks share something") < page.index("How to read it")
    results["leaks"]["audio"]["count"] = 0
    page = build_page(Sources(sessions=(Session({}, {"probe": results}),)))
    assert "No leak was found" in page


def test_figures_of_another_split_stand_apart_from_ours():
    results = reportparts.probe()
    ours = results["protocol"]["name"]
    results["tasks"][1]["references"][0]["split"] = ours
    page = build_page(Sources(sessions=(Session({}, {"probe": results}),)))
    part = page[page.index('<section id="published"') : page.index('<section id="tags"')]
    same, other = part.split("another split: not to be compared with ours")
    assert "a published model" in same
    assert "another<" not in same
    assert "a published model" not in other
    assert "another<" in other


def test_one_colour_per_system_everywhere():
    content = reportparts.evaluation(models=reportparts.MODELS)
    other = {**reportparts.evaluation(1, models=reportparts.MODELS[1:]), "library": {"root": "/x", "fingerprint": "x"}}
    report = assemble(Sources(sessions=(session(content), session(other))))
    assert len(report.sessions) == 2
    assert len(set(report.styles.values())) == len(report.styles) == 6
    page = build(report)
    assert len(re.findall('<h3 class="session">', page)) > 10
    css = report.style("masked")
    assert set(re.findall(r'<li class="(\w+)"><svg[^>]*>(?:(?!</li>).)*masked', page)) == {css}


def test_the_json_has_every_number_of_the_page(tmp_path):
    content = reportparts.evaluation()
    log = ({"step": 0.0, "loss": 3.0},)
    sources = Sources(sessions=(session(content),), trained=(Trained("run", log=log),))
    found = json.loads(json.dumps(numbers(assemble(sources))))
    assert found["format"] == "contramuse report"
    for name, part in content["parts"].items():
        assert found["sessions"][0][name] == part
    assert found["training"][0]["log"] == list(log)


@pytest.mark.parametrize(("classes", "size"), [(10, 30), (24, 24), (50, 18)])
def test_a_confusion_is_drawn_in_its_stored_order(classes, size):
    from contramuse.probes.report.confusion import heat_map

    names = [f"class {i}" for i in range(classes)][::-1]
    counts = [[(i * j) % 3 if i != j else 40 for j in range(classes)] for i in range(classes)]
    picture = heat_map(names, counts)
    assert f'width="{size}"' in picture
    assert re.findall(r'text-anchor="end">(class \d+)<', picture) == names
    assert picture.count('class="count') == sum(n > 0 for row in counts for n in row)


def test_classifiers_that_were_tested_on_the_same_tracks_share_a_card():
    def run(name, value, split):
        row = {"field": EVIL, "metric": "accuracy", "value": value, "low": 0.1, "high": 0.9, "floor": 0.2}
        test = {
            "library": {"fingerprint": "f"}, "split": "test", "split_name": split, "tracks": 9, "fields": [EVIL],
            "results": [row], "classes": [{"class": EVIL}, {"class": "b"}], "confusion": [[3, 1], [0, 5]],
        }  # fmt: skip
        return Trained(name, test=test)

    page = build_page(Sources(trained=(run("one", 0.5, "a"), run("two", 0.6, "a"), run("three", 0.7, "b"))))
    checked(page)
    part = page[page.index('<section id="finetuned"') :]
    assert part.count('<article class="card">') == 2
    assert part.count('class="confusion') == 3
    assert "Classifiers were tested" in page


def test_three_systems_fit_into_three_megabytes():
    content = reportparts.evaluation(models=reportparts.MODELS, tags=50, classes=50)
    assert len(build_page(Sources(sessions=(session(content),))).encode()) < 3e6


def test_json_in_a_script_cannot_end_it():
    text = embedded_json({"title": EVIL})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["title"] == EVIL


def test_figures_are_written_as_people_do():
    assert [figure(v) for v in (0.5, -0.057, 1.0, -1.25, -0.0001, None)] == [
        ".500", "−.057", "1.000", "−1.250", ".000", "n/a"
    ]  # fmt: skip
    assert listed(["a", "b", "c"]) == "a, b and c"
