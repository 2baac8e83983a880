"""From a published dataset as it lies on disk to a library, with its published split and what is missing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from contramuse.catalogue.datasets.base import Dataset, Needed, Reading
from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.grouping import Splitting
from contramuse.catalogue.labels import Labels, parse_key
from contramuse.catalogue.prepare import Summary, prepare
from contramuse.catalogue.stems import GivenStems, Naming
from contramuse.catalogue.track import SPLITS
from contramuse.errors import ContramuseError, UserError
from contramuse.files import replacing, write_json

SHORTEST = 0.1
"""Seconds of the shortest file that is taken: published test parts have files of less than the usual second."""


@dataclass(frozen=True)
class Checked:
    """What of a dataset is there.

    Args:
        absent: needed files and folders that are not there.
        wrong: needed files whose size or checksum is another than published, with what is wrong.
        reading: the annotations; None where they cannot be read.
        missing: paths of items whose audio is not there.
        empty: paths of items whose file has no bytes.
    """

    absent: list[Needed]
    wrong: list[tuple[Needed, str]]
    reading: Reading | None
    missing: list[str]
    empty: list[str]


def check(dataset: Dataset, root: Path) -> Checked:
    """Look for everything that the dataset needs, below ``root``; nothing is decoded.

    Raises:
        UserError: the root is no folder, or an annotation file that is there is not what it should be.
    """
    if not root.is_dir():
        raise UserError("is not a folder", name="--root", value=root, fix="Give the folder that holds the dataset.")
    absent = [one for one in dataset.needed() if one.kind != "optional" and one.found(root) is None]
    wrong = [(one, said) for one in dataset.needed() if (said := _wrong(one, root))]
    if any(one.kind == "annotations" for one in absent):
        return Checked(absent, wrong, None, [], [])
    reading = dataset.read(root)
    missing, empty = [], []
    for entry in reading.entries:
        try:
            if os.stat(root / entry.path).st_size == 0:
                empty.append(entry.path)
        except (OSError, ValueError):
            missing.append(entry.path)
    return Checked(absent, wrong, reading, missing, empty)


def _wrong(needed: Needed, root: Path) -> str:
    from contramuse.catalogue.datasets.download import digest

    found = needed.found(root)
    if found is None or not found.is_file():
        return ""
    size = found.stat().st_size
    if needed.size and size != needed.size:
        return f"{size:,} bytes, published are {needed.size:,}"
    if needed.md5 and (sum_ := digest(found, needed.md5)) != needed.md5:
        return f"checksum {sum_}, published is {needed.md5}"
    return ""


def entries_to_labels(dataset: Dataset, name: str, reading: Reading) -> Labels:
    """The entries as labels that ``prepare`` takes: rows joined to files by path alone, every row a track."""
    entries = reading.entries
    fields = {field.name: field for field in reading.fields}
    groups = list(dict.fromkeys(group for entry in entries for group in entry.groups))
    out = Labels(
        source=f"{name} ({dataset.split_name})",
        kinds={field.name: field.kind for field in reading.fields},
        names=[entry.path for entry in entries],
        splits=[entry.split for entry in entries] if any(entry.split for entry in entries) else None,
        classes={field.name: field.classes for field in reading.fields if field.classes},
        empty={field.name: field.empty for field in reading.fields if field.empty != "unknown"},
        join="path",
        duplicates="each",
    )
    for name_, field in fields.items():
        out.values[name_] = [_value(field.kind, entry.labels.get(name_)) for entry in entries]
        if field.empty == "stated":
            out.absent[name_] = [tuple(entry.absent.get(name_, ())) for entry in entries]
    for group in groups:
        column = [tuple(entry.groups.get(group, ())) for entry in entries]
        if group == "album":
            out.facts["album"] = [cell[0] if cell else "" for cell in column]
        out.groups[group] = column
    if any(entry.title for entry in entries):
        out.facts["title"] = [entry.title for entry in entries]
    return out


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "multilabel":
        return list(value)
    if kind == "numeric":
        return float(value)
    return parse_key(str(value)) if kind == "key" else str(value)


def make_library(
    dataset: Dataset,
    name: str,
    root: Path,
    out: Path,
    *,
    decoding: Decoding | None = None,
    splitting: Splitting | None = None,
    console: Console | None = None,
) -> tuple[Summary, Checked]:
    """Read the annotations, decode the audio that is there, and write a library with the published split.

    LIBRARY/dataset.json says which dataset and split, what was published, found, left out and missing.

    Args:
        dataset: with the user's choices.
        name: of its reader.
        root: folder of the dataset.
        out: folder of the library; what is decoded there is kept.
        decoding: rate and lengths that are taken.
        splitting: of items that the dataset gives no split.
        console: for progress.

    Returns:
        What ``prepare`` did, and what of the dataset is there.

    Raises:
        UserError: annotations are absent or wrong, or no audio is there at all.
    """
    checked = check(dataset, root)
    reading = checked.reading
    if reading is None:
        raise absent_error(checked, root)
    if len(checked.missing) == len(reading.entries):
        shown = ", ".join(checked.missing[:3])
        fix = f"{dataset.about.audio} `contramuse data {name} --root {root} --check` lists what is missing."
        raise UserError(f"none of its {len(reading.entries)} audio files is there ({shown}, ...)", name="--root",
                        value=root, fix=fix)  # fmt: skip
    if reading.frame_rate:
        base = decoding or Decoding(sample_rate=round(reading.frame_rate))
        decoding = dataclasses.replace(
            base, sample_rate=round(reading.frame_rate), frame_rate=reading.frame_rate, bands=reading.bands
        )
    facts = {"dataset": described(dataset, name, reading)}
    summary = prepare(
        root, out, decoding=decoding, labels=entries_to_labels(dataset, name, reading), splitting=splitting,
        stems=_stems(reading.entries), console=console, facts=facts,
    )  # fmt: skip
    write_json(out / "dataset.json", facts["dataset"] | {
        "found": summary.splits, "missing": checked.missing, "empty": checked.empty,
        "left_out": {reason: list(items) for reason, items in reading.left_out.items()},
    })  # fmt: skip
    return summary, checked


def described(dataset: Dataset, name: str, reading: Reading) -> dict[str, Any]:
    """What library.json says of a dataset."""
    return {
        "name": name,
        "title": dataset.about.title,
        "choices": dataclasses.asdict(dataset),
        "split": dataset.split_name,
        "published": dataset.published(),
        "annotated": reading.counts(),
        "group": reading.group,
        "licence": dataset.about.licence,
        "citation": dataset.about.citation,
    }


def absent_error(checked: Checked, root: Path) -> UserError:
    """What is missing, all of it, and where it is to be had."""
    listed = "; ".join(f"{one.path.replace('|', ' or ')} ({one.what}: {one.where})" for one in checked.absent)
    return UserError("lacks files of the dataset", name="--root", value=root, fix=f"Missing: {listed}")


def _stems(entries: Any) -> Naming:
    owners = {
        os.fsencode(path): (os.fsencode(entry.path), stem) for entry in entries for stem, path in entry.stems.items()
    }
    return GivenStems(owners)


def write_table(reading: Reading, root: Path, file: Path) -> int:
    """Write what was read as Parquet (path, split, is the audio there, labels, groups); the number of rows.

    Raises:
        ContramuseError: a label is of another kind than its field.
    """
    entries = reading.entries
    columns: dict[str, pa.Array] = {
        "path": pa.array([entry.path for entry in entries], pa.string()),
        "split": pa.array([entry.split for entry in entries], pa.string()),
        "title": pa.array([entry.title for entry in entries], pa.string()),
        "present": pa.array([(root / entry.path).is_file() for entry in entries], pa.bool_()),
    }
    kinds: Mapping[str, pa.DataType] = {"multilabel": pa.list_(pa.string()), "numeric": pa.float64()}
    for field in reading.fields:
        cells = [_value(field.kind, entry.labels.get(field.name)) for entry in entries]
        columns[field.name] = pa.array(cells, kinds.get(field.kind, pa.string()))
    for group in dict.fromkeys(group for entry in entries for group in entry.groups):
        columns[group] = pa.array([list(entry.groups.get(group, ())) for entry in entries], pa.list_(pa.string()))
    with replacing(file) as temporary:
        try:
            pq.write_table(pa.table(columns), temporary, compression="zstd")
        except pa.ArrowException as error:
            fix = "Report this: a label is of another kind than its field."
            raise ContramuseError(f"cannot be written ({error})", name="--table", value=file, fix=fix) from error
    return len(entries)


def parity(dataset: Dataset, reading: Reading, found: Mapping[str, int]) -> list[tuple[str, int | None, int, int]]:
    """How the numbers compare: (split, published, in the annotations, found); published is None where it is not known.

    Args:
        dataset: with its published counts.
        reading: the annotations.
        found: items by split, "unsplit" for those without one.
    """
    published, annotated = dataset.published(), reading.counts()
    return [
        (split, published.get(split), annotated.get(split, 0), found.get(split, 0))
        for split in (*SPLITS, "unsplit")
        if published.get(split) or annotated.get(split) or found.get(split)
    ]
