"""Everything that is measured about models on a library, part by part, each kept until something that went in changes.

OUT/evaluation.json holds what OUT/parts/*.json hold, one file a part; OUT/embeddings has the models' vectors.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contramuse import __version__
from contramuse.errors import UserError
from contramuse.files import stable_hash, write_json
from contramuse.probes import few, own, profile, robustness
from contramuse.probes.cache import results_key, subject_key
from contramuse.probes.continuation import Continuation, continue_playlists
from contramuse.probes.protocol import Settings, published_split
from contramuse.probes.published import Published, protocols_for, references_of
from contramuse.probes.robustness import Robustness
from contramuse.probes.run import Progress
from contramuse.probes.session import probe
from contramuse.probes.table import continuation_tables, few_tables, tables

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

FORMAT, VERSION = "contramuse evaluation", 1


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Args:
        parts: names of ``PARTS``, in any order.
        protocols: names of ``published.PROTOCOLS``; () takes those that fit the library.
        probe: how embeddings are probed; a protocol's own probes and aggregation go before its defaults.
        tracks: at most so many tested tracks are corrupted by "robustness" and "profile".
    """

    parts: tuple[str, ...] = ("probe",)
    protocols: tuple[str, ...] = ()
    probe: Settings = field(default_factory=Settings)
    tracks: int = 200

    def __post_init__(self) -> None:
        for part in self.parts:
            if part not in PARTS:
                raise UserError("is no part", name="--parts", value=part, fix=f"Known: {', '.join(PARTS)}.")


@dataclass(frozen=True)
class Bench:
    """What every part works on.

    Args:
        given: embeddings of the models.
        library: that they are of.
        request: what is to be measured.
        protocols: that the library is evaluated by; {} for a library of no published dataset.
        folder: for what a part keeps.
        progress: told what is being done.
    """

    given: Sequence[Embeddings]
    library: Library
    request: Request
    protocols: Mapping[str, Published]
    folder: Path
    progress: Progress

    @property
    def settings(self) -> Settings:
        """How embeddings are probed: as the protocol says where the user said nothing else.

        Where only whole tracks have vectors, as foreign ones do, these are probed, and the results say so.
        """
        asked, usual = self.request.probe, Settings()
        for protocol in self.protocols.values():
            if protocol.task == "probe":
                fields = tuple(dict.fromkeys(f for p in self.protocols.values() for f in p.fields))
                changes: dict[str, Any] = {}
                if asked.tasks is None and all(field in self.library.fields for field in fields):
                    changes["tasks"] = fields
                windows = all(one.meta.get("windows") == "kept" for one in self.given)
                if asked.aggregate == usual.aggregate and windows:
                    changes["aggregate"] = protocol.aggregate
                if asked.probes == usual.probes:
                    changes["probes"] = protocol.probes
                if asked.protocol == "auto":
                    changes["protocol"] = "split"
                return dataclasses.replace(asked, **changes)
        return asked


@dataclass(frozen=True)
class Part:
    """One part of an evaluation.

    Args:
        what: it says, in a line.
        run: gives plain values for JSON, or None where the library has nothing for it.
        tables: shows them in a terminal.
        version: another one makes kept results stale.
    """

    what: str
    run: Callable[[Bench], Any]
    tables: Callable[[Any], Iterable[Any]]
    version: int = 1


def _probe(bench: Bench) -> dict[str, Any] | None:
    results = probe(
        bench.given[0], library=bench.library, against=bench.given[1:], settings=bench.settings, progress=bench.progress
    )
    stored = results["protocol"]["kind"] == "split"
    for task in results["tasks"]:
        split = published_split(bench.library, tested=task["tested"], whole=stored)
        task["references"] = references_of(bench.protocols, task["field"], tuple(task["metrics"]), split)
    return {**results, "protocols": list(bench.protocols)}


def _few(bench: Bench) -> list[dict[str, Any]] | None:
    if not bench.library.fields:
        return None
    settings = few.Few(probe=bench.settings)
    return few.run_few(
        bench.given[0], library=bench.library, against=bench.given[1:], settings=settings, progress=bench.progress
    )


def _playlists(bench: Bench) -> dict[str, Any] | None:
    names = [one.by for one in bench.protocols.values() if one.task == "continuation"] or ["playlists"]
    if names[0] not in bench.library.group_names or not any(bench.library.groups(names[0])):
        return None
    settings = Continuation(by=names[0], resamples=bench.request.probe.resamples, seed=bench.request.probe.seed)
    return continue_playlists(
        bench.given[0], library=bench.library, against=bench.given[1:], settings=settings, progress=bench.progress
    )


def _robustness(bench: Bench) -> dict[str, Any] | None:
    if not bench.library.fields:
        return None
    settings = Robustness(probe=bench.settings, tracks=bench.request.tracks)
    return robustness.robustness(
        bench.given, library=bench.library, settings=settings, folder=bench.folder / "heard", progress=bench.progress
    )


