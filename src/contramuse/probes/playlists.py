"""Playlist continuation from a cold start: the tracks to be found are known by their audio alone.

A playlist has a known part and a hidden part; the hidden tracks stand in no known part of any playlist. Every ranking
gives keys for all candidates (the hidden tracks of all playlists and others like them), most important key first; what
is equal in all keys is ordered by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from contramuse.catalogue.cf import Factorisation
from contramuse.catalogue.playlists import Lists
from contramuse.probes.ranked import r_precision_artist, ranking_metrics

Rows = NDArray[np.int64]
Keys = tuple[NDArray[np.floating], ...]
Ranking = Callable[["Part"], Iterator[Keys]]
"""Keys of the candidates, each [m], for every case of a part in turn."""

CF_GROUPS = 5


@dataclass(frozen=True)
class Case:
    """A playlist to be continued: its number, its known tracks and its hidden ones (places among the candidates)."""

    playlist: int
    known: Rows
    hidden: Rows


@dataclass(frozen=True)
class Part:
    """The playlists that one split of the tracks tests.

    Args:
        lists: all playlists, of all tracks.
        candidates: tracks among which the hidden ones are sought, int64 [m].
        cases: playlists with a known and a hidden part.
    """

    lists: Lists
    candidates: Rows
    cases: tuple[Case, ...]

    @classmethod
    def of(cls, lists: Lists, candidates: Rows, *, playlists: Rows | None = None) -> Part:
        """The cases of ``playlists`` (all of them) when the ``candidates`` are hidden."""
        place = np.full(int(max(lists.rows.max(initial=-1), candidates.max(initial=-1))) + 1, -1)
        place[candidates] = np.arange(len(candidates))
        cases = []
        for number in range(len(lists)) if playlists is None else playlists.tolist():
            own = lists[number]
            hidden = place[own]
            if (hidden >= 0).any() and (hidden < 0).any():
                cases.append(Case(number, own[hidden < 0], hidden[hidden >= 0]))
        return cls(lists, candidates, tuple(cases))


def by_centroid(unit: Float[np.ndarray, "n h"]) -> Ranking:
    """Cosine to the mean of the known tracks; the same order as the mean cosine to all of them."""

    def rank(part: Part) -> Iterator[Keys]:
        for case in part.cases:
            yield (_mean_cosine(unit, part, case),)

    return rank


def by_vote(unit: Float[np.ndarray, "n h"], *, votes: int) -> Ranking:
    """Each known track votes for the ``votes`` candidates nearest to it; ties by the mean cosine to all known ones."""

    def rank(part: Part) -> Iterator[Keys]:
        voters = np.unique(np.concatenate([case.known for case in part.cases])) if part.cases else np.zeros(0, int)
        chosen = nearest(unit, voters, part.candidates, count=votes)
        for case in part.cases:
            ballots = chosen[np.searchsorted(voters, case.known)].ravel()
            counted = np.bincount(ballots, minlength=len(part.candidates)).astype(np.float64)
            yield counted, _mean_cosine(unit, part, case)

    return rank


def nearest(unit: Float[np.ndarray, "n h"], rows: Rows, candidates: Rows, *, count: int) -> Int[np.ndarray, "r k"]:
    """Places of the ``count`` candidates nearest to each of ``rows``, in no order."""
    count = min(count, len(candidates))
    out = np.zeros((len(rows), count), np.int64)
    step = max(1, 20_000_000 // max(1, len(candidates)))
    for start in range(0, len(rows), step):
        similar = unit[rows[start : start + step]] @ unit[candidates].T
        out[start : start + step] = np.argpartition(-similar, count - 1, axis=1)[:, :count]
    return out


def _mean_cosine(unit: Float[np.ndarray, "n h"], part: Part, case: Case) -> NDArray[np.float32]:
    return np.asarray(unit[part.candidates] @ unit[case.known].mean(axis=0))


def by_chance(part: Part) -> Iterator[Keys]:
    """No key: a random order."""
    for _ in part.cases:
        yield (np.zeros(len(part.candidates)),)


def by_popularity(artists: Lists) -> Ranking:
    """How often tracks of a candidate's artists stand in known parts; its own popularity cannot be known."""

    def rank(part: Part) -> Iterator[Keys]:
        key = artist_popularity(part, artists)
        for _ in part.cases:
            yield (key,)

    return rank


