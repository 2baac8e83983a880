"""Sessions that measured on the same tracks by the same protocol, put together; systems keep one name each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contramuse.probes.report.sources import Session

IDENTITY = (
    "name", "field", "group", "metric", "probe", "system", "against", "corruption", "severity", "factor", "amount",
    "share", "shots", "measure", "k", "class", "ranking", "split", "source",
)  # fmt: skip
"""Keys that say what an entry of a list is about; two entries that agree in them are the same."""
HASHES = ("model_hash", "preprocessing_hash", "dim")


def joined(sessions: Sequence[Session]) -> list[Session]:
    """Sessions of the same library and protocol as one; the others as they are.

    No paired difference between systems of different sessions exists: each session drew its own comparison.
    """
    found: list[Session] = []
    for session in known_by_one_name(sessions):
        twin = next((i for i, one in enumerate(found) if _same(one, session)), None)
        if twin is None:
            found.append(session)
        else:
            found[twin] = _together(found[twin], session)
    return found


def known_by_one_name(sessions: Sequence[Session]) -> list[Session]:
    """Sessions in which a model has the name that it has in the first of them."""
    names: dict[tuple[Any, Any], str] = {}
    found = []
    for session in sessions:
        table = {}
        taken = {system["name"] for system in session.systems()}
        for system in session.systems():
            key = (system.get("model_hash"), system.get("preprocessing_hash"))
            if system.get("role") == "model" and key[0]:
                name = names.setdefault(key, system["name"])
                if name not in taken:
                    table[system["name"]] = name
        parts = {name: renamed(part, table) for name, part in session.parts.items()}
        found.append(replace(session, parts=parts))
    return found


def _same(a: Session, b: Session) -> bool:
    if not a.library.get("fingerprint") or a.library.get("fingerprint") != b.library.get("fingerprint"):
        return False
    both = [name for name in ("probe", "playlists") if a.parts.get(name) and b.parts.get(name)]
    if "probe" in both and a.parts["probe"]["primary_probe"] != b.parts["probe"]["primary_probe"]:
        return False
    keys = ("name", "seeds", "resamples", "resampled")
    return all(
        a.parts[name]["library"].get("tracks") == b.parts[name]["library"].get("tracks")
        and all(a.parts[name]["protocol"].get(k) == b.parts[name]["protocol"].get(k) for k in keys)
        for name in both
    )


def _together(a: Session, b: Session) -> Session:
    table = _free_names(a.systems(), b)
    other = {name: renamed(part, table) for name, part in b.parts.items()}
    parts = {name: join(a.parts.get(name), other.get(name)) for name in dict.fromkeys((*a.parts, *other))}
    created = ", ".join(filter(None, (a.created, b.created)))
    return replace(a, library={**b.library, **a.library}, parts=parts, places=(*a.places, *b.places), created=created)


def _free_names(taken: Sequence[Mapping[str, Any]], session: Session) -> dict[str, str]:
    """New names for systems of ``session`` whose name another system has; the same system keeps it."""
    known = {system["name"]: system for system in taken}
    where = Path(session.places[0]) if session.places else Path("other")
    label = where.parent.name if where.name == "evaluation.json" else where.stem
    table = {}
    for system in session.systems():
        name = system["name"]
        if name in known and any(known[name].get(key) != system.get(key) for key in HASHES):
            free = (f"{name} ({label})", *(f"{name} ({label} {i})" for i in range(2, 1000)))
            table[name] = next(one for one in free if one not in known)
    return table


def renamed(part: Any, table: Mapping[str, str]) -> Any:
    """``part`` with systems called by their new names, wherever they are named."""
    if not table:
        return part
    if isinstance(part, list):
        return [renamed(one, table) for one in part]
    if not isinstance(part, dict):
        return part
    new: dict[str, Any] = {}
    for key, value in part.items():
        if key in ("system", "against") and isinstance(value, str):
            new[key] = table.get(value, value)
        elif key == "systems" and isinstance(value, dict):
            new[key] = {table.get(name, name): content for name, content in value.items()}
        elif key == "systems" and isinstance(value, list):
            new[key] = [{**one, "name": table.get(one["name"], one["name"])} for one in value]
        else:
            new[key] = renamed(value, table)
    return new


def join(a: Any, b: Any) -> Any:
    """Lists of entries or texts one after the other, each once; mappings key by key; of two other values the first."""
    if isinstance(a, dict) and isinstance(b, dict):
        return {key: join(a.get(key), b.get(key)) for key in dict.fromkeys((*a, *b))}
    if not (isinstance(a, list) and isinstance(b, list)):
        return b if a is None else a
    if not all(isinstance(one, str | dict) for one in (*a, *b)):
        return a  # numbers of one entry: a matrix, values of seeds
    found = list(a)
    places = {_identity(one): i for i, one in enumerate(a)}
    for one in b:
        at = places.get(_identity(one))
        if at is None:
            found.append(one)
        else:
            found[at] = join(found[at], one)
    return found


def _identity(entry: Mapping[str, Any] | str) -> Any:
    if isinstance(entry, str):
        return entry
    return tuple((key, entry[key]) for key in IDENTITY if isinstance(entry.get(key), str | int | float))
