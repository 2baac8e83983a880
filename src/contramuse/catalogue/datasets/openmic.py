"""OpenMIC-2018: 10 s clips, 20 instruments, each clip judged for a few of them only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.places import anywhere, audio_file, audio_folder, first
from contramuse.catalogue.datasets.reading import read_json, read_lines, read_rows, wrong
from contramuse.errors import UserError
from contramuse.files import stable_hash

URL = "https://zenodo.org/records/1432913/files/openmic-2018-v1.0.0.tgz?download=1"
MD5 = "e4ccf187e2bb5ab2e115416e8aafe7f4"

# The order of class-map.json, which is that of the columns of openmic-2018.npz.
INSTRUMENTS = (
    "accordion", "banjo", "bass", "cello", "clarinet", "cymbals", "drums", "flute", "guitar", "mallet_percussion",
    "mandolin", "organ", "piano", "saxophone", "synthesizer", "trombone", "trumpet", "ukulele", "violin", "voice",
)  # fmt: skip
PRESENT = 0.5
VALID = 15

FOLDERS = ("openmic-2018", "")
_LABELS = anywhere("openmic-2018-aggregated-labels.csv", FOLDERS)
_METADATA = anywhere("openmic-2018-metadata.csv", FOLDERS)
_ORDER = anywhere("class-map.json", FOLDERS)
_KEY = re.compile(r"\d{6}_\d+")


def _partition(part: str) -> str:
    return "|".join(anywhere(name, FOLDERS) for name in (f"partitions/split01_{part}.csv", f"partitions/{part}01.txt"))


@dataclass(frozen=True, kw_only=True)
class OpenMIC(Dataset):
    """20,000 clips of 10 s from as many recordings of the Free Music Archive.

    A clip was judged for some of the 20 instruments alone. As in the publishers' own baseline, a relevance of 0.5 or
    more is present, less is absent, and an instrument that was not judged is unknown: neither trained on nor scored.
    The partition has 14,915 clips for training, 5,085 for the test and none for validation, which is made of the
    training clips.

    Args:
        valid: how validation clips are made. "artist": 15 of 100 artists, chosen by a hash of their id in
            openmic-2018-metadata.csv, none of whom stays in training; "recording": 15 of 100 clips, by a hash of the
            recording's number, where that file is not at hand; "none": all stay in training.
    """

    about: ClassVar = About(
        title="OpenMIC-2018",
        home="https://zenodo.org/records/1432913",
        audio="One archive of 2.6 GB at https://zenodo.org/records/1432913, annotations and ogg files together.",
        licence="CC BY 4.0 (annotations, Spotify AB); each recording under its own Creative Commons licence, in "
        "openmic-2018-metadata.csv",
        citation="E. J. Humphrey, S. Durand, B. McFee: OpenMIC-2018: An Open Dataset for Multiple Instrument "
        "Recognition. ISMIR 2018.",
        shipped="the names of the 20 instruments",
    )

    valid: Literal["artist", "recording", "none"] = "artist"

    @property
    def split_name(self) -> str:
        """The partition's name, and how validation was made."""
        made = "no validation" if self.valid == "none" else f"validation made of training clips by {self.valid}"
        return f"split01 (14,915 and 5,085 clips), {made}"

    def needed(self) -> tuple[Needed, ...]:
        """All of it is in one archive."""
        where = URL.partition("?")[0]
        kind: Literal["annotations", "optional"] = "annotations" if self.valid == "artist" else "optional"
        return (
            Needed(_LABELS, "relevance of each judged instrument", where),
            *(Needed(_partition(part), f"{part} list", where) for part in ("train", "test")),
            Needed(_METADATA, "artists and licences", where, kind=kind),
            Needed(_ORDER, "order of the instruments, compared with ours", where, kind="optional"),
            Needed(anywhere("audio", FOLDERS), "clips, audio/000/000046_3840.ogg", where, kind="audio"),
        )

    def published(self) -> dict[str, int]:
        """Clips of the partition; those of training are shared with validation unless there is none."""
        return {"train": 14915, "test": 5085} if self.valid == "none" else {"test": 5085}

    def remote(self) -> tuple[Remote, ...]:
        """The archive, which unpacks to a folder openmic-2018."""
        return (Remote(URL, "openmic-2018-v1.0.0.tgz", md5=MD5, unpack="."),)

    def read(self, root: Path) -> Reading:
        """The clips of the partition, in its order."""
        self._check_order(root)
        judged = _judged(self.table(root, _LABELS, what="the table of labels"))
        facts = self._facts(root)
        folder = audio_folder(root, FOLDERS, ("audio",))
        entries = []
        seen: dict[str, str] = {}
        for part in ("train", "test"):
            file = self.table(root, _partition(part), what=f"the {part} list")
            for line, key in enumerate(read_lines(file), 1):
                if not _KEY.fullmatch(key) or key in seen:
                    problem = f"of the {seen[key]} list again" if key in seen else "by no key of a clip"
                    raise wrong(file, f"names a clip {problem} ({key[:40]!r})", line=line)
                seen[key] = part
                row = facts.get(key, {})
                split = self._split_of(key, row, file, line) if part == "train" else part
                path = audio_file(root, f"{folder}audio/{key[:3]}/{key}.ogg", endings=(".wav", ".flac", ".mp3"))
                has, lacks = judged.get(key, ([], []))
                groups = {name: [value] for name in ("artist", "album") if (value := row.get(f"{name}_id", ""))}
                title = row.get("track_title", "")
                entries.append(Entry(path, split, {"instrument": has}, {"instrument": lacks}, groups, title))
        left = [key for key in judged if key not in seen]
        unjudged = sum(key not in judged for key in seen)
        said = [f"{unjudged:,} clips of the partition were judged for no instrument"] if unjudged else []
        fields = (Field("instrument", "multilabel", INSTRUMENTS, "stated"),)
        left_out = {"judged, in no partition": left} if left else {}
        return Reading(fields, entries, left_out, said, group="artist" if facts else "")

    def _check_order(self, root: Path) -> None:
        if (file := first(root, _ORDER)) is None:
            return
        if read_json(file) != {name: i for i, name in enumerate(INSTRUMENTS)}:
            raise wrong(file, "has other instruments, or another order, than OpenMIC-2018")

    def _facts(self, root: Path) -> dict[str, dict[str, str]]:
        """Clip -> its row of the metadata, {} where the file is not there and not needed."""
        file = first(root, _METADATA)
        if file is None and self.valid == "artist":
            self.table(root, _METADATA, what="the table of artists")
        if file is None:
            return {}
        return {row["sample_key"]: row for _, row in read_rows(file, columns=("sample_key", "artist_id"))}

    def _split_of(self, key: str, row: Mapping[str, str], file: Path, line: int) -> str:
        if self.valid == "none":
            return "train"
        if self.valid == "artist" and not row.get("artist_id", "").strip():
            fix = "valid=recording makes validation without artists."
            raise UserError(f"has no artist in {_METADATA.split('|')[0]}", name="annotations",
                            value=f"{file}, line {line}: {key}", fix=fix)  # fmt: skip
        name = row["artist_id"].strip() if self.valid == "artist" else key.partition("_")[0]
        return "valid" if int(stable_hash([self.valid, name], 8), 16) % 100 < VALID else "train"


def _judged(file: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Clip -> instruments that are present and that are absent, in the order of the classes."""
    found: dict[str, dict[str, float]] = {}
    for line, row in read_rows(file, columns=("sample_key", "instrument", "relevance")):
        name = row["instrument"].strip().replace(" ", "_")
        if name not in INSTRUMENTS:
            raise wrong(file, f"has an instrument that is none of the 20 ({name[:30]!r})", line=line)
        try:
            relevance = float(row["relevance"])
        except ValueError:
            relevance = -1.0
        if not 0 <= relevance <= 1:
            raise wrong(file, f"has a relevance that is not between 0 and 1 ({row['relevance'][:30]!r})", line=line)
        if name in found.setdefault(row["sample_key"], {}):
            raise wrong(file, f"judges {row['sample_key']} twice for {name}", line=line)
        found[row["sample_key"]][name] = relevance
    out = {}
    for key, values in found.items():
        known = [name for name in INSTRUMENTS if name in values]
        out[key] = (
            [name for name in known if values[name] >= PRESENT],
            [name for name in known if values[name] < PRESENT],
        )
    return out
