"""MUSDB18 and MUSDB18-HQ: 150 songs with their drums, bass, vocals and the rest apart."""

from __future__ import annotations

from dataclasses import dataclass
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
        shipped="The names of the 14 songs for validation (facts; the package musdb, MIT).",
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
        """The songs of both folders; a folder of wav files is preferred to the ``.stem.mp4`` of the same song."""
        genres = _genres(root / "tracklist.csv")
        entries, twice, lacking = [], [], []
        for folder in ("train", "test"):
            songs, both = _songs(root, folder)
            twice += both
            for name, path in sorted(songs.items()):
                home = f"{folder}/{name}"
                stems = {stem: f"{home}/{stem}.wav" for stem in STEMS} if not path.endswith(SUFFIX) else {}
                lacking += [stem for stem in stems.values() if not (root / stem).is_file()]
                stems = {stem: file for stem, file in stems.items() if file not in lacking}
                split = "valid" if self.split == "musdb" and folder == "train" and name in VALIDATION else folder
                groups = {"artist": (name.split(" - ")[0],), "song": (name,)}
                labels = {"genre": genres[name]} if name in genres else {}
                entries.append(Entry(path, split, labels, groups=groups, title=name, stems=stems))
        if not entries:
            fix = f"Give the folder that holds train and test. {self.about.audio}"
            raise UserError("holds no songs of MUSDB18 in train or test", name="--root", value=root, fix=fix)
        left_out = {"stem.mp4 of a song that is there as wav": twice, "stems without a file": lacking}
        fields = (Field("genre", "multiclass", GENRES),) if genres else ()
        said = _said(entries)
        return Reading(fields, entries, {why: items for why, items in left_out.items() if items}, said, group="artist")


def _songs(root: Path, folder: str) -> tuple[dict[str, str], list[str]]:
    """Path of each song's mix by name, and the files that are second copies."""
    songs: dict[str, str] = {}
    twice: list[str] = []
    home = root / folder
    for one in sorted(home.iterdir()) if home.is_dir() else ():
        if one.is_dir():
            songs[one.name] = f"{folder}/{one.name}/mixture.wav"
    for one in sorted(home.glob(f"*{SUFFIX}")) if home.is_dir() else ():
        name, path = one.name[: -len(SUFFIX)], f"{folder}/{one.name}"
        if name in songs:
            twice.append(path)
        elif not name.startswith("._"):
            songs[name] = path
    return songs, twice


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


def _said(entries: list[Entry]) -> list[str]:
    """What the songs for validation that are not there mean."""
    absent = sorted(VALIDATION - {entry.title for entry in entries})
    return [f"{len(absent)} of the 14 songs for validation are not there: {', '.join(absent[:3])}"] if absent else []
