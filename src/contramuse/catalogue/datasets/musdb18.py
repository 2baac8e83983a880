"""MUSDB18 and MUSDB18-HQ: 150 songs with their drums, bass, vocals and the rest apart."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading
from contramuse.catalogue.datasets.reading import read_rows, wrong
from contramuse.errors import UserError

STEMS = ("drums", "bass", "other", "vocals")
GENRES = (
    "Country", "Electronic", "Heavy Metal", "Jazz", "Pop", "Pop/Rock", "Rap", "Reggae", "Rock", "Singer/Songwriter",
)  # fmt: skip
SUFFIX = ".stem.mp4"
TRACKLIST = "https://github.com/sigsep/website/blob/master/content/datasets/assets/tracklist.csv"
VALIDATION = frozenset((
    "ANiMAL - Rockshow", "Actions - One Minute Smile", "Alexander Ross - Goodbye Bolero",
    "Clara Berry And Wooldog - Waltz For My Victims", "Fergessen - Nos Palpitants", "James May - On The Line",
    "Johnny Lokke - Promises & Lies", "Leaf - Summerghost", "Meaxic - Take A Step",
    "Patrick Talbot - A Reason To Leave", "Skelpolu - Human Mistakes", "Traffic Experiment - Sirens",
    "Triviul - Angelsaint", "Young Griffo - Pennies",
))  # fmt: skip
"""The 14 of the 100 songs of train/ that the package musdb keeps for validation (its configs/mus.yaml)."""


@dataclass(frozen=True, kw_only=True)
class Musdb18(Dataset):
    """Songs with their stems, as ``.stem.mp4`` or as folders of wav files.

    Args:
        split: "musdb": of the folder train, the 14 songs that the package musdb lists are valid; "folders": none is.
    """

    about: ClassVar = About(
        title="MUSDB18",
        home="https://sigsep.github.io/datasets/musdb.html",
        audio="https://zenodo.org/records/1117372 (.stem.mp4) or, as wav, MUSDB18-HQ; access was once on request.",
        licence="For academic purposes only; songs from MedleyDB CC BY-NC-SA, others restricted (see its track list).",
        citation="Z. Rafii, A. Liutkus, F.-R. Stöter, S. I. Mimilakis, R. Bittner: The MUSDB18 corpus for music "
        "separation. Zenodo, 2017, doi:10.5281/zenodo.1117372.",
        shipped="The names of the songs of each folder (facts; the test songs as public tables of results name them) "
        "and of the 14 for validation (the package musdb, MIT).",
    )

    split: Literal["musdb", "folders"] = "musdb"

    @property
    def split_name(self) -> str:
        """The split's name."""
        return "musdb: 86/14/50" if self.split == "musdb" else "folders train and test: 100/50"

    def published(self) -> dict[str, int]:
        """As many as are published."""
        return {"train": 86, "valid": 14, "test": 50} if self.split == "musdb" else {"train": 100, "test": 50}

    def needed(self) -> tuple[Needed, ...]:
        """The two folders, and the list of genres."""
        return (
            Needed("train", "100 songs", self.about.audio, kind="audio"),
            Needed("test", "50 songs", self.about.audio, kind="audio"),
            Needed("tracklist.csv", "genres and licences of the songs", TRACKLIST, kind="optional"),
        )

    def read(self, root: Path) -> Reading:
        """The 150 songs; a folder of wav files is preferred to the ``.stem.mp4`` of the same song."""
        if not any((root / folder).is_dir() for folder in ("train", "test")):
            fix = f"Give the folder that holds train and test. {self.about.audio}"
            raise UserError("holds neither of the folders train and test", name="--root", value=root, fix=fix)
        genres = _genres(root / "tracklist.csv")
        entries: list[Entry] = []
        left_out: dict[str, list[str]] = defaultdict(list)
        for folder, names in songs().items():
            there = _there(root, folder)
            known = {path for name in names for path in _paths(folder, name)}
            left_out["files that are no song of MUSDB18"] += sorted(there - known)
            for name in names:
                path, stems = _found(root, folder, name, there, left_out)
                split = "valid" if self.split == "musdb" and name in VALIDATION else folder
                groups = {"artist": (name.split(" - ")[0],), "song": (name,)}
                labels = {"genre": genres[name]} if name in genres else {}
                entries.append(Entry(path, split, labels, groups=groups, title=name, stems=stems))
        fields = (Field("genre", "multiclass", GENRES),) if genres else ()
        return Reading(fields, entries, {why: items for why, items in left_out.items() if items}, group="artist")


def _found(
    root: Path, folder: str, name: str, there: set[str], left_out: dict[str, list[str]]
) -> tuple[str, dict[str, str]]:
    """Path of a song's mix and of its stems, as wav where that is there or other songs of the folder are wav."""
    mix, packed = _paths(folder, name)
    if mix in there and packed in there:
        left_out["stem.mp4 of a song that is there as wav"].append(packed)
    if mix not in there and (packed in there or not any(path.endswith("/mixture.wav") for path in there)):
        return packed, {}
    stems = {stem: f"{folder}/{name}/{stem}.wav" for stem in STEMS}
    absent = [stem for stem, file in stems.items() if mix in there and not (root / file).is_file()]
    left_out["stems without a file"] += [stems.pop(stem) for stem in absent]
    return mix, stems


def songs() -> dict[str, list[str]]:
    """Names of the songs of both folders."""
    file = files("contramuse.catalogue.datasets") / "musdb18.json"
    found: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _paths(folder: str, name: str) -> tuple[str, str]:
    """Where a song's mix is, as wav and as one file with its stems."""
    return f"{folder}/{name}/mixture.wav", f"{folder}/{name}{SUFFIX}"


def _there(root: Path, folder: str) -> set[str]:
    """Mixes that are there, relative to the root; of a folder of a song its mix, even if that is not there."""
    home = root / folder
    found = sorted(home.iterdir()) if home.is_dir() else []
    packed = {f"{folder}/{one.name}" for one in found if one.name.endswith(SUFFIX) and not one.name.startswith("._")}
    return packed | {f"{folder}/{one.name}/mixture.wav" for one in found if one.is_dir()}


def _genres(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    found = {}
    for line, row in read_rows(file, columns=("Track Name", "Genre")):
        name, genre = row["Track Name"].strip(), row["Genre"].strip()
        if genre not in GENRES:
            raise wrong(file, f"{genre!r} is none of its genres", line=line)
        found[name] = genre
    return found
