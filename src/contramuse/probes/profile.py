"""The profile of a representation: which changes of the sound leave it alone, and which can be read off it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from contramuse.errors import LibraryError, UserError, demand
from contramuse.probes import systems
from contramuse.probes.changes import FACTORS, Change
from contramuse.probes.clusters import numbered_or_single
from contramuse.probes.estimators import Standard, unit
from contramuse.probes.folds import cross_validation
from contramuse.probes.hearing import CLEAN, Excerpts, Version, hear, heard_seconds, hearing_of
from contramuse.probes.intervals import Resamples, interval, mean_interval
from contramuse.probes.metrics import r_squared
from contramuse.probes.profile_words import tables, words
from contramuse.probes.protocol import BASELINES
from contramuse.probes.run import Progress, interval_json
from contramuse.probes.selection import choose
from contramuse.probes.session import one_thread
from contramuse.probes.tasks import membership

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

__all__ = ["Profile", "profile", "tables"]

Key = tuple[str, str, float]
FOLDS = 5


@dataclass(frozen=True)
class Profile:
    """What is changed.

    Args:
        factors: names of ``FACTORS``.
        baselines: of "random", "mfcc", "mel".
        tracks: at most, drawn from the tested tracks of the library's split, and from all where these are fewer than
            50.
        seconds: of the excerpt from the middle of each; more where a model's window is longer.
        resamples: of the bootstrap.
        seed: of the tracks, the folds and what changes draw.
    """

    factors: tuple[str, ...] = tuple(FACTORS)
    baselines: tuple[str, ...] = BASELINES
    tracks: int = 100
    seconds: float = 10.0
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.factors:
            if name not in FACTORS:
                raise UserError("is no factor", name="factor", value=name, fix=f"Known: {', '.join(FACTORS)}.")
        demand([
            ("tracks", self.tracks, self.tracks >= 20, "Give 20 or more."),
            ("seconds", self.seconds, self.seconds > 0, "Give more than 0."),
        ])  # fmt: skip


def profile(
    given: Sequence[Embeddings],
    *,
    library: Library,
    settings: Profile | None = None,
    folder: Path,
    progress: Progress = lambda message: None,
) -> dict[str, Any]:
    """How alike changed and unchanged excerpts are, and how well the amount can be read; see docs/evaluation.md.

    Args:
        given: embeddings of the library's tracks; their models must be at hand.
        library: of audio; labels are not needed.
        settings: what.
        folder: for the vectors of changed tracks; what is there is not computed again.
        progress: told what is being done.

    Returns:
        Part "profile" of an evaluation.
    """
    settings = settings or Profile()
    rows = systems.common_rows(library, given)
    compared = systems.compared_systems(
        given, library, rows=rows, baselines=settings.baselines, seed=settings.seed, progress=progress
    )
    changed = profiled_rows(library, rows, settings)
    excerpts = Excerpts(library, changed, heard_seconds(given, settings.seconds), settings.seed)
    factors = [FACTORS[name] for name in settings.factors]
    versions = [CLEAN, *(Version(factor, amount) for factor in factors for amount in factor.amounts)]
    hearing = hearing_of(compared, given, sample_rate=library.sample_rate, seed=settings.seed)
    vectors = hear(hearing, excerpts, versions, folder=folder, progress=progress)
    group = artists(library, excerpts.rows)
    points: list[dict[str, Any]] = []
    read: list[dict[str, Any]] = []
    between: list[dict[str, Any]] = []
    hearers = [one for one in compared if one.name in vectors]
    with one_thread():
        for system in hearers:
            progress(f"profile of {system.name}")
            heard = vectors[system.name]
            scale = Standard().fit(heard[CLEAN.key])
            at = {key: scale.transform(x) for key, x in heard.items()}
            between.append({"system": system.name, **_between(at[CLEAN.key], group, settings)})
            for factor in factors:
                fits = {amount: _fits(excerpts, factor, amount) for amount in factor.amounts}
                points += [{"system": system.name, **p} for p in _points(at, factor, fits, group, settings)]
                read.append({"system": system.name, **equivariance(at, factor, fits, group, settings)})
    found = {
        "factors": [factor.describe(with_clean=False) | {"clean": factor.clean} for factor in factors],
        "systems": [{"name": one.name, "role": one.role} for one in hearers],
        "tracks": {"changed": len(excerpts.rows), "seconds": excerpts.seconds},
        "points": points,
        "equivariance": read,
        "between": between,
        "left_out": [{"system": name, "reason": reason} for name, reason in hearing.deaf],
    }
    return {**found, "words": words(found)}


def profiled_rows(library: Library, rows: Int[np.ndarray, " n"], settings: Profile) -> NDArray[np.int64]:
    """Rows of the library whose tracks are changed: tested ones where there are enough."""
    split = np.array(library.column("split"))[rows]
    pool = rows[split == "test"] if (split == "test").sum() >= min(50, settings.tracks) else rows
    drawn = np.random.default_rng(settings.seed).permutation(pool)[: settings.tracks]
    return np.sort(drawn)


def artists(library: Library, rows: Int[np.ndarray, " n"]) -> NDArray[np.int64]:
    """A number for the artist of every track, int64 [n]; a track without one is its own, as all are of few artists."""
    try:
        return numbered_or_single(membership(library, "artist", rows))
    except LibraryError:
        return np.arange(len(rows), dtype=np.int64)


def _fits(excerpts: Excerpts, factor: Change, amount: float) -> NDArray[np.bool_]:
    return excerpts.fits(amount) if factor.make is None else np.ones(len(excerpts.rows), np.bool_)


def _between(clean: Float[np.ndarray, "n h"], group: Int[np.ndarray, " n"], settings: Profile) -> dict[str, Any]:
    """Mean similarity of a track to the other tracks, with its interval."""
    x = unit(clean)
    others = ((x @ x.T).sum(axis=1) - (x * x).sum(axis=1)) / max(1, len(x) - 1)
    draw = Resamples(len(x), settings.resamples, clusters=group)
    span = interval_json(mean_interval(others, draw, bounds=(-1.0, 1.0)))
    return {"similarity": span["value"], "low": span["low"], "high": span["high"]}


def similarity(
    clean: Float[np.ndarray, "n h"], other: Float[np.ndarray, "n h"]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cosine of each changed track to itself unchanged, [n]; its rank among all unchanged tracks, from 1, [n].

    Tracks that are exactly as similar stand before it.
    """
    table = unit(other) @ unit(clean).T
    own = np.diag(table).copy()
    return own, 1 + (table >= own[:, None] - 1e-9).sum(axis=1) - 1


