"""What fine-tuned models answer on tested tracks: figures of every run by field and split, and confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import card, metric_name
from contramuse.probes.report.confusion import heat_map

Tested = tuple[str, Mapping[str, Any]]


def finetuned_section(report: Report) -> str:
    """One card per library, split, field and metric, a row per run."""
    tested = [(one.name, one.test) for one in report.sources.trained if one.test]
    keys = list(
        dict.fromkeys((_where(test), row["field"], row["metric"]) for _, test in tested for row in test["results"])
    )
    cards = "".join(_card(report, tested, *key) for key in keys)
    maps = "".join(_confusion(report, name, test) for name, test in tested if test.get("confusion"))
    if not cards:
        return ""
    return (
        '<p class="note">Classifiers on tested tracks, as <code>contramuse finetune</code> left them in test.json; '
        "95 % bootstrap intervals over tracks. Runs of one card were tested on the same tracks; their differences are "
        f"not paired.</p><div class='cards'>{cards}</div>{maps}"
    )


def _where(test: Mapping[str, Any]) -> tuple[str, str, int]:
    return str(test["library"].get("fingerprint")), str(test.get("split_name") or test["split"]), int(test["tracks"])


def _card(report: Report, tested: Sequence[Tested], where: tuple[str, str, int], field: str, metric: str) -> str:
    cells, floor = [], None
    for name, test in tested:
        for row in test["results"]:
            if (_where(test), row["field"], row["metric"]) == (where, field, metric):
                cells.append({**row, "system": name})
                floor = row.get("floor") if floor is None else floor
    return card(
        report, cells, title=field, small=metric_name(metric), sub=f"{where[1]}; {where[2]:,} tracks", floor=floor
    )


def _confusion(report: Report, name: str, test: Mapping[str, Any]) -> str:
    classes = [str(one["class"]) for one in test["classes"]]
    css = report.style(name)
    drawn = heat_map(classes, test["confusion"], css=css)
    return (
        f'<figure class="heat {css}"><figcaption><b>{escape(name)}</b> <span class="num">'
        f"{escape(', '.join(test['fields']))}: rows are the truth, columns the answers</span></figcaption>"
        f'<div class="scroll" tabindex="0">{drawn}</div></figure>'
    )
