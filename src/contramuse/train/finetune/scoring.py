"""Tracks in, answers out: every track once, from all of its windows; metrics with intervals over tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from contramuse.embeddings.library import store_source
from contramuse.errors import LibraryError
from contramuse.probes import metrics
from contramuse.probes.intervals import Resamples, interval
from contramuse.probes.run import interval_json, measure, number
from contramuse.probes.tasks import Task, baseline_score
from contramuse.train.finetune.labels import Labels, Scale
from contramuse.train.finetune.settings import Aggregate

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.checkpoint.corruption import Corruption
    from contramuse.checkpoint.model import Model
    from contramuse.train.finetune.head import Head

Scores = Float[np.ndarray, "n c"]


def aggregate(windows: Float[Tensor, "w h"], head: nn.Module, *, rule: Aggregate, loss: str) -> Float[Tensor, " c"]:
    """A track's answer [c] from the vectors of its windows.

    Args:
        windows: vectors [w h].
        head: [b h] -> logits [b c].
        rule: "embeddings", the head sees their mean (SemiSupCon); "logits", mean of the logits (CLMR v1; MSCOL's sum
            orders the classes alike); "probabilities", mean of sigmoids or softmaxes (CLMR v2).
        loss: "binary", "classes", or "numbers", which have no probabilities: their mean is taken.
    """
    if rule == "embeddings":
        return head(windows.mean(dim=0, keepdim=True))[0].float()  # type: ignore[no-any-return]
    logits = head(windows).float()
    if rule == "probabilities" and loss != "numbers":
        logits = logits.sigmoid() if loss == "binary" else logits.softmax(dim=1)
    return logits.mean(dim=0)  # type: ignore[no-any-return]


def answer(
    model: Model,
    head: Head,
    library: Library,
    rows: NDArray[np.int64],
    *,
    rule: Aggregate,
    corruption: Corruption | None = None,
    batch: int = 64,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[Scores, NDArray[np.int64]]:
    """Answers for the tracks at ``rows``, each from its whole length in windows that do not overlap.

    (But for one more window aligned to the end, where half a window or more would be left over.)

    Args:
        model: embeds the windows.
        head: answers.
        library: with the tracks.
        rows: int64 [n].
        rule: see ``aggregate``.
        corruption: that the windows go through.
        batch: windows per forward pass.
        progress: told how many tracks are done.

    Returns:
        float64 [n c], numbers on their own scale; and the windows of each track, int64 [n].

    Raises:
        LibraryError: a track has no audio.
    """
    module, loss = head.module.to(model.device), Labels((), head.kind, (), np.zeros(0), np.zeros(0, np.bool_)).loss
    scores, counts = np.full((len(rows), len(head.classes)), np.nan), np.zeros(len(rows), np.int64)
    times = np.zeros(len(rows), np.int64)
    sources = (store_source(library.store, int(row)) for row in rows)
    answers = model.embed_sources(
        sources, hop=model.window, batch=batch, keep="windows", corruption=corruption,
        identify=lambda index: str(library.ids[rows[index]]),
    )  # fmt: skip
    for found in answers:
        if found.windows is None:
            path = library.paths[int(rows[found.index])]
            raise LibraryError(found.failure, name="track", value=path, fix="Prepare the library again.")
        with torch.inference_mode():
            seen = torch.from_numpy(found.windows).to(model.device)
            scores[found.index] = aggregate(seen, module, rule=rule, loss=loss).cpu().double().numpy()
        counts[found.index] = found.count
        times[found.index] += 1
        progress(found.index + 1)
    assert (times == 1).all(), "every track is scored exactly once"
    assert np.isfinite(scores).all()
    return scores * head.scale.deviation + head.scale.mean, counts


def primary(tasks: Sequence[Task], scores: Scores, *, metric: str = "") -> tuple[str, float]:
    """Name and value of a metric ("": the first); the mean over several numeric fields. NaN where it is not defined."""
    wanted, values = metric or tasks[0].metrics[0], []
    for i, task in enumerate(tasks):
        own = scores[:, [i]] if task.kind == "numeric" else scores
        values.append(float(measure(task, task.y, own, metrics.ones(len(task.y)))[wanted][0]))
    return wanted, float(np.mean(values))


def results(tasks: Sequence[Task], scores: Scores, *, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Every metric with its 95 % bootstrap interval over tracks, as plain values."""
    n = len(tasks[0].y)
    rows: list[dict[str, Any]] = []
    everything: list[tuple[float, NDArray[np.float64]]] = []
    for i, task in enumerate(tasks):
        own = scores[:, [i]] if task.kind == "numeric" else scores
        whole = _measures(task, own, metrics.ones(n))
        drawn = [_measures(task, own, w) for w in Resamples(n, resamples, seed=seed).blocks()]
        floor = baseline_score(task, task.y)
        for name, value in whole.items():
            spread = np.concatenate([block[name] for block in drawn])
            everything.append((float(value[0]), spread))
            span = interval_json(interval(float(value[0]), spread, bounds=metrics.bounds(name)))
            rows.append({"field": task.name, "metric": name, **span, "floor": number(floor.get(name, float("nan")))})
    if len(tasks) > 1:
        mean, spread = np.mean([value for value, _ in everything]), np.mean([s for _, s in everything], axis=0)
        span = interval_json(interval(float(mean), spread, bounds=metrics.bounds("r2")))
        rows.append({"field": "mean", "metric": "r2", **span, "floor": 0.0})
    return rows


def _measures(task: Task, scores: Scores, w: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    found = measure(task, task.y, scores, w)
    if task.field == "multilabel":
        by_track = np.array([_of_track(task.y[i], scores[i]) for i in range(len(scores))])
        for column, name in enumerate(("roc_auc_by_track", "average_precision_by_track")):
            known = np.isfinite(by_track[:, column])
            if known.any():
                found[name] = metrics.weighted_mean(by_track[known, column], w[known])
    return found


def _of_track(y: NDArray[np.float32], scores: NDArray[np.float64]) -> tuple[float, float]:
    """ROC-AUC and average precision over the tags of one track, as CLMR's first version reports beside the others."""
    if not (y > 0).any() or not (y <= 0).any():
        return float("nan"), float("nan")
    auc, ap = metrics.ranking(y, scores, metrics.ones(len(y)))
    return float(auc[0]), float(ap[0])


def by_class(task: Task, scores: Scores) -> list[dict[str, Any]]:
    """Each class or tag by itself: tested tracks that have it, and how well it is told."""
    if task.field == "multilabel":
        pairs = [metrics.ranking(task.y[:, c], scores[:, c], metrics.ones(len(scores))) for c in range(task.columns)]
        return [
            {"class": name, "tracks": int((task.y[:, c] > 0).sum()), "roc_auc": number(float(pairs[c][0][0])),
             "average_precision": number(float(pairs[c][1][0]))}
            for c, name in enumerate(task.classes)
        ]  # fmt: skip
    if task.kind == "numeric":
        return []
    table = confusion(task, scores)
    return [
        {"class": name, "tracks": int(table[c].sum()), "answered": int(table[:, c].sum()), "right": int(table[c, c])}
        for c, name in enumerate(task.classes)
    ]


def confusion(task: Task, scores: Scores) -> NDArray[np.int64]:
    """How often each class (row) was answered as each (column), int64 [c c]."""
    table = np.zeros((task.columns, task.columns), np.int64)
    np.add.at(table, (task.y, scores.argmax(axis=1)), 1)
    return table


def rescaled(scores: Scores, scale: Scale) -> Scores:
    """Answers of a head on the scale of its numbers."""
    return np.asarray(scores * scale.deviation + scale.mean)
