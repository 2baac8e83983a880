"""The probe of frozen embeddings against a library's labels, with baselines, intervals and paired differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from contramuse.probes import metrics
from contramuse.probes.classes import by_class, class_rows, confusion, without_positives
from contramuse.probes.estimators import Standard, prior_scores, shares
from contramuse.probes.folds import Fold
from contramuse.probes.intervals import Difference, Interval, Resamples, difference, interval
from contramuse.probes.permutation import Swaps, mean_p, ranking_p
from contramuse.probes.segments import How, Segments, answers, items, reduced, titled
from contramuse.probes.selection import Name, choose
from contramuse.probes.tasks import Task, baseline_score

Array = NDArray[np.float64]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class System:
    """Vectors to be compared: a model's embeddings or a baseline.

    Args:
        name: shown in tables.
        role: "model" or "baseline".
        vectors: float32 [n h], one row per track, the same tracks for every system.
        note: how the vectors were made, one sentence.
        facts: hashes and settings for the record.
        segments: the windows of the tracks, where they are needed and there are any.
        given: which of the embeddings that were given it is, or has the encoder of.
    """

    name: str
    role: str
    vectors: Float[np.ndarray, "n h"]
    note: str = ""
    facts: tuple[tuple[str, Any], ...] = ()
    segments: Segments | None = None
    given: int = 0


@dataclass
class Predictions:
    """Pooled scores of one probe on one task, per seed float64 [m c] for the m tested tracks; the settings chosen."""

    scores: list[NDArray[np.float64]]
    chosen: list[float]


def predict(
    system: System, *, task: Task, probe: Name, plan: Sequence[tuple[int, Sequence[Fold]]], how: How | None = None
) -> tuple[Predictions, NDArray[np.int64]]:
    """Scores of every tested track under each seed of the ``plan``, and the tested tracks (the same for every seed)."""
    scores: list[NDArray[np.float64]] = []
    chosen: list[float] = []
    tested = np.unique(np.concatenate([fold.test for fold in plan[0][1]]))
    tested = tested[task.known[tested]]
    place = np.full(len(task.known), -1)
    place[tested] = np.arange(len(tested))
    for seed, folds in plan:
        pooled, times = np.full((len(tested), task.columns), np.nan), np.zeros(len(tested), np.int64)
        for fold in folds:
            test = fold.test[task.known[fold.test]]
            if len(test) == 0:
                continue
            answer, setting = _fold(system, task, probe, fold, how or How(), seed=seed)
            pooled[place[test]] = answer
            np.add.at(times, place[test], 1)
            chosen.append(setting)
        assert (times == 1).all(), "every tested track is scored exactly once"
        scores.append(pooled)
    return Predictions(scores, chosen), tested


def _fold(
    system: System, task: Task, probe: Name, fold: Fold, how: How, *, seed: int
) -> tuple[NDArray[np.float64], float]:
    """Scores of the labelled test tracks of one fold [m c], and the setting chosen."""
    train, valid, test = (rows[task.known[rows]] for rows in (fold.train, fold.valid, fold.test))
    train = reduced(task, train, how, seed=seed)
    x, owner = items(system.vectors, system.segments, train, how)
    valid_x, valid_owner = items(system.vectors, system.segments, valid, how)
    scale = Standard().fit(x)
    change = np.asarray if probe == "prototype" else scale.transform
    fitted, setting = choose(
        probe, kind=task.kind, classes=task.columns, train=(change(x), task.y[owner]),
        valid=(change(valid_x), task.y[valid_owner]), seed=seed,
        refit="train and valid" if how.share == 1 else "train",
    )  # fmt: skip
    answer = answers(
        lambda some: fitted.predict(change(some)), system.vectors, system.segments, test, how=how,
        kind="numeric" if probe == "prototype" else task.kind,
    )  # fmt: skip
    if task.kind == "multilabel" and probe != "prototype":
        learnt = np.concatenate([train, valid]) if how.share == 1 else train
        answer = answer - prior_scores(shares(task.y[learnt]), "multilabel")
    return answer, setting


def measure(task: Task, y: NDArray[Any], scores: NDArray[np.float64], w: NDArray[np.float32]) -> dict[str, Array]:
    """Every metric of the task, [r] for the weightings ``w`` [m r]."""
    return _measure(task, y, scores, w)[0]


def _measure(
    task: Task, y: NDArray[Any], scores: NDArray[np.float64], w: NDArray[np.float32]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Every metric [r], and those of every class or tag [c r], of which some of the former are the means."""
    if task.field == "numeric":
        return {"r2": metrics.r_squared(y, scores[:, 0], w)}, {}
    own = by_class(task, y, scores, w)
    if task.field == "multilabel":
        return {name: metrics.mean_of_known(values) for name, values in own.items()}, own
    found = {"accuracy": metrics.accuracy(y, scores, w), "balanced_accuracy": metrics.mean_of_known(own["recall"])}
    if "key_score" in task.metrics:
        table = metrics.key_table(task.classes)
        assert table is not None
        found["key_score"] = metrics.weighted_mean(table[y, scores.argmax(axis=1)], w)
    return found, own


