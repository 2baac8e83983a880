"""Robustness: what is left of each metric when tested tracks are corrupted, step by step, and nothing learns again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contramuse.catalogue.stratify import stratified_share, with_none
from contramuse.errors import LibraryError, UserError, demand
from contramuse.probes import systems
from contramuse.probes.changes import CORRUPTIONS, STUDIED, Change
from contramuse.probes.clusters import cluster_tracks
from contramuse.probes.estimators import Standard, unit
from contramuse.probes.folds import Fold
from contramuse.probes.frozen import Frozen, fit_frozen
from contramuse.probes.hearing import CLEAN, Excerpts, Version, hear, heard_seconds, hearing_of
from contramuse.probes.intervals import Resamples, difference, interval, mean_interval
from contramuse.probes.metrics import bounds, ones
from contramuse.probes.protocol import Protocol, Settings, make_protocol, taught_labels
from contramuse.probes.robustness_words import tables, words
from contramuse.probes.run import Progress, System, difference_json, interval_json, measure, number
from contramuse.probes.session import one_thread
from contramuse.probes.tasks import Task, baseline_score, library_tasks, unlearnable

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

__all__ = ["Robustness", "robustness", "tables"]

Key = tuple[str, str, float]
Vectors = Mapping[str, Mapping[Key, NDArray[np.float32]]]


@dataclass(frozen=True)
class Robustness:
    """What is corrupted, and how it is probed.

    Args:
        probe: fields, first probe, baselines, protocol, resamples and seed are taken from it.
        corruptions: names of ``CORRUPTIONS`` and ``STUDIED``; "semisupcon" stands for all of the latter.
        tracks: tested tracks that are corrupted, at most; a stratified part where there are more.
        seconds: of each, from its middle; more where a model's window is longer.
    """

    probe: Settings = field(default_factory=Settings)
    corruptions: tuple[str, ...] = tuple(CORRUPTIONS)
    tracks: int = 200
    seconds: float = 20.0

    def __post_init__(self) -> None:
        known = {**CORRUPTIONS, **STUDIED, "semisupcon": None}
        for name in self.corruptions:
            if name not in known:
                fix = f"Known: {', '.join([*CORRUPTIONS, 'semisupcon', *STUDIED])}."
                raise UserError("is no corruption", name="corruption", value=name, fix=fix)
        demand([
            ("tracks", self.tracks, self.tracks >= 20, "Give 20 or more."),
            ("seconds", self.seconds, self.seconds > 0, "Give more than 0."),
        ])  # fmt: skip

    def changes(self) -> list[Change]:
        """The corruptions, in the order given."""
        names = [n for one in self.corruptions for n in (STUDIED if one == "semisupcon" else (one,))]
        return [{**CORRUPTIONS, **STUDIED}[name] for name in dict.fromkeys(names)]


def robustness(
    given: Sequence[Embeddings],
    *,
    library: Library,
    settings: Robustness | None = None,
    folder: Path,
    progress: Progress = lambda message: None,
) -> dict[str, Any]:
    """Curves of every metric over corruption and severity, for models and baselines; see docs/evaluation.md.

    Args:
        given: embeddings of the library's tracks; their models must be at hand.
        library: of audio, with labels.
        settings: what.
        folder: for the vectors of corrupted tracks; what is there is not computed again.
        progress: told what is being done.

    Returns:
        Part "robustness" of an evaluation.

    Raises:
        LibraryError: no field can be probed, or the library holds no audio.
    """
    settings = settings or Robustness()
    probe = settings.probe
    rows = systems.common_rows(library, given)
    compared = systems.compared_systems(
        given, library, rows=rows, baselines=probe.baselines, seed=probe.seed, progress=progress
    )
    protocol = make_protocol(library, rows, probe, taught=taught_labels(given[0].meta.get("model_path")))
    folds = protocol.plan[0][1]
    tasks = _probed(library, rows, probe, protocol)
    tested = chosen_tracks(tasks, folds, most=settings.tracks, seed=probe.seed)
    excerpts = Excerpts(library, rows[tested], heard_seconds(given, settings.seconds), probe.seed)
    changes = settings.changes()
    versions = [CLEAN, *(Version(change, amount) for change in changes for amount in change.amounts)]
    hearing = hearing_of(compared, given, sample_rate=library.sample_rate, seed=probe.seed)
    vectors = hear(hearing, excerpts, versions, folder=folder, progress=progress)
    hearers = [one for one in compared if one.name in hearing.columns]
    clusters, _, _ = cluster_tracks(library, rows[tested], probe.drawn)
    points, summary, differences = [], [], []
    with one_thread():
        for task in tasks:
            progress(f"{task.name}: {probe.probes[0]} probes of corrupted tracks")
            scored = {
                one.name: _scored(one, vectors[one.name], task, folds, tested, versions, settings, clusters)
                for one in hearers
            }
            fair = [change for change in changes if not moves_label(task, change)]
            points += _points(task, fair, scored)
            kept = _summary(task, [v for v in versions if v.change in fair], scored, hearers, tested)
            summary += kept[0]
            differences += kept[1]
        drift = _drift(hearers, vectors, folds, changes, settings, clusters)
    found = {
        "corruptions": [{**one.describe(with_clean=True), "what": one.either} for one in changes],
        "systems": [{"name": one.name, "role": one.role} for one in hearers],
        "fields": [
            {**_described(task, tested), "left_out": [c.name for c in changes if moves_label(task, c)]}
            for task in tasks
        ],
        "probe": probe.probes[0],
        "protocol": protocol.facts["name"],
        "tracks": {"corrupted": len(tested), "tested": _count(tasks, folds), "seconds": excerpts.seconds},
        "points": points,
        "drift": drift,
        "summary": summary,
        "differences": differences,
        "left_out": [{"system": name, "reason": reason} for name, reason in hearing.deaf],
    }
    return {**found, "words": words(found)}


def _probed(library: Library, rows: NDArray[np.int64], probe: Settings, protocol: Protocol) -> list[Task]:
    """The tasks that the first probe can learn under the protocol.

    Raises:
        LibraryError: none.
    """
    tasks = [t for t in library_tasks(library, rows, probe.tasks) if unlearnable(t, protocol.group) is None]
    if probe.probes[0] == "prototype":
        tasks = [task for task in tasks if task.kind != "numeric"]
    if not tasks:
        raise LibraryError("has no label that can be probed", name="library", value=library.root, fix="Give it labels.")
    return tasks


def moves_label(task: Task, change: Change) -> bool:
    """Whether a change makes another answer right: the key after a shift of pitch, the tempo after a stretch."""
    if task.field == "key" or "pitch" in task.name.lower():
        return change.name == "pitch"
    return change.name in ("tempo", "semisupcon time_stretch") and task.name.lower() in ("tempo", "bpm")


def chosen_tracks(tasks: Sequence[Task], folds: Sequence[Fold], *, most: int, seed: int) -> NDArray[np.int64]:
    """Tested tracks that any task has a label for; at most so many, by the shares of the first task's labels."""
    every = np.unique(np.concatenate([fold.test for fold in folds]))
    every = every[np.logical_or.reduce([task.known[every] for task in tasks])]
    if len(every) <= most:
        return np.asarray(every)
    first = next((task for task in tasks if task.kind != "numeric"), tasks[0])
    inside = every[first.known[every]]
    taken = inside[stratified_share(with_none(first.y[inside]), share=min(1.0, most / len(inside)), seed=seed)]
    rest = np.setdiff1d(every, inside)
    more = np.random.default_rng(seed).permutation(rest)[: max(0, most - len(taken))]
    return np.sort(np.concatenate([taken, more]))


