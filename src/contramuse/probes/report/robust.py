"""What corruptions do to the metrics, and what a change of the sound does to the vectors: small multiples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import card, legend, metric_name
from contramuse.probes.report.curves import Line, curves, limits
from contramuse.probes.report.markup import table
from contramuse.probes.words import figure, spanned

Point = Mapping[str, Any]


def robustness_section(report: Report) -> str:
    """One panel per corruption for each field, drift of the vectors, and the share of the clean value that is kept."""
    return report.each("robustness", lambda session, part: _robustness(report, part))


def _robustness(report: Report, part: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(p["system"] for p in part["points"]))
    said = "".join(f"<p>{escape(str(text))}</p>" for text in part.get("words", ()))
    kinds = list(dict.fromkeys((p["field"], p["metric"]) for p in part["points"]))
    blocks = []
    for field, metric in kinds:
        points = [p for p in part["points"] if (p["field"], p["metric"]) == (field, metric)]
        blocks.append((f"{field} <small>{escape(metric_name(metric))}</small>", field, _panels(report, part, points)))
    drift = [{**d, "value": d["cosine"]} for d in part.get("drift", ())]
    if drift:
        title = "Drift of the vectors <small>cosine between a track and its corrupted self</small>"
        blocks.append((title, None, _panels(report, part, drift)))
    shown = "".join(_folded(title, field, body, first=i == 0) for i, (title, field, body) in enumerate(blocks))
    return (
        f'{said}<p class="note">Tested tracks are corrupted, training tracks are not. Severity 0 is the clean sound; '
        "bands are 95 % intervals, and all panels of a field have the same axis.</p>"
        f"{legend(report, [{'name': n} for n in names], floor='')}{_kept(part, names)}{shown}"
    )


def _folded(title: str, field: str | None, body: str, *, first: bool) -> str:
    safe = title if field is None else escape(str(field)) + title[len(field) :]
    return f"<details{' open' if first else ''}><summary>{safe}</summary><div class='charts'>{body}</div></details>"


def _panels(report: Report, part: Mapping[str, Any], points: Sequence[Point]) -> str:
    lines = {
        c["name"]: _lines(report, [p for p in points if p["corruption"] == c["name"]]) for c in part["corruptions"]
    }
    shared = limits([line for group in lines.values() for line in group])
    figures = []
    for c in part["corruptions"]:
        marks = [(float(i), str(a)) for i, a in enumerate(c.get("amounts", ()))]
        marks = [(x, "clean" if x == 0 else _short(text)) for x, text in marks]
        drawn = curves(lines[c["name"]], unit="severity", marks=marks, y=shared)
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
        kept = {s["system"]: s["kept"] for s in summary if (s["field"], s["metric"]) == (field, metric)}
        rows.append([(field, metric_name(metric)), *(_percent(kept.get(name)) for name in names)])
    return "<h3>Kept of the clean value, on average</h3>" + table(["field", *names], rows)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def profile_section(report: Report) -> str:
    """Similarity of a changed sound to itself per factor, and how well the change can be read from the vectors."""
    return report.each("profile", lambda session, part: _profile(report, part))


def _profile(report: Report, part: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(p["system"] for p in part["points"]))
    said = "".join(f"<p>{escape(str(text))}</p>" for text in part.get("words", ()))
    lines = {f["name"]: _factor_lines(report, part, f["name"]) for f in part["factors"]}
    shared = limits([line for group in lines.values() for line in group])
    figures = ""
    for f in part["factors"]:
        drawn = curves(lines[f["name"]], unit=str(f.get("unit") or "amount"), y=shared)
        unit = f'<span class="num">{escape(str(f.get("unit") or ""))}</span>'
        figures += (
            f"<figure><figcaption><b>{escape(_spaced(f['name']))}</b> {unit}</figcaption>{drawn}</figure>"
            if drawn
            else ""
        )
    return (
        f'{said}<p class="note">How alike a track and its changed self are: a flat line at the top is invariance. '
        "Bands are 95 % intervals, all panels have the same axis.</p>"
        f"{legend(report, [{'name': n} for n in names], floor='')}<div class='charts'>{figures}</div>"
        f"{_equivariance(report, part)}{_all_points(part)}"
    )


def _factor_lines(report: Report, part: Mapping[str, Any], factor: str) -> list[Line]:
    found = []
    for name in dict.fromkeys(p["system"] for p in part["points"]):
        mine = [
            p for p in part["points"] if (p["system"], p["factor"]) == (name, factor) and p["similarity"] is not None
        ]
        mine.sort(key=lambda p: float(p["amount"]))
        band = [(float(p["amount"]), p["low"], p["high"]) for p in mine if p.get("low") is not None]
        line = [(float(p["amount"]), p["similarity"]) for p in mine]
        found.append(Line(name, report.style(name), line, band, dots="each"))
    return found


def _equivariance(report: Report, part: Mapping[str, Any]) -> str:
    found = part.get("equivariance") or []
    cards = ""
    for factor in dict.fromkeys(e["factor"] for e in found):
        cells = [{**e, "value": e["r2"]} for e in found if e["factor"] == factor]
        cards += card(
            report, cells, title=_spaced(factor), small="R²", floor=0.0,
            sub="how well the amount can be read from the change of the vector; 0 is answering the mean",
        )  # fmt: skip
    return f"<h3>What can be read from the change</h3><div class='cards'>{cards}</div>" if cards else ""


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
