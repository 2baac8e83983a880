"""The check of one's own library in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from contramuse.probes.framed import framed
from contramuse.probes.words import figure, listed, spanned


def words(part: Mapping[str, Any]) -> list[str]:
    """What a library's owner wants to know of the first model, beside the baselines."""
    known, names = part["known"], [one["name"] for one in part["systems"]]
    tracks = part["tracks"]
    drawn = "" if tracks["compared"] == tracks["of"] else f", drawn from {tracks['of']}"
    said = [
        f"{tracks['compared']} tracks{drawn}; {known['artist']} have an artist in their tags, {known['album']} an "
        f"album, {known['genre']} a genre. Tempo: {known['tempo']}. Key: {known['key']}."
    ]
    if not names:
        return said
    for first in _firsts(part):
        said.append(_sentence(part, first, names[0]))
    said += [f"{one['system']} was not asked for near-duplicates: {one['reason']}." for one in part["left_out"]]
    return said


def _firsts(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The first model's result of every measure, precision at the largest k alone."""
    name = part["systems"][0]["name"]
    mine = [r for r in part["results"] if r["system"] == name]
    most = max((r["k"] for r in mine if r["measure"] == "precision"), default=0)
    yield from (r for r in mine if r["measure"] != "precision" or r["k"] == most)


def _sentence(part: Mapping[str, Any], first: Mapping[str, Any], model: str) -> str:
    verdicts: dict[str, list[str]] = {}
    for gap in part["differences"]:
        same = all(gap.get(key) == first.get(key) for key in ("measure", "group", "k"))
        if same and gap["system"] == model:
            verdicts.setdefault(gap["verdict"], []).append(gap["against"])
    said = "; ".join(
        f"{verdict} than {listed(who)}" if verdict != "not distinguished" else f"not distinguished from {listed(who)}"
        for verdict, who in verdicts.items()
    )
    return f"{_what(first, model)}{f': {said}' if said else ''}."


def _what(one: Mapping[str, Any], model: str) -> str:
    value, chance = one["value"], one.get("chance")
    by_chance = f" (by chance {_percent(chance)})" if chance is not None else ""
    if one["measure"] == "precision":
        where = one["note"].removeprefix("among ")
        return (
            f"{model}: of the {one['k']} tracks nearest to a track among {where}, {_percent(value)} share its "
            f"{one['group'].partition(',')[0]}{by_chance}"
        )
    if one["measure"] == "hubness":
        return f"{model}: some tracks are neighbours of many others (skewness {figure(value)}; 0 is even)"
    if one["measure"] == "orphans":
        return f"{model}: {_percent(value)} of the tracks are never among the {one['k']} nearest of another"
    if one["measure"] == "near_duplicates":
        return f"{model}: {_percent(value)} of the copies find their original first ({one['group']})"
    what = "its tempo" if one["measure"] == "tempo" else "a close key"
    return f"{model}: {_percent(value)} of the {one['k']} nearest tracks of other artists have {what}{by_chance}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.1 else f"{100 * value:.1f} %"


def tables(part: Mapping[str, Any]) -> Iterator[Table]:
    """One table: measures by systems, with what chance gives and the most that is possible."""
    names = [one["name"] for one in part["systems"]]
    title = f"{part['tracks']['compared']} tracks, without labels (hubness and orphans: less is better)"
    table = framed(title, left=("measure", "of"), right=(*names, "chance", "most"))
    keys = dict.fromkeys((r["measure"], r.get("group"), r.get("k")) for r in part["results"])
    for measure, group, k in keys:
        mine = [r for r in part["results"] if (r["measure"], r.get("group"), r.get("k")) == (measure, group, k)]
        cells = {r["system"]: spanned(r) for r in mine}
        extra = [figure(mine[0][key]) if mine[0].get(key) is not None else "" for key in ("chance", "best")]
        title = measure.replace("_", "-") + (f" at {k}" if measure == "precision" else "")
        table.add_row(title, escape(group or ""), *(cells.get(name, "") for name in names), *extra)
    yield table
