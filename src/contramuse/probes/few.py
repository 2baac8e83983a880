"""Few labels: probes that learn from a share of the labels, or from k tracks a class, drawn several times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contramuse.catalogue.stratify import stratified_share, with_none
from contramuse.errors import demand
from contramuse.probes import metrics, systems
from contramuse.probes.clusters import cluster_tracks
from contramuse.probes.estimators import Standard, prior_scores, shares
from contramuse.probes.folds import Fold
from contramuse.probes.intervals import Resamples, difference, interval
from contramuse.probes.protocol import Settings, make_protocol, taught_labels
from contramuse.probes.run import Progress, System, difference_json, interval_json, measure, number, pairs
from contramuse.probes.selection import NAMES, Name, choose
from contramuse.probes.session import threads
from contramuse.probes.tasks import Task, library_tasks, unlearnable

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Few:
    """How to probe with few labels.

    Args:
        probe: tasks, baselines, protocol, clusters and seed; its own probes and shares are not used.
        probes: of "linear", "mlp", "knn", "prototype".
        shares: of the labelled tracks of training and of validation; 1 is drawn once.
        shots: tracks a class (or tag), of training and as many of validation; numbers have none.
        draws: of each amount, each from a seed of its own.
        resamples: of the bootstrap.
    """

    probe: Settings = field(default_factory=Settings)
    probes: tuple[Name, ...] = ("linear", "prototype")
    shares: tuple[float, ...] = (0.01, 0.05, 0.1, 1.0)
    shots: tuple[int, ...] = (1, 5, 10, 20)
    draws: int = 10
    resamples: int = 300

    def __post_init__(self) -> None:
        checks: list[tuple[str, Any, bool, str]] = [
            ("--draws", self.draws, self.draws >= 1, "Give 1 or more; 10 is the default."),
            ("--resamples", self.resamples, self.resamples >= 100, "Give 100 or more."),
        ]
        checks += [("shares", s, 0 < s <= 1, "Give shares above 0 and at most 1.") for s in self.shares]
        checks += [("--shots", k, k >= 1, "Give numbers of 1 or more, as 1,5,10.") for k in self.shots]
        checks += [("--probe", p, p in NAMES, f"Give {', '.join(NAMES)}.") for p in self.probes]
        demand(checks)


@dataclass(frozen=True)
class Amount:
    """How many labels: a share of them, or so many tracks a class."""

    share: float | None = None
    shots: int | None = None

    def draw(self, task: Task, rows: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
        """Those of the labelled tracks ``rows`` that keep their label; at least one."""
        if self.share == 1 or len(rows) == 0:
            return rows
        y = np.nan_to_num(task.y[rows])
        if self.share is not None:
            kept = rows[stratified_share(with_none(task.y[rows]), share=self.share, seed=seed)]
            return np.asarray(kept if len(kept) else rows[[np.random.default_rng(seed).integers(len(rows))]])
        assert self.shots is not None
        return np.sort(rows[_each(y, len(task.classes), self.shots, np.random.default_rng(seed))])

    def __str__(self) -> str:
        return f"{100 * self.share:g} % of the labels" if self.share is not None else f"{self.shots} a class"


def _each(y: NDArray[Any], classes: int, k: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Positions of k tracks of each class; a track of several tags that was drawn for one counts for all of them."""
    order = generator.permutation(len(y))
    member = (y[order, None] == np.arange(classes)) if y.ndim == 1 else y[order] > 0
    taken = np.zeros(len(y), np.bool_)
    for c in np.argsort(member.sum(axis=0), kind="stable"):  # rare ones first: what they bring counts for the others
        own = np.flatnonzero(member[:, c] & ~taken)
        taken[own[: max(0, k - int((member[:, c] & taken).sum()))]] = True
    return np.asarray(order[taken])


def run_few(
    embeddings: Embeddings,
    *,
    library: Library,
    against: Sequence[Embeddings] = (),
    settings: Few | None = None,
    progress: Progress = lambda message: None,
) -> list[dict[str, Any]]:
    """Metrics over the amount of labels, of embeddings and baselines; see docs/probes.md.

    The labels of validation are as few as those of training, as whoever has few labels has few to choose by. The
    tested tracks are all of them, every time. Intervals are over draws and tracks (clusters of tracks) together.

    Args:
        embeddings: of the library's tracks.
        library: with labels.
        against: other embeddings of the same tracks.
        settings: how.
        progress: told what is being done.

    Returns:
        Part "few" of an evaluation: a curve for every field, first metric and probe, with its paired differences.

    Raises:
        EmbeddingsError: the embeddings share too few tracks with the library.
        LibraryError: a field or group that the library does not have.
    """
    settings = settings or Few()
    asked, given = settings.probe, [embeddings, *against]
    rows = systems.common_rows(library, given)
    compared = systems.compared_systems(
        given, library, rows=rows, baselines=asked.baselines, seed=asked.seed, progress=progress
    )
    protocol = make_protocol(library, rows, asked, taught=taught_labels(embeddings.meta.get("model_path")))
    folds = protocol.plan[0][1]
    tested = np.unique(np.concatenate([fold.test for fold in folds]))
    clusters = np.zeros(len(rows), np.int64)
    own, _, _ = cluster_tracks(library, rows[tested], asked.drawn)
    clusters[tested] = np.arange(len(tested)) if own is None else own
    found = []
    with threads(max(system.vectors.size for system in compared)):
        for task in library_tasks(library, rows, asked.tasks):
            if unlearnable(task, protocol.group) is None:
                for name in settings.probes:
                    if name != "prototype" or task.kind != "numeric":
                        found.append(_curve(task, name, compared, folds, clusters, settings, progress))
    return [{**one, "protocol": protocol.facts["name"]} for one in found]


