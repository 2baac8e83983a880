"""One session of playlist continuation: which tracks are hidden, which systems rank them, what came out."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from contramuse import __version__
from contramuse.catalogue.cf import Factorisation
from contramuse.catalogue.playlists import Lists, library_lists
from contramuse.checkpoint.folder import read_info
from contramuse.checkpoint.lineage import lineage
from contramuse.errors import LibraryError, ModelFileError, RecipeError, demand
from contramuse.probes import playlists as rankings
from contramuse.probes import protocol, systems
from contramuse.probes.estimators import Standard, unit
from contramuse.probes.intervals import Resamples, interval
from contramuse.probes.metrics import bounds, ones, weighted_mean
from contramuse.probes.permutation import Swaps
from contramuse.probes.ranked import metric_title
from contramuse.probes.run import (
    Progress,
    Scored,
    System,
    compare,
    difference_json,
    interval_json,
    number,
    pairs,
    summed_p,
)
from contramuse.probes.session import described, one_thread
from contramuse.probes.words import listed

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

FORMAT, VERSION = "contramuse playlists", 1
RANKINGS = ("vote", "centroid")
BASELINES = ("random", "mfcc", "mel", "popularity", "cf")
VOTES = 100
LEAST = 5
MOST = 5000
DRAWS = 20
PERMUTATIONS = 2000
POPULARITY, FACTORS = "artist popularity", "CF that knows the tracks"


@dataclass(frozen=True)
class Continuation:
    """How to test playlist continuation.

    Args:
        by: group of the library whose lists are the playlists.
        rankings: of "vote" and "centroid"; the first is the one that sentences are about.
        votes: candidates that each known track votes for; None is 100, or a tenth of the candidates if that is fewer.
        at: the k of NDCG, recall and MAP; those that are not smaller than the number of candidates are left out.
        baselines: of "random" (weights), "mfcc", "mel", "popularity", "cf".
        protocol: "split" hides the test tracks; "folds" hides each fold once; "auto" as in ``contramuse probe``.
        folds: parts of the cross-validation.
        group: that no two folds share; None is the group of the library's split.
        scale: "standardised" dimensions (over all tracks; no playlist is used), or "raw" vectors.
        resamples: of the bootstrap over playlists.
        seed: of random weights, random orders and samples.
    """

    by: str = "playlists"
    rankings: tuple[str, ...] = RANKINGS
    votes: int | None = None
    at: tuple[int, ...] = (10, 100)
    baselines: tuple[str, ...] = BASELINES
    protocol: Literal["auto", "split", "folds"] = "auto"
    folds: int = 5
    group: str | None = None
    scale: Literal["standardised", "raw"] = "standardised"
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        checks: list[tuple[str, Any, bool, str]] = [
            ("--votes", self.votes, self.votes is None or self.votes >= 1, "Give 1 or more."),
            ("--at", self.at, bool(self.at) and min(self.at) >= 1, "Give numbers of 1 or more, as 10,100."),
            ("--scale", self.scale, self.scale in ("standardised", "raw"), "Give standardised or raw."),
            ("--ranking", self.rankings, bool(self.rankings), f"Give {' or '.join(RANKINGS)}."),
        ]
        checks += [("--ranking", r, r in RANKINGS, f"Give {' or '.join(RANKINGS)}.") for r in self.rankings]
        checks += [("--baselines", b, b in BASELINES, f"Give {', '.join(BASELINES)} or none.") for b in self.baselines]
        demand(checks)


def continue_playlists(
    embeddings: Embeddings,
    *,
    library: Library,
    lists: Lists | None = None,
    against: Sequence[Embeddings] = (),
    settings: Continuation | None = None,
    progress: Progress = lambda message: None,
) -> dict[str, Any]:
    """Rank hidden tracks for the playlists of a library by frozen embeddings, beside baselines; see docs/playlists.md.

    Args:
        embeddings: of the library's tracks.
        library: with playlists, or whose tracks ``lists`` name.
        lists: playlists, in rows of the library; None takes the library's own.
        against: other embeddings of the same tracks, compared with the first in pairs.
        settings: how.
        progress: told what is being done.

    Returns:
        Plain values for JSON: "results" with 95 % intervals over playlists, "differences", "words", and how.

    Raises:
        EmbeddingsError: the embeddings share too few tracks with the library.
        LibraryError: no such group, or fewer than five playlists have a known and a hidden part.
    """
    settings = settings or Continuation()
    given = [embeddings, *against]
    rows = systems.common_rows(library, given)
    every = library_lists(library, settings.by) if lists is None else lists
    inside = every.within(rows)
    own = Lists.of(every.names, inside.numbers, np.searchsorted(rows, inside.rows))
    parts, facts = _parts(library, rows, own, given, settings)
    compared = systems.compared_systems(
        given, library, rows=rows, baselines=settings.baselines, seed=settings.seed, progress=progress
    )
    artists = _artists(library, rows)
    test = _Test(parts, tuple(k for k in settings.at if k < facts["candidates"]), settings, artists)
    with one_thread():
        others, missing = _others(library, rows, test, progress)
        measured = {ranking: _by_vectors(compared, ranking, test, progress) for ranking in settings.rankings}
    roles = {system.name: system.role for system in compared} | dict.fromkeys(others, "baseline")
    roles |= {FACTORS: "reference"} if FACTORS in others else {}
    results = _results(measured, others, roles)
    results = {
        "format": FORMAT,
        "version": VERSION,
        "contramuse": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "library": {"root": str(library.root), "fingerprint": library.fingerprint, "tracks": len(rows)},
        "protocol": {**facts, "votes": test.votes, "left_out": missing},
        "rankings": list(settings.rankings),
        "metrics": test.metrics,
        "systems": [described(system) for system in compared] + [_NOTES[name] | {"name": name} for name in others],
        **results,
    }
    return {**results, "words": words(results)}


@dataclass(frozen=True)
class _Test:
    parts: Sequence[rankings.Part]
    at: tuple[int, ...]
    settings: Continuation
    artists: NDArray[np.int64] | None

    @property
    def votes(self) -> int:
        fewest = min(len(part.candidates) for part in self.parts)
        return self.settings.votes or min(VOTES, -(-fewest // 10))

    @property
    def metrics(self) -> list[str]:
        common = [f"{name}_at_{k}" for k in self.at for name in ("ndcg", "recall", "map")] + ["r_precision", "clicks"]
        return common + (["r_precision_artist"] if self.artists is not None else [])

    def score(self, ranking: rankings.Ranking, *, draws: int = 1) -> Scored:
        values = rankings.evaluate(
            ranking, self.parts, at=self.at, seed=self.settings.seed, draws=draws, artists=self.artists
        )
        n = len(values["clicks"])
        blocks = list(Resamples(n, self.settings.resamples).blocks())
        return Scored(
            by_seed={m: [float(weighted_mean(v, ones(n))[0])] for m, v in values.items()},
            resampled={m: np.concatenate([weighted_mean(v, w) for w in blocks]) for m, v in values.items()},
            chosen=[],
            parts={m: v / n for m, v in values.items()},
        )


def _artists(library: Library, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The number of the artist of each of ``rows``, -1 where unknown; None where no artist is known."""
    if "artist" not in library.group_names:
        return None
    found = library.group("artist")[rows]
    return found if (found >= 0).any() else None


