"""prepare: from a folder of music to a library, going on where an earlier run stopped.

scan -> journal -> decode what is new or changed -> plan (duplicates, stems, labels) -> splits -> index, library.json
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from contramuse import __version__
from contramuse.audio.features import FeatureStore
from contramuse.audio.ingest import Job
from contramuse.audio.store import ShardWriter, Store
from contramuse.catalogue import index
from contramuse.catalogue.decoding import Decoding, decode_file, decode_waiting
from contramuse.catalogue.features import bands_of, named_like_features, read_features
from contramuse.catalogue.grouping import Splitting, check_splitting, split_tracks
from contramuse.catalogue.journal import Journal
from contramuse.catalogue.labels import Labels, read_labels
from contramuse.catalogue.named import leave_unlabelled
from contramuse.catalogue.scan import scan
from contramuse.catalogue.stems import DEFAULT, GivenStems, Naming
from contramuse.catalogue.track import FORMAT
from contramuse.errors import StorageError, UserError
from contramuse.files import check_output, stable_hash, write_json

SCAN_BATCH = 1000
LABELS_FILE = "labels.csv"
LEFT_OUT = "left_out.json"
SHOWN_STEMS = 5


@dataclass(frozen=True)
class LabelSource:
    """Where labels come from and how they are read; see ``labels.read_labels``.

    Args:
        file: None: ``labels.csv`` in the folder, if there is one.
        separator: between the labels of a cell.
        groups: columns that are groups.
        kinds: kinds of columns.
        join: the column that names files.
        files: "all", or "labelled": only files that the labels name (and stems of these) are taken.
    """

    file: Path | None = None
    separator: str | None = None
    groups: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    join: str | None = None
    files: Literal["all", "labelled"] = "all"


@dataclass(frozen=True)
class Summary:
    """What a run did and what the library holds.

    Args:
        library: its folder.
        changes: files added, changed, unchanged and removed since the run before.
        decoded: files decoded in this run.
        verdicts: number of files (and readable label rows) by verdict.
        tracks: number of tracks in the index.
        seconds: their length.
        damaged_seconds: what they lack.
        stems: number of tracks with stems.
        splits: number of tracks by split.
        fields: label fields: name -> kind, classes, source.
        lines: what else there is to say: columns, joins, splits, leaks.
    """

    library: Path
    changes: dict[str, int]
    decoded: int
    verdicts: dict[str, int]
    tracks: int
    seconds: float
    damaged_seconds: float
    stems: int
    splits: dict[str, int]
    fields: dict[str, dict[str, Any]]
    lines: list[str]

    @property
    def failed_share(self) -> float:
        """Share of the files that look like audio and could not be decoded."""
        return self.verdicts.get("failed", 0) / max(1, sum(self.verdicts.values()))


def prepare(
    folder: Path | str,
    out: Path | str,
    *,
    decoding: Decoding | None = None,
    labels: LabelSource | Labels | None = None,
    splitting: Splitting | None = None,
    stems: Naming = DEFAULT,
    console: Console | None = None,
    job: Job | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Summary:
    """Scan, decode and index a folder of music, or of stored features.

    Args:
        folder: of music.
        out: folder of the library; made if need be. A library that is there is brought up to date.
        decoding: rate and bounds; with a frame rate the files are arrays of features (see ``catalogue.features``).
        labels: labels file and how to read it; or labels at hand, whose rows name the only files that are taken, by
            their paths relative to the folder.
        splitting: how splits are made.
        stems: how the files of stems are named.
        console: where progress is shown; None shows none.
        job: what the workers run for each file; ``decode_file`` or ``read_features`` by default.
        facts: more that library.json is to say.

    Raises:
        UserError: the folder is none, holds no audio, or the labels cannot be used.
        StorageError: the library cannot be written; what is whole is kept.
    """
    folder, out = Path(folder), Path(out)
    decoding = decoding or Decoding(sample_rate=22050)
    console = console or Console(quiet=True)
    if not folder.is_dir():
        raise UserError("is not a folder", name="folder", value=folder, fix="Give the folder that holds the music.")
    _check_out(folder, out)
    at_hand = isinstance(labels, Labels)
    table, beside = (labels, folder.resolve()) if isinstance(labels, Labels) else _labels(folder, labels)
    splitting = splitting or Splitting()
    check_splitting(splitting, table)
    stored = decoding.frame_rate > 0
    settings = {"folder": str(folder.resolve()), "rate": decoding.frame_rate or decoding.sample_rate}
    settings |= {"min-seconds": decoding.min_seconds, "max-seconds": decoding.max_seconds}
    fresh = not out.exists()
    journal = Journal(out, settings)
    try:
        _scan(journal, folder, out, console, named_like_features if stored else None)
        left_out: list[bytes] = []
        if at_hand or (isinstance(labels, LabelSource) and labels.files == "labelled"):
            left_out = leave_unlabelled(journal, table, folder=folder.resolve(), beside=beside, stems=stems)
        changes = journal.end_scan()
        if not sum(changes[name] for name in ("added", "changed", "unchanged")):
            problem, what = ("holds no .npy files", "arrays") if stored else ("holds no audio", "music")
            other = "without --features music is looked for" if stored else ".npy arrays are taken with --features"
            fix = f"Give the folder that holds the {what}; {other}."
            raise UserError(problem, name="folder", value=folder, fix=fix)
        if stored:
            decoding = replace(decoding, bands=_bands(journal, decoding, folder))
        job = job or (read_features if stored else decode_file)
        suffix = FeatureStore.suffix if stored else Store.suffix
        writer = ShardWriter(out, committed=journal.committed(), suffix=suffix)
        try:
            decoded = decode_waiting(
                journal, writer, os.fsencode(folder), decoding, console=console, job=job, stems=stems
            )
        finally:
            writer.close()
        plan = index.make_plan(journal, table, folder=folder.resolve(), beside=beside, stems=stems)
        index.write_ledger(out / "ledger.parquet", journal, plan)
        done = _finish(out, journal, plan, decoding, splitting, stems, changes, decoded, dict(facts or {}))
        said = []
        if left_out:
            write_json(out / LEFT_OUT, [index.shown(path) for path in left_out])
            said = [f"{len(left_out)} files that {table.source} does not name are left out, listed in {out / LEFT_OUT}"]
        return replace(done, lines=[*said, *done.lines])
    finally:
        journal.close()
        if fresh and not (out / "ledger.parquet").exists() and not (out / "shards").exists():
            _remove_empty(out)


def _check_out(folder: Path, out: Path) -> None:
    check_output(out, name="--out")
    if out.resolve() == folder.resolve():
        fix = "Choose another one; it may be inside."
        raise UserError("is the folder of music itself", name="--out", value=out, fix=fix)
    ours = any((out / name).exists() for name in ("library.json", "work", "ledger.parquet"))
    if out.is_dir() and any(out.iterdir()) and not ours:
        fix = "Choose a new folder, an empty one, or a library to bring up to date."
        raise UserError("holds something else than a library", name="--out", value=out, fix=fix)


def _labels(folder: Path, given: LabelSource | None) -> tuple[Labels, Path]:
    source = given or LabelSource()
    file = source.file
    if file is None:
        file = folder / LABELS_FILE
        if not file.is_file():
            if source.groups or source.kinds or source.join or source.files == "labelled":
                fix = f"Give --labels FILE, or put {LABELS_FILE} into the folder."
                raise UserError("there is no labels file", name="labels", value=file, fix=fix)
            return Labels(), folder
    table = read_labels(file, separator=source.separator, groups=source.groups, kinds=source.kinds, join=source.join)
    return table, file.resolve().parent


def _bands(journal: Journal, decoding: Decoding, folder: Path) -> int:
    """Bands of the library: as stored, as given, or as the first array has them."""
    waiting = (path for path, _ in journal.waiting())
    bands = decoding.bands or journal.settled("bands") or bands_of(waiting, folder=os.fsencode(folder))
    journal.settle({"bands": bands})
    return int(bands)


def _scan(journal: Journal, folder: Path, out: Path, console: Console, wanted: Callable[[bytes], bool] | None) -> None:
    journal.begin_scan()
    files = scan(os.fsencode(folder), first_visit=journal.first_visit, leave_out=os.fsencode(out), wanted=wanted)
    count = 0
    with console.status("looking for audio") as status:
        while batch := list(islice(files, SCAN_BATCH)):
            journal.saw(batch)
            count += len(batch)
            status.update(f"looking for audio: {count} files")


def _finish(
    out: Path,
    journal: Journal,
    plan: index.Plan,
    decoding: Decoding,
    splitting: Splitting,
    stems: Naming,
    changes: dict[str, int],
    decoded: int,
    facts: dict[str, Any],
) -> Summary:
    """Make the splits and write index and library.json."""
    if not plan.kept:
        first = next((file["note"] for file in journal.files() if file["verdict"] == "failed"), "too short or silent")
        raise StorageError(
            f"none of the {sum(plan.verdicts.values())} files can be used ({first})",
            name="library",
            value=out,
            fix=f"`contramuse ledger {out}` says what is wrong with each.",
        )
    made = split_tracks(plan, splitting, before=_before(out, splitting))
    fields = [spec.to_json() for spec in plan.fields.values()]
    identity = {"ids": [kept.id for kept in plan.kept], "splits": made.splits, "fields": fields}
    fingerprint = stable_hash(identity | {"rate": decoding.frame_rate or decoding.sample_rate})
    index.write_index(out / "index.parquet", journal, plan, made.splits, fingerprint)
    info = {
        "format": FORMAT,
        "version": __version__,
        "kind": "features" if decoding.frame_rate else "audio",
        "sample_rate": decoding.sample_rate,
        "fingerprint": fingerprint,
        "seed": splitting.seed,
        "tracks": len(plan.kept),
        "seconds": plan.seconds,
        "fields": fields,
        "groups": index.group_names(plan.labels),
        "split_by": splitting.by,
        "split_groups": made.by,
        "split_shares": list(splitting.shares),
        "stratified_by": splitting.stratify,
        "stems": stems.text,
        "separated": journal.separators(),
        "labels": plan.labels.source,
        "verdicts": dict(plan.verdicts),
    }
    if decoding.frame_rate:
        info |= {"frame_rate": decoding.frame_rate, "bands": decoding.bands}
    write_json(out / "library.json", info | facts)
    if "dataset" not in facts:  # what was a published split is none any more
        (out / "dataset.json").unlink(missing_ok=True)
    return Summary(
        library=out,
        changes=changes,
        decoded=decoded,
        verdicts=dict(plan.verdicts),
        tracks=len(plan.kept),
        seconds=plan.seconds,
        damaged_seconds=plan.damaged_seconds,
        stems=sum(map(bool, plan.stems.values())),
        splits={name: made.splits.count(name) for name in ("train", "valid", "test")},
        fields={item["name"]: item for item in fields},
        lines=[*_lines(plan, made.said), *_stem_lines(plan, stems)],
    )


def _lines(plan: index.Plan, said: Sequence[str]) -> list[str]:
    lines = [f"{plan.labels.source}: {line}" for line in plan.labels.said]
    if plan.labels.names:
        joined = plan.joined
        without = sum(kept.row < 0 for kept in plan.kept)
        lines.append(
            f"{plan.labels.source}: {len(plan.kept) - without} tracks have a row ({joined.by_name} by name alone), "
            f'{without} have none, {len(joined.unused)} rows fit no file (in the ledger as "no file")'
            + (f", {joined.ambiguous} files are ambiguous by name and not joined" if joined.ambiguous else "")
        )
    lines += [
        f"file tags: {spec.name}: {spec.kind}{f', {len(spec.classes)} classes' if spec.classes else ''}"
        for spec in plan.fields.values()
        if spec.source == "file tags"
    ]
    return [*lines, *said]


def _stem_lines(plan: index.Plan, stems: Naming) -> list[str]:
    """Whether the pattern that was given fits the folder."""
    if stems is DEFAULT or (isinstance(stems, GivenStems) and not len(stems)):
        return []
    count = sum(role == "stem" for role in plan.roles.values())
    if not count:
        return [f"warning: no file is a stem by {stems.text}"]
    alone = [index.shown(path) for path, role in plan.roles.items() if role == "stem" and path in plan.notes]
    said = f"stems: {count} files by {stems.text}"
    if alone:
        some = ", ".join(alone[:SHOWN_STEMS]) + (", ..." if len(alone) > SHOWN_STEMS else "")
        said = f"warning: {said}; {len(alone)} of them belong to no track (the ledger says why): {some}"
    return [said]


def _before(out: Path, splitting: Splitting) -> dict[str, str]:
    """Split by id of the index that is there, if its splits were made in the same way."""
    try:
        info = json.loads((out / "library.json").read_text(encoding="utf-8"))
        shares, field = info.get("split_shares", list(Splitting().shares)), info.get("stratified_by", "")
        now = (splitting.seed, splitting.by, list(splitting.shares), splitting.stratify)
        if (info["seed"], info["split_by"], shares, field) != now or info.get("split_groups") == "given":
            return {}  # given splits are nobody's to keep, were they called made they would be misnamed
        table = pq.read_table(out / "index.parquet", columns=["id", "split"])
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return {}  # there is none yet, or it is damaged and written anew: only the memory of its splits is lost
    return dict(zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True))


def _remove_empty(out: Path) -> None:
    """Remove the folder of a library that came to nothing."""
    for path in sorted((out / "work").glob("*")):
        path.unlink()
    (out / "work").rmdir()
    out.rmdir()
