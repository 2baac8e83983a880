"""The check of one's own library, for which nobody wrote labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import card, legend, spoken
from contramuse.probes.report.markup import table
from contramuse.probes.report.robust import left_out
from contramuse.probes.words import figure, spanned

TITLES = {
    "precision": "Same {group} among the nearest",
    "hubness": "Hubness",
    "orphans": "Never among the nearest",
    "near_duplicates": "Near-duplicates found: {group}",
    "tempo": "Tempo of neighbours agrees",
    "key": "Key of neighbours agrees",
}
LESS = frozenset({"hubness", "orphans"})
"""Measures of which less is better."""


def own_section(report: Report) -> str:
    """A card per measure and group, with what chance would give."""
    return report.each("own", lambda session, part: _own(report, part))


def measure_title(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Title and small print of a measure."""
    name, group = str(entry["measure"]), str(entry.get("group") or "")
    small = f"{entry['k']} nearest" if entry.get("k") else ""
    title = TITLES.get(name)
    if title is None:
        words = name.replace("_", " ")
        title = f"{words[:1].upper()}{words[1:]}" + (f", {group}" if group and group not in words else "")
    return title.format(group=group or "group"), small


def _own(report: Report, part: Mapping[str, Any]) -> str:
    results = part["results"]
    names = list(dict.fromkeys(r["system"] for r in results))
    most = max((r.get("k") or 0 for r in results if r["measure"] == "precision"), default=0)
    shown = [r for r in results if r["measure"] != "precision" or (r.get("k") or 0) == most]
    keys = list(dict.fromkeys((r["measure"], r.get("group"), r.get("k")) for r in shown))
    cards = "".join(_card(report, part, key) for key in keys)
    rows = [
        [measure_title(r), r["system"], spanned(r), figure(r["chance"]) if r.get("chance") is not None else ""]
        for r in results
    ]
    numbers = table(("measure", "system", "value", "chance"), rows)
    return (
        f"{spoken(part)}"
        "<p class='note'>No labels were needed: artists and albums are those of the files' own tags, and what "
        "is sought is known from the sound itself. Whiskers are 95 % intervals.</p>"
        f"{legend(report, [{'name': n} for n in names], floor='chance')}<div class='cards'>{cards}</div>"
        f"{left_out(part)}<details><summary>All numbers</summary>{numbers}</details>"
    )


def _card(report: Report, part: Mapping[str, Any], key: tuple[Any, Any, Any]) -> str:
    cells = [r for r in part["results"] if (r["measure"], r.get("group"), r.get("k")) == key]
    gaps = [
        g
        for g in part.get("differences", ())
        if (g["measure"], g.get("group"), g.get("k", key[2])) == key and "verdict" in g
    ]
    title, small = measure_title(cells[0])
    first = cells[0]
    told = [
        str(first["note"]) if first.get("note") else "",
        f"{first['queries']:,} tracks asked" if first.get("queries") else "",
        f"at best {figure(first['best'])}" if first.get("best") is not None else "",
        "less is better" if key[0] in LESS else "",
    ]
    chance = next((c["chance"] for c in cells if c.get("chance") is not None), None)
    sub = "; ".join(text for text in told if text)
    return card(report, cells, title=title, small=small, sub=sub, floor=chance, gaps=gaps)
