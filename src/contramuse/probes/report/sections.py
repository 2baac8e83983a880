"""The other sections: map, neighbours, training curves, recipe, decoding, provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from contramuse.probes.report.atlas import map_data
from contramuse.probes.report.charts import curves
from contramuse.probes.report.markup import table
from contramuse.probes.report.sources import Sources

if TYPE_CHECKING:
    from contramuse.embeddings import Embeddings

QUERIES, ANSWERS = 10, 5
CHARTS = (
    ("Loss", ("loss", "valid_loss"), "the cross-entropy that is trained, in nats"),
    ("Top-1 of the contrast", ("valid_top1",), "share of queries whose best candidate is a positive"),
    ("Effective rank", ("effective_rank",), "dimensions that are in use"),
    ("Alignment", ("alignment",), "distance of two views of one track; smaller is closer"),
    ("Uniformity", ("uniformity",), "smaller is more evenly spread over the sphere"),
    ("Learning rate", ("lr",), ""),
    ("Rows per second", ("rows_per_second",), "crops through the encoder"),
)
NAMES = {"loss": "training", "valid_loss": "validation"}


def embedded_json(value: Any) -> str:
    """JSON that can stand inside a script element whatever the texts are."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def map_section(sources: Sources) -> str:
    """A scatter of the tracks, drawn by the page's script."""
    if sources.embeddings is None or len(sources.embeddings) == 0:
        return ""
    data = map_data(sources.embeddings, sources.library)
    drawn = f"{len(data['x']):,} of {data['total']:,}" if len(data["x"]) < data["total"] else f"{data['total']:,}"
    return (
        f'<p class="note">{drawn} tracks by PCA to 50 dimensions and t-SNE: near means similar, distances between far '
        "groups mean nothing. Hover or tap a point for its title.</p>"
        '<div class="controls"><label>Colour by <select id="map-field"></select></label>'
        '<label id="map-tag-label" hidden>Tag <select id="map-tag"></select></label></div>'
        '<div id="map-frame"><svg id="map-plot" viewBox="0 0 1000 700" role="img" aria-label="Map of the tracks"></svg>'
        '<div id="map-tip" hidden></div></div><ul id="map-legend" class="legend"></ul>'
        "<noscript><p>The map is drawn by a script inside this file; it is switched off in this browser.</p></noscript>"
        f'<script type="application/json" id="map-data">{embedded_json(data)}</script>'
    )


def neighbours_section(sources: Sources) -> str:
    """Ten tracks and what lies nearest to each."""
    found = sources.embeddings
    if found is None or len(found) < 3:
        return ""
    shared = _class_field(sources)
    cards = "".join(_neighbours(found, row, shared) for row in _queries(found))
    same = f" A filled mark means the same {escape(shared[0])} as the asked track." if shared else ""
    return (
        f'<p class="note">Ten tracks spread over the collection, and the {ANSWERS} nearest to each among all others, '
        f'by the same centred cosine as <code>contramuse search</code>.{same}</p><div class="asked">{cards}</div>'
    )


def _queries(embeddings: Embeddings) -> list[int]:
    order = np.random.default_rng(0).permutation(len(embeddings))
    artists = embeddings.artists
    chosen: list[int] = []
    for fresh in (True, False):
        for row in order.tolist():
            known = {artists[r] for r in chosen}
            if len(chosen) < QUERIES and row not in chosen and (not fresh or artists[row] not in known):
                chosen.append(row)
    return chosen


def _class_field(sources: Sources) -> tuple[str, dict[str, str]] | None:
    """The first field of classes, and each track's class by id."""
    library = sources.library
    if library is None:
        return None
    for name, field in library.fields.items():
        if field.kind == "multiclass":
            labels = library.labels(name)
            return name, {
                track: field.classes[c] for track, c in zip(library.ids.tolist(), labels, strict=True) if c >= 0
            }
    return None


