"""The Million Song Dataset with Last.fm tags, as music tagging uses it: 50 tags, previews of 30 s."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.pickled import read_pickled
from contramuse.catalogue.datasets.places import anywhere, audio_file, audio_folder, first
from contramuse.catalogue.datasets.reading import read_json, read_lines, read_text, wrong, zeros_and_ones

MUSICNN = "https://github.com/jordipons/musicnn-training/raw/master/data/index/msd"
LEE = "https://github.com/jongpillee/music_dataset_split/raw/master/MSD_split"
UNIQUE = "http://millionsongdataset.com/sites/default/files/AdditionalFiles/unique_tracks.txt"

# By frequency; the order of the outputs of published heads (output_labels_msd.txt of musicnn-training).
TOP50 = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock",
    "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow",
    "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient",
    "acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening",
    "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad", "House",
    "happy",
)  # fmt: skip

FOLDERS = ("processed_annotations", "")
AUDIO = ("preprocessed", "audio", "mp3", "")
_PARTS = {"train": "train", "val": "valid", "test": "test"}
_NAMES = anywhere("unique_tracks.txt", FOLDERS)
_ORDER = anywhere("output_labels_msd.txt", (*FOLDERS, "data/index/msd"))
MAPPING = "|".join(anywhere(f"MSD_id_to_7D_id.{kind}", FOLDERS) for kind in ("json", "tsv", "csv", "txt", "pkl"))
_ID = re.compile(r"TR[A-Z]{5}[0-9A-F]{11}")
_CELLS = re.compile(r"<SEP>|[\t,; ]+")
_NAMED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


@dataclass(frozen=True, kw_only=True)
class MillionSong(Dataset):
    """241,884 tracks with at least one of the 50 most frequent Last.fm tags and a preview longer than 29 s.

    The lists are those of musicnn-training (train_gt_msd.tsv, val_gt_msd.tsv, test_gt_msd.tsv). J. Lee's lists, from
    which they come, have five tracks more (201,680, 11,774 and 28,435). Previews are called by their 7digital id, so
    that a table from track ids to 7digital ids is needed. It was published as a Python pickle, which is a program. Here
    that is never run: an own reader takes the plain texts and numbers of MSD_id_to_7D_id.pkl and refuses everything
    else. A table of two columns (.tsv, .csv, .txt) or a mapping (.json) of the same name is read as well.

    Args:
        audio: how the files are called. "7digital": preprocessed/8/9/8947470.clip.mp3, by the first two digits of the
            7digital id; "msd": A/B/C/TRABC....mp3, by the track id.
    """

    about: ClassVar = About(
        title="Million Song Dataset, Last.fm tags",
        home="http://millionsongdataset.com/lastfm",
        audio="Not distributed. The previews came from 7digital; researchers hand them on.",
        licence="Last.fm's terms, on the home page; lists: ISC (musicnn-training) and MIT (J. Lee); audio: not free",
        citation="T. Bertin-Mahieux, D. P. W. Ellis, B. Whitman, P. Lamere: The Million Song Dataset. ISMIR 2011. "
        "Lists: J. Lee et al.: Sample-level Deep Convolutional Neural Networks for Music Auto-tagging Using Raw "
        "Waveforms. SMC 2017; J. Pons et al.: End-to-end Learning for Music Audio Tagging at Scale. ISMIR 2018.",
        shipped="the names of the 50 most frequent tags; no lists",
    )

    audio: Literal["7digital", "msd"] = "7digital"

    @property
    def split_name(self) -> str:
        """The lists' name and size."""
        return "musicnn-training's lists of 241,884 tracks"

    def needed(self) -> tuple[Needed, ...]:
        """The three lists, the table of 7digital ids, and the previews."""
        lists = [
            Needed(self._list(part), f"{split} list: tracks and tags", f"{MUSICNN}/{part}_gt_msd.tsv")
            for part, split in _PARTS.items()
        ]
        audio = "|".join(one or ("8" if self.audio == "7digital" else "A") for one in AUDIO)
        mapping = Needed(MAPPING, "table from track ids to 7digital ids", f"{LEE}/MSD_id_to_7D_id.pkl")
        return (
            *lists,
            *([mapping] if self.audio == "7digital" else []),
            Needed(
                _ORDER, "order of the tags, compared with ours", f"{MUSICNN}/output_labels_msd.txt", kind="optional"
            ),
            Needed(_NAMES, "artists, songs and titles", UNIQUE, kind="optional"),
            Needed(audio, "previews", self.about.audio, kind="audio"),
        )

    def _list(self, part: str) -> str:
        return anywhere(f"{part}_gt_msd.tsv", (*FOLDERS, "data/index/msd"))

    def published(self) -> dict[str, int]:
        """Tracks of the lists that have audio."""
        return {"train": 201676, "valid": 11774, "test": 28434}

    def remote(self) -> tuple[Remote, ...]:
        """Lists and tables; no audio may be fetched."""
        names = [*(f"{part}_gt_msd.tsv" for part in _PARTS), "output_labels_msd.txt"]
        table = [Remote(f"{LEE}/MSD_id_to_7D_id.pkl", "processed_annotations/MSD_id_to_7D_id.pkl")]
        return (
            *(Remote(f"{MUSICNN}/{name}", f"processed_annotations/{name}") for name in names),
            *(table if self.audio == "7digital" else []),
            Remote(UNIQUE, "processed_annotations/unique_tracks.txt"),
        )

    def read(self, root: Path) -> Reading:
        """The tracks of the three lists, in their order."""
        self._check_order(root)
        known = self._known(root)
        names = _names(first(root, _NAMES), known={track for track, *_ in known})
        numbers = (
            seven_digital_ids(self.table(root, MAPPING, what="the table of 7digital ids"))
            if self.audio == "7digital"
            else {}
        )
        inside = "0123456789" if self.audio == "7digital" else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        folder = audio_folder(root, AUDIO, inside)
        entries, without = [], []
        for track, split, tags in known:
            path = f"{track[2]}/{track[3]}/{track[4]}/{track}.mp3"
            if self.audio == "7digital":
                if not (number := numbers.get(track, "")):
                    without.append(track)
                    continue
                path = f"{number[0]}/{number[1]}/{number}.clip.mp3"
            song, artist, title = names.get(track, ("", "", ""))
            groups = {"artist": [artist], "song": [song]} if song else {}
            path = audio_file(root, folder + path)
            entries.append(Entry(path, split, {"tags": list(tags)}, groups=groups, title=title))
        fields = (Field("tags", "multilabel", TOP50, "none"),)
        left_out = {"without a 7digital id": without} if without else {}
        return Reading(fields, entries, left_out, group="artist" if names else "")

    def _check_order(self, root: Path) -> None:
        """Compare output_labels_msd.txt, where it is there, with the order that is stored here."""
        file = first(root, _ORDER)
        if file is None:
            return
        for line, text in enumerate(read_text(file).split("\n"), 1):
            if "[" in text:
                found = tuple(a or b for a, b in _NAMED.findall(text.partition("[")[2]))
                if found != TOP50:
                    odd = next((x for x, y in zip(found, TOP50, strict=False) if x != y), f"{len(found)} tags")
                    raise wrong(file, f"has the 50 tags in another order, or others (first: {odd})", line=line)
                return
        raise wrong(file, "holds no list of tags in brackets")

    def _known(self, root: Path) -> list[tuple[str, str, tuple[str, ...]]]:
        """Track, split and tags of all rows of the three lists."""
        found: list[tuple[str, str, tuple[str, ...]]] = []
        seen: dict[str, str] = {}
        for part, split in _PARTS.items():
            file = self.table(root, self._list(part), what=f"the {split} list")
            for line, text in enumerate(read_text(file).split("\n"), 1):
                if not text.strip():
                    continue
                track, _, vector = text.partition("\t")
                if not _ID.fullmatch(track):
                    raise wrong(file, f"begins with no track id ({track[:30]!r})", line=line)
                if track in seen:
                    raise wrong(file, f"names a track of the {seen[track]} list again ({track})", line=line)
                seen[track] = split
                held = zeros_and_ones(vector, file, count=len(TOP50), line=line)
                found.append((track, split, tuple(tag for tag, has in zip(TOP50, held, strict=True) if has)))
        return found


