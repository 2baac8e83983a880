"""One's own library, without labels: who stands beside whom, by what the files' tags say and what can be heard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contramuse.audio.features import FeatureStore
from contramuse.errors import UserError
from contramuse.probes import systems, tempo_key
from contramuse.probes.duplicates import find_duplicates
from contramuse.probes.hearing import heard_seconds
from contramuse.probes.intervals import Resamples, interval
from contramuse.probes.metrics import ones, weighted_mean
from contramuse.probes.neighbours import hits, nearest, occurrences, sharing, skewness, standardised
from contramuse.probes.own_words import tables, words
from contramuse.probes.protocol import BASELINES
from contramuse.probes.retrieval import related
from contramuse.probes.run import Progress, Scored, System, compare, difference_json, interval_json
from contramuse.probes.session import one_thread
from contramuse.probes.standing import Standing, standings

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

__all__ = ["Own", "own", "tables"]

K = 10
LEAST = 20
"""Tracks that must have something to find for a measure to be made."""
LESS_IS_BETTER = ("hubness", "orphans")


@dataclass(frozen=True)
class Own:
    """What is looked at.

    Args:
        baselines: of "random", "mfcc", "mel".
        at: numbers of neighbours for precision, at most 10.
        tracks: of the library, at most; a part is drawn of larger ones.
        copies: tracks of which near-duplicates are made, at most; 0 leaves them out.
        seconds: of audio, from the middle of a track, for copies and for estimates of tempo and key.
        resamples: of the bootstrap.
        seed: of what is drawn.
    """

    baselines: tuple[str, ...] = BASELINES
    at: tuple[int, ...] = (1, 5, 10)
    tracks: int = 20_000
    copies: int = 100
    seconds: float = 30.0
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.at or min(self.at) < 1 or max(self.at) > K:
            raise UserError("is not possible", name="at", value=self.at, fix=f"Give numbers from 1 to {K}.")


@dataclass(frozen=True)
class Measure:
    """One thing that is measured of every system: a value per track, of which the mean or the skewness is shown."""

    name: str
    values: Mapping[str, NDArray[np.float64]]
    clusters: NDArray[np.int64]
    facts: Mapping[str, Any]

    def scored(self, resamples: int) -> dict[str, Scored]:
        """On all tracks and in every resample."""
        draw = Resamples(len(self.clusters), resamples, clusters=self.clusters)
        weights = list(draw.blocks())
        rule = _skewed if self.name == "hubness" else weighted_mean
        return {
            name: Scored(
                by_seed={self.name: [float(rule(value, ones(len(value)))[0])]},
                resampled={self.name: np.concatenate([rule(value, w) for w in weights])}, chosen=[],
            )
            for name, value in self.values.items()
        }  # fmt: skip


def _skewed(value: NDArray[np.float64], w: NDArray[np.float32]) -> NDArray[np.float64]:
    return skewness(value.astype(np.int64), w)


def own(
    given: Sequence[Embeddings],
    *,
    library: Library,
    settings: Own | None = None,
    folder: Path,
    progress: Progress = lambda message: None,
) -> dict[str, Any]:
    """What embeddings are worth on a library that nobody has labelled; see docs/evaluation.md.

    Args:
        given: embeddings of the library's tracks.
        library: prepared from any folder; the tags of its files are used where they are there.
        settings: what.
        folder: for what is computed once.
        progress: told what is being done.

    Returns:
        Part "own" of an evaluation.
    """
    settings = settings or Own()
    rows = systems.common_rows(library, given)
    everything = len(rows)
    if everything > settings.tracks:
        rows = np.sort(np.random.default_rng(settings.seed).choice(rows, settings.tracks, replace=False))
    compared = systems.compared_systems(
        given, library, rows=rows, baselines=_possible(library, settings), seed=settings.seed, progress=progress
    )
    standing = standings(library, rows, settings.seconds, folder=folder, progress=progress)
    measures: list[Measure] = []
    with one_thread():
        vectors = {one.name: standardised(one.vectors) for one in compared}
        progress("nearest neighbours")
        free = {name: nearest(x, k=K) for name, x in vectors.items()}
        measures += _together(vectors, free, standing, settings, progress)
        measures += _hubs(free, standing)
        measures += _agreements(vectors, standing, progress)
    left_out: list[dict[str, str]] = []
    if settings.copies and not isinstance(library.store, FeatureStore):
        found, left_out = find_duplicates(
            compared, given, vectors, library=library, rows=rows, copies=settings.copies,
            seconds=heard_seconds(given, settings.seconds), seed=settings.seed, folder=folder, progress=progress,
        )  # fmt: skip
        for name, values, at, note in found:
            facts = {"group": name, "note": note, "queries": len(at)}
            measures.append(Measure("near_duplicates", values, standing.clusters[at], facts))
    results, differences = _told(measures, compared, settings)
    part = {
        "tracks": {"compared": len(rows), "of": everything},
        "systems": [{"name": one.name, "role": one.role} for one in compared],
        "known": standing.facts,
        "results": results,
        "differences": differences,
        "left_out": left_out,
    }
    return {**part, "words": words(part)}


def _possible(library: Library, settings: Own) -> tuple[str, ...]:
    """Baselines that the library allows: stored features have no MFCC."""
    if isinstance(library.store, FeatureStore):
        return tuple(name for name in settings.baselines if name == "random")
    return settings.baselines


def _together(
    vectors: Mapping[str, NDArray[np.float32]],
    free: Mapping[str, NDArray[np.int64]],
    standing: Standing,
    settings: Own,
    progress: Progress,
) -> list[Measure]:
    """Precision at k for every group of tracks that belong together; ``free`` are neighbours with nobody left out."""
    found = []
    for group in standing.groups:
        progress(f"neighbours by {group.name}")
        member = related(group.members)
        excluded = None if group.without is None else sharing(related(group.without))
        relevant = _relevant(member, excluded)
        counts, candidates = _sizes(member, relevant, excluded)
        queries = np.flatnonzero(counts > 0)
        if len(queries) < LEAST:
            continue
        near = free if excluded is None else {name: nearest(x, k=K, excluded=excluded) for name, x in vectors.items()}
        right = {name: hits(one, relevant, queries) for name, one in near.items()}
        for k in settings.at:
            facts = {
                "group": group.name, "k": k, "queries": len(queries),
                "chance": round(float((counts[queries] / candidates[queries]).mean()), 6),
                "best": round(float((np.minimum(counts[queries], k) / k).mean()), 6), "note": group.note,
            }  # fmt: skip
            values = {name: one[:, :k].mean(axis=1) for name, one in right.items()}
            found.append(Measure("precision", values, standing.clusters[queries], facts))
    return found


Table = Callable[[NDArray[np.int64]], NDArray[np.bool_]]


def _relevant(member: Any, excluded: Table | None) -> Table:
    """Tracks that share a group with a row and are its candidates."""
    shared = sharing(member)

    def relevant(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        table = shared(rows)
        if excluded is not None:
            table &= ~excluded(rows)
        table[np.arange(len(rows)), rows] = False
        return table

    return relevant


def _sizes(member: Any, relevant: Table, excluded: Table | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of every track: how many are relevant, and among how many candidates."""
    n = member.shape[0]
    counts, candidates = np.zeros(n, np.int64), np.full(n, n - 1, np.int64)
    step = max(1, 4_000_000 // max(1, n))
    for start in range(0, n, step):
        rows = np.arange(start, min(n, start + step))
        counts[rows] = relevant(rows).sum(axis=1)
        if excluded is not None:
            barred = excluded(rows)
            barred[np.arange(len(rows)), rows] = True
            candidates[rows] = n - barred.sum(axis=1)
    return counts, np.maximum(candidates, 1)


def _hubs(free: Mapping[str, NDArray[np.int64]], standing: Standing) -> list[Measure]:
    counts = {name: occurrences(one) for name, one in free.items()}
    common = {"k": K, "queries": len(standing.clusters)}
    skewed = {name: one.astype(np.float64) for name, one in counts.items()}
    absent = {name: (one == 0).astype(np.float64) for name, one in counts.items()}
    note = f"skewness of how often a track is among the {K} nearest of others; 0: all are as often"
    return [
        Measure("hubness", skewed, standing.clusters, {**common, "note": note}),
        Measure(
            "orphans", absent, standing.clusters,
            {**common, "note": f"share of tracks that are among the {K} nearest of no other track"},
        ),
    ]  # fmt: skip


def _agreements(vectors: Mapping[str, NDArray[np.float32]], standing: Standing, progress: Progress) -> list[Measure]:
    """Share of the neighbours of other owners (artists) that have the tempo, or a close key, of the track."""
    found = []
    other = None if standing.owner is None else sharing(related(standing.owner))
    asked: list[tuple[str, Any, Callable[..., NDArray[np.bool_]]]] = [
        ("tempo", standing.tempo, tempo_key.same_tempo), ("key", standing.key, tempo_key.close_keys)
    ]  # fmt: skip
    for name, value, same in asked:
        if value is None:
            continue
        progress(f"{name} of neighbours")
        known = np.isfinite(value) if name == "tempo" else value >= 0
        queries = np.flatnonzero(known)
        if len(queries) < LEAST:
            continue
        values = {}
        for system, x in vectors.items():
            names = nearest(x, k=K, excluded=other)[queries]
            usable = (names >= 0) & known[np.maximum(names, 0)]
            agree = same(value[queries][:, None], value[np.maximum(names, 0)]) & usable
            values[system] = agree.sum(axis=1) / np.maximum(usable.sum(axis=1), 1)
        facts = {
            "k": K, "queries": len(queries), "chance": _chance_agreement(value, queries, same, other),
            "note": f"{standing.facts[name]}; {AGREE[name]}",
        }  # fmt: skip
        found.append(Measure(name, values, standing.clusters[queries], facts))
    return found


AGREE = {
    "tempo": "agrees within 4 %, half and double being the same",
    "key": "agrees if the same, relative, or a fifth apart",
}


def _chance_agreement(
    value: NDArray[Any], queries: NDArray[np.int64], same: Callable[..., NDArray[np.bool_]], other: Table | None
) -> float:
    """Share of agreeing tracks among all candidates, averaged over (at most 1000 of) the queries."""
    some = queries[:: max(1, len(queries) // 1000)]
    shares = []
    for row in some:
        allowed = np.ones(len(queries), np.bool_) if other is None else ~other(np.array([row]))[0][queries]
        allowed &= queries != row
        shares.append(float(same(value[row], value[queries])[allowed].mean()) if allowed.any() else np.nan)
    return round(float(np.nanmean(shares)), 6)


def _told(
    measures: Sequence[Measure], compared: Sequence[System], settings: Own
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    results: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    roles = {one.name: one.role for one in compared}
    for measure in measures:
        scored = measure.scored(settings.resamples)
        bounds = (float("-inf"), float("inf")) if measure.name == "hubness" else (0.0, 1.0)
        for name, one in scored.items():
            span = interval(one.value(measure.name), one.resampled[measure.name], bounds=bounds)
            results.append({"system": name, "measure": measure.name, **interval_json(span), **measure.facts})
        which = {key: measure.facts[key] for key in ("group", "k") if key in measure.facts}
        for a, b, gap in compare(scored, roles, measure.name):
            told = difference_json(gap)
            if measure.name in LESS_IS_BETTER:
                told["verdict"] = {"better": "worse", "worse": "better"}.get(told["verdict"], told["verdict"])
            differences.append({"system": a, "against": b, "measure": measure.name, **which, **told})
    return results, differences
