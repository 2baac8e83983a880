"""The sections on the probe: findings in words, whiskers per field, retrieval, playlists, all numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report
from contramuse.probes.report.cards import EXPLAINED, card, chosen, legend, metric_name, plain
from contramuse.probes.report.leaks import leaks_box
from contramuse.probes.report.markup import table
from contramuse.probes.report.sources import Session
from contramuse.probes.words import comparisons, figure, listed, not_above_floor, spanned

Results = Mapping[str, Any]
SHOWN = 2
"""Metrics of retrieval that are drawn."""
CHANCE = frozenset({"recall_at_1", "precision_at_10"})
"""Metrics of retrieval that have the share of the sought tracks as their mean by chance."""


def findings(report: Report) -> str:
    """Headline in words, leaks, counts against each other system, and parts that could not be measured."""
    told = [f"{name}: {why}" for session in report.sources.sessions for name, why in session.left_out.items()]
    items = "".join(f"<li>{escape(one)}</li>" for one in told)
    return _found(report) + (f"<p>Not measured:</p><ul>{items}</ul>" if told else "")


def _found(report: Report) -> str:
    if not report.sessions and any(one.test for one in report.sources.trained):
        return '<p class="lead">Classifiers were tested; what the embeddings know by themselves was not probed.</p>'
    if not report.sessions:
        return (
            '<p class="lead">Nothing has been measured yet.</p><p>Run <code>contramuse evaluate</code>, or '
            "<code>contramuse probe EMBEDDINGS --json probe.json</code>, and give what it wrote: without it this page "
            "says nothing about what the model learned.</p>"
        )
    return report.each("probe", lambda session, results: _findings(report, session, results)) or (
        '<p class="lead">No label was probed: what was measured stands below.</p>'
    )


def _findings(report: Report, session: Session, results: Results) -> str:
    models = _names(results, "model")
    baselines = _names(results, "baseline")
    leads = [(model, lead(results, model, baselines)) for model in models]
    if len(leads) == 1:
        said = f'<p class="lead">{escape(leads[0][1])}</p>'
    else:
        items = "".join(
            f'<li class="{report.style(model)}"><b class="name">{escape(model)}</b> {escape(text)}</li>'
            for model, text in leads
        )
        said = f'<ul class="leads">{items}</ul>'
    tiles = "".join(_tile(results, models[0], other) for other in [*baselines, *models[1:]])
    heard = any(session.library.get("fingerprint") in one.heard() for one in report.sources.trained)
    over = f"<h3>{escape(models[0])}</h3>" if len(models) > 1 else ""
    return f'{said}{leaks_box(results)}{over}<div class="tiles">{tiles}</div>{_caveats(results, heard=heard)}'


def _names(results: Results, role: str) -> list[str]:
    return [s["name"] for s in results["systems"] if s["role"] == role]


def lead(results: Results, model: str, baselines: Sequence[str]) -> str:
    """What a model learned that no baseline has, where one is better, and where nothing was learned; in sentences."""
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
    beats, loses = [*map(plain, beats)], [*map(plain, loses)]
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


def _tile(results: Results, model: str, other: str) -> str:
    gaps = comparisons(results, model, other)
    if not gaps:  # measured in another session, without pairs
        return ""
    groups = {v: [n for n, gap in gaps if gap["verdict"] == v] for v in ("better", "worse", "not distinguished")}
    bars = "".join(
        f'<i class="v-{verdict.split()[0]}" style="flex:{len(names)}"></i>'
        for verdict, names in groups.items()
        if names
    )
    rows = "".join(
        f'<dt><b class="v-{verdict.split()[0]}" aria-hidden="true"></b>{verdict} <span>{len(names)}</span></dt>'
        f"<dd>{escape(', '.join(map(plain, names)))}</dd>"
        for verdict, names in groups.items()
        if names
    )
    return (
        f'<div class="tile"><h3>against {escape(other)}</h3>'
        f'<div class="stack" aria-hidden="true">{bars}</div><dl>{rows}</dl></div>'
    )


def _caveats(results: Results, *, heard: bool) -> str:
    protocol = results["protocol"]
    taught = protocol.get("trained_with_labels") or []
    notes = [
        f"<b>How to read it.</b> {escape(results['primary_probe'].capitalize())} probe on frozen embeddings, "
        f"{escape(protocol['name'])}; {_counted(len(protocol['seeds']), 'seed')} (a seed changes "
        f"{escape(protocol['seed_varies'])}). Whiskers are 95 % bootstrap intervals, {protocol['resamples']:,} "
        f"resamples. {escape(_resampled(protocol))} Better and worse are said only "
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


def _resampled(protocol: Results) -> str:
    return str(protocol.get("resampled_said") or f"What is resampled are {protocol['resampled']}.")


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def probe_section(report: Report) -> str:
    """A card with whiskers per field and metric, then every number."""
    return report.each("probe", lambda session, results: _probe(report, results))


def _probe(report: Report, results: Results) -> str:
    if not results["tasks"]:
        return ""
    probe = results["primary_probe"]
    cards = "".join(_card(report, task, metric, probe) for task in results["tasks"] for metric in task["metrics"])
    others = "".join(_numbers(results, name) for name in results["probes"])
    return (
        f"{legend(report, results['systems'])}<div class='cards'>{cards}</div>"
        f"<details><summary>All probes, all numbers</summary>{others}</details>"
        f"<details><summary>Paired differences with p-values</summary>{_differences(results)}</details>"
    )


def retrieval_section(report: Report) -> str:
    """Whiskers per group."""
    return report.each("probe", lambda session, results: _retrieval(report, results))


def _retrieval(report: Report, results: Results) -> str:
    if not results["retrieval"]:
        return ""
    cards = "".join(
        _card(report, task, metric, None) for task in results["retrieval"] for metric in task["metrics"][:SHOWN]
    )
    names = [s["name"] for s in results["systems"]]
    rows = []
    for task in results["retrieval"]:
        for metric in task["metrics"]:
            found = {c["system"]: spanned(c) for c in chosen(task["results"], metric=metric)}
            chance = task["chance"] if metric in CHANCE else None
            values = [*(found.get(name, "") for name in names), "" if chance is None else figure(chance)]
            rows.append([(f"same {task['group']}", metric_name(metric)), *values])
    return (
        "<p class='note'>Every track asks for its nearest other tracks by cosine similarity, after each dimension was "
        "standardised over the collection; no labels are used. Where it says other artists (or albums), tracks of the "
        "same one are no answers.</p>"
        f"{legend(report, results['systems'], floor='chance')}<div class='cards'>{cards}</div>"
        f"<details><summary>All metrics</summary>{table(['asked for', *names, 'chance'], rows)}</details>"
    )


def _card(report: Report, task: Results, metric: str, probe: str | None) -> str:
    cells = chosen(task["results"], metric=metric, probe=probe)
    if not cells:  # numbers have no prototypes
        return ""
    name = task.get("field") or f"same {task['group']}"
    floor = task["floor"].get(metric) if "floor" in task else task["chance"] if metric in CHANCE else None
    left_out = f", {task['tags_left_out']} tags left out" if task.get("tags_left_out") else ""
    if "field" in task:
        classes = f", {task['classes']} classes" if task["classes"] else ""
        what = f"{task['tested']} tracks{classes}{left_out}"
    else:
        what = f"{task['queries']} queries, {task['groups']} groups"
    said = f"; {EXPLAINED[metric]}" if metric in EXPLAINED else ""
    gaps = chosen(task["differences"], metric=metric, probe=probe)
    return card(report, cells, title=str(name), small=metric_name(metric), sub=f"{what}{said}", floor=floor, gaps=gaps)


def playlists_section(report: Report) -> str:
    """Playlist continuation: whiskers per ranking and metric."""
    return report.each("playlists", lambda session, results: _playlists(report, results))


def _playlists(report: Report, results: Results) -> str:
    shown = [m for m in ("ndcg_at_10", "recall_at_10", "r_precision", "clicks") if m in results["metrics"]]
    cards = "".join(
        card(
            report, cells, title=ranking, small=metric_name(metric), sub=EXPLAINED.get(metric, ""), floor=None,
            gaps=chosen(results["differences"], ranking=ranking, metric=metric),
        )
        for ranking in results["rankings"]
        for metric in shown or results["metrics"][:4]
        if (cells := [c for c in results["results"] if c["metric"] == metric and c["ranking"] in (ranking, "own")])
    )  # fmt: skip
    rows = [[(c["system"], c["ranking"]), metric_name(c["metric"]), spanned(c)] for c in results["results"]]
    said = " ".join(escape(sentence) for sentence in results.get("words", ()))
    return (
        f'<p class="note">{escape(str(results["protocol"]["name"]))}. {said}</p>'
        f"{legend(report, results['systems'], floor='')}<div class='cards'>{cards}</div>"
        f"<details><summary>All metrics</summary>{table(('system', 'metric', 'value'), rows)}</details>"
    )


def _numbers(results: Results, probe: str) -> str:
    names = [s["name"] for s in results["systems"]]
    rows = []
    for task in results["tasks"]:
        for metric in task["metrics"]:
            found = {c["system"]: spanned(c) for c in task["results"] if (c["metric"], c["probe"]) == (metric, probe)}
            cells = [found.get(name, "") for name in names]
            rows.append([(task["field"], metric_name(metric)), *cells, figure(task["floor"].get(metric))])
    return f"<h3>{escape(probe)} probe</h3>" + table(["task", *names, "without features"], rows)


def _differences(results: Results) -> str:
    permuted = any("p_permutation" in gap for task in results["tasks"] for gap in task["differences"])
    rows = [
        [
            (task.get("field") or f"same {task['group']}", metric_name(gap["metric"])),
            *(gap.get("probe") or "cosine", gap["system"], gap["against"]),
            *(spanned(gap), figure(gap["p"])),
            *((figure(gap.get("p_permutation")),) if permuted else ()),
            gap["verdict"],
        ]
        for task in [*results["tasks"], *results["retrieval"]]
        for gap in task["differences"]
    ]
    head = ("task", "probe", "system", "against", "difference", "p", *(("p by permutation",) if permuted else ()))
    return table((*head, "verdict"), rows)
