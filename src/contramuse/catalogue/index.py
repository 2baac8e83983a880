"""From the journal to index.parquet and ledger.parquet: which files are tracks, their labels, groups, splits and stems.

Two passes over the journal in order of path: the first decides (and keeps the paths and a few short values per track,
about half a kilobyte), the second writes.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contramuse.catalogue.decoding import KEPT
from contramuse.catalogue.journal import Journal
from contramuse.catalogue.labels import Joined, Labels, join_rows
from contramuse.catalogue.stems import DEFAULT, Naming, Table, stream_names
from contramuse.catalogue.track import KEYS, Kind, LabelField
from contramuse.files import replacing, stable_hash

BATCH = 4096
_STEM = pa.struct(
    [("name", pa.string()), ("shard", pa.int32()), ("offset", pa.int64()), ("samples", pa.int64())],
)


def shown(path: bytes) -> str:
    """A path as text; bytes that are no UTF-8 are written \\xNN."""
    return path.decode("utf-8", "backslashreplace")


@dataclass
class Plan:
    """What the first pass decides.

    Args:
        labels: the labels file (an empty one where there is none).
        joined: its rows by file.
        verdicts: how many files have each verdict.
        kept: per track: path, id, label row, artists, album.
        stems: per track path: its stems.
        roles: what files are that are no tracks: "stem", "folder".
        notes: what is to be added to the notes of files.
        twins: duplicates that have a label row: the row, and the path of the file that is kept.
        names: per track path: its name, where its file has another.
        originals: for audio whose first file is a stem: the path of the first that is none, by hash of the audio.
        fields: label fields by name.
        seconds: of all tracks.
        damaged_seconds: of all tracks.
    """

    labels: Labels
    joined: Joined
    verdicts: Counter[str] = field(default_factory=Counter)
    kept: list[Kept] = field(default_factory=list)
    stems: dict[bytes, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    roles: dict[bytes, str] = field(default_factory=dict)
    notes: dict[bytes, str] = field(default_factory=dict)
    twins: list[tuple[int, bytes]] = field(default_factory=list)
    names: dict[bytes, str] = field(default_factory=dict)
    originals: dict[str, bytes] = field(default_factory=dict)
    fields: dict[str, LabelField] = field(default_factory=dict)
    seconds: float = 0.0
    damaged_seconds: float = 0.0


@dataclass(frozen=True)
class Kept:
    """A track, as far as splits need it."""

    __slots__ = ("album", "artists", "id", "path", "row")
    path: bytes
    id: str
    row: int
    artists: tuple[str, ...]
    album: str


def make_plan(journal: Journal, labels: Labels, *, folder: Path, beside: Path, stems: Naming = DEFAULT) -> Plan:
    """The first pass."""
    paths = [row["path"] for row in journal.files()]
    table = stems.table(paths)
    names = called(table, paths)
    joined = join_rows(labels.names, paths, folder=folder, beside=beside, called=names, by=labels.join)
    plan = Plan(labels, joined, names=names)
    separated = journal.separated()
    genres: Counter[str] = Counter()
    numbers: dict[str, set[float]] = {"year": set(), "tempo": set()}
    keys: set[str] = set()
    several = False
    for place, file in enumerate(journal.files()):
        _role(plan, table, file)
        row = plan.joined.rows[place]
        verdict = final_verdict(plan, file, row)
        plan.verdicts[verdict] += 1
        if verdict == "duplicate" and row >= 0:
            plan.twins.append((row, original(plan, file)))
        if file["path"] in plan.roles or verdict not in KEPT:
            continue
        tags = json.loads(file["tags"])
        genres.update(tags.get("genre", ()))
        several |= len(tags.get("genre", ())) > 1
        for name, found in numbers.items():
            found |= {tags[name]} if name in tags else set()
        keys |= {tags["key"]} if "key" in tags else set()
        artists, album = _owner(labels, row, tags)
        plan.kept.append(Kept(file["path"], _identity(labels, file), row, artists, album))
        plan.stems[file["path"]] += _streams(file, tags)
        plan.seconds += file["seconds"]
        plan.damaged_seconds += file["damaged_seconds"]
    for kept in plan.kept:
        for stem in separated.get(kept.id, ()):
            if any(known["name"] == stem["name"] for known in plan.stems[kept.path]):
                journal.forget(kept.id, stem["name"])
        add_separated(plan.stems[kept.path], separated.get(kept.id, ()))
    plan.fields = labels.fields(kept.row for kept in plan.kept)
    if len(genres) > 1 and "genre" not in plan.fields:
        kind: Kind = "multilabel" if several else "multiclass"
        plan.fields["genre"] = LabelField("genre", kind, tuple(sorted(genres)), "file tags")
    for name, found in numbers.items():
        if len(found) > 1 and name not in plan.fields:
            plan.fields[name] = LabelField(name, "numeric", (), "file tags")
    if len(keys) > 1 and "key" not in plan.fields:
        plan.fields["key"] = LabelField("key", "key", KEYS, "file tags")
    return plan


def called(table: Table, paths: Iterable[bytes]) -> dict[bytes, str]:
    """Names of the files that are not called as their path ends."""
    return {path: shown(name) for path in paths if (name := table.called(path)) != _stem(path)}


def _role(plan: Plan, table: Table, file: sqlite3.Row) -> None:
    """Enter a file that is a folder that cannot be read, or a stem."""
    path = file["path"]
    if file["note"] and file["note"].startswith("the folder cannot be read"):
        plan.roles[path] = "folder"
    found = table.of(path)
    if found is None:
        if file["first"] in plan.roles:  # files come in order of path, so what the first is, is known
            plan.originals.setdefault(file["audio"], path)
        return
    plan.roles[path] = "stem"
    if len(found.owners) != 1:
        count = f"{len(found.owners)} tracks are" if found.owners else "no track is"
        plan.notes[path] = f"{count} called {shown(found.stem.track)}: belongs to none{' of them' * bool(found.owners)}"
    elif file["shard"] is not None:
        place = {"shard": file["shard"], "offset": file["offset"], "samples": file["samples"]}
        plan.stems[found.owners[0]].append({"name": found.stem.name, **place})


def _streams(file: sqlite3.Row, tags: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stems that a file holds itself, as streams after the mix; in the store all lie one after another."""
    lengths = tags.get("streams", [0])
    begins = [file["offset"] + sum(lengths[: i + 1]) for i in range(len(lengths) - 1)]
    named = zip(stream_names(len(begins)), begins, lengths[1:], strict=True)
    return [{"name": name, "shard": file["shard"], "offset": begin, "samples": n} for name, begin, n in named]