def contributions(task: Task, y: NDArray[Any], scores: NDArray[np.float64]) -> dict[str, Array]:
    """What every track adds to each metric that is a sum over tracks, [m] (to R², but for 1); rankings are none."""
    if task.field == "multilabel":
        return {}
    if task.field == "numeric":
        spread = float(np.square(y - y.mean()).sum())
        return {"r2": -np.square(y - scores[:, 0]) / spread if spread else np.full(len(y), np.nan)}
    hit, counts = (scores.argmax(axis=1) == y) / 1.0, np.bincount(y, minlength=len(task.classes))
    found = {"accuracy": hit / len(y), "balanced_accuracy": hit / (counts[y] * np.count_nonzero(counts))}
    if "key_score" in task.metrics:
        table = metrics.key_table(task.classes)
        assert table is not None
        found["key_score"] = table[y, scores.argmax(axis=1)] / len(y)
    return found


@dataclass
class Scored:
    """The metrics of one system by one probe: on all tracks per seed, and in every resample (mean over seeds).

    ``parts`` are what each track adds to a metric that is a sum over tracks; ``classes`` and ``classes_resampled`` the
    metrics of every class [c] and [c r], both mean over seeds.
    """

    by_seed: dict[str, list[float]]
    resampled: dict[str, NDArray[np.float64]]
    chosen: list[float]
    parts: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    classes: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    classes_resampled: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def value(self, metric: str) -> float:
        """Mean over the seeds, on all tested tracks."""
        return float(np.mean(self.by_seed[metric]))


