"""Robustness in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from contramuse.probes.framed import framed
from contramuse.probes.words import METRICS, figure, listed


def words(part: Mapping[str, Any]) -> list[str]:
    """Sentences on the first model: what it keeps beside each baseline, what hurts it most, and what hardly does."""
    names = [one["name"] for one in part["systems"]]
    said = [_budget(part["tracks"])]
    said += [f"{one['system']} is left out: {one['reason']}." for one in part["left_out"]]
    if not names:
        return said
    for field in part["fields"]:
        metric = field["metrics"][0]
        kept = {r["system"]: r for r in part["summary"] if (r["field"], r["metric"]) == (field["field"], metric)}
        if field["left_out"]:
            said.append(f"{field['field']}: {listed(field['left_out'])} is not measured: it changes the right answer.")
        if not kept:
            continue
        if kept[names[0]]["kept"] is None:
            said.append(f"{field['field']}: {names[0]} has nothing to lose: its clean {METRICS[metric]} is 0 or below.")
            continue
        shares = "; ".join(f"{name} {_share(kept[name])}" for name in names if kept[name]["kept"] is not None)
        above = _above(kept[names[0]])
        said.append(f"{field['field']}: share of the clean {METRICS[metric]} that is kept on average: {shares}.{above}")
        said.append(_extremes(part, names[0], field["field"], metric))
    return said


def _budget(tracks: Mapping[str, Any]) -> str:
    part = "all" if tracks["corrupted"] == tracks["tested"] else "a stratified part"
    return (
        f"{tracks['corrupted']} tested tracks ({part} of {tracks['tested']}) were corrupted, "
        f"{tracks['seconds']:g} s from the middle of each; probes were fitted on clean training tracks."
    )


def _share(row: Mapping[str, Any]) -> str:
    if row["low"] is None:
        return f"{100 * row['kept']:.0f} %"
    return f"{100 * row['kept']:.0f} % [{100 * row['low']:.0f}, {100 * row['high']:.0f}]"


def _above(row: Mapping[str, Any]) -> str:
    if row["kept_above_floor"] is None:
        return ""
    return f" Of what is above an answer without features, {row['system']} keeps {100 * row['kept_above_floor']:.0f} %."


def _extremes(part: Mapping[str, Any], system: str, field: str, metric: str) -> str:
    wanted = (system, field, metric)
    mine = [p for p in part["points"] if (p["system"], p["field"], p["metric"]) == wanted and p["value"] is not None]
    clean = next(p["value"] for p in mine if p["severity"] == 0)
    last: dict[str, Any] = {p["corruption"]: p for p in mine}
    worst = min(last.values(), key=lambda p: p["value"])
    unit = {one["name"]: one["unit"] for one in part["corruptions"]}
    harmless = [name for name, p in last.items() if p["against_clean"] != "worse"]  # by the paired interval
    tail = (
        f" Even at severity 4, {listed(harmless)} {'is' if len(harmless) == 1 else 'are'} not told from clean audio."
        if harmless
        else ""
    )
    return (
        f"{field}: {system} loses most to {worst['corruption']} ({worst['amount']:g} {unit[worst['corruption']]}): "
        f"{figure(clean)} becomes {figure(worst['value'])}.{tail}"
    )


def tables(part: Mapping[str, Any]) -> Iterator[Table]:
    """Of every field, one table (systems by corruptions, the metric at severities 0 to 4), and one of drift."""
    names = [one["name"] for one in part["systems"]]
    for field in part["fields"]:
        metric = field["metrics"][0]
        title = f"{field['field']} ({METRICS[metric]}) at severity 0 to 4, {part['probe']} probe, {part['protocol']}"
        mine = [p for p in part["points"] if (p["field"], p["metric"]) == (field["field"], metric)]
        yield _table(title, part, names, mine, "value")
    yield _table("cosine of clean and corrupted embeddings at severity 0 to 4", part, names, part["drift"], "cosine")


def short(value: float | None) -> str:
    """A figure with two decimals and no leading zero, for rows of many."""
    if value is None:
        return "n/a"
    text = f"{abs(value):.2f}"
    return ("−" if value < 0 and float(text) > 0 else "") + (text[1:] if text.startswith("0.") else text)


def _table(
    title: str, part: Mapping[str, Any], names: Sequence[str], points: Sequence[Mapping[str, Any]], key: str
) -> Table:
    table = framed(title, left=("corruption", "severity 1 to 4"), right=names)
    for one in part["corruptions"]:
        cells = []
        for name in names:
            line = [p for p in points if (p["system"], p["corruption"]) == (name, one["name"])]
            cells.append(" ".join(short(p[key]) for p in sorted(line, key=lambda p: int(p["severity"]))))
        if not any(p["corruption"] == one["name"] for p in points):
            continue
        amounts = ", ".join(f"{amount:g}" for amount in one["amounts"][1:])
        table.add_row(one["name"], f"{amounts} {one['unit']}", *cells)
    return table
