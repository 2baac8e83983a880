"""Cards: one measured thing, a dot with whiskers per system, and what the paired differences say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.ranked import metric_title
from contramuse.probes.report.assembled import Report
from contramuse.probes.report.charts import axis, dot, span_of, whisker
from contramuse.probes.words import METRICS, figure, spanned

Cell = Mapping[str, Any]
MOST_CHIPS = 4
"""Differences that are told below a card; more are folded away."""
VERDICTS = {"better": "better than", "worse": "worse than", "not distinguished": "not distinguished from"}
EXPLAINED = {
    "accuracy": "share of tracks whose class is right",
    "balanced_accuracy": "mean over classes of the share that is right",
    "key_score": "mir_eval: 1 right, .5 a fifth above, .3 relative, .2 parallel",
    "roc_auc": "mean over tags; .5 is chance",
    "average_precision": "mean over tags",
    "r2": "share of variance explained; 0 is answering the mean",
    "recall_at_1": "the nearest track is of the same group",
    "map": "mean average precision",
    "ndcg_at_10": "what is sought stands early; 1 is the best order",
    "precision_at_10": "share of the ten nearest that is of the same group",
    "mrr": "one over the rank of the first that is of the same group",
    "r_precision": "share of the first h that was hidden, h as many as were hidden",
    "clicks": "pages of ten until the first is found; smaller is better",
}


def metric_name(metric: str) -> str:
    """A metric as people write it."""
    if metric.partition("_at_")[0] in ("ndcg", "recall", "map", "r_precision", "clicks") and metric not in METRICS:
        return metric_title(metric)
    return METRICS.get(metric) or metric.replace("_at_", "@").replace("_", " ")


def spoken(part: Mapping[str, Any]) -> str:
    """The sentences of a part, as a list."""
    items = "".join(f"<li>{escape(str(text))}</li>" for text in part.get("words", ()))
    return f'<ul class="words">{items}</ul>' if items else ""


def plain(name: str) -> str:
    """A task in a list with commas: "retrieval by genre among other artists"."""
    return name.replace(", other", " among other", 1)


def legend(report: Report, systems: Sequence[Mapping[str, Any]], *, floor: str = "without features") -> str:
    """Colours and marks of systems ("name", and "dim" where it is known), and what is dashed ("" for nothing)."""
    items = "".join(
        f'<li class="{report.style(s["name"])}">{_mark(report.style(s["name"]))}{escape(s["name"])}'
        f"{_small(s.get('dim'))}</li>"
        for s in systems
    )
    dashed = f'<li class="floor-key"><i></i>{escape(floor)}</li>' if floor else ""
    return f'<ul class="legend">{items}{dashed}</ul>'


def _mark(css: str) -> str:
    return f'<svg width="14" height="14" aria-hidden="true">{dot(css, "7", 7)}</svg>'


def _small(dim: int | None) -> str:
    return f" <small>{dim} d</small>" if dim else ""


def card(
    report: Report,
    cells: Sequence[Cell],
    *,
    title: str,
    small: str,
    sub: str,
    floor: float | None,
    gaps: Sequence[Cell] = (),
) -> str:
    """A card.

    Args:
        report: for the colours.
        cells: "system", "value", "low", "high", one per row.
        title, small, sub: texts.
        floor: what is dashed.
        gaps: paired differences; those of the first model are told.
    """
    low, high = span_of(cells, floor)
    rows = "".join(
        f'<div class="row {report.style(c["system"])}">'
        f'<span class="system" title="{escape(c["system"])}">{escape(c["system"])}</span>'
        f"{whisker(c, low, high, floor=floor, css=report.style(c['system']))}"
        f'<span class="value">{figure(c["value"])}</span></div>'
        for c in cells
    )
    chips = "".join(_chip(g) for g in gaps if g["system"] == cells[0]["system"])
    below = f'<ul class="chips">{chips}</ul>' if chips else ""
    count = chips.count("<li>")
    if count > MOST_CHIPS:
        summary = f"{count} differences of {escape(cells[0]['system'])}"
        below = f"<details><summary>{summary}</summary>{below}</details>"
    below_title = f'<p class="sub">{escape(sub)}</p>' if sub else ""
    return (
        f'<article class="card"><h3>{escape(title)} <small>{escape(small)}</small></h3>'
        f"{below_title}{rows}"
        f'<div class="row"><span></span>{axis(low, high)}<span></span></div>{below}</article>'
    )


def _chip(gap: Cell) -> str:
    sign = "+" if (gap["value"] or 0) > 0 else ""
    verdict = str(gap["verdict"])
    return (
        f'<li><b class="v-{escape(verdict.split()[0])}" aria-hidden="true"></b>{VERDICTS.get(verdict, escape(verdict))}'
        f' {escape(gap["against"])} <span class="num">{sign}{escape(spanned(gap))}</span></li>'
    )


def chosen(entries: Sequence[Cell], **wanted: Any) -> list[Cell]:
    """Entries whose keys have the wanted values."""
    return [e for e in entries if all(e.get(key) == value for key, value in wanted.items())]
