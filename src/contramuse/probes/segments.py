"""Windows as training items, answers averaged over windows, and shares of the labels: how CLMR probes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from contramuse.catalogue.powerset import powerset_share
from contramuse.catalogue.stratify import stratified_share, with_none
from contramuse.probes.estimators import Kind, Scores
from contramuse.probes.tasks import Task

TrainOn = Literal["tracks", "segments"]
Aggregate = Literal["embeddings", "probabilities", "logits"]
ShareRule = Literal["exact", "powerset"]


@dataclass(frozen=True)
class How:
    """What a probe learns from and what its answer for a track is.

    Args:
        train_on: "tracks", one mean vector each; "segments", every window is an item with its track's label.
        aggregate: over the windows of a tested track: "embeddings", the answer for their mean vector; "logits" or
            "probabilities", the mean of the answers.
        share: of the labelled training tracks. Below 1, nothing is fitted on validation tracks.
        share_rule: "exact" (every label keeps its share) or "powerset" (CLMR's: at least one of every set of labels).
    """

    train_on: TrainOn = "tracks"
    aggregate: Aggregate = "embeddings"
    share: float = 1.0
    share_rule: ShareRule = "exact"

    @property
    def needs_windows(self) -> bool:
        """Whether track vectors do not do."""
        return self.train_on == "segments" or self.aggregate != "embeddings"


@dataclass(frozen=True)
class Segments:
    """The windows of n tracks, one track after another.

    Args:
        vectors: float32 [w h].
        counts: int64 [n], windows of each track.
    """

    vectors: Float[np.ndarray, "w h"]
    counts: Int[np.ndarray, " n"]

    def of(self, tracks: Int[np.ndarray, " m"]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The windows of ``tracks`` [w h], and the position in ``tracks`` of each window's own [w]."""
        first = np.cumsum(self.counts) - self.counts
        counts = self.counts[tracks]
        owner = np.repeat(np.arange(len(tracks)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.vectors[first[tracks][owner] + within], owner

    def take(self, tracks: Int[np.ndarray, " m"]) -> Segments:
        """Only ``tracks``, in that order."""
        return Segments(self.of(tracks)[0], self.counts[tracks])


def items(
    vectors: Float[np.ndarray, "n h"], segments: Segments | None, tracks: Int[np.ndarray, " m"], how: How
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What is learnt from ``tracks``: vectors [i h], and the track of each.

    Systems without windows (statistics of whole tracks) give one vector a track.
    """
    if segments is None or how.train_on == "tracks":
        return vectors[tracks], tracks
    x, owner = segments.of(tracks)
    return x, np.asarray(tracks[owner])


def answers(
    predict: Callable[[NDArray[np.float32]], Scores],
    vectors: Float[np.ndarray, "n h"],
    segments: Segments | None,
    tracks: Int[np.ndarray, " m"],
    *,
    how: How,
    kind: Kind,
) -> Scores:
    """The answer for each of ``tracks``, float64 [m c]."""
    if segments is None or how.aggregate == "embeddings":
        return predict(vectors[tracks])
    x, owner = segments.of(tracks)
    return average(predict(x), owner, len(tracks), rule=how.aggregate, kind=kind)


def average(
    scores: Float[np.ndarray, "w c"], owner: Int[np.ndarray, " w"], tracks: int, *, rule: Aggregate, kind: Kind
) -> Scores:
    """Mean over windows [m c], on the scale of ``scores``.

    Args:
        scores: log-probabilities, log-odds or numbers, as the estimators give them.
        owner: the track of each window.
        tracks: m.
        rule: "logits", the mean of ``scores``; "probabilities", the mean of what they are the logarithms of.
        kind: of the target; numbers have no probabilities.
    """
    counts = np.bincount(owner, minlength=tracks)[:, None]

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.zeros((tracks, values.shape[1]))
        np.add.at(total, owner, values)
        return np.asarray(total / counts)

    if rule != "probabilities" or kind == "numeric":
        return mean(scores)
    if kind == "multilabel":
        share = mean(expit(scores)).clip(1e-12, 1 - 1e-12)
        return np.asarray(np.log(share) - np.log1p(-share))
    share = mean(np.exp(scores - logsumexp(scores, axis=1, keepdims=True)))
    return np.asarray(np.log(share.clip(1e-30)))


def reduced(task: Task, train: Int[np.ndarray, " m"], how: How, *, seed: int) -> NDArray[np.int64]:
    """The share of the labelled training tracks that is learnt from."""
    if how.share == 1:
        return train
    y = with_none(task.y[train])  # what is not stated counts as absent here, and only here
    if how.share_rule == "powerset" and task.kind != "numeric":
        return np.asarray(train[powerset_share(y, share=how.share, seed=seed)])
    return np.asarray(train[stratified_share(y, share=how.share, seed=seed)])


def titled(probe: str, share: float) -> str:
    """How results name a probe that saw a share of the labels."""
    return probe if share == 1 else f"{probe} ({100 * share:g} % of the labels)"