def artist_popularity(part: Part, artists: Lists) -> NDArray[np.float64]:
    """Memberships of known tracks by the artists of each candidate, float64 [m]."""
    known = ~np.isin(part.lists.rows, part.candidates)
    size = int(max(artists.rows.max(initial=-1), part.lists.rows.max(initial=-1), part.candidates.max(initial=-1))) + 1
    memberships = np.bincount(part.lists.rows[known], minlength=size)
    of_artist = np.bincount(artists.numbers, weights=memberships[artists.rows], minlength=len(artists))
    of_track = np.bincount(artists.rows, weights=of_artist[artists.numbers], minlength=size)
    return np.asarray(of_track[part.candidates])


def by_factors(how: Factorisation, *, tracks: int) -> Ranking:
    """Collaborative filtering that may know the candidates' other playlists: what no system can know of cold tracks.

    The playlists stand in five groups; for the cases of a group, only its own hidden memberships are left out of the
    factorisation. A candidate that is in no other playlist comes last.
    """

    def rank(part: Part) -> Iterator[Keys]:
        group = np.arange(len(part.lists)) % CF_GROUPS
        hidden = np.isin(part.lists.rows, part.candidates)
        fitted = {}
        for case in part.cases:
            own = int(group[case.playlist])
            if own not in fitted:
                kept = ~(hidden & (group[part.lists.numbers] == own))
                lists = Lists.of(part.lists.names, part.lists.numbers[kept], part.lists.rows[kept])
                fitted[own] = how.factors(lists, tracks=tracks)
            users, items = fitted[own]
            score = items[part.candidates] @ users[case.playlist]
            yield (np.where(np.isnan(score), -np.inf, score),)

    return rank


def ranks_of(hidden: Rows, keys: Keys, *, generator: np.random.Generator) -> Int[np.ndarray, " h"]:
    """Ranks from 1, ascending, of the places ``hidden`` when all candidates are sorted by ``keys``, largest first."""
    return _ranks(hidden, ordered(keys, generator=generator))


def ordered(keys: Keys, *, generator: np.random.Generator) -> Int[np.ndarray, " m"]:
    """Places of all candidates sorted by ``keys``, largest first; equal ones by chance."""
    shuffled = generator.permutation(len(keys[0]))
    return np.asarray(shuffled[np.lexsort([-key[shuffled] for key in reversed(keys)])])


def _ranks(hidden: Rows, order: Rows) -> Rows:
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return np.sort(rank[hidden])


def evaluate(
    ranking: Ranking,
    parts: Sequence[Part],
    *,
    at: tuple[int, ...],
    seed: int,
    draws: int = 1,
    artists: Rows | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Every metric of every playlist that has a case, float64 [p] in the order of their numbers.

    Args:
        ranking: gives the keys.
        parts: whose cases; a playlist with cases in several parts has the mean of them.
        at: the k of the metrics.
        seed: of the order of equal candidates.
        draws: random orders to take the mean of, for rankings that leave much to chance.
        artists: number of the artist of every track, -1 unknown; with them R-precision also counts artists.
    """
    generator = np.random.default_rng(seed)
    found: dict[int, list[dict[str, float]]] = {}
    for part in parts:
        for case, keys in zip(part.cases, ranking(part), strict=True):
            for _ in range(draws):
                order = ordered(keys, generator=generator)
                ranks = _ranks(case.hidden, order)
                values = ranking_metrics(ranks, at)
                if artists is not None:
                    first, own = (artists[part.candidates[of]] for of in (order[: len(ranks)], case.hidden))
                    values["r_precision_artist"] = r_precision_artist(ranks, first, own)
                found.setdefault(case.playlist, []).append(values)
    metrics = list(next(iter(found.values()))[0]) if found else []
    return {m: np.array([np.mean([v[m] for v in found[p]]) for p in sorted(found)]) for m in metrics}
