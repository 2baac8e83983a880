"""GTZAN: genre of 1,000 excerpts, in the fault-filtered split, an artist-filtered one, or the usual stratified one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.splits import make_splits

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
"""The ten classes, in the order that published heads have."""

PER_GENRE = 100
FOLDERS = ("genres", "genres_original", "Data/genres_original", "gtzan/genres", "")
SUFFIXES = (".wav", ".au", ".mp3")
UNREADABLE = "jazz.00054"
_PART = {"t": "train", "v": "valid", "e": "test"}
_COUNTS = {
    "fault_filtered": {"train": 443, "valid": 197, "test": 290},
    "stratified": {"train": 500, "valid": 250, "test": 250},
}
_FOLD_SIZES = {1: 315, 2: 316, 3: 317}


@dataclass(frozen=True, kw_only=True)
class GTZAN(Dataset):
    """Genre, ten classes of 100 excerpts of 30 s each.

    Args:
        split: "fault_filtered": 443, 197 and 290 excerpts, without repeated and distorted ones and with artists kept
            apart (Kereliuk, Sturm and Larsen 2015; SemiSupCon and jukemir have it, too). "sturm3": three
            artist-filtered folds (Foleiss and Tavares 2020); one is the test part. "stratified": 500, 250 and 250
            excerpts, 50, 25 and 25 of each genre; the same artists stand on all sides, so numbers are too high.
        fold: of "sturm3": the fold that is the test part.
    """

    about: ClassVar = About(
        title="GTZAN genre collection",
        home="http://marsyas.info/downloads/datasets.html",
        audio="genres.tar.gz (1.2 GB); its first host is gone, copies are on the Hugging Face hub (marsyas/gtzan).",
        licence="None is stated; the audio is of commercial recordings and meant for research.",
        citation="G. Tzanetakis and P. Cook, Musical genre classification of audio signals, IEEE TSAP 10(5), 2002; "
        "faults: B. L. Sturm, arXiv:1306.1461; fault-filtered split: C. Kereliuk, B. L. Sturm and J. Larsen, Deep "
        "learning and music adversaries, arXiv:1507.04761; folds: J. H. Foleiss and T. F. Tavares, Texture selection "
        "for automatic music genre classification, Applied Soft Computing 89, 2020",
        shipped="Which numbers are in which part, and which share an artist: facts, in a form of our own (gtzan.json). "
        "The fault-filtered lists are published under the MIT licence (jongpillee/music_dataset_split); the other "
        "lists (coreyker/dnn-mgr, julianofoleiss/gtzan_sturm_filter_3folds_stratified) state none and ask for citation",
    )

    split: Literal["fault_filtered", "sturm3", "stratified"] = "fault_filtered"
    fold: Literal[1, 2, 3] = 1

    @property
    def split_name(self) -> str:
        """The split's name, with its fold."""
        if self.split == "fault_filtered":
            return "fault-filtered (Kereliuk et al. 2015)"
        if self.split == "stratified":
            return "stratified 50/25/25 (dnn-mgr; artists on all sides)"
        rule = "valid: 20 % of each genre's training files, by artist"
        return f"sturm3 fold {self.fold} (Foleiss & Tavares 2020; {rule})"

    def needed(self) -> tuple[Needed, ...]:
        """The folder of genres; there are no annotation files."""
        path = "|".join(folder or GENRES[0] for folder in FOLDERS)
        return (Needed(path, "ten folders of 100 excerpts", self.about.audio, kind="audio"),)

    def published(self) -> dict[str, int]:
        """Published number of excerpts; of "sturm3" only the test fold is published."""
        return {"test": _FOLD_SIZES[self.fold]} if self.split == "sturm3" else _COUNTS[self.split]

    def remote(self) -> tuple[Remote, ...]:
        """The archive's copy on the Hugging Face hub, of which no checksum is published."""
        url = "https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz"
        return (Remote(url, "genres.tar.gz", unpack="."),)

    def read(self, root: Path) -> Reading:
        """The excerpts of the split, by genre and number."""
        artists = {genre: _artists(genre) for genre in GENRES}
        parts = self._parts(artists)
        paths = _paths(root)
        entries: list[Entry] = []
        out: list[str] = []
        for genre in GENRES:
            for number in range(PER_GENRE):
                path, part, artist = paths[genre][number], parts[genre][number], artists[genre][number]
                if not part:
                    out.append(path)
                    continue
                groups = {"artist": (f"{genre} artist {artist}",)} if artist is not None else {}
                entries.append(Entry(path, part, {"genre": genre}, groups=groups))
        reason = "repeated or distorted, or of an artist of another part; not in the split's lists"
        return Reading(
            (Field("genre", "multiclass", GENRES),),
            entries,
            {reason: out} if out else {},
            self._said(entries),
            group="artist",
        )

    def _said(self, entries: Sequence[Entry]) -> list[str]:
        said = []
        if self.fold != 1 and self.split != "sturm3":
            said.append(f"fold={self.fold} is left aside: only split=sturm3 has folds")
        if self.split == "stratified":
            said.append("most artists have excerpts in more than one part of this split: compare only like with like")
        if self.split == "fault_filtered":
            said.append("artists are known of 887 of the 930 excerpts; one of them has excerpts in train and test")
        if any(entry.path.endswith(f"{UNREADABLE}.wav") for entry in entries):
            said.append(
                f"{UNREADABLE}.wav is damaged in the widespread copy with .wav files; if so it counts as failed"
            )
        return said

    def _parts(self, artists: Mapping[str, Sequence[int | None]]) -> dict[str, list[str]]:
        if self.split != "sturm3":
            marks = _facts()["filtered" if self.split == "fault_filtered" else "stratified"]
            return {genre: [_PART.get(mark, "") for mark in marks[genre]] for genre in GENRES}
        folds = _facts()["fold"]
        return {genre: self._fold_parts(folds[genre], artists[genre]) for genre in GENRES}

    def _fold_parts(self, folds: str, artists: Sequence[int | None]) -> list[str]:
        parts = ["" if mark == "." else "test" if mark == str(self.fold) else "train" for mark in folds]
        training = [number for number, part in enumerate(parts) if part == "train"]
        keys = [[str(artists[number])] for number in training]
        for number, part in zip(training, make_splits(keys, seed=self.fold, shares=_SHARES), strict=True):
            parts[number] = part
        return parts


