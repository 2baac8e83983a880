"""Everything that the page shows, as plain values for JSON."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from typing import Any

from contramuse import __version__
from contramuse.probes.report.assembled import Report, trained_name

FORMAT, VERSION = "contramuse report", 1


def numbers(report: Report) -> dict[str, Any]:
    """The content of the report's JSON; parts that the page has not are absent."""
    sources = report.sources
    ledger = sources.ledger
    found: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "contramuse": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": sources.command,
        "name": sources.name,
        "colours": dict(report.styles),
        "sessions": [
            {"title": one.title, "library": one.library, "files": list(one.places), "created": one.created, **one.parts}
            for one in report.sessions
        ],
        "training": [
            {
                "name": trained_name(report.sessions, one), "folder": one.place, "recipe": one.recipe,
                "run": one.run, "log": list(one.log), "test": one.test or None,
            }
            for one in sources.trained
        ],
        "maps": list(report.maps),
        "neighbours": list(report.neighbours),
        "decoding": None if ledger is None else dataclasses.asdict(ledger),
        "provenance": sources.provenance(),
    }  # fmt: skip
    return {key: value for key, value in found.items() if value not in (None, [], {})}