def _points(
    at: Mapping[Key, NDArray[np.float64]],
    factor: Change,
    fits: Mapping[float, NDArray[np.bool_]],
    group: NDArray[np.int64],
    settings: Profile,
) -> list[dict[str, Any]]:
    found = []
    for amount in factor.amounts:
        keep = fits[amount]
        if not keep.any():
            continue
        cosine, rank = similarity(at[CLEAN.key], at[Version(factor, amount).key])
        cosine, rank = cosine[keep], rank[keep]
        draw = Resamples(len(cosine), settings.resamples, clusters=group[keep])
        span = interval_json(mean_interval(cosine, draw, bounds=(-1.0, 1.0)))
        found.append(
            {
                "factor": factor.name, "amount": float(amount), "similarity": span["value"], "low": span["low"],
                "high": span["high"], "rank": round(float(rank.mean()), 6),
                "first": round(float((rank == 1).mean()), 6), "tracks": int(keep.sum()),
            }
        )  # fmt: skip
    return found


def equivariance(
    at: Mapping[Key, NDArray[np.float64]],
    factor: Change,
    fits: Mapping[float, NDArray[np.bool_]],
    group: NDArray[np.int64],
    settings: Profile,
) -> dict[str, Any]:
    """How well a ridge regression reads the amount on tracks that it did not learn from: R², intervals over tracks.

    From the difference of changed and unchanged vectors ("r2"), and from the changed vectors alone ("r2_alone"). Five
    folds by artist: one part tests, one chooses the strength, the others train.
    """
    blocks = [(amount, np.flatnonzero(fits[amount])) for amount in factor.amounts]
    changed = [at[Version(factor, amount).key][rows] for amount, rows in blocks]
    if factor.clean is not None:
        blocks.append((factor.clean, np.arange(len(group))))
        changed.append(at[CLEAN.key])
    rows = np.concatenate([one for _, one in blocks])
    amount = np.concatenate([np.full(len(one), float(a)) for a, one in blocks])
    y = np.log2(amount) if factor.scale == "log" else amount
    x = np.concatenate(changed)
    difference = _read(x - at[CLEAN.key][rows], y, group[rows], settings)
    alone = _read(x, y, group[rows], settings)
    return {
        "factor": factor.name, "r2": difference["value"], "low": difference["low"], "high": difference["high"],
        "r2_alone": alone["value"], "low_alone": alone["low"], "high_alone": alone["high"],
    }  # fmt: skip


def _read(
    x: NDArray[np.float64], y: NDArray[np.float64], group: NDArray[np.int64], settings: Profile
) -> dict[str, Any]:
    answer = np.full(len(y), np.nan)
    for fold in cross_validation(group, k=min(FOLDS, len(np.unique(group))), seed=settings.seed):
        scale = Standard().fit(x[fold.train])
        fitted, _ = choose(
            "linear", kind="numeric", classes=1, train=(scale.transform(x[fold.train]), y[fold.train]),
            valid=(scale.transform(x[fold.valid]), y[fold.valid]), seed=settings.seed,
        )  # fmt: skip
        answer[fold.test] = fitted.predict(scale.transform(x[fold.test]))[:, 0]
    draw = Resamples(len(y), settings.resamples, clusters=group)
    drawn = np.concatenate([r_squared(y, answer, w) for w in draw.blocks()])
    value = float(r_squared(y, answer, np.ones((len(y), 1), np.float32))[0])
    return interval_json(interval(value, drawn, bounds=(float("-inf"), 1.0)))
