"""What stands on both sides of the split: the same audio, the same artist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.markup import table

MOST = 20
"""Examples that are listed."""


def leaks_box(results: Mapping[str, Any]) -> str:
    """A box that warns where something was found, a line where nothing was; "" where nobody looked."""
    leaks = results.get("leaks")
    if not isinstance(leaks, dict):
        return ""
    found = leaks_of(leaks)
    checked = ", ".join(escape(name) for name, _, _ in found)
    bad = [one for one in found if one[1]]
    if not bad:
        said = " ".join(escape(str(text)) for text in leaks.get("words", ()))
        return f'<p class="note checked"><b>No leak was found.</b> {said or f"Looked for: {checked}."}</p>'
    items = "".join(
        f"<li><b>{count:,}</b> with {escape(name)} on both sides{_examples(examples)}</li>"
        for name, count, examples in bad
    )
    said = "".join(f"<p>{escape(str(text))}</p>" for text in leaks.get("words", ()))
    title = "<h3>Training and tested tracks share something</h3>"
    return f'<div class="leaks" role="note">{title}{said}<ul>{items}</ul></div>'


def leaks_of(leaks: Mapping[str, Any]) -> list[tuple[str, int, Sequence[Any]]]:
    """(what is shared, how often, examples) of everything that was looked for."""
    groups = leaks.get("groups") or {}
    named = [("the same audio", leaks.get("audio") or {})] + [(f"the same {name}", one) for name, one in groups.items()]
    return [(name, int(one.get("count") or 0), one.get("examples") or ()) for name, one in named]


def _examples(examples: Sequence[Any]) -> str:
    if not examples:
        return ""
    rows = [[str(one) for one in pair] if isinstance(pair, list | tuple) else [str(pair)] for pair in examples[:MOST]]
    width = max(len(row) for row in rows)
    head = ("trained on", "tested on", "")[:width] if width > 1 else ("",)
    listed = table(head, [row + [""] * (width - len(row)) for row in rows], css="text")
    return f"<details><summary>{len(rows)} example{'s' * (len(rows) != 1)}</summary>{listed}</details>"