def _profile(bench: Bench) -> dict[str, Any] | None:
    asked = bench.request
    settings = profile.Profile(
        baselines=asked.probe.baselines, tracks=min(100, asked.tracks), resamples=asked.probe.resamples,
        seed=asked.probe.seed,
    )  # fmt: skip
    return profile.profile(
        bench.given, library=bench.library, settings=settings, folder=bench.folder / "heard", progress=bench.progress
    )


def _own(bench: Bench) -> dict[str, Any] | None:
    asked = bench.request.probe
    settings = own.Own(baselines=asked.baselines, resamples=asked.resamples, seed=asked.seed)
    return own.own(
        bench.given, library=bench.library, settings=settings, folder=bench.folder / "heard", progress=bench.progress
    )


PARTS: dict[str, Part] = {
    "probe": Part("probes on frozen embeddings, retrieval, leaks", _probe, tables, version=2),
    "few": Part("probes that learn from 1 to 100 % of the labels, or from k tracks a class", _few, few_tables),
    "playlists": Part("playlists continued by tracks that nobody has heard", _playlists, continuation_tables),
    "robustness": Part("metrics under ten corruptions, step by step", _robustness, robustness.tables, version=2),
    "profile": Part("what the vectors are blind to, and what can be read off them", _profile, profile.tables),
    "own": Part("one's own library, without labels: neighbours, hubs, near-duplicates", _own, own.tables),
}
"""Name -> part, in the order in which they run and are shown."""


def evaluate(
    given: Sequence[Embeddings],
    *,
    library: Library,
    out: Path,
    request: Request,
    progress: Progress = lambda message: None,
    shown: Callable[[str, Any, str], None] = lambda name, part, state: None,
) -> dict[str, Any]:
    """Measure what is asked for, and write OUT/evaluation.json.

    Args:
        given: embeddings of the library's tracks, one folder a model.
        library: with or without labels.
        out: folder; parts that are there and whose inputs are unchanged are not measured again, and parts that are not
            asked for stay while vectors and labels are the same.
        request: what.
        progress: told what is being done.
        shown: told of every part when it is done: its name, its content (None: nothing to measure) and "new", "kept" or
            why it is left out.

    Returns:
        The content of evaluation.json.

    Raises:
        UserError: of the one part that was asked for; of several, the others are measured, and "left_out" says why.
    """
    protocols = protocols_for(library, request.protocols)
    (out / "parts").mkdir(parents=True, exist_ok=True)
    bench = Bench(given, library, request, protocols, out / "work", progress)
    inputs, subject = results_key(given, library, request.probe), subject_key(given, library)
    done: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name in (name for name in PARTS if name in request.parts):
        key = _key(name, bench, inputs)
        file = out / "parts" / f"{name}.json"
        kept = _kept(file, "key", key)
        try:
            found = kept["content"] if kept else PARTS[name].run(bench)
        except UserError as error:
            if len(request.parts) == 1:
                raise
            left_out[name] = str(error)
            shown(name, None, left_out[name])
            continue
        if not kept:
            write_json(file, {"key": key, "subject": subject, "content": found})
        nothing = "the library has nothing for it"
        shown(name, found, nothing if found is None else "kept" if kept else "new")
        if found is not None:
            done[name] = found
    for name in PARTS:  # measured before and not asked for now: it stays while vectors and labels are the same
        kept = None if name in request.parts else _kept(out / "parts" / f"{name}.json", "subject", subject)
        if kept and kept["content"] is not None:
            done[name] = kept["content"]
    results = {
        "format": FORMAT,
        "version": VERSION,
        "contramuse": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "library": {
            "root": str(library.root), "fingerprint": library.fingerprint, "tracks": len(library),
            "dataset": library.info.get("dataset"),
        },
        "models": [{"embeddings": str(one.root), "path": one.meta.get("model_path")} for one in given],
        "protocols": list(protocols),
        "left_out": left_out,
        "parts": {name: done[name] for name in PARTS if name in done},
    }  # fmt: skip
    write_json(out / "evaluation.json", results)
    return results


def _key(name: str, bench: Bench, inputs: str) -> str:
    """Hash of what goes into a part; ``inputs`` is that of vectors, labels, groups and how they are probed."""
    settings = dataclasses.asdict(dataclasses.replace(bench.request, parts=()))
    figures = [[name, dataclasses.asdict(one)] for name, one in sorted(bench.protocols.items())]
    return stable_hash([FORMAT, __version__, name, PARTS[name].version, inputs, settings, figures])


def _kept(file: Path, name: str, key: str) -> dict[str, Any] | None:
    """What was measured before, if its "key" (all that went in) or "subject" (what was measured) is the same."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return kept if kept[name] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # there is none, or it is damaged: measured anew