def add_separated(stems: list[dict[str, Any]], found: Iterable[Mapping[str, Any]]) -> None:
    """Add stems that were made by a separator to those of a track; a stem's own file goes before."""
    known = {stem["name"] for stem in stems}
    names = ("name", "shard", "offset", "samples")
    stems += [{name: stem[name] for name in names} for stem in found if stem["name"] not in known]


def original(plan: Plan, file: sqlite3.Row) -> bytes:
    """The first track with the audio of a file."""
    first: bytes = file["first"]
    return plan.originals.get(file["audio"], first)


def _identity(labels: Labels, file: sqlite3.Row) -> str:
    """A track's id: the hash of its file's content; with its path where files of the same content are all tracks."""
    known: str = file["id"]
    return own_id(known, file["path"]) if labels.duplicates == "each" else known


def own_id(content: str, path: bytes) -> str:
    """The id of a track that has one of its own, however many files have the same content."""
    return stable_hash([content, shown(path)], len(content))


def final_verdict(plan: Plan, file: sqlite3.Row, row: int) -> str:
    """A file's verdict, duplicates included; a stem may be short, silent, or like another.

    Args:
        plan: what is known.
        file: the file.
        row: of its labels, -1 for none.
    """
    verdict = str(file["verdict"])
    if plan.roles.get(file["path"]) == "stem":
        return "ok" if verdict in ("too short", "silent") else verdict
    if plan.labels.duplicates == "each" and row >= 0:
        # An item of a published split is scored, whatever it sounds like; the note says that it is silent.
        return "ok" if verdict in ("too short", "silent") and file["shard"] is not None else verdict
    return "duplicate" if verdict in KEPT and original(plan, file) != file["path"] else verdict