@dataclass(frozen=True)
class _Curve:
    """One system on one task: every version's metrics, on all tested tracks and in every resample."""

    value: dict[Key, dict[str, float]]
    resampled: dict[Key, dict[str, NDArray[np.float64]]]


def _scored(
    system: System,
    vectors: Mapping[Key, NDArray[np.float32]],
    task: Task,
    folds: Sequence[Fold],
    tested: NDArray[np.int64],
    versions: Sequence[Version],
    settings: Robustness,
    clusters: NDArray[np.int64] | None,
) -> _Curve:
    probe = settings.probe
    fitted: Frozen = fit_frozen(system.vectors, task=task, folds=folds, probe=probe.probes[0], seed=probe.seed)
    known = np.flatnonzero(task.known[tested])
    tracks = tested[known]
    scores = {v.key: fitted.predict(vectors[v.key][known], tracks) for v in versions}
    draw = Resamples(len(known), probe.resamples, clusters=None if clusters is None else clusters[known])
    y = task.y[tracks]
    value = {
        key: {m: float(x[0]) for m, x in measure(task, y, one, ones(len(y))).items()} for key, one in scores.items()
    }
    blocks: dict[Key, list[dict[str, NDArray[np.float64]]]] = {key: [] for key in scores}
    for w in draw.blocks():
        for key, one in scores.items():
            blocks[key].append(measure(task, y, one, w))
    resampled = {key: {m: np.concatenate([b[m] for b in found]) for m in task.metrics} for key, found in blocks.items()}
    return _Curve(value, resampled)


