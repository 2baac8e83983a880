"""Few labels: what a share of the labels, or a handful per class, is enough for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import legend, metric_name
from contramuse.probes.report.curves import Line, curves
from contramuse.probes.report.markup import table
from contramuse.probes.words import spanned

Point = Mapping[str, Any]
WAYS = (("share", "Share of the labels"), ("shots", "Labelled tracks per class"))


def few_section(report: Report) -> str:
    """Curves over the share of the labels and over k labels per class."""
    return report.each("few", lambda session, part: _few(report, part))


def _few(report: Report, part: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(p["system"] for one in part for p in one["points"]))
    charts = "".join(_chart(report, one, way, title) for one in part for way, title in WAYS)
    draws = sorted({p["draws"] for one in part for p in one["points"] if p.get("draws")})
    drawn = f"mean of {draws[-1]} draws; " if draws else ""
    rows = [
        [
            (one["field"], metric_name(one["metric"])),
            one.get("probe", ""),
            p["system"],
            amount(p),
            f"{p['labels']:g}",
            spanned(p),
        ]
        for one in part
        for p in one["points"]
    ]
    head = ("field", "probe", "system", "labels given", "labelled tracks", "value")
    return (
        f'<p class="note">The same tested tracks, fewer labels to learn from: {drawn}bands are 95 % intervals. '
        "Labels are counted on a logarithmic axis.</p>"
        f"{legend(report, [{'name': n} for n in names], floor='')}<div class='charts'>{charts}</div>"
        f"<details><summary>All numbers</summary>{table(head, rows)}</details>"
    )


def amount(point: Point) -> str:
    """What was given: "10 %" or "5 per class"."""
    if point.get("shots") is not None:
        return f"{point['shots']} per class"
    return f"{100 * (point.get('share') or 0):g} %"


def _chart(report: Report, one: Mapping[str, Any], way: str, title: str) -> str:
    points = [p for p in one["points"] if p.get(way) is not None and p.get("value") is not None]
    if not points:
        return ""
    lines = []
    for name in dict.fromkeys(p["system"] for p in points):
        mine = sorted((p for p in points if p["system"] == name), key=lambda p: float(p[way]))
        at = [(math.log10(p[way]), p) for p in mine]
        band = [(x, p["low"], p["high"]) for x, p in at if p.get("low") is not None]
        lines.append(Line(name, report.style(name), [(x, p["value"]) for x, p in at], band, dots="each"))
    values = sorted({float(p[way]) for p in points})
    marks = [(math.log10(v), f"{100 * v:g} %" if way == "share" else f"{v:g}") for v in values]
    drawn = curves(lines, unit=title.lower(), marks=marks)
    probe = f", {one['probe']} probe" if one.get("probe") else ""
    return (
        f'<figure><figcaption><b>{escape(str(one["field"]))}</b> <span class="num">{escape(metric_name(one["metric"]))}'
        f"{escape(probe)}</span><small>{escape(title)}</small></figcaption>{drawn}</figure>"
    )