_NOTES: dict[str, dict[str, Any]] = {
    "random order": {"role": "baseline", "note": f"mean of {DRAWS} random orders"},
    POPULARITY: {
        "role": "baseline",
        "note": "how often known tracks of the same artist are in playlists, ties at random; a hidden track's own "
        "popularity cannot be known",
    },
    FACTORS: {
        "role": "reference",
        "note": "collaborative filtering (BPR) that is told which other playlists the hidden tracks are in, as nothing "
        "from audio is: no cold start, a mark to compare with",
    },
}


def _parts(
    library: Library, rows: NDArray[np.int64], lists: Lists, given: Sequence[Embeddings], settings: Continuation
) -> tuple[list[rankings.Part], dict[str, Any]]:
    """What each split or fold tests, and how to say it."""
    paths = [one.meta.get("model_path") for one in given]
    taught = sorted({fact for path in paths for fact in (*protocol.taught_labels(path), *taught_company(path))})
    plan = protocol.make_protocol(
        library,
        rows,
        protocol.Settings(protocol=settings.protocol, folds=settings.folds, group=settings.group, seeds=1),
        taught=taught,
    )
    usable = np.arange(len(lists))
    if len(usable) > MOST:
        usable = np.sort(np.random.default_rng(settings.seed).choice(usable, MOST, replace=False))
    parts = [rankings.Part.of(lists, fold.test, playlists=usable) for fold in plan.plan[0][1] if len(fold.test)]
    tested = {case.playlist for part in parts for case in part.cases}
    if len(tested) < LEAST:
        raise LibraryError(
            f"only {len(tested)} of its playlists have tracks that are hidden and tracks that are not ({LEAST} needed)",
            name="library", value=library.root,
            fix="Prepare it with playlists (--labels), give --playlists FILE, or use --protocol folds.",
        )  # fmt: skip
    cases = [case for part in parts for case in part.cases]
    kept = ("name", "kind", "folds", "group")
    facts = {key: plan.facts[key] for key in kept if key in plan.facts}
    facts["name"] = facts["name"].replace("predictions pooled", "each hidden once")
    facts |= {
        "trained_with": taught, "playlists": len(tested), "of_playlists": len(lists), "cases": len(cases),
        "candidates": min(len(part.candidates) for part in parts),
        "known_tracks": float(np.mean([len(case.known) for case in cases])),
        "hidden_tracks": float(np.mean([len(case.hidden) for case in cases])),
        "scale": settings.scale, "resamples": settings.resamples, "resampled": "playlists", "level": 0.95,
        "seed": settings.seed,
    }  # fmt: skip
    return parts, facts


