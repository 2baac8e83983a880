"""A profile in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from contramuse.probes.framed import framed
from contramuse.probes.robustness_words import short
from contramuse.probes.words import figure, listed

ALIKE = 0.9
"""Similarity from which a changed track counts as left alone."""
READ = 0.5
"""R² from which an amount counts as readable."""


def words(part: Mapping[str, Any]) -> list[str]:
    """One sentence per factor on the first model, and where every baseline differs from it in kind."""
    names = [one["name"] for one in part["systems"]]
    said = [
        f"{part['tracks']['changed']} tracks, {part['tracks']['seconds']:g} s from the middle of each. Similarity is "
        "the cosine after every dimension was standardised over the unchanged tracks; different tracks have "
        + "; ".join(f"{one['system']} {figure(one['similarity'])}" for one in part["between"])
        + "."
    ]
    said += [f"{one['system']} is left out: {one['reason']}." for one in part["left_out"]]
    for factor in part["factors"] if names else ():
        said.append(_sentence(part, factor, names))
    return said


def verdict(part: Mapping[str, Any], system: str, factor: Mapping[str, Any]) -> tuple[str, str]:
    """("invariant" or "changed", "can be read off" or "cannot be read off") of one system under one factor."""
    far, read = farthest(part, system, factor["name"]), reading(part, system, factor["name"])
    alone = far["similarity"] is not None and far["similarity"] >= ALIKE
    readable = read["low"] is not None and read["low"] >= READ
    return "invariant" if alone else "changed", "can be read off" if readable else "cannot be read off"


def farthest(part: Mapping[str, Any], system: str, factor: str) -> Mapping[str, Any]:
    """The point of a factor at which the system is least similar to itself."""
    mine = [p for p in part["points"] if (p["system"], p["factor"]) == (system, factor)]
    found: Mapping[str, Any] = min(mine, key=lambda p: p["similarity"])
    return found


def reading(part: Mapping[str, Any], system: str, factor: str) -> Mapping[str, Any]:
    """How well the amount of a factor is read from a system."""
    found: Mapping[str, Any] = next(e for e in part["equivariance"] if (e["system"], e["factor"]) == (system, factor))
    return found


def _sentence(part: Mapping[str, Any], factor: Mapping[str, Any], names: Sequence[str]) -> str:
    if not any(p["factor"] == factor["name"] for p in part["points"]):
        return f"{factor['name']}: the tracks are too short for it."
    far, read = farthest(part, names[0], factor["name"]), reading(part, names[0], factor["name"])
    kind, readable = verdict(part, names[0], factor)
    like = [name for name in names[1:] if verdict(part, name, factor) == (kind, readable)]
    beside = f" So it is with {listed(like)}." if like else ""
    does = "hardly changes" if kind == "invariant" else "changes"
    return (
        f"{factor['name']} {does} the vectors of {names[0]}: similarity {figure(far['similarity'])} or more, the least "
        f"at {far['amount']:g} {factor['unit']}, where {100 * far['first']:.0f} % of the tracks are still nearest to "
        f"themselves; the amount {readable} the change (R² {figure(read['r2'])}).{beside}"
    )


def tables(part: Mapping[str, Any]) -> Iterator[Table]:
    """Similarity by amount, and how well amounts are read, of all systems."""
    names = [one["name"] for one in part["systems"]]
    table = framed("similarity of a changed track to itself", left=("factor", "amounts"), right=names)
    for factor in part["factors"]:
        amounts = ", ".join(f"{amount:g}" for amount in factor["amounts"])
        cells = []
        for name in names:
            line = [p for p in part["points"] if (p["system"], p["factor"]) == (name, factor["name"])]
            cells.append(" ".join(short(p["similarity"]) for p in line))
        table.add_row(factor["name"], f"{amounts} {factor['unit']}", *cells)
    between = {one["system"]: figure(one["similarity"]) for one in part["between"]}
    table.add_row("different tracks", "", *(between[name] for name in names))
    yield table
    table = framed(
        "R² of the amount, read from the change (from the changed track alone)", left=("factor",), right=names
    )
    for factor in part["factors"]:
        found = [reading(part, name, factor["name"]) for name in names]
        table.add_row(factor["name"], *(f"{figure(e['r2'])} ({figure(e['r2_alone'])})" for e in found))
    yield table
