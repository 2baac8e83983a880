"""The systems of a comparison: embeddings given by the user, and baselines added by ourselves and kept on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from contramuse.embeddings.store import corrupted_by, foreign_name
from contramuse.errors import EmbeddingsError
from contramuse.files import replacing, stable_hash, told_apart
from contramuse.probes import baselines
from contramuse.probes.run import Progress, System
from contramuse.probes.segments import Segments
from contramuse.probes.tasks import Catalogue

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

RANDOM, MFCC, MEL = "random weights", "MFCC statistics", "mean log-mel"


def common_rows(library: Catalogue, embeddings: Sequence[Embeddings]) -> Int[np.ndarray, " n"]:
    """Rows of the library that every one of ``embeddings`` has, int64 [n].

    Raises:
        EmbeddingsError: they share fewer than 20 tracks with the library.
    """
    ids = library.ids
    rows = np.flatnonzero(np.logical_and.reduce([np.isin(ids, one.ids) for one in embeddings]))
    if len(rows) < 20:
        if len(ids) < 20:
            problem, fix = f"has {len(ids)} tracks (20 are needed)", "Probe a larger library."
            raise EmbeddingsError(problem, name="library", value=library.root, fix=fix)
        least = min(embeddings, key=lambda one: int(np.isin(ids, one.ids).sum()))
        together = "" if len(embeddings) == 1 else " and the other embeddings"
        raise EmbeddingsError(
            f"share {len(rows)} tracks with the library{together} (20 are needed)",
            name="embeddings",
            value=least.root,
            fix=f"Embed the library itself: contramuse embed MODEL {library.root} -o FOLDER.",
        )
    return rows.astype(np.int64)


def model_systems(embeddings: Sequence[Embeddings], ids: Sequence[str], *, keep: str = "vectors") -> list[System]:
    """One system per folder of embeddings, its vectors (under ``keep`` "windows" also those of windows) as ``ids`` say.

    Raises:
        EmbeddingsError: windows are wanted and were not kept.
    """
    systems: list[System] = []
    names = _names(embeddings)
    for number, one in enumerate(embeddings):
        place = {track: row for row, track in enumerate(one.ids.tolist())}
        name = _free(names[number], [system.name for system in systems])
        keys = ("model_hash", "preprocessing_hash", "recipe_hash", "dim", "window", "hop", "model_path")
        told = (("corrupt", corrupted_by(one.meta) or None), ("foreign", one.meta.get("foreign")))
        facts = (*((key, one.meta.get(key)) for key in keys), *told)
        order = np.array([place[track] for track in ids])
        segments = Segments(*one.every_window()).take(order) if keep == "windows" else None
        note = f"embeddings {one.root}"
        systems.append(System(name, "model", one.vectors[order], note, facts, segments, number))
    return systems


def _names(embeddings: Sequence[Embeddings]) -> list[str]:
    """The recipe of each model, with the folder where several have one recipe; the folder where no model is at hand.

    Vectors of another program have the name that they were given.
    """
    folders = told_apart([one.root for one in embeddings])
    recipes = [_recipe(one) for one in embeddings]
    names = []
    for one, recipe in zip(embeddings, recipes, strict=True):
        folder = folders[one.root]
        own = folder if recipe is None else recipe if recipes.count(recipe) == 1 else f"{recipe} ({folder})"
        names.append(foreign_name(one.meta) or own + _corrupted(one.meta))
    return names


def _recipe(embeddings: Embeddings) -> str | None:
    """Name of the recipe of the model, None where it is not at hand."""
    try:
        info = json.loads((Path(embeddings.meta["model_path"]) / "model.json").read_text(encoding="utf-8"))
        return str(info["recipe"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _corrupted(meta: Mapping[str, Any]) -> str:
    found = corrupted_by(meta)
    return f", corrupted by {found}" if found else ""


def _free(name: str, taken: Sequence[str]) -> str:
    reserved = {*taken, RANDOM, MFCC, MEL}
    return next(c for c in (name, *(f"{name} ({i})" for i in range(2, 1000))) if c not in reserved)


def compared_systems(
    given: Sequence[Embeddings],
    library: Library,
    *,
    rows: Int[np.ndarray, " n"],
    baselines: Sequence[str],
    seed: int,
    progress: Progress,
    keep: str = "vectors",
) -> list[System]:
    """The ``given`` embeddings and the ``baselines`` ("random", "mfcc", "mel") for the tracks at ``rows``.

    Under ``keep`` "windows" encoders come with the vectors of their windows. Random weights are drawn for every
    architecture among the models; vectors of another program are of none that is known here.
    """
    ids = library.ids[rows].tolist()
    cache = cache_folder(library, given[0])
    found = model_systems(given, ids, keep=keep)
    if "random" in baselines:
        found += random_baselines(library, given, ids=ids, seed=seed, cache=cache, progress=progress, keep=keep)
    if {"mfcc", "mel"} & set(baselines):
        wanted = {MFCC: "mfcc", MEL: "mel"}
        audio = audio_baselines(library, rows=rows, cache=cache, progress=progress)
        if _corrupted(given[0].meta):
            audio = [replace(system, note=f"{system.note}; of the clean tracks") for system in audio]
        found += [system for system in audio if wanted[system.name] in baselines]
    return found


def cache_folder(library: Catalogue, embeddings: Embeddings) -> Path:
    """Where baselines are kept: beside the library, or beside the embeddings when the library cannot be written."""
    root = Path(library.root)
    return (root if os.access(root, os.W_OK) else embeddings.root) / "baselines"


def audio_baselines(
    library: Catalogue, *, rows: Int[np.ndarray, " n"], cache: Path, progress: Progress
) -> list[System]:
    """MFCC statistics and mean log-mel of the tracks at ``rows``, computed once per library."""
    key = stable_hash({"fingerprint": library.fingerprint, "n": len(library.ids), "version": baselines.VERSION})
    file = cache / f"audio-{key}.npz"
    if file.exists():
        with np.load(file) as kept:
            mfcc, mel = kept["mfcc"], kept["mel"]
    else:
        mfcc, mel = baselines.library_statistics(
            library.store, progress=lambda done, n: progress(f"MFCC and log-mel statistics: {done} of {n} tracks")
        )
        with replacing(file) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, mfcc=mfcc, mel=mel)
    return [
        System(MFCC, "baseline", mfcc[rows], "mean and deviation of 20 MFCC and of their deltas over the whole track"),
        System(MEL, "baseline", mel[rows], "mean of 128 mel bands in decibels over the whole track"),
    ]


def random_baselines(
    library: Library,
    given: Sequence[Embeddings],
    *,
    ids: Sequence[str],
    seed: int,
    cache: Path,
    progress: Progress,
    keep: str,
) -> list[System]:
    """Random weights of every architecture among ``given``: "random weights" of the first, the others by their name."""
    found: list[System] = []
    known: set[Any] = set()
    for place, one in enumerate(given):
        if foreign_name(one.meta):
            continue
        made = random_baseline(library, one, ids=ids, seed=seed, cache=cache, progress=progress, keep=keep)
        key = (dict(made.facts)["model_hash"], one.meta["preprocessing_hash"])
        if key in known:
            continue
        known.add(key)
        name = f"{RANDOM} of {_names([one])[0]}" if found else RANDOM
        found.append(
            replace(made, name=_free(name, [system.name for system in found]) if found else RANDOM, given=place)
        )
    return found


def random_baseline(
    library: Library,
    embeddings: Embeddings,
    *,
    ids: Sequence[str],
    seed: int,
    cache: Path,
    progress: Progress,
    keep: str = "vectors",
) -> System:
    """The encoder of ``embeddings`` with fresh random weights, on the same windows; embedded once, then kept.

    Raises:
        EmbeddingsError: the embeddings do not say where their model is.
        ModelFileError: the model cannot be loaded.
    """
    from contramuse.checkpoint.model import load
    from contramuse.embeddings import Embeddings, embed_library

    meta = embeddings.meta
    if not meta.get("model_path"):
        raise EmbeddingsError(
            "do not say where their model is",
            name="embeddings",
            value=embeddings.root,
            fix="Give --baselines mfcc,mel to leave out the baseline of random weights.",
        )
    model = load(meta["model_path"]).randomised(seed)
    windows = [] if keep == "vectors" else [keep]
    key = stable_hash([model.model_hash, meta["preprocessing_hash"], library.fingerprint, *windows])
    out, done = cache / f"random-{key}", [0]

    def advance(tracks: int, seconds: float) -> None:
        done[0] += tracks
        progress(f"random weights: {done[0]} of {len(library)} tracks")

    corrupt = meta["preprocessing"].get("corrupt", ())  # what is compared must have gone through the same
    embed_library(
        model, library, out, window=meta["window"], hop=meta["hop"], keep=keep, corrupt=corrupt, advance=advance
    )
    kept = Embeddings.open(out)
    place = {track: row for row, track in enumerate(kept.ids.tolist())}
    order = np.array([place[track] for track in ids])
    facts: tuple[tuple[str, Any], ...] = (("seed", seed), ("model_hash", model.model_hash), ("dim", model.dim))
    note = f"the same encoder with random weights (seed {seed}), the same windows{_corrupted(meta)}"
    segments = Segments(*kept.every_window()).take(order) if keep == "windows" else None
    return System(RANDOM, "baseline", kept.vectors[order], note, facts, segments)
