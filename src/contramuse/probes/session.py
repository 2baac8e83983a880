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
from contramuse.probes.protocol import Protocol, Settings, make_protocol, taught_labels
from contramuse.probes.retrieval import run_retrieval
from contramuse.probes.run import Progress, System, run_task
from contramuse.probes.segments import titled
from contramuse.probes.tasks import Catalogue, Task, codes, library_tasks, membership, unlearnable
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
    clusters = _clusters(library, rows, settings.resample)
    reasons = {task.name: unlearnable(task, protocol.group) for task in everything}
    if set(settings.probes) == {"prototype"}:
        reasons |= {task.name: "numbers have no prototypes" for task in everything if task.kind == "numeric"}
    tasks = [task for task in everything if reasons[task.name] is None]
    with one_thread():
        measured = [_task(task, compared, protocol, settings, clusters, progress) for task in tasks]
        retrieval = _retrieval(library, rows, compared, settings, clusters, progress)
    results: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "contramuse": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "library": {"root": str(library.root), "fingerprint": library.fingerprint, "tracks": len(rows)},
        "protocol": protocol.facts,
        "primary_probe": titled(settings.probes[0], settings.shares[0]),
        "probes": [titled(name, share) for name in settings.probes for share in settings.shares],
        "systems": [described(system) for system in compared],
        "tasks": measured,
        "retrieval": retrieval,
        "skipped": [{"field": name, "reason": reason} for name, reason in reasons.items() if reason is not None],
    }
    return {**results, "words": headline(results)}


@contextmanager
def one_thread() -> Iterator[None]:
    """Matrices of a few hundred rows: handing them to threads costs ten times more than the arithmetic."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(threads)


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
        )
        for name in settings.probes
        for share in settings.shares
        if name != "prototype" or task.kind != "numeric"
    ]
    joined = {key: [entry for part in parts for entry in part[key]] for key in ("results", "differences")}
    return {**parts[0], **joined, "protocol": protocol.facts["name"]}


def _clusters(library: Catalogue, rows: NDArray[np.int64], name: str | None) -> NDArray[np.int64] | None:
    if name is None:
        return None
    group = codes(membership(library, name, rows))
    alone = np.arange(len(rows)) + int(group.max()) + 1
    return np.where(group < 0, alone, group)


def _retrieval(
    library: Catalogue,
    rows: NDArray[np.int64],
    compared: Sequence[System],
    settings: Settings,
    clusters: NDArray[np.int64] | None,
    progress: Progress,
) -> list[dict[str, Any]]:
    tables = []
    for name in group_names(library):
        progress(f"retrieval by {name}")
        groups = membership(library, name, rows)
        found = run_retrieval(
            name, groups, systems=compared, resamples=settings.resamples, clusters=clusters, seed=settings.seed
        )
        if found is not None:
            tables.append(found)
    return tables


def group_names(library: Catalogue) -> list[str]:
    """The library's groups, then a class field called "track" (excerpts of one recording)."""
    names = list(library.track(0).groups) if len(library.ids) else []
    return names + (["track"] if "track" in library.fields and "track" not in names else [])