def _names(file: Path | None, *, known: set[str]) -> dict[str, tuple[str, str, str]]:
    """Track -> song, artist and title, from the list of all tracks (``track<SEP>song<SEP>artist<SEP>title``)."""
    found = {}
    for line, text in enumerate(read_text(file).split("\n") if file else (), 1):
        cells = text.rstrip("\r").split("<SEP>")
        if len(cells) != 4 and text.strip():
            raise wrong(file or Path(), "has not the four cells track, song, artist and title", line=line)
        if cells[0] in known:
            found[cells[0]] = cells[1], cells[2], cells[3]
    return found


def seven_digital_ids(file: Path) -> dict[str, str]:
    """Track id -> 7digital id, digits alone.

    Raises:
        UserError: the file is damaged, or a row has something else than a track id and a number.
    """
    found = {}
    for line, track, number in _mapped(file):
        if not _ID.fullmatch(track) or not (number.isdecimal() and len(number) > 1):
            if line == 1 and file.suffix not in (".json", ".pkl"):
                continue  # a line of column names
            raise wrong(file, f"has no track id and 7digital id ({track[:30]!r}, {number[:30]!r})", line=line)
        found[track] = number
    if not found:
        raise wrong(file, "holds no 7digital ids")
    return found


def _mapped(file: Path) -> Iterator[tuple[int, str, str]]:
    if file.suffix not in (".json", ".pkl"):
        for line, text in enumerate(read_lines(file), 1):
            cells = [cell.strip(" \"'") for cell in _CELLS.split(text)]
            yield line, cells[0], cells[1] if len(cells) > 1 else ""
        return
    table = read_json(file) if file.suffix == ".json" else read_pickled(file)
    if not isinstance(table, dict):
        raise wrong(file, "is no mapping of track ids to 7digital ids")
    for line, (track, number) in enumerate(table.items(), 1):
        yield line, str(track), str(number)
