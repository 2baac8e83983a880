"""The sections on the probe: findings in words, whiskers per field, retrieval, all numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.charts import axis, span_of, whisker
from contramuse.probes.report.markup import table
from contramuse.probes.report.sources import Sources
from contramuse.probes.words import METRICS, comparisons, figure, listed, not_above_floor, spanned

VERDICTS = {"better": "better than", "worse": "worse than", "not distinguished": "not distinguished from"}
EXPLAINED = {
    "accuracy": "share of tracks whose class is right",
    "key_score": "mir_eval: 1 right, .5 a fifth above, .3 relative, .2 parallel",
    "roc_auc": "mean over tags; .5 is chance",
    "average_precision": "mean over tags",
    "r2": "share of variance explained; 0 is answering the mean",
    "recall_at_1": "the nearest track is of the same group",
    "map": "mean average precision",
}


def findings(sources: Sources) -> str:
    """Headline in words, and counts against each baseline."""
    results = sources.results
    if results is None:
        return (
            '<p class="lead">Nothing has been measured yet.</p><p>Run <code>contramuse probe EMBEDDINGS --json '
            "probe.json</code> and give the file with <code>--probe</code>: without it this page says "
            "nothing about what the model learned.</p>"
        )
    models = [s["name"] for s in results["systems"] if s["role"] == "model"]
    baselines = [s["name"] for s in results["systems"] if s["role"] == "baseline"]
    lead = _lead(results, models[0], baselines)
    tiles = "".join(_tile(results, models[0], other) for other in [*baselines, *models[1:]])
    return (
        f'<p class="lead">{escape(lead)}</p><div class="tiles">{tiles}</div>{_caveats(results, heard=_heard(sources))}'
    )


def _lead(results: Mapping[str, Any], model: str, baselines: Sequence[str]) -> str:
    if not results["tasks"] and not results["retrieval"]:
        return "No label field could be probed, so nothing can be said about what the embeddings know."
    if not baselines:
        return "The embeddings were probed without baselines: the numbers below have nothing to stand against."
    verdicts = {other: dict(comparisons(results, model, other)) for other in baselines}
    names = list(dict.fromkeys(name for gaps in verdicts.values() for name in gaps))
    empty = not_above_floor(results, model)
    beats = [
        n for n in names if n not in empty and all(g.get(n, {}).get("verdict") == "better" for g in verdicts.values())
    ]
    loses = [n for n in names if any(g.get(n, {}).get("verdict") == "worse" for g in verdicts.values())]
    first = (
        f"Training added something that no baseline has on {len(beats)} of {len(names)} tasks: {listed(beats)}."
        if beats
        else f"On none of the {len(names)} tasks is the model distinguishably better than every baseline."
    )
    second = (
        f" A baseline is better on {len(loses)}: {listed(loses)}."
        if loses
        else " No baseline is distinguishably better on any."
    )
    third = f" It is not above an answer without features on {listed(empty)}." if empty else ""
    return first + second + third


def _tile(results: Mapping[str, Any], model: str, other: str) -> str:
    gaps = comparisons(results, model, other)
    groups = {v: [n for n, gap in gaps if gap["verdict"] == v] for v in ("better", "worse", "not distinguished")}
    bars = "".join(
        f'<i class="v-{verdict.split()[0]}" style="flex:{len(names)}"></i>'
        for verdict, names in groups.items()
        if names
    )
    rows = "".join(
        f'<dt><b class="v-{verdict.split()[0]}" aria-hidden="true"></b>{verdict} <span>{len(names)}</span></dt>'
        f"<dd>{escape(', '.join(names))}</dd>"
        for verdict, names in groups.items()
        if names
    )
    return (
        f'<div class="tile"><h3>against {escape(other)}</h3>'
        f'<div class="stack" aria-hidden="true">{bars}</div><dl>{rows}</dl></div>'
    )


def _heard(sources: Sources) -> bool:
    """Whether the encoder, or a model that it began as, was trained on the library that is probed."""
    trained = sources.model.get("library_fingerprint") or sources.run.get("library_fingerprint")
    begun = sources.model.get("extra", {}).get("from", {})
    heard = [one for one in (trained, *begun.get("library_fingerprints", [])) if one]
    return sources.results is not None and sources.results["library"].get("fingerprint") in heard


def _caveats(results: Mapping[str, Any], *, heard: bool) -> str:
    protocol = results["protocol"]
    taught = protocol.get("trained_with_labels") or []
    notes = [
        f"<b>How to read it.</b> {escape(results['primary_probe'].capitalize())} probe on frozen embeddings, "
        f"{escape(protocol['name'])}; {len(protocol['seeds'])} seeds (a seed changes "
        f"{escape(protocol['seed_varies'])}). Whiskers are 95 % bootstrap intervals over "
        f"{escape(str(protocol['resampled']))}, {protocol['resamples']:,} resamples. Better and worse are said only "
        "where the paired 95 % interval of the difference leaves out zero; about one comparison in twenty does so "
        "by chance alone.",
    ]
    if protocol["kind"] == "folds" and heard and not taught:
        notes.append(
            "The encoder was trained on the library's training tracks without their labels, so most tested tracks "
            "had been heard by it, though not their labels by the probe."
        )
    if taught:
        notes.append(f"<b>The encoder was trained with labels: {escape(', '.join(taught))}.</b>")
    if results["skipped"]:
        listed = "; ".join(f"{escape(s['field'])}: {escape(s['reason'])}" for s in results["skipped"])
        notes.append(f"Not probed: {listed}.")
    return "".join(f'<p class="note">{note}</p>' for note in notes)


def probe_section(sources: Sources) -> str:
    """A card with whiskers per field and metric, then every number."""
    results = sources.results
    if results is None or not results["tasks"]:
        return ""
    probe = results["primary_probe"]
    cards = "".join(_card(results, task, metric, probe) for task in results["tasks"] for metric in task["metrics"])
    others = "".join(_numbers(results, name) for name in results["probes"])
    return (
        f"{_legend(results)}<div class='cards'>{cards}</div>"
        f"<details><summary>All probes, all numbers</summary>{others}</details>"
        f"<details><summary>Paired differences with p-values</summary>{_differences(results)}</details>"
    )


def retrieval_section(sources: Sources) -> str:
    """Whiskers per group."""
    results = sources.results
    if results is None or not results["retrieval"]:
        return ""
    cards = "".join(_card(results, task, metric, None) for task in results["retrieval"] for metric in task["metrics"])
    return (
        "<p class='note'>Every track asks for its nearest other tracks by cosine similarity, after each dimension was "
        f"standardised over the collection; no labels are used.</p>{_legend(results)}<div class='cards'>{cards}</div>"
    )


def style_of(results: Mapping[str, Any]) -> dict[str, str]:
    """CSS class of every system: models m0 m1 ..., baselines b0 b1 ..."""
    count = {"model": 0, "baseline": 0}
    table = {}
    for system in results["systems"]:
        role = system["role"]
        table[system["name"]] = f"{role[0]}{min(count[role], 3)}"
        count[role] += 1
    return table


def _legend(results: Mapping[str, Any]) -> str:
    styles = style_of(results)
    items = "".join(
        f'<li class="{styles[s["name"]]}"><svg width="14" height="14" aria-hidden="true">'
        f'<circle class="dot" cx="7" cy="7" r="5"/></svg>{escape(s["name"])} <small>{s["dim"]} d</small></li>'
        for s in results["systems"]
    )
    return f'<ul class="legend">{items}<li class="floor-key"><i></i>without features</li></ul>'


def _card(results: Mapping[str, Any], task: Mapping[str, Any], metric: str, probe: str | None) -> str:
    cells = [c for c in task["results"] if c["metric"] == metric and c.get("probe") == probe]
    if not cells:  # numbers have no prototypes
        return ""
    name = task.get("field") or f"same {task['group']}"
    floor = task["floor"].get(metric) if "floor" in task else task["chance"]
    low, high = span_of(cells, floor)
    styles = style_of(results)
    rows = "".join(
        f'<div class="row {styles[c["system"]]}"><span class="system">{escape(c["system"])}</span>'
        f"{whisker(c, low, high, floor=floor, css=styles[c['system']])}"
        f'<span class="value">{figure(c["value"])}</span></div>'
        for c in cells
    )
    gaps = [g for g in task["differences"] if g["metric"] == metric and g.get("probe") == probe]
    chips = "".join(_chip(g) for g in gaps if g["system"] == cells[0]["system"])
    left_out = f", {task['tags_left_out']} tags left out" if task.get("tags_left_out") else ""
    if "field" in task:
        classes = f", {task['classes']} classes" if task["classes"] else ""
        what = f"{task['tested']} tracks{classes}{left_out}"
    else:
        what = f"{task['queries']} queries, {task['groups']} groups"
    return (
        f'<article class="card"><h3>{escape(name)} <small>{METRICS[metric]}</small></h3>'
        f'<p class="sub">{escape(what)}; {escape(EXPLAINED[metric])}</p>{rows}'
        f'<div class="row"><span></span>{axis(low, high)}<span></span></div><ul class="chips">{chips}</ul></article>'
    )


def _chip(gap: Mapping[str, Any]) -> str:
    sign = "+" if (gap["value"] or 0) > 0 else ""
    return (
        f'<li><b class="v-{gap["verdict"].split()[0]}" aria-hidden="true"></b>{VERDICTS[gap["verdict"]]} '
        f'{escape(gap["against"])} <span class="num">{sign}{escape(spanned(gap))}</span></li>'
    )


def _numbers(results: Mapping[str, Any], probe: str) -> str:
    names = [s["name"] for s in results["systems"]]
    rows = []
    for task in results["tasks"]:
        for metric in task["metrics"]:
            found = {c["system"]: spanned(c) for c in task["results"] if (c["metric"], c["probe"]) == (metric, probe)}
            cells = [found.get(name, "") for name in names]
            rows.append([(task["field"], METRICS[metric]), *cells, figure(task["floor"].get(metric))])
    return f"<h3>{escape(probe)} probe</h3>" + table(["task", *names, "without features"], rows)


def _differences(results: Mapping[str, Any]) -> str:
    rows = [
        [
            (task.get("field") or f"same {task['group']}", METRICS[gap["metric"]]),
            *(gap.get("probe") or "cosine", gap["system"], gap["against"]),
            *(spanned(gap), figure(gap["p"]), gap["verdict"]),
        ]
        for task in [*results["tasks"], *results["retrieval"]]
        for gap in task["differences"]
    ]
    return table(("task", "probe", "system", "against", "difference", "p", "verdict"), rows)