_SHARES = {"train": 0.8, "valid": 0.2, "test": 0.0}


@cache
def _facts() -> dict[str, dict[str, str]]:
    """A letter per excerpt for each split ("." is left out), and runs of artists, such as ``0*12 1``."""
    facts: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("gtzan.json").read_text())
    return facts


def _artists(genre: str) -> list[int | None]:
    """The artist of each of the genre's excerpts, None where it is not known."""
    out: list[int | None] = []
    for run in _facts()["artist"][genre].split():
        artist, _, count = run.partition("*")
        out += [None if artist == "." else int(artist)] * int(count or 1)
    return out


def _paths(root: Path) -> dict[str, list[str]]:
    """The path of each excerpt as it lies below the root; as first published where it is not there."""
    folder = next((one for one in FOLDERS if any((root / one / genre).is_dir() for genre in GENRES)), FOLDERS[0])
    out = {}
    for genre in GENRES:
        home = f"{folder}/{genre}" if folder else genre
        present = set(_names(root / home))
        stems = [f"{genre}.{number:05d}" for number in range(PER_GENRE)]
        usual = next((suffix for suffix in SUFFIXES if any(stem + suffix in present for stem in stems)), SUFFIXES[0])
        out[genre] = [
            f"{home}/{stem}" + next((suffix for suffix in SUFFIXES if stem + suffix in present), usual)
            for stem in stems
        ]
    return out


def _names(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        yield from os.listdir(folder)
