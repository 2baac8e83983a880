"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from contramuse.probes.few import Amount
from contramuse.probes.framed import framed
from contramuse.probes.ranked import metric_title
from contramuse.probes.words import METRICS, spanned

PLAIN, FILTERED = ("recall_at_1", "map"), ("precision_at_10", "ndcg_at_10", "mrr")
"""Metrics of retrieval that a terminal shows, without and with a filter; the results hold all of them of both."""

CHANCE = frozenset(("recall_at_1", "precision_at_10"))
"""Metrics of retrieval whose mean is the share of the sought tracks where the order is none; others have another."""


def tables(results: Mapping[str, Any]) -> Iterator[Table]:
    """One table per probe (fields by systems, first metrics), and one for retrieval."""
    names = [system["name"] for system in results["systems"]]
    for probe in results["probes"] if results["tasks"] else ():
        rows = [
            (f"{task['field']} ({METRICS[metric]})", _cells(task, metric, probe, names), task["floor"].get(metric))
            for task in results["tasks"]
            for metric in task["metrics"]
        ]
        yield _table(f"{probe} probe, {results['protocol']['name']}", names, rows)
    if results["retrieval"]:
        rows = [
            (
                f"{entry['group']} ({METRICS[metric]})",
                _cells(entry, metric, None, names),
                entry["chance"] if metric in CHANCE else None,
            )
            for entry in results["retrieval"]
            for metric in (FILTERED if entry.get("filter") else PLAIN)
        ]
        yield _table(f"retrieval among {results['library']['tracks']} tracks", names, rows)


def continuation_tables(results: Mapping[str, Any]) -> Iterator[Table]:
    """One table per ranking of playlist continuation (systems by metrics), and one for what ranks without vectors."""
    for ranking in (*results["rankings"], "own"):
        mine = [cell for cell in results["results"] if cell["ranking"] == ranking]
        names = list(dict.fromkeys(cell["system"] for cell in mine))
        title = "without audio" if ranking == "own" else f"{ranking}, {results['protocol']['name']}"
        table = framed(title, left=("system",), right=[metric_title(metric) for metric in results["metrics"]])
        for name in names:
            cells = {cell["metric"]: spanned(cell) for cell in mine if cell["system"] == name}
            table.add_row(escape(name), *(cells[metric] for metric in results["metrics"]))
        yield table


def few_tables(part: Sequence[Mapping[str, Any]]) -> Iterator[Table]:
    """A table for each field and probe with few labels: amounts by systems."""
    for one in part:
        title = f"{one['field']} ({METRICS[one['metric']]}), {one['probe']} probe with few labels, {one['protocol']}"
        names = list(dict.fromkeys(point["system"] for point in one["points"]))
        table = framed(title, left=("labels",), right=("tracks", *names))
        lines: dict[str, list[Mapping[str, Any]]] = {}
        for point in one["points"]:
            lines.setdefault(str(Amount(point["share"], point["shots"])), []).append(point)
        for amount, points in lines.items():
            table.add_row(amount, f"{points[0]['labels']:g}", *(spanned(point) for point in points))
        yield table


def _cells(task: Mapping[str, Any], metric: str, probe: str | None, names: list[str]) -> list[str]:
    found = {
        cell["system"]: spanned(cell)
        for cell in task["results"]
        if cell["metric"] == metric and cell.get("probe") == probe
    }
    return [found.get(name, "") for name in names]


def _table(title: str, names: list[str], rows: list[tuple[str, list[str], float | None]]) -> Table:
    table = framed(title, left=("task",), right=(*names, "floor"))
    for label, cells, floor in rows:
        table.add_row(escape(label), *cells, "" if floor is None else f"{floor:.3f}")
    return table
