"""Published figures beside our own; each with the name of its split, never in one ranking with another split."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import chosen, metric_name
from contramuse.probes.report.markup import table
from contramuse.probes.report.sources import Session
from contramuse.probes.words import figure, spanned


def references_section(report: Report) -> str:
    """One table per field and split: ours, those of the same split, and apart from them those of others."""
    return report.each("probe", lambda session, results: _session(session, results))


def _session(session: Session, results: Mapping[str, Any]) -> str:
    return "".join(_task(session, results, task) for task in results["tasks"] if task.get("references"))


def _task(session: Session, results: Mapping[str, Any], task: Mapping[str, Any]) -> str:
    ours = str(results["protocol"]["name"])
    same = {ours} | ({str(session.dataset.get("split"))} if results["protocol"].get("kind") == "split" else set())
    splits = dict.fromkeys([ours, *(str(r["split"]) for r in task["references"] if str(r["split"]) not in same)])
    body = ""
    for split in splits:
        published = [r for r in task["references"] if str(r["split"]) == split or {str(r["split"]), split} <= same]
        rows = [[r["system"], metric_name(r["metric"]), figure(r["value"]), str(r["source"])] for r in published]
        if split == ours:
            wanted = list(dict.fromkeys(r["metric"] for r in task["references"]))
            cells = [c for m in wanted for c in chosen(task["results"], metric=m, probe=results["primary_probe"])]
            probe = f"measured here, {results['primary_probe']} probe"
            rows = [[c["system"], metric_name(c["metric"]), spanned(c), probe] for c in cells] + rows
        mark = "" if split == ours else " <small>another split: not to be compared with ours</small>"
        if rows:
            body += f"<h4>{escape(split)}{mark}</h4>" + table(("system", "metric", "value", "source"), rows, css="text")
    return f"<h3>{escape(str(task['field']))}</h3>{body}"