def _neighbours(embeddings: Embeddings, row: int, shared: tuple[str, dict[str, str]] | None) -> str:
    from contramuse.search import Index

    index = Index.open(embeddings)
    rows, similarity = index.query(embeddings.vectors[row], ANSWERS + 20)
    ids = embeddings.ids
    near = [(r, s) for r, s in zip(rows.tolist(), similarity.tolist(), strict=True) if ids[r] != ids[row]][:ANSWERS]
    classes = shared[1] if shared else {}
    own = classes.get(str(ids[row]), "")
    items = "".join(
        f'<li><span class="sim">{s:.2f}</span>{_mark(classes.get(str(ids[r]), ""), own)}{_who(embeddings, r)}'
        f"{_class(classes.get(str(ids[r]), ''))}</li>"
        for r, s in near
    )
    return f'<article class="card"><h3>{_who(embeddings, row)}{_class(own)}</h3><ol>{items}</ol></article>'


def _who(embeddings: Embeddings, row: int) -> str:
    title = embeddings.titles[row] or embeddings.paths[row]
    artist = embeddings.artists[row] or "artist unknown"
    return f'<span class="who"><b>{escape(str(title))}</b> <i>{escape(str(artist))}</i></span>'


def _mark(value: str, own: str) -> str:
    return f'<b class="mark{" same" if value == own else ""}" aria-hidden="true"></b>' if own else ""


def _class(value: str) -> str:
    return f'<span class="class">{escape(value)}</span>' if value else ""


def training_section(sources: Sources) -> str:
    """Curves from log.csv, as small charts."""
    log = sources.log
    if not log:
        return ""
    fields = sorted({name.removeprefix("knn_") for row in log for name in row if name.startswith("knn_")})
    charts = [_chart(log, title, names, said) for title, names, said in CHARTS]
    charts += [
        _chart(
            log,
            f"k-NN agreement: {field}",
            (f"knn_{field}", f"chance_{field}"),
            "neighbours that share the label; dashed: chance",
        )
        for field in fields
    ]
    return f'<p class="note">Over the steps of the optimiser.</p><div class="charts">{"".join(charts)}</div>'


def _chart(log: Sequence[Mapping[str, float]], title: str, names: Sequence[str], said: str) -> str:
    series = []
    for i, name in enumerate(names):
        points = [(row["step"], row[name]) for row in log if name in row and "step" in row]
        css = "chance" if name.startswith("chance_") else f"s{i}"
        if points:
            series.append((NAMES.get(name, name), css, points))
    drawn = curves(series)
    if not drawn:
        return ""
    keys = (
        "".join(f'<span class="{css}"><i></i>{escape(name)}</span>' for name, css, _ in series)
        if len(series) > 1
        else ""
    )
    keys = "" if any(css == "chance" for _, css, _ in series) else keys
    last = series[0][2][-1][1]
    return (
        f'<figure><figcaption><b>{escape(title)}</b> <span class="num">{last:.4g} at the end</span>'
        f'<small>{escape(said)}</small><span class="keys">{keys}</span></figcaption>{drawn}</figure>'
    )


def recipe_section(sources: Sources) -> str:
    """The resolved recipe."""
    if sources.recipe is None:
        return ""
    import yaml

    text = yaml.safe_dump(dict(sources.recipe), sort_keys=False, allow_unicode=True, width=100)
    said = sources.recipe.get("description") or sources.recipe.get("about")
    lead = f"<p>{escape(str(said))}</p>" if said else ""
    return (
        f"{lead}<details open><summary>Resolved recipe, every default written out</summary>"
        f'<pre tabindex="0">{escape(text)}</pre></details>'
    )


def decoding_section(sources: Sources) -> str:
    """Counts of verdicts and the files that were left out or repaired."""
    ledger = sources.ledger
    failed = list(sources.embeddings.meta.get("failed", ())) if sources.embeddings is not None else []
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


def provenance_section(sources: Sources) -> str:
    """Hashes, versions, places."""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(str(value))}</code></dd>"
        for name, value in sources.provenance().items()
    )
    return f'<dl class="provenance">{rows}</dl>'
