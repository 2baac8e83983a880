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
    bad = [one for one in found if one[1]]
    words = [escape(str(text)) for text in leaks.get("words", ())]
    if not bad:
        looked = f"Looked for: {', '.join(escape(name) for name, _, _ in found)}."
        return f'<p class="note checked"><b>No leak was found.</b> {" ".join(words) or looked}</p>'
    of = f" of {leaks['tested']:,}" if isinstance(leaks.get("tested"), int) else ""
    items = "".join(
        f"<li><b>{count:,}</b>{of} tested: {escape(name)} as a track that was learnt from{_examples(examples)}</li>"
        for name, count, examples in bad
    )
    clean = [name for name, count, _ in found if not count]
    none = f"<p>None has {escape(' or '.join(clean))}.</p>" if clean else ""
    title = "<h3>Training and tested tracks share something</h3>"
    return f'<div class="leaks" role="note">{title}<ul>{items}</ul>{none}</div>'


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
    head = ("learnt from", "tested on", "")[:width] if width > 1 else ("",)
    listed = table(head, [row + [""] * (width - len(row)) for row in rows], css="text")
    return f"<details><summary>{len(rows)} example{'s' * (len(rows) != 1)}</summary>{listed}</details>"
