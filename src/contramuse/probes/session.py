"""One probing session: which tracks, which protocol, which systems; the content of results.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from contramuse import __version__
from contramuse.probes import systems
from contramuse.probes.clusters import cluster_tracks
from contramuse.probes.estimators import LARGE
from contramuse.probes.leaks import leaks
from contramuse.probes.protocol import Protocol, Settings, make_protocol, taught_labels
from contramuse.probes.retrieval import run_retrieval
from contramuse.probes.run import Progress, System, run_task
from contramuse.probes.segments import titled
from contramuse.probes.tasks import Catalogue, Task, group_names, library_tasks, membership, unlearnable
from contramuse.probes.words import headline

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

FORMAT = "contramuse probe"
VERSION = 1


def probe(
    embeddings: Embeddings,
    *,
    library: Library,
    against: Sequence[Embeddings] = (),
    settings: Settings | None = None,
    progress: Progress = lambda message: None,
) -> dict[str, Any]:
    """Probe frozen embeddings against a library's labels, beside baselines; see docs/probes.md.

    Args:
        embeddings: of the library's tracks.
        library: with labels.
        against: other embeddings of the same tracks, compared with the first in pairs.
        settings: how.
        progress: told what is being done.

    Returns:
        The content of results.json.

    Raises:
        EmbeddingsError: the embeddings share too few tracks with the library.
        LibraryError: a field or group that the library does not have.
    """
    settings = settings or Settings()
    given = [embeddings, *against]
    rows = systems.common_rows(library, given)
    everything = library_tasks(library, rows, settings.tasks)
    compared = systems.compared_systems(
        given, library, rows=rows, baselines=settings.baselines, seed=settings.seed, progress=progress,
        keep="windows" if settings.how().needs_windows else "vectors",
    )  # fmt: skip
    protocol = make_protocol(library, rows, settings, taught=taught_labels(embeddings.meta.get("model_path")))
    folds = protocol.plan[0][1]
    found = leaks(library, rows, folds)
    clusters, facts = _clusters(library, rows, np.unique(np.concatenate([fold.test for fold in folds])), settings)
    reasons = {task.name: unlearnable(task, protocol.group) for task in everything}
    if set(settings.probes) == {"prototype"}:
        reasons |= {task.name: "numbers have no prototypes" for task in everything if task.kind == "numeric"}
    tasks = [task for task in everything if reasons[task.name] is None]
    with threads(max(system.vectors.size for system in compared)):
        measured = [_task(task, compared, protocol, settings, clusters, progress) for task in tasks]
        retrieval = _retrieval(library, rows, compared, settings, clusters, progress)
    results: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "contramuse": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "library": {"root": str(library.root), "fingerprint": library.fingerprint, "tracks": len(rows)},
        "protocol": {**protocol.facts, **facts},
        "primary_probe": titled(settings.probes[0], settings.shares[0]),
        "probes": [titled(name, share) for name in settings.probes for share in settings.shares],
        "systems": [described(system) for system in compared],
        "tasks": measured,
        "retrieval": retrieval,
        "leaks": found,
        "skipped": [{"field": name, "reason": reason} for name, reason in reasons.items() if reason is not None],
    }
    return {**results, "words": headline(results)}


@contextmanager
def one_thread() -> Iterator[None]:
    """Matrices of a few hundred rows: handing them to threads costs ten times more than the arithmetic."""
    with threads(0):
        yield


@contextmanager
def threads(size: int) -> Iterator[None]:
    """One thread where the largest matrix has fewer than 10 x ``LARGE`` numbers; as many as there are otherwise.

    Below, seconds are saved at best, and beside other programs threads wait for each other: four times the work was
    measured.
    """
    if size >= 10 * LARGE:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


def described(system: System) -> dict[str, Any]:
    """A system for the record."""
    facts = dict(system.facts)
    return {"name": system.name, "role": system.role, "dim": int(system.vectors.shape[1]), "note": system.note} | {
        key: value for key, value in facts.items() if value is not None and key != "dim"
    }


def _task(
    task: Task,
    compared: Sequence[System],
    protocol: Protocol,
    settings: Settings,
    clusters: NDArray[np.int64] | None,
    progress: Progress,
) -> dict[str, Any]:
    parts = [
        run_task(
            task,
            systems=compared,
            probe=name,
            plan=protocol.plan_for(name, share=share),
            resamples=settings.resamples,
            clusters=clusters,
            progress=progress,
            how=settings.how(share),
            permutations=settings.permutations,
        )
        for name in settings.probes
        for share in settings.shares
        if name != "prototype" or task.kind != "numeric"
    ]
    joined = {key: [entry for part in parts for entry in part[key]] for key in ("results", "differences")}
    return {**parts[0], **joined, "protocol": protocol.facts["name"]}


def _clusters(
    library: Catalogue, rows: NDArray[np.int64], tested: NDArray[np.int64], settings: Settings
) -> tuple[NDArray[np.int64] | None, dict[str, Any]]:
    """The cluster of every track [n], and the facts; decided by the ``tested`` tracks, as only these are drawn."""
    own, name, said = cluster_tracks(library, rows[tested], settings.drawn)
    facts = {"resampled": name, "clusters": None if own is None else len(np.unique(own)), "resampled_said": said}
    return cluster_tracks(library, rows, name)[0], facts


def _retrieval(
    library: Catalogue,
    rows: NDArray[np.int64],
    compared: Sequence[System],
    settings: Settings,
    clusters: NDArray[np.int64] | None,
    progress: Progress,
) -> list[dict[str, Any]]:
    tables = []
    for name, left_out in searches(library, rows):
        progress(f"retrieval by {name}")
        found = run_retrieval(
            name, membership(library, name, rows), systems=compared, resamples=settings.resamples, clusters=clusters,
            seed=settings.seed, permutations=settings.permutations,
            left_out=None if left_out is None else (left_out, membership(library, left_out, rows)),
        )  # fmt: skip
        if found is not None:
            tables.append(found)
    return tables


def searches(library: Catalogue, rows: NDArray[np.int64]) -> list[tuple[str, str | None]]:
    """What is searched by: every group; then groups and class fields with an artist filter, artists with one of albums.

    Tracks of one artist (of one album, where artists are sought) sound alike for reasons that have nothing to do with
    what is sought; a filter leaves them out of the collection of each query.
    """
    groups = group_names(library)
    found: list[tuple[str, str | None]] = [(name, None) for name in groups]
    fields = [name for name, field in library.fields.items() if field.kind == "multiclass"]
    for name in dict.fromkeys([*groups, *fields]):
        other = "album" if name == "artist" else "artist"
        if name != "track" and other in groups and any(membership(library, other, rows)):
            found.append((name, other))
    return found