def score(task: Task, y: NDArray[Any], predictions: Predictions, resamples: Resamples) -> Scored:
    """The metrics of ``predictions`` for the labels ``y`` of the tested tracks."""

    def averaged(found: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        return {name: np.asarray(np.mean([one[name] for one in found], axis=0)) for name in found[0]}

    full = [_measure(task, y, scores, metrics.ones(len(y))) for scores in predictions.scores]
    blocks, own = [], []
    for w in resamples.blocks():
        per_seed = [_measure(task, y, scores, w) for scores in predictions.scores]
        blocks.append(averaged([one for one, _ in per_seed]))
        own.append(averaged([one for _, one in per_seed]))
    return Scored(
        by_seed={name: [float(one[name][0]) for one, _ in full] for name in task.metrics},
        resampled={name: np.concatenate([block[name] for block in blocks]) for name in task.metrics},
        chosen=predictions.chosen,
        parts=averaged([contributions(task, y, scores) for scores in predictions.scores]),
        classes={name: values[:, 0] for name, values in averaged([one for _, one in full]).items()},
        classes_resampled={name: np.concatenate([block[name] for block in own], axis=1) for name in own[0]},
    )


def compare(scored: dict[str, Scored], roles: dict[str, str], metric: str) -> list[tuple[str, str, Difference]]:
    """Paired differences of every model to every baseline and to every later model."""
    return [
        (a, b, difference(scored[a].value(metric) - scored[b].value(metric), *_pair(scored, a, b, metric)))
        for a, b in pairs(list(scored), roles)
    ]


def pairs(names: Sequence[str], roles: Mapping[str, str]) -> list[tuple[str, str]]:
    """Every model with every baseline and with every later model."""
    return [
        (a, b)
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if roles[a] == "model" and (roles[b] == "baseline" or j > i)
    ]


def _pair(scored: dict[str, Scored], a: str, b: str, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return scored[a].resampled[metric], scored[b].resampled[metric]


def run_task(
    task: Task,
    *,
    systems: Sequence[System],
    probe: Name,
    plan: Sequence[tuple[int, Sequence[Fold]]],
    resamples: int,
    clusters: NDArray[np.int64] | None,
    progress: Progress,
    how: How | None = None,
    permutations: int = 1000,
) -> dict[str, Any]:
    """All systems by one probe on one task, as the table of results.json."""
    how = how or How()
    results: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    tested = np.zeros(0, dtype=np.int64)
    title, roles = titled(probe, how.share), {system.name: system.role for system in systems}
    scored: dict[str, Scored] = {}
    answers: dict[str, list[Array]] = {}
    for system in systems:
        progress(f"{task.name}: {title} on {system.name}")
        predictions, tested = predict(system, task=task, probe=probe, plan=plan, how=how)
        draw = Resamples(len(tested), resamples, clusters=None if clusters is None else clusters[tested])
        scored[system.name], answers[system.name] = score(task, task.y[tested], predictions, draw), predictions.scores
    y = task.y[tested]
    swaps = Swaps(len(tested), permutations, clusters=None if clusters is None else clusters[tested])
    progress(f"{task.name}: permutations of {title}")
    exchanged = _exchanged(task, y, scored, answers, roles, swaps)
    for metric in task.metrics:
        results += [_result(name, title, metric, one) for name, one in scored.items()]
        differences += [
            {"system": a, "against": b, "probe": title, "metric": metric, **difference_json(gap)}
            | {"p_permutation": number(exchanged[a, b][metric])}
            for a, b, gap in compare(scored, roles, metric)
        ]
    tables = {name: confusion(task, y, found[0]) for name, found in answers.items() if task.kind == "multiclass"}
    return {
        "field": task.name,
        "kind": task.field,
        "classes": len(task.classes),
        "labelled": int(task.known.sum()),
        "tested": len(tested),
        "tags_left_out": len(without_positives(task, y)),
        "without_positives": without_positives(task, y),
        "metrics": list(task.metrics),
        "floor": {name: number(value) for name, value in baseline_score(task, y).items()},
        "results": results,
        "differences": differences,
        "per_class": [
            row
            for name, one in scored.items()
            if one.classes
            for row in class_rows(task, y, name, one.classes, one.classes_resampled)
        ],
        **({"confusion": {"classes": list(task.classes), "systems": tables}} if tables else {}),
    }


def _exchanged(
    task: Task, y: NDArray[Any], scored: Mapping[str, Scored], answers: Mapping[str, Sequence[Array]],
    roles: dict[str, str], swaps: Swaps,
) -> dict[tuple[str, str], dict[str, float]]:  # fmt: skip
    """p of the paired permutation tests of every pair, for each metric."""
    found = {}
    for a, b in pairs(list(scored), roles):
        if task.kind == "multilabel":
            found[a, b] = dict(zip(task.metrics, ranking_p(y, answers[a], answers[b], swaps), strict=True))
        else:
            found[a, b] = summed_p(scored[a], scored[b], swaps)
    return found


def summed_p(a: Scored, b: Scored, swaps: Swaps) -> dict[str, float]:
    """p of every metric that is a sum over tracks."""
    return {metric: mean_p(a.parts[metric], b.parts[metric], swaps) for metric in a.parts}


def _result(name: str, probe: str, metric: str, scored: Scored) -> dict[str, Any]:
    values = scored.by_seed[metric]
    return {
        "system": name,
        "probe": probe,
        "metric": metric,
        **interval_json(interval(scored.value(metric), scored.resampled[metric], bounds=metrics.bounds(metric))),
        "seed_values": [number(value) for value in values],
        "chosen": scored.chosen,
    }


def number(value: float) -> float | None:
    """A float for JSON: six decimals, None where it is not known."""
    return None if math.isnan(value) else round(float(value), 6)


def interval_json(span: Interval) -> dict[str, Any]:
    """An interval for JSON."""
    return {"value": number(span.value), "low": number(span.low), "high": number(span.high)}


def difference_json(gap: Difference) -> dict[str, Any]:
    """A paired difference for JSON."""
    return {**interval_json(gap), "p": number(gap.p), "verdict": gap.verdict}
