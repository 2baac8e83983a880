"""Model beside model: paired differences with intervals, every task in one picture per pair."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import metric_name
from contramuse.probes.report.charts import axis, ticks
from contramuse.probes.words import comparisons, figure

Pair = tuple[str, str, list[tuple[str, Mapping[str, Any]]]]
WIDEST = 1.0
"""Differences are drawn up to here; R² can be as bad as it likes."""


def compare_section(report: Report) -> str:
    """A forest of differences per pair: models against each other first, then against baselines."""
    return report.each("probe", lambda session, results: _forests(results))


def pairs(results: Mapping[str, Any]) -> list[Pair]:
    """(system, against, [(task, paired difference)]) of every pair, models against models first."""
    models = [s["name"] for s in results["systems"] if s["role"] == "model"]
    baselines = [s["name"] for s in results["systems"] if s["role"] == "baseline"]
    wanted = [(a, b) for i, a in enumerate(models) for b in models[i + 1 :]]
    wanted += [(a, b) for a in models for b in baselines]
    found = [(a, b, comparisons(results, a, b)) for a, b in wanted]
    return [(a, b, gaps) for a, b, gaps in found if gaps]


def _forests(results: Mapping[str, Any]) -> str:
    found = pairs(results)
    if not found:
        return ""
    metrics = {t["field"]: metric_name(t["metrics"][0]) for t in results["tasks"]}
    metrics |= {f"retrieval by {r['group']}": metric_name(r["metrics"][0]) for r in results["retrieval"]}
    models = {s["name"] for s in results["systems"] if s["role"] == "model"}
    first, rest = (_group([one for one in found if (one[1] in models) is wanted], metrics) for wanted in (True, False))
    apart = (
        '<p class="note">Some of these models were measured in sessions of their own; a paired difference needs one '
        "session (<code>contramuse probe A --against B</code>).</p>"
        if len([1 for _, b, _ in found if b in models]) < len(models) * (len(models) - 1) // 2
        else ""
    )
    folded = f"<details><summary>Against baselines</summary><div class='cards'>{rest}</div></details>"
    return (
        f'<p class="note">Differences on the same tested tracks, {escape(results["primary_probe"])} probe, with paired '
        "95 % intervals. Filled: the interval leaves out zero.</p>"
        f"{apart}{f'<div class=cards>{first}</div>{folded}' if first else f'<div class=cards>{rest}</div>'}"
    )


def _group(found: Sequence[Pair], metrics: Mapping[str, str]) -> str:
    """Pictures of several pairs, all with the same axis."""
    width = _half_width([gap for _, _, gaps in found for _, gap in gaps])
    return "".join(_forest(a, b, gaps, width, metrics) for a, b, gaps in found)


def _half_width(gaps: Sequence[Mapping[str, Any]]) -> float:
    ends = [abs(gap[key]) for gap in gaps for key in ("value", "low", "high") if gap[key] is not None]
    most = min(max(ends, default=0.1), WIDEST)
    step = 0.05 if most < 0.3 else 0.1
    return max(step, math.ceil(most / step - 1e-9) * step)


def _forest(
    system: str, against: str, gaps: Sequence[tuple[str, Mapping[str, Any]]], width: float, metrics: Mapping[str, str]
) -> str:
    rows = "".join(
        f'<div class="row"><span class="system" title="{escape(name)}">{escape(_shorter(name))} '
        f"<small>{escape(metrics.get(name, ''))}</small></span>"
        f'{_line(gap, width)}<span class="value">{_signed(gap["value"])}</span></div>'
        for name, gap in gaps
    )
    return (
        f'<article class="card forest"><h3>{escape(system)} <small>minus {escape(against)}</small></h3>'
        f'<p class="sides"><span>&larr; {escape(against)}</span><span>{escape(system)} &rarr;</span></p>{rows}'
        f'<div class="row"><span></span>{axis(-width, width)}<span></span></div></article>'
    )


def _shorter(name: str) -> str:
    return name.replace("retrieval by ", "same ", 1)


def _signed(value: float | None) -> str:
    return ("+" if (value or 0) > 0 else "") + figure(value)


def _line(gap: Mapping[str, Any], width: float) -> str:
    def x(value: float) -> str:
        return f"{50 + 48 * min(1.0, max(-1.0, value / width)):.2f}%"

    css = f"v-{str(gap['verdict']).split()[0]}"
    parts = [f'<svg class="whisker {escape(css)}" width="100%" height="26" aria-hidden="true">']
    parts += [f'<line class="grid" x1="{x(t)}" x2="{x(t)}" y1="0" y2="26"/>' for t in ticks(-width, width)]
    parts.append('<line class="zero" x1="50%" x2="50%" y1="0" y2="26"/>')
    if gap["low"] is not None:
        parts.append(f'<line class="span" x1="{x(gap["low"])}" x2="{x(gap["high"])}" y1="13" y2="13"/>')
        for key in ("low", "high"):
            if abs(gap[key]) <= width:
                parts.append(f'<line class="cap" x1="{x(gap[key])}" x2="{x(gap[key])}" y1="9" y2="17"/>')
            else:
                side = 1 if gap[key] > 0 else -1
                points = f"0,-5 {8 * side},0 0,5"
                parts.append(
                    f'<svg x="{x(gap[key])}" y="13" class="shape"><polygon class="more" points="{points}"/></svg>'
                )
    if gap["value"] is not None and abs(gap["value"]) <= width:
        parts.append(f'<circle class="dot" cx="{x(gap["value"])}" cy="13" r="5"/>')
    return "".join([*parts, "</svg>"])