def taught_company(model_path: str | None) -> list[str]:
    """What a recipe took from the company of its training tracks: lists that they were drawn from, stored vectors."""
    if not model_path:
        return []
    try:
        return lineage(read_info(Path(model_path)))["company"]
    except (ModelFileError, RecipeError):  # it is gone, or of another version: nothing is known about its training
        return []


def _by_vectors(compared: Sequence[System], ranking: str, test: _Test, progress: Progress) -> dict[str, Scored]:
    scored = {}
    for system in compared:
        progress(f"{ranking}: {system.name}")
        vectors = system.vectors
        if test.settings.scale == "standardised":
            vectors = Standard().fit(vectors).transform(vectors)
        own = unit(vectors).astype(np.float32)
        rule = rankings.by_centroid(own) if ranking == "centroid" else rankings.by_vote(own, votes=test.votes)
        scored[system.name] = test.score(rule)
    return scored


def _others(
    library: Library, rows: NDArray[np.int64], test: _Test, progress: Progress
) -> tuple[dict[str, Scored], list[str]]:
    """Rankings that hear nothing, and what could not be computed."""
    scored, missing = {"random order": test.score(rankings.by_chance, draws=DRAWS)}, []
    if "popularity" in test.settings.baselines:
        every = library_lists(library, "artist")
        inside = every.within(rows)
        artists = Lists.of(every.names, inside.numbers, np.searchsorted(rows, inside.rows))
        if any(rankings.artist_popularity(part, artists).any() for part in test.parts):
            scored[POPULARITY] = test.score(rankings.by_popularity(artists), draws=DRAWS)
        else:
            missing.append(f"{POPULARITY}: no artist of a hidden track has a known track, so its order is random")
    if "cf" in test.settings.baselines:
        if importlib.util.find_spec("implicit") is None:
            missing.append(f"{FACTORS}: implicit is not installed (pip install 'contramuse[playlists]')")
        else:
            progress(FACTORS)
            how = Factorisation(seed=test.settings.seed)
            scored[FACTORS] = test.score(rankings.by_factors(how, tracks=len(rows)))
    return scored, missing


def _results(
    measured: Mapping[str, Mapping[str, Scored]], others: Mapping[str, Scored], roles: dict[str, str]
) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []

    def tell(name: str, ranking: str, scored: Scored) -> None:
        for metric, resampled in scored.resampled.items():
            span = interval_json(interval(scored.value(metric), resampled, bounds=bounds(metric)))
            results.append({"system": name, "ranking": ranking, "metric": metric, **span})

    for ranking, by_name in measured.items():
        for name, scored in by_name.items():
            tell(name, ranking, scored)
        together = {**by_name, **others}
        swaps = Swaps(len(next(iter(by_name.values())).parts["clicks"]), PERMUTATIONS)
        exchanged = {(a, b): summed_p(together[a], together[b], swaps) for a, b in pairs(list(together), roles)}
        for metric in next(iter(by_name.values())).resampled:
            if metric != "clicks":  # fewer are better: a difference would read the wrong way round
                differences += [
                    {"system": a, "against": b, "ranking": ranking, "metric": metric, **difference_json(gap)}
                    | {"p_permutation": number(exchanged[a, b][metric])}
                    for a, b, gap in compare(together, roles, metric)
                ]
    for name, scored in others.items():
        tell(name, "own", scored)
    return {"results": results, "differences": differences}


def words(results: Mapping[str, Any]) -> list[str]:
    """Sentences on the first model by the first ranking and metric, and on what has to be known to read the numbers."""
    about, ranking, metric = results["protocol"], results["rankings"][0], results["metrics"][0]
    model = results["systems"][0]["name"]
    said = [
        f"{about['playlists']} of {about['of_playlists']} playlists have a hidden part (on average "
        f"{about['hidden_tracks']:.1f} tracks, sought among {about['candidates']} or more) and a known part "
        f"({about['known_tracks']:.1f} tracks)."
    ]
    gaps = [g for g in results["differences"] if (g["system"], g["ranking"], g["metric"]) == (model, ranking, metric)]
    for verdict in ("better", "worse", "not distinguished"):
        names = [gap["against"] for gap in gaps if gap["verdict"] == verdict]
        if names:
            what = {"better": "better than", "worse": "worse than", "not distinguished": "not distinguished from"}
            said.append(f"{model} ({ranking}, {metric_title(metric)}) is {what[verdict]} {listed(names)}.")
    if any(one["name"] == FACTORS for one in results["systems"]):
        said.append(f"{FACTORS}: it is told which other playlists the hidden tracks are in, so it is no baseline.")
    if about["kind"] == "folds":
        said.append("Each fold is hidden once: the model may have heard the hidden tracks, but saw no playlists.")
    elif about["trained_with"]:
        said.append(f"Trained with {listed(about['trained_with'])}: only the stored split is fair.")
    return said + [f"Left out: {one}." for one in about["left_out"]]
