"""Per tag or class: dots with intervals, sorted by the first model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import legend, metric_name
from contramuse.probes.report.charts import axis, span_of, whisker
from contramuse.probes.words import figure

Entry = Mapping[str, Any]
MOST = 60
"""Tags that are shown at once; of more, the best and the worst halves, and all of them folded away."""
CHANCE = {"roc_auc": 0.5}


def tags_section(report: Report) -> str:
    """One picture per field that has figures per tag or class."""
    return report.each("probe", lambda session, results: "".join(_field(report, results, t) for t in results["tasks"]))


def metrics_of(entries: Sequence[Entry]) -> list[str]:
    """Metrics that the entries have an interval of."""
    return [key.removesuffix("_low") for key in entries[0] if key.endswith("_low")] if entries else []


def _field(report: Report, results: Mapping[str, Any], task: Mapping[str, Any]) -> str:
    entries = task.get("per_class") or []
    metrics = metrics_of(entries)[:2]
    if not metrics:
        return ""
    names = list(dict.fromkeys(e["system"] for e in entries))
    table = {(e["system"], e["class"]): e for e in entries}
    first = metrics[0]
    mine = [e for e in entries if e["system"] == names[0]]
    mine.sort(key=lambda e: (e.get(first) is None, -(e.get(first) or 0.0), -(e.get("positives") or 0)))
    spans = {m: _limits([_cell(e, m) for e in entries], m) for m in metrics}
    drawn = [_row(report, e, metrics, spans, [table.get((n, e["class"])) for n in names[1:]]) for e in mine]
    shown = drawn if len(drawn) <= MOST else [*drawn[: MOST // 2], '<p class="gap">...</p>', *drawn[-MOST // 2 :]]
    foot = _foot(metrics, spans)
    everything = (
        f"<details><summary>All {len(drawn)}</summary><div class='tags'>{''.join(drawn)}{foot}</div></details>"
        if len(drawn) > MOST
        else ""
    )
    systems = [s for s in results["systems"] if s["name"] in names]
    without = task.get("without_positives") or []
    left = (
        f'<p class="note">Without positives (or without negatives) among the tested tracks, and so without a figure: '
        f"{escape(', '.join(without))}.</p>"
        if without
        else ""
    )
    return (
        f'<article class="card wide"><h3>{escape(str(task["field"]))} <small>{len(drawn)} classes, sorted by '
        f"{escape(metric_name(first))} of {escape(names[0])}</small></h3>"
        f'<p class="sub">Whiskers are 95 % intervals of {escape(names[0])}; small dots are the other systems. '
        f"The number beside a name counts its tracks among those tested.</p>"
        f"{legend(report, systems, floor='chance' if first in CHANCE else '')}"
        f"<div class='tags'>{_head(metrics)}{''.join(shown)}{foot}</div>{everything}{left}</article>"
    )


def _limits(cells: Sequence[Entry], metric: str) -> tuple[float, float]:
    low, high = span_of(cells, CHANCE.get(metric))
    return max(low, 0.0), min(high, 1.0)


def _cell(entry: Entry, metric: str) -> dict[str, Any]:
    return {"value": entry.get(metric), "low": entry.get(f"{metric}_low"), "high": entry.get(f"{metric}_high")}


def _head(metrics: Sequence[str]) -> str:
    cells = "".join(f"<span>{escape(metric_name(m).removeprefix('macro '))}</span>" for m in metrics)
    return f'<div class="tag head n{len(metrics)}"><span></span>{cells}</div>'


def _foot(metrics: Sequence[str], spans: Mapping[str, tuple[float, float]]) -> str:
    return f'<div class="tag n{len(metrics)}"><span></span>{"".join(axis(*spans[m]) for m in metrics)}</div>'


def _row(
    report: Report,
    entry: Entry,
    metrics: Sequence[str],
    spans: Mapping[str, tuple[float, float]],
    others: Sequence[Entry | None],
) -> str:
    css = report.style(entry["system"])
    lines = []
    for m in metrics:
        cell = _cell(entry, m)
        cell = cell if cell["high"] is not None else {**cell, "low": None}
        dots = [(report.style(o["system"]), o[m]) for o in others if o is not None and o.get(m) is not None]
        lines.append(whisker(cell, *spans[m], floor=CHANCE.get(m), css=css, height=18, others=dots))
    figures = " / ".join(figure(entry.get(m)) for m in metrics)
    return (
        f'<div class="tag n{len(metrics)}" title="{escape(str(entry["class"]))}: {escape(figures)}">'
        f'<span class="system">{escape(str(entry["class"]))} <small>{entry.get("positives", "")}</small></span>'
        f"{''.join(lines)}</div>"
    )
