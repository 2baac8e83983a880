"""What corruptions do to the metrics, and what a change of the sound does to the vectors: small multiples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import card, legend, metric_name, spoken
from contramuse.probes.report.curves import Line, curves, limits
from contramuse.probes.report.markup import table
from contramuse.probes.words import figure, spanned

Point = Mapping[str, Any]


def robustness_section(report: Report) -> str:
    """One panel per corruption for each field, drift of the vectors, and the share of the clean value that is kept."""
    return report.each("robustness", lambda session, part: _robustness(report, part))


def _robustness(report: Report, part: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(p["system"] for p in part["points"]))
    kinds = list(dict.fromkeys((p["field"], p["metric"]) for p in part["points"]))
    blocks = []
    for field, metric in kinds:
        points = [p for p in part["points"] if (p["field"], p["metric"]) == (field, metric)]
        floor = next((f["floor"].get(metric) for f in part.get("fields", ()) if f["field"] == field), None)
        blocks.append((field, metric_name(metric), _panels(report, part, points, floor)))
    drift = [{**d, "value": d["cosine"]} for d in part.get("drift", ())]
    if drift:
        said_of = "cosine between a track and its corrupted self"
        blocks.append(("Drift of the vectors", said_of, _panels(report, part, drift, None)))
    shown = "".join(
        f"<details{' open' if i == 0 else ''}><summary>{escape(str(title))} <small>{escape(small)}</small></summary>"
        f"<div class='charts'>{body}</div></details>"
        for i, (title, small, body) in enumerate(blocks)
    )
    return (
        f"{spoken(part)}"
        '<p class="note">Tested tracks are corrupted, training tracks are not. Severity 0 is the clean sound; '
        "bands are 95 % intervals, and all panels of a field have the same axis.</p>"
        f"{legend(report, [{'name': n} for n in names], floor='')}{_kept(part, names)}{left_out(part)}{shown}"
    )


def _panels(report: Report, part: Mapping[str, Any], points: Sequence[Point], floor: float | None) -> str:
    lines = {
        c["name"]: _lines(report, [p for p in points if p["corruption"] == c["name"]]) for c in part["corruptions"]
    }
    shared = limits([line for group in lines.values() for line in group], floor)
    figures = []
    for c in part["corruptions"]:
        marks = [(float(i), str(a)) for i, a in enumerate(c.get("amounts", ()))]
        marks = [(x, "clean" if x == 0 else _short(text)) for x, text in marks]
        drawn = curves(lines[c["name"]], unit="severity", marks=marks, y=shared, floor=floor)
        if drawn:
            unit = f'<span class="num">{escape(str(c.get("unit") or ""))}</span>'
            figures.append(
                f"<figure><figcaption><b>{escape(_spaced(c['name']))}</b> {unit}</figcaption>{drawn}</figure>"
            )
    return "".join(figures)


def _short(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _spaced(name: str) -> str:
    return str(name).replace("_", " ")


def _lines(report: Report, points: Sequence[Point]) -> list[Line]:
    found = []
    for name in dict.fromkeys(p["system"] for p in points):
        mine = sorted(
            (p for p in points if p["system"] == name and p["value"] is not None), key=lambda p: p["severity"]
        )
        band = [(float(p["severity"]), p["low"], p["high"]) for p in mine if p.get("low") is not None]
        line = [(float(p["severity"]), p["value"]) for p in mine]
        found.append(Line(name, report.style(name), line, band, dots="each"))
    return found


def _kept(part: Mapping[str, Any], names: Sequence[str]) -> str:
    summary = part.get("summary") or []
    if not summary:
        return ""
    rows = []
    for field, metric in dict.fromkeys((s["field"], s["metric"]) for s in summary):
        kept = {s["system"]: _percent(s) for s in summary if (s["field"], s["metric"]) == (field, metric)}
        rows.append([(field, metric_name(metric)), *(kept.get(name, "") for name in names)])
    return "<h3>Kept of the clean value, on average</h3>" + table(["field", *names], rows)


def _percent(entry: Mapping[str, Any]) -> tuple[str, str] | str:
    if entry["kept"] is None:
        return ""
    value = f"{100 * entry['kept']:.0f} %"
    if entry.get("low") is None:
        return value
    return value, f"[{100 * entry['low']:.0f}, {100 * entry['high']:.0f}]"


def left_out(part: Mapping[str, Any]) -> str:
    """Systems that were not asked."""
    told = [f"{one['system']} ({one['reason']})" for one in part.get("left_out", ())]
    return f'<p class="note">Left out: {escape("; ".join(told))}.</p>' if told else ""


def profile_section(report: Report) -> str:
    """Similarity of a changed sound to itself per factor, and how well the change can be read from the vectors."""
    return report.each("profile", lambda session, part: _profile(report, part))


def _profile(report: Report, part: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(p["system"] for p in part["points"]))
    lines = {f["name"]: _factor_lines(report, part, f) for f in part["factors"]}
    shared = limits([line for group in lines.values() for line in group])
    figures = ""
    for f in part["factors"]:
        marks = [(math.log10(a), f"{a:g}") for a in f["amounts"]] if _logarithmic(f) else []
        drawn = curves(lines[f["name"]], unit=str(f.get("unit") or "amount"), y=shared, marks=marks)
        unit = f'<span class="num">{escape(str(f.get("unit") or ""))}</span>'
        caption = f"<figcaption><b>{escape(_spaced(f['name']))}</b> {unit}</figcaption>"
        figures += f"<figure>{caption}{drawn}</figure>" if drawn else ""
    return (
        f"{spoken(part)}"
        '<p class="note">How alike a track and its changed self are: a flat line at the top is invariance. '
        "Bands are 95 % intervals, all panels have the same axis.</p>"
        f"{legend(report, [{'name': n} for n in names], floor='')}<div class='charts'>{figures}</div>"
        f"{_between(part)}{_equivariance(report, part)}{left_out(part)}{_all_points(part)}"
    )


def _logarithmic(factor: Mapping[str, Any]) -> bool:
    """Whether the amounts span more than two octaves, as frequencies and bitrates do."""
    amounts = [float(a) for a in factor["amounts"]]
    return bool(amounts) and min(amounts) > 0 and max(amounts) >= 4 * min(amounts)


def _factor_lines(report: Report, part: Mapping[str, Any], factor: Mapping[str, Any]) -> list[Line]:
    """A line per system; where the unchanged sound has an amount, its similarity to itself is a point of it."""
    found = []
    clean = factor.get("clean")
    of_factor = [p for p in part["points"] if p["factor"] == factor["name"] and p["similarity"] is not None]
    for name in dict.fromkeys(p["system"] for p in of_factor):
        mine = [(float(p["amount"]), p) for p in of_factor if p["system"] == name]
        points = [(x, p["similarity"]) for x, p in mine]
        band = [(x, p["low"], p["high"]) for x, p in mine if p.get("low") is not None]
        if clean is not None and clean not in dict(points) and (clean > 0 or not _logarithmic(factor)):
            points.append((float(clean), 1.0))
            band.append((float(clean), 1.0, 1.0))
        if _logarithmic(factor):
            points = [(math.log10(x), y) for x, y in points]
            band = [(math.log10(x), low, high) for x, low, high in band]
        found.append(Line(name, report.style(name), sorted(points), sorted(band), dots="each"))
    return found


def _between(part: Mapping[str, Any]) -> str:
    """What similarity means little: that of a track and the others."""
    told = [f"{b['system']} {spanned({**b, 'value': b['similarity']})}" for b in part.get("between", ())]
    return f'<p class="note">Two different tracks are this alike: {escape(", ".join(told))}.</p>' if told else ""


def _equivariance(report: Report, part: Mapping[str, Any]) -> str:
    found = part.get("equivariance") or []
    cards = ""
    for factor in dict.fromkeys(e["factor"] for e in found if e["r2"] is not None):
        cells = [{**e, "value": e["r2"]} for e in found if e["factor"] == factor]
        cards += card(report, cells, title=_spaced(factor), small="R²", floor=0.0, sub="")
    if not cards:
        return ""
    return (
        "<h3>What can be read from the change</h3><p class='note'>How well the amount is read from the difference "
        "of the changed and the unchanged vector, on tracks of other artists; 0 is answering the mean.</p>"
        f"<div class='cards'>{cards}</div>"
    )


def _all_points(part: Mapping[str, Any]) -> str:
    rows = [
        [
            p["system"],
            _spaced(p["factor"]),
            f"{p['amount']:g}",
            spanned({**p, "value": p["similarity"]}),
            figure(p.get("rank")),
        ]
        for p in part["points"]
    ]
    head = ("system", "factor", "amount", "similarity", "rank")
    return f"<details><summary>All numbers</summary>{table(head, rows)}</details>"
