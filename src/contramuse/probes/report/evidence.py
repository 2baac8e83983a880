"""What the card of a model says about it: figures, training data, and limits in words, from the results alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contramuse.checkpoint.card import Evidence, Row, Score, Trial
from contramuse.errors import LibraryError, UserError
from contramuse.probes.report.assembled import Report, system_of
from contramuse.probes.report.cards import chosen, metric_name, plain
from contramuse.probes.report.leaks import leaks_of
from contramuse.probes.report.probing import CHANCE, SHOWN
from contramuse.probes.report.sources import Session, Trained
from contramuse.probes.words import figure, listed, lost_to, not_above_floor

Results = Mapping[str, Any]


def card_of(report: Report) -> Trained:
    """The model that a card is written of: the first that was given.

    Raises:
        UserError: there is none.
    """
    for one in report.sources.trained:
        if one.model:
            return one
    fix = "Give the folder of a run or a model: contramuse report RUN evaluation/ --card README.md"
    raise UserError("there is no model to write a card of", name="--card", fix=fix)


def evidence_of(report: Report, one: Trained) -> Evidence:
    """Everything that was measured about a model."""
    name = system_of(report.sessions, one.model.get("model_hash"))
    measured = (
        [session for session in report.sessions if name in {s["name"] for s in session.systems()}] if name else []
    )
    trials = [trial(session, session.parts["probe"], name) for session in measured if session.parts.get("probe")]
    limits = [text for session in measured for text in limits_of(session, str(name), one)]
    told = tuple(dict.fromkeys(limits)) or ("Nothing was measured: what its vectors are good for is not known.",)
    training, datasets = trained_on(one)
    return Evidence(tuple(t for t in trials if t.rows), told, training, datasets)


def trial(session: Session, results: Results, system: str | None) -> Trial:
    """The figures of a system by the primary probe, beside the baselines."""
    probe = results["primary_probe"]
    baselines = tuple(s["name"] for s in results["systems"] if s["role"] == "baseline")
    rows = []
    for task in [*results["tasks"], *results["retrieval"]]:
        for metric in task["metrics"] if "field" in task else task["metrics"][:SHOWN]:
            cells = {
                c["system"]: c for c in chosen(task["results"], metric=metric, probe=probe if "field" in task else None)
            }
            if system in cells:
                floor = task["floor"].get(metric) if "floor" in task else task["chance"] if metric in CHANCE else None
                others = tuple(_score(cells[n]) if n in cells else None for n in baselines)
                title = task.get("field") or f"same {task['group']}"
                how = f"{probe} probe" if "field" in task else "cosine"
                rows.append(Row(str(title), metric, metric_name(metric), _score(cells[system]), others, floor, how))
    split = str(results["protocol"]["name"])
    published = tuple(
        (r["system"], task["field"], metric_name(r["metric"]), float(r["value"]), str(r["source"]))
        for task in results["tasks"]
        for r in task.get("references") or ()
        if r["split"] in (split, session.dataset.get("split"))
    )
    dataset = str(session.dataset.get("name") or "private-library")
    title = session.title if session.dataset else "a private library"
    return Trial(title, dataset, split, baselines, tuple(rows), published)


def _score(cell: Mapping[str, Any]) -> Score:
    return Score(cell["value"], cell["low"], cell["high"])


def limits_of(session: Session, system: str, one: Trained) -> Iterator[str]:
    """Sentences on what the results do not allow to be said."""
    where = session.title if session.dataset else "the library that it was measured on"
    results = session.parts.get("probe")
    if results:
        baselines = [s["name"] for s in results["systems"] if s["role"] == "baseline"]
        for other, names in lost_to(results, system, baselines):
            yield f'On {where}, the baseline "{other}" is better on {listed([*map(plain, names)])}.'
        empty = not_above_floor(results, system)
        if empty:
            yield f"On {where} it is not above an answer without features on {listed(empty)}."
        yield from _shared(results, where)
        if results["protocol"].get("kind") == "folds" and session.library.get("fingerprint") in one.heard():
            yield f"It was trained on tracks of {where}, so that it had heard most of those that it is tested on."
        taught = results["protocol"].get("trained_with_labels") or []
        if taught:
            yield f"It was trained with labels: {listed(taught)}."
        tested = [task["tested"] for task in results["tasks"]]
        if tested:
            yield (
                f"Intervals are over {min(tested)} or more tested tracks of {where}; they do not hold the variation "
                "between training runs."
            )
    yield from _weakest(session, system)


def _shared(results: Results, where: str) -> Iterator[str]:
    for name, count, _ in leaks_of(results.get("leaks") or {}):
        if count:
            yield f"On {where}, {name} is found {count:,} times among both training and tested tracks."


def _weakest(session: Session, system: str) -> Iterator[str]:
    """The corruption that costs most at its strongest, per field."""
    part = session.parts.get("robustness") or {}
    points = [p for p in part.get("points", ()) if p["system"] == system and p["value"] is not None]
    first = {p["field"]: p["metric"] for p in reversed(points)}
    for field, metric in sorted(first.items()):
        mine = [p for p in points if (p["field"], p["metric"]) == (field, metric)]
        clean = {p["corruption"]: p["value"] for p in mine if p["severity"] == 0}
        falls = [(clean[p["corruption"]] - p["value"], p) for p in mine if p["corruption"] in clean and p["severity"]]
        if falls:
            fall, worst = max(falls, key=lambda one: one[0])
            if fall > 0:
                name = str(worst["corruption"]).replace("_", " ")
                values = f"{figure(clean[worst['corruption']])} to {figure(worst['value'])}"
                yield f"Under {name} (the worst that was tried) {metric_name(metric)} of {field} falls from {values}."


def trained_on(one: Trained) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences on data and time, and names of published datasets; folders are not named."""
    run = one.run
    said: list[str] = []
    names: list[str] = []
    for place in run.get("libraries") or [run.get("library")]:
        held = _dataset(place)
        if held:
            names.append(str(held["name"]))
            said.append(
                f"Data: {held.get('title') or held['name']}, split {held.get('split')}. {held.get('citation') or ''}"
            )
            said.append(f"Licence of the data: {held.get('licence')}")
    if run.get("train_tracks"):
        valid = f", {run['valid_tracks']:,} for validation" if run.get("valid_tracks") else ""
        said.append(f"{run['train_tracks']:,} tracks for training{valid}.")
    last: Mapping[str, float] = one.log[-1] if one.log else {}
    if "step" in last:
        minutes = f" in {last['seconds'] / 60:.1f} minutes" if last.get("seconds") else ""
        said.append(f"{last['step']:,.0f} steps{minutes}.")
    begun: Sequence[str] = one.model.get("extra", {}).get("from", {}).get("library_fingerprints", ())
    if begun:
        said.append("It began as another model, which was trained on " + listed([f"library {b}" for b in begun]) + ".")
    return tuple(said), tuple(names)


def _dataset(place: str | None) -> Mapping[str, Any]:
    """The published dataset that a library holds, {} where it holds none or is gone."""
    from contramuse.catalogue.library import Library

    if not place or not Path(place).exists():
        return {}
    try:
        return Library.open(Path(place)).info.get("dataset") or {}
    except LibraryError:
        return {}
