"""The other sections: map, neighbours, recipe, decoding, provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.markup import table
from contramuse.probes.report.nearest import ANSWERS
from contramuse.probes.report.sources import Trained


def embedded_json(value: Any) -> str:
    """JSON that can stand inside a script element whatever the texts are."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def map_section(report: Report) -> str:
    """A scatter of the tracks per system, drawn by the page's script."""
    return "".join(_atlas(report, data) for data in report.maps)


def _atlas(report: Report, data: Mapping[str, Any]) -> str:
    n = len(data["title"])
    drawn = f"{n:,} of {data['total']:,}" if n < data["total"] else f"{data['total']:,}"
    several = len(data["maps"]) > 1
    frames = "".join(
        f'<figure class="plot {report.style(one["system"])}">'
        + (f'<figcaption><b class="name">{escape(one["system"])}</b></figcaption>' if several else "")
        + f'<div class="map-frame"><svg viewBox="0 0 1000 700" role="img" aria-label="Map of the tracks by '
        f'{escape(one["system"])}"></svg><div class="map-tip" hidden></div></div></figure>'
        for one in data["maps"]
    )
    return (
        f'<div class="atlas"><p class="note">{drawn} tracks by PCA to 50 dimensions and t-SNE: near means similar, '
        "distances between far groups mean nothing. Hover or tap a point for its title.</p>"
        '<div class="controls"><label>Colour by <select class="map-field"></select></label>'
        '<label class="map-tag-label" hidden>Tag <select class="map-tag"></select></label></div>'
        f'<div class="plots n{min(2, len(data["maps"]))}">{frames}</div><ul class="map-legend legend"></ul>'
        "<noscript><p>The map is drawn by a script inside this file; it is switched off in this browser.</p></noscript>"
        f'<script type="application/json">{embedded_json(data)}</script></div>'
    )


def neighbours_section(report: Report) -> str:
    """Ten tracks and what lies nearest to each; of further systems folded away."""
    blocks = [(one["system"], _asked(one)) for one in report.neighbours]
    if not blocks:
        return ""
    field = report.neighbours[0]["field"]
    same = f" A filled mark means the same {escape(field)} as the asked track." if field else ""
    first = f"<h3>{escape(blocks[0][0])}</h3>" if len(blocks) > 1 else ""
    rest = "".join(f"<details><summary>{escape(name)}</summary>{body}</details>" for name, body in blocks[1:])
    return (
        f'<p class="note">Ten tracks spread over the collection, and the {ANSWERS} nearest to each among all others, '
        f"by the same centred cosine as <code>contramuse search</code>.{same}</p>{first}{blocks[0][1]}{rest}"
    )


def _asked(found: Mapping[str, Any]) -> str:
    cards = "".join(
        f'<article class="card"><h3>{_who(one)}{_class(one["class"])}</h3><ol>'
        + "".join(
            f'<li><span class="sim">{near["similarity"]:.2f}</span>{_mark(near["class"], one["class"])}{_who(near)}'
            f"{_class(near['class'])}</li>"
            for near in one["nearest"]
        )
        + "</ol></article>"
        for one in found["asked"]
    )
    return f'<div class="asked">{cards}</div>'


def _who(track: Mapping[str, Any]) -> str:
    artist = track["artist"] or "artist unknown"
    return f'<span class="who"><b>{escape(track["title"])}</b> <i>{escape(artist)}</i></span>'


def _mark(value: str, own: str) -> str:
    return f'<b class="mark{" same" if value == own else ""}" aria-hidden="true"></b>' if own else ""


def _class(value: str) -> str:
    return f'<span class="class">{escape(value)}</span>' if value else ""


def recipe_section(report: Report) -> str:
    """The resolved recipe of every run."""
    known = [one for one in report.sources.trained if one.recipe is not None]
    return "".join(_recipe(one, alone=len(known) == 1) for one in known)


def _recipe(one: Trained, *, alone: bool) -> str:
    import yaml

    recipe = dict(one.recipe or {})
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100)
    said = recipe.get("description") or recipe.get("about")
    lead = f"<p>{escape(str(said))}</p>" if said else ""
    whose = "" if alone else f" of {escape(one.name)}"
    return (
        f"{lead}<details{' open' if alone else ''}><summary>Resolved recipe{whose}, every default written out</summary>"
        f'<pre tabindex="0">{escape(text)}</pre></details>'
    )


def decoding_section(report: Report) -> str:
    """Counts of verdicts and the files that were left out or repaired."""
    ledger = report.sources.ledger
    failed = [entry for one in report.sources.embeddings for entry in one.meta.get("failed", ())]
    if ledger is None and not failed:
        return ""
    body = ""
    if ledger is not None:
        total = sum(ledger.counts.values())
        counts = "".join(f"<li><b>{count:,}</b> {escape(verdict)}</li>" for verdict, count in ledger.counts.items())
        body = f'<p class="note">{total:,} files looked like audio (stems count).</p><ul class="counts">{counts}</ul>'
        if ledger.files:
            more = f"<p class='note'>and {ledger.unlisted:,} more: <code>contramuse ledger</code> lists them all.</p>"
            body += _files([(f["path"], f["verdict"], f["note"]) for f in ledger.files]) + (
                more if ledger.unlisted else ""
            )
        else:
            body += "<p>Every file was decoded without trouble; nothing was left out.</p>"
    if failed:
        body += "<h3>Decoded, but not embedded</h3>" + _files(
            [(f["path"], "failed", f["reason"]) for f in failed[:200]]
        )
    return body


def _files(rows: Sequence[tuple[Any, Any, Any]]) -> str:
    listed = table(("file", "verdict", "note"), [list(row) for row in rows], css="text")
    return f"<details{' open' if len(rows) <= 12 else ''}><summary>{len(rows)} files</summary>{listed}</details>"


def provenance_section(report: Report) -> str:
    """Hashes, versions, places."""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(str(value))}</code></dd>"
        for name, value in report.sources.provenance().items()
    )
    return f'<dl class="provenance">{rows}</dl>'
