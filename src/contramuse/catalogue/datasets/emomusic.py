"""EmoMusic (1000 songs, MediaEval 2013): arousal and valence of 45-second clips."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.reading import read_rows, wrong

_SONGS = "songs_info.csv|annotations/songs_info.csv"
_RATINGS = "static_annotations.csv|annotations/static_annotations.csv"
_CLIPS = ("clips_45seconds", "clips_45sec/clips_45seconds", "clips_45sec")
_HOST = "http://cvml.unige.ch/databases/emoMusic"
_RANGE = (1.0, 9.0)


@dataclass(frozen=True, kw_only=True)
class EmoMusic(Dataset):
    """Arousal and valence of 744 songs, each the mean of ratings from 1 to 9.

    Values are those of the file: probes standardise them by the training part themselves.

    Args:
        valid: "artist": of the development part, artists by the hash of their names, 8 to 2 (the rule of jukemir and
            MARBLE); "none": no validation part, as the task of 2013 had it.
    """

    about: ClassVar = About(
        title="EmoMusic: 1000 songs for emotional analysis of music",
        home=f"{_HOST}/",
        audio="clips_45sec.tar.gz, linked from the home page.",
        licence="No licence is stated for the annotations; the songs are from the Free Music Archive, under their "
        "Creative Commons licences.",
        citation="M. Soleymani, M. N. Caro, E. M. Schmidt, C.-Y. Sha and Y.-H. Yang, 1000 songs for emotional analysis "
        "of music, CrowdMM 2013",
    )

    valid: Literal["artist", "none"] = "artist"

    @property
    def split_name(self) -> str:
        """The split's name with the rule of the validation part."""
        rule = "; valid: 2 of 10 of development by artist, as jukemir" if self.valid == "artist" else ""
        return f"MediaEval 2013 (evaluation = test){rule}"

    def needed(self) -> tuple[Needed, ...]:
        """Two tables and the clips."""
        return (
            Needed(_SONGS, "artists and parts", f"{_HOST}/annotations.tar.gz"),
            Needed(_RATINGS, "mean ratings", f"{_HOST}/annotations.tar.gz"),
            Needed("|".join(_CLIPS), "clips of 45 s", f"{_HOST}/clips_45sec.tar.gz", kind="audio"),
        )

    def published(self) -> dict[str, int]:
        """Published numbers of songs."""
        return {"test": 125} if self.valid == "artist" else {"train": 619, "test": 125}

    def remote(self) -> tuple[Remote, ...]:
        """Annotations and clips."""
        sums = {
            "annotations": "e0cb0b06e1b0ce7f04b1572fc410937699b7fad9dae67ddaa745f06cda4b0b33",
            "clips_45sec": "3994a5d5fefc27f9540d1a69cd7f1294c68e6cb311ce49765021e2e9c7a1057b",
        }
        return tuple(Remote(f"{_HOST}/{name}.tar.gz", f"{name}.tar.gz", sums[name], unpack=".") for name in sums)

    def read(self, root: Path) -> Reading:
        """The songs, in the order of ``songs_info.csv``."""
        ratings = self._ratings(root)
        file = self.table(root, _SONGS, what="songs_info.csv")
        home = next((one for one in _CLIPS if (root / one).is_dir()), _CLIPS[0])
        entries, out = [], []
        for line, row in read_rows(file, columns=("song_id", "Artist", "Song title", "Mediaeval 2013 set")):
            cells = {name: (cell or "").strip() for name, cell in row.items() if name is not None and cell is not None}
            song, part = cells["song_id"], cells["Mediaeval 2013 set"].lower()
            if not song.isdigit():
                raise wrong(file, f"{song!r} is no number of a song", line=line)
            if part not in ("development", "evaluation"):
                raise wrong(file, f"{part!r} is no part (development or evaluation)", line=line)
            if song not in ratings:
                out.append(f"{home}/{song}.mp3")
                continue
            name = cleaned(cells["Artist"])
            split = "test" if part == "evaluation" else "train"
            if split == "train" and self.valid == "artist":
                split = side(name)
            groups = {"artist": (name,)} if name else {}
            entries.append(Entry(f"{home}/{song}.mp3", split, ratings[song], groups=groups, title=cells["Song title"]))
        fields = (Field("arousal", "numeric"), Field("valence", "numeric"))
        reason = "no rating in static_annotations.csv"
        development = sum(entry.split != "test" for entry in entries)
        said = [f"the development part has {development} songs, train and valid together; 619 are published"]
        return Reading(fields, entries, {reason: out} if out else {}, said, group="artist")

    def _ratings(self, root: Path) -> dict[str, dict[str, float]]:
        """Arousal and valence by number of song."""
        file = self.table(root, _RATINGS, what="static_annotations.csv")
        out = {}
        for line, row in read_rows(file, columns=("song_id", "mean_arousal", "mean_valence")):
            try:
                found = {name: float(row[f"mean_{name}"]) for name in ("arousal", "valence")}
            except ValueError as error:
                raise wrong(file, f"holds no numbers ({error})", line=line) from error
            if not all(_RANGE[0] <= value <= _RANGE[1] for value in found.values()):
                raise wrong(file, f"{found} is not between {_RANGE[0]:g} and {_RANGE[1]:g}", line=line)
            out[row["song_id"].strip()] = found
        return out


def cleaned(artist: str) -> str:
    """The name in small letters a to z, with single spaces."""
    kept = "".join(letter for letter in artist.lower() if letter.isascii() and (letter.isalpha() or letter.isspace()))
    return " ".join(kept.split())


def side(artist: str) -> str:
    """Train or valid, 8 to 2, by the SHA-1 of a cleaned name (jukemir; Castellon, Donahue and Liang 2021)."""
    number = int(hashlib.sha1(artist.encode(), usedforsecurity=False).hexdigest(), 16)
    return "train" if number % 10 < 8 else "valid"