def _owner(labels: Labels, row: int, tags: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Artists and album of a track: the labels file's, else the tags'."""
    artists = labels.groups["artist"][row] if row >= 0 and "artist" in labels.groups else ()
    album = labels.facts["album"][row] if row >= 0 and "album" in labels.facts else ""
    return artists or tuple(tags.get("artist", ())), album or tags.get("album", "")


def schema(plan: Plan) -> pa.Schema:
    """Columns of index.parquet."""
    text, number = pa.string(), pa.int64()
    columns: list[tuple[str, pa.DataType]] = [
        ("id", text),
        ("audio", text),
        ("path", text),
        ("path_bytes", pa.binary()),
    ]
    columns += [(name, text) for name in ("title", "artist", "album", "genre")]
    columns += [("year", pa.int32()), ("seconds", pa.float64()), ("sample_rate", pa.int32()), ("channels", pa.int32())]
    columns += [("split", text), ("shard", pa.int32()), ("offset", number), ("samples", number)]
    kinds = {"numeric": pa.float64(), "multilabel": pa.list_(text)}
    columns += [(f"label.{name}", kinds.get(spec.kind, text)) for name, spec in plan.fields.items()]
    columns += [(f"absent.{name}", pa.list_(text)) for name in plan.labels.absent]
    columns += [(f"group.{name}", pa.list_(text)) for name in group_names(plan.labels)]
    columns.append(("stems", pa.list_(_STEM)))
    return pa.schema(columns)


def group_names(labels: Labels) -> list[str]:
    """Names of the groups of a library."""
    return list(dict.fromkeys(("artist", "album", *labels.groups)))


def write_index(path: Path, journal: Journal, plan: Plan, splits: Sequence[str], fingerprint: str) -> None:
    """Write index.parquet, one row per track, in order of path, with the fingerprint of the library it belongs to."""
    fields = schema(plan).with_metadata({"fingerprint": fingerprint})
    with replacing(path) as temporary, pq.ParquetWriter(temporary, fields, compression="zstd") as writer:
        for batch in _batches(_tracks(journal, plan, splits)):
            writer.write_table(pa.Table.from_pylist(batch, fields))


def _tracks(journal: Journal, plan: Plan, splits: Sequence[str]) -> Iterator[dict[str, Any]]:
    place = 0
    for file in journal.files():
        if place == len(plan.kept) or file["path"] != plan.kept[place].path:
            continue
        kept, tags, labels = plan.kept[place], json.loads(file["tags"]), plan.labels
        facts = {name: column[kept.row] for name, column in labels.facts.items() if kept.row >= 0 and column[kept.row]}
        names = ("audio", "seconds", "channels", "shard", "offset", "samples")
        row: dict[str, Any] = {name: file[name] for name in names} | {"id": kept.id}
        row |= {"path": shown(kept.path), "path_bytes": kept.path, "sample_rate": file["source_rate"]}
        row |= {"samples": tags.get("streams", [file["samples"]])[0]}
        name = plan.names.get(kept.path) or shown(_stem(kept.path))
        row |= {"title": facts.get("title") or tags.get("title") or name}
        row |= {"artist": "; ".join(kept.artists), "album": kept.album, "genre": _genre(labels, kept.row, tags)}
        row |= {"year": _year(facts.get("year"), tags), "split": splits[place], "stems": plan.stems.get(kept.path, [])}
        row |= {f"group.{name}": list(column[kept.row]) for name, column in labels.groups.items() if kept.row >= 0}
        row |= {f"absent.{name}": list(cells[kept.row]) for name, cells in labels.absent.items() if kept.row >= 0}
        row |= {"group.artist": list(kept.artists), "group.album": [kept.album] if kept.album else []}
        row |= {f"label.{name}": _label(plan, spec, kept.row, tags) for name, spec in plan.fields.items()}
        yield row
        place += 1


def _stem(path: bytes) -> bytes:
    return os.path.splitext(os.path.basename(path))[0]


def _genre(labels: Labels, row: int, tags: Mapping[str, Any]) -> str:
    given = labels.values["genre"][row] if row >= 0 and "genre" in labels.values else None
    return str(given) if isinstance(given, (str, float)) else "; ".join(given or tags.get("genre", ()))


def _year(given: str | None, tags: Mapping[str, Any]) -> int | None:
    return int(given) if given and given.isdecimal() else tags.get("year")


def _label(plan: Plan, spec: LabelField, row: int, tags: Mapping[str, Any]) -> Any:
    if spec.name in plan.labels.kinds:
        return plan.labels.values[spec.name][row] if row >= 0 else None
    found = tags.get(spec.name)
    if spec.kind == "multiclass" and found:
        return found[0]
    return found or None


LEDGER = pa.schema(
    [
        ("path", pa.string()), ("path_bytes", pa.binary()), ("role", pa.string()), ("verdict", pa.string()),
        ("note", pa.string()), ("decoder", pa.string()), ("seconds", pa.float64()), ("damaged_seconds", pa.float64()),
        ("source_rate", pa.int32()), ("channels", pa.int32()), ("size", pa.int64()), ("id", pa.string()),
        ("duplicate_of", pa.string()), ("labelled", pa.bool_()),
    ]
)  # fmt: skip


def write_ledger(path: Path, journal: Journal, plan: Plan) -> None:
    """Write ledger.parquet: a row per file that looks like audio, and one per row of the labels that fits no file."""
    with replacing(path) as temporary, pq.ParquetWriter(temporary, LEDGER, compression="zstd") as writer:
        for batch in _batches(_entries(journal, plan)):
            writer.write_table(pa.Table.from_pylist(batch, LEDGER))


def _entries(journal: Journal, plan: Plan) -> Iterator[dict[str, Any]]:
    names = ("decoder", "seconds", "damaged_seconds", "source_rate", "channels", "size", "id")
    for place, file in enumerate(journal.files()):
        path = file["path"]
        role = plan.roles.get(path, "track")
        verdict = final_verdict(plan, file, plan.joined.rows[place])
        twin = shown(original(plan, file)) if verdict == "duplicate" else None
        problem = json.loads(file["tags"]).get("problem", "")
        quiet = file["verdict"] if verdict == "ok" and file["verdict"] == "silent" and role == "track" else ""
        notes = (quiet, file["note"], problem, plan.notes.get(path), f"same audio as {twin}" if twin else "")
        row: dict[str, Any] = {name: file[name] for name in names}
        row |= {"path": shown(path), "path_bytes": path, "role": role, "verdict": verdict, "duplicate_of": twin}
        yield row | {"note": "; ".join(note for note in notes if note), "labelled": plan.joined.rows[place] >= 0}
    for row_number in plan.joined.unused:
        note = f"row {row_number + 1} of {plan.labels.source} fits no file"
        name = plan.labels.names[row_number]
        yield {"path": name, "role": "label", "verdict": "no file", "note": note, "labelled": True}


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lists of rows; at least one, be it empty, so that an empty table has its columns."""
    batch: list[dict[str, Any]] = []
    first = True
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch, first = [], False
    if batch or first:
        yield batch