def _points(task: Task, changes: Sequence[Change], scored: Mapping[str, _Curve]) -> list[dict[str, Any]]:
    points = []
    for metric in task.metrics:
        for name, curve in scored.items():
            for change in changes:
                for severity, amount in enumerate((change.clean, *change.amounts)):
                    key = CLEAN.key if severity == 0 else Version(change, change.amounts[severity - 1]).key
                    value, drawn = curve.value[key][metric], curve.resampled[key][metric]
                    span = interval(value, drawn, bounds=bounds(metric))
                    fallen = difference(
                        value - curve.value[CLEAN.key][metric], drawn, curve.resampled[CLEAN.key][metric]
                    )
                    points.append(
                        {
                            "system": name, "field": task.name, "metric": metric, "corruption": change.name,
                            "severity": severity, "amount": amount, **interval_json(span),
                            "against_clean": fallen.verdict,
                        }
                    )  # fmt: skip
    return points


def _summary(
    task: Task,
    versions: Sequence[Version],
    scored: Mapping[str, _Curve],
    hearers: Sequence[System],
    tested: NDArray[np.int64],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What each system keeps of its clean value on average over corruptions and severities, and the differences."""
    rows, differences = [], []
    if not versions:
        return [], []
    roles = {one.name: one.role for one in hearers}
    floors = baseline_score(task, task.y[tested[task.known[tested]]])
    for metric in task.metrics:
        shares = {name: _kept(curve, versions, metric) for name, curve in scored.items()}
        for name, (share, drawn) in shares.items():
            span = interval_json(interval(share, drawn, bounds=(0.0, float("inf"))))
            rows.append(
                {
                    "system": name, "field": task.name, "metric": metric,
                    "kept": span["value"], "low": span["low"], "high": span["high"],
                    "kept_above_floor": number(_kept(scored[name], versions, metric, floor=floors[metric])[0]),
                }
            )  # fmt: skip
        for a in scored:
            for b in scored:
                if roles[a] == "model" and (roles[b] == "baseline" or list(scored).index(b) > list(scored).index(a)):
                    gap = difference(shares[a][0] - shares[b][0], shares[a][1], shares[b][1])
                    differences.append(
                        {"system": a, "against": b, "field": task.name, "metric": metric, **difference_json(gap)}
                    )
    return rows, differences


def _kept(
    curve: _Curve, versions: Sequence[Version], metric: str, *, floor: float = 0.0
) -> tuple[float, NDArray[np.float64]]:
    """Mean over corrupted versions of what is above the floor, over that of clean tracks; NaN where that is none."""
    mean = float(np.mean([max(0.0, curve.value[v.key][metric] - floor) for v in versions]))
    drawn = np.mean([np.maximum(0.0, curve.resampled[v.key][metric] - floor) for v in versions], axis=0)
    clean, clean_drawn = curve.value[CLEAN.key][metric] - floor, curve.resampled[CLEAN.key][metric] - floor
    share = mean / clean if clean > 0 else float("nan")
    return share, np.where(clean_drawn > 0, drawn / np.where(clean_drawn > 0, clean_drawn, 1.0), np.nan)


def _drift(
    hearers: Sequence[System],
    vectors: Vectors,
    folds: Sequence[Fold],
    changes: Sequence[Change],
    settings: Robustness,
    clusters: NDArray[np.int64] | None,
) -> list[dict[str, Any]]:
    """Cosine of clean and corrupted tracks' vectors, each dimension standardised over the training tracks."""
    found = []
    for system in hearers:
        scale = Standard().fit(system.vectors[folds[0].train])
        at = {key: unit(scale.transform(x)) for key, x in vectors[system.name].items()}
        draw = Resamples(len(at[CLEAN.key]), settings.probe.resamples, clusters=clusters)
        for change in changes:
            for severity, amount in enumerate((None, *change.amounts)):
                other = at[CLEAN.key] if amount is None else at[Version(change, amount).key]
                cosine = np.sum(at[CLEAN.key] * other, axis=1)
                span = interval_json(mean_interval(cosine, draw, bounds=(-1.0, 1.0)))
                found.append(
                    {
                        "system": system.name, "corruption": change.name, "severity": severity,
                        "cosine": span["value"], "low": span["low"], "high": span["high"],
                    }
                )  # fmt: skip
    return found


def _count(tasks: Sequence[Task], folds: Sequence[Fold]) -> int:
    return len(chosen_tracks(tasks, folds, most=1 << 60, seed=0))


def _described(task: Task, tested: NDArray[np.int64]) -> dict[str, Any]:
    inside = tested[task.known[tested]]
    return {
        "field": task.name, "metrics": list(task.metrics), "tested": len(inside),
        "floor": {name: round(float(value), 6) for name, value in baseline_score(task, task.y[inside]).items()},
    }  # fmt: skip