def _curve(
    task: Task, name: Name, compared: Sequence[System], folds: Sequence[Fold], clusters: NDArray[np.int64],
    settings: Few, progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """One field by one probe: a point for every system and amount."""
    amounts = [Amount(share=share) for share in settings.shares]
    amounts += [Amount(shots=k) for k in settings.shots] if task.kind != "numeric" else []
    tested = np.unique(np.concatenate([fold.test for fold in folds]))
    tested = tested[task.known[tested]]
    roles = {system.name: system.role for system in compared}
    resamples = Resamples(len(tested), settings.resamples, clusters=clusters[tested])
    points, gaps = [], []
    for amount in amounts:
        draws = 1 if amount.share == 1 and name != "mlp" else settings.draws
        values: dict[str, list[float]] = {}
        drawn: dict[str, Array] = {}
        for system in compared:
            progress(f"{task.name}: {name} with {amount} on {system.name}")
            answers = [_answers(system, task, name, folds, amount, tested, seed=seed) for seed in range(draws)]
            labels = float(np.mean([count for _, count in answers]))
            values[system.name], drawn[system.name] = _measured(
                task, task.y[tested], [a for a, _ in answers], resamples
            )
            span = interval(
                float(np.mean(values[system.name])), drawn[system.name], bounds=metrics.bounds(task.metrics[0])
            )
            points.append({
                "system": system.name, "share": amount.share, "shots": amount.shots, "labels": round(labels, 1),
                "draws": draws, **interval_json(span), "draw_values": [number(value) for value in values[system.name]],
            })  # fmt: skip
        for a, b in pairs(list(values), roles):
            gap = difference(float(np.mean(values[a]) - np.mean(values[b])), drawn[a], drawn[b])
            given = {"system": a, "against": b, "share": amount.share, "shots": amount.shots}
            gaps.append({**given, **difference_json(gap)})
    return {"field": task.name, "metric": task.metrics[0], "probe": name, "points": points, "differences": gaps}


def _answers(
    system: System,
    task: Task,
    name: Name,
    folds: Sequence[Fold],
    amount: Amount,
    tested: NDArray[np.int64],
    *,
    seed: int,
) -> tuple[Array, float]:
    """Scores of every tested track [m c], and how many tracks had a label (training and validation, a fold's mean)."""
    out = np.full((len(tested), task.columns), np.nan)
    counts = []
    for fold in folds:
        train, valid, test = (rows[task.known[rows]] for rows in (fold.train, fold.valid, fold.test))
        if len(test) == 0:
            continue
        train, valid = amount.draw(task, train, seed=seed), amount.draw(task, valid, seed=seed)
        out[np.searchsorted(tested, test)] = _fitted(system, task, name, train, valid, seed)(system.vectors[test])
        counts.append(len(train) + (0 if name == "prototype" else len(valid)))
    assert not np.isnan(out).any(), "every tested track is scored"
    return out, float(np.mean(counts))


def _fitted(
    system: System, task: Task, name: Name, train: NDArray[np.int64], valid: NDArray[np.int64], seed: int
) -> Callable[[NDArray[np.float32]], Array]:
    scale = Standard().fit(system.vectors[train])
    change = np.asarray if name == "prototype" else scale.transform
    fitted, _ = choose(
        name, kind=task.kind, classes=task.columns, train=(change(system.vectors[train]), task.y[train]),
        valid=(change(system.vectors[valid]), task.y[valid]), seed=seed,
    )  # fmt: skip
    prior: Array | float = 0.0
    if task.kind == "multilabel" and name != "prototype":  # folds can then be pooled
        prior = prior_scores(shares(task.y[np.concatenate([train, valid])]), "multilabel")
    return lambda x: np.asarray(fitted.predict(change(x)) - prior)


def _measured(task: Task, y: NDArray[Any], answers: Sequence[Array], resamples: Resamples) -> tuple[list[float], Array]:
    """The first metric of every draw, and in resamples [r] of tracks and of draws: a mean over draws of the draws."""
    metric = task.metrics[0]
    values = [float(measure(task, y, one, metrics.ones(len(y)))[metric][0]) for one in answers]
    table = np.stack([
        np.concatenate([measure(task, y, one, w)[metric] for w in resamples.blocks()]) for one in answers
    ])  # fmt: skip
    generator = np.random.default_rng(resamples.seed)
    chosen = generator.integers(0, len(answers), size=(len(answers), table.shape[1]))
    return values, np.asarray(np.take_along_axis(table, chosen, axis=0).mean(axis=0))
