"""MagnaTagATune: 29 s clips with tags from a game, and its two lists of clips, which are never to be compared."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.pickled import read_pickled
from contramuse.catalogue.datasets.places import anywhere, audio_file, audio_folder, first
from contramuse.catalogue.datasets.reading import read_lines, read_rows, read_text, wrong, zeros_and_ones
from contramuse.errors import UserError

HOME = "https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset"
FILES = "https://mirg.city.ac.uk/datasets/magnatagatune"
MUSICNN = "https://github.com/jordipons/musicnn-training/raw/master/data/index/mtt"
LEE = "https://github.com/jongpillee/music_dataset_split/raw/master/MTAT_split"

# By frequency; the order of the outputs of published heads (output_labels_mtt.txt of musicnn-training).
TOP50 = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient",
    "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals",
    "harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man",
    "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello", "no voice",
    "weird", "country", "metal", "female voice", "choral",
)  # fmt: skip
TAGS = 188

# No audio: these files of the published archive have no bytes. All three would be in the training part of both lists.
BROKEN = frozenset((
    "6/norine_braun-now_and_zen-08-gently-117-146.mp3",
    "8/jacob_heringman-josquin_des_prez_lute_settings-19-gintzler__pater_noster-204-233.mp3",
    "9/american_baroque-dances_and_suites_of_rameau_and_couperin-25-le_petit_rien_xiveme_ordre_couperin-88-117.mp3",
))  # fmt: skip

FOLDERS = tuple("0123456789abcdef")
AUDIO = ("", "mp3", "audio", "mp3_all", "wav")
LISTS = ("", "data/index/mtt")
_OFFICIAL = "annotations_final.csv"
_INFO = "clip_info_final.csv"
_INDEX = anywhere("index_mtt.tsv", LISTS)
_PARTS = {"train": "train", "val": "valid", "test": "test"}
_CLIP = re.compile(r"(?:^|/)([0-9a-f]/[^/]+)\.(?:mp3|wav|flac|npy)$")

Tagged = dict[str, frozenset[str]]


@dataclass(frozen=True, kw_only=True)
class MagnaTagATune(Dataset):
    """25,863 clips of 29 s from 5,405 songs by 230 artists, with 188 tags.

    Two lists of clips are in use, and their figures must not be compared: scoring the clips that have none of the 50
    tags changes every figure. In both, folders 0 to b are for training, c is for validation, d to f are for the test;
    both lack the three files that are empty in the published archive. Where the published list files are there they are
    read, else the lists are made by this rule, which gives the same clips. No song is in two splits; artists are.

    Args:
        split: "pons2017": every clip, also those without any of the 50 tags, which are known to have none (18,706,
            1,825 and 5,329 clips); "cleaned": clips with one of the 50 tags at least (15,244, 1,529 and 4,332).
        tags: "top50": the 50 most frequent, in the order of published heads; "all": all 188, in the order of the
            columns of annotations_final.csv.
    """

    about: ClassVar = About(
        title="MagnaTagATune",
        home=HOME,
        audio=f"Three parts of one archive at {FILES}: mp3.zip.001, .002 and .003; mono mp3 of 16 kHz, 32 kbit/s.",
        licence="CC BY-NC-SA 3.0 (annotations); the clips are excerpts of Magnatune's records under CC BY-NC-SA 1.0",
        citation="E. Law, K. West, M. Mandel, M. Bay, J. S. Downie: Evaluation of Algorithms Using Games: The Case of "
        "Music Tagging. ISMIR 2009. Lists: J. Pons et al.: End-to-end Learning for Music Audio Tagging at Scale. ISMIR "
        "2018 (pons2017); J. Lee et al.: Sample-level Deep Convolutional Neural Networks for Music Auto-tagging Using "
        "Raw Waveforms. SMC 2017 (cleaned).",
        shipped="the names of the 50 most frequent tags and of three empty files; no clip lists, no annotations",
    )

    split: Literal["pons2017", "cleaned"] = "pons2017"
    tags: Literal["top50", "all"] = "top50"

    @property
    def split_name(self) -> str:
        """The list, its size and what is done with clips that have no tag."""
        tags = "" if self.tags == "top50" else ", all 188 tags"
        if self.split == "pons2017":
            return f"pons2017: the list of 25,860 clips, untagged ones included{tags}"
        return f"cleaned: the list of 21,105 clips, only those with a top-50 tag{tags}"

    def needed(self) -> tuple[Needed, ...]:
        """annotations_final.csv, or musicnn-training's lists; what else is there is used."""
        labels = f"{_OFFICIAL}|{_INDEX}" if self.tags == "top50" else _OFFICIAL
        info = "artists, albums and titles as they are written"
        index = Needed(_INDEX, "clips of the published lists", f"{MUSICNN}/index_mtt.tsv", kind="optional")
        audio = "|".join(one or "0" for one in AUDIO)
        return (
            Needed(labels, "tags of all clips", f"{FILES}/annotations_final.csv"),
            Needed(_INFO, info, f"{FILES}/clip_info_final.csv", kind="optional"),
            *([index] if self.split == "pons2017" else []),
            *(Needed(path, f"published {split} list", url, kind="optional") for split, path, url in self._lists()),
            Needed(audio, "clips, in folders 0 to f", f"{FILES}/mp3.zip.001, .002 and .003", kind="audio"),
        )

    def _lists(self) -> Iterator[tuple[str, str, str]]:
        for part, split in _PARTS.items():
            if self.split == "pons2017":
                name = f"{part}_gt_mtt.tsv"
                yield split, anywhere(name, LISTS), f"{MUSICNN}/{name}"
            else:
                name = f"{split}_list_pub.cP"
                kinds = (f"{name}.txt", name)
                yield split, "|".join(anywhere(one, ("", "MTAT_split")) for one in kinds), f"{LEE}/{name}"

    def published(self) -> dict[str, int]:
        """Clips of the published lists."""
        if self.split == "pons2017":
            return {"train": 18706, "valid": 1825, "test": 5329}
        return {"train": 15244, "valid": 1529, "test": 4332}

    def remote(self) -> tuple[Remote, ...]:
        """Annotations and the three parts of the archive; no checksums are published."""
        sizes = {"001": 1100000000, "002": 1100000000, "003": 772769864}
        return (
            *(Remote(f"{FILES}/{name}", name) for name in ("annotations_final.csv", "clip_info_final.csv")),
            *(Remote(f"{FILES}/mp3.zip.{k}", f"mp3.zip.{k}", size=size, unpack=".") for k, size in sizes.items()),
        )

    def read(self, root: Path) -> Reading:
        """The clips of the list, in the order of the annotations."""
        tagged, classes, source = self._tagged(root)
        listed = self._listed(root, tagged)
        said = [f"tags from {source}; the list {'from its published files' if listed else 'made by its rule'}"]
        folder = audio_folder(root, AUDIO, FOLDERS)
        info = _info(root)
        entries: list[Entry] = []
        broken: list[str] = []
        others: list[str] = []
        for clip, has in tagged.items():
            split = listed.get(clip, "") if listed else self._split_of(clip, has)
            if clip in BROKEN or not split:
                (broken if clip in BROKEN else others).append(clip)
                continue
            labels = {"tags": [tag for tag in classes if tag in has]}
            groups, title = _groups(clip, info)
            entries.append(Entry(audio_file(root, folder + clip), split, labels, groups=groups, title=title))
        left_out = {"empty files of the published archive": broken, "annotated, not in this list": others}
        fields = (Field("tags", "multilabel", classes, "none" if self.split == "pons2017" else "unknown"),)
        return Reading(fields, entries, {why: clips for why, clips in left_out.items() if clips}, said, group="song")

    def _split_of(self, clip: str, has: frozenset[str]) -> str:
        """The split by the rule of the list, "" for a clip that is not in it."""
        if self.split == "cleaned" and has.isdisjoint(TOP50):
            return ""
        return "valid" if clip[0] == "c" else "test" if clip[0] in "def" else "train"

    def _tagged(self, root: Path) -> tuple[Tagged, tuple[str, ...], str]:
        """Tags of every annotated clip, the classes, and the file that they come from."""
        official = first(root, _OFFICIAL)
        lists = any(first(root, anywhere(f"{part}_gt_mtt.tsv", LISTS)) for part in _PARTS) and first(root, _INDEX)
        if self.tags == "top50" and (official is None or self.split == "pons2017") and lists:
            return {clip: has for clip, (_, has) in self._musicnn(root).items()}, TOP50, "the lists of musicnn-training"
        file = self.table(root, _OFFICIAL, what="annotations_final.csv")
        tagged, columns = _official(file)
        return tagged, columns if self.tags == "all" else TOP50, file.name

    def _listed(self, root: Path, tagged: Tagged) -> dict[str, str]:
        """Split of each clip of the published list, {} where its files are not there.

        Raises:
            UserError: one of the three files is not there, is no list, or names clips without annotations or twice.
        """
        files = {split: first(root, path) for split, path, _ in self._lists()}
        there = [file for file in files.values() if file]
        if not there:
            return {}
        if lacking := [split for split, file in files.items() if file is None]:
            fix = "Fetch all three lists, or remove this one: then the list is made by its rule."
            raise UserError(f"lies there without the {lacking[0]} list", name="annotations", value=there[0], fix=fix)
        if self.split == "pons2017":
            return {clip: split for clip, (split, _) in self._musicnn(root).items()}
        found: dict[str, str] = {}
        for split, file in zip(files, there, strict=True):
            lines = read_pickled(file) if file.suffix == ".cP" else read_lines(file)
            if not isinstance(lines, list):
                raise wrong(file, "is no list of clips")
            for number, line in enumerate(lines, 1):
                clip = _clip(str(line), file, number)
                if clip not in tagged:
                    raise wrong(file, f"names a clip without annotations ({clip})", line=number)
                if clip in found:
                    raise wrong(file, f"names a clip that is in the {found[clip]} list ({clip})", line=number)
                found[clip] = split
        return found

    def _musicnn(self, root: Path) -> dict[str, tuple[str, frozenset[str]]]:
        """Clip -> split and top-50 tags, by the index and the three lists of musicnn-training."""
        index = _index(self.table(root, _INDEX, what="the index of clips"))
        found: dict[str, tuple[str, frozenset[str]]] = {}
        for part, split in _PARTS.items():
            file = self.table(root, anywhere(f"{part}_gt_mtt.tsv", LISTS), what=f"the {split} list of musicnn-training")
            for line, number, vector in _pairs(file):
                held = zeros_and_ones(vector, file, count=len(TOP50), line=line)
                clip = index.get(number)
                if clip is None or clip in found:
                    problem = "twice" if clip else "that index_mtt.tsv does not have"
                    raise wrong(file, f"names a clip {problem} ({number})", line=line)
                found[clip] = split, frozenset(tag for tag, has in zip(TOP50, held, strict=True) if has)
        return found


def _clip(text: str, file: Path, line: int) -> str:
    """A clip as folder and name with .mp3, whatever stands before the folder and whichever format is written."""
    found = _CLIP.search(text.strip().replace("\\", "/"))
    if found is None:
        raise wrong(file, f"names no clip of folders 0 to f ({text.strip()[:60]!r})", line=line)
    return found[1] + ".mp3"


def _pairs(file: Path) -> Iterator[tuple[int, str, str]]:
    """Line number and both cells of a file of two columns."""
    for line, text in enumerate(read_text(file).split("\n"), 1):
        if text.strip():
            left, _, right = text.strip().partition("\t")
            yield line, left, right


def _index(file: Path) -> dict[str, str]:
    """Clip number -> clip, by musicnn-training's index."""
    return {number: _clip(path, file, line) for line, number, path in _pairs(file)}


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of a table whose cells are separated by tabs."""
    reader = csv.reader(read_text(file).split("\n"), delimiter="\t")
    try:
        yield from ((reader.line_num, row) for row in reader if row)
    except csv.Error as error:
        raise wrong(file, f"is no table ({error})", line=reader.line_num) from error


def _official(file: Path) -> tuple[Tagged, tuple[str, ...]]:
    """Clip -> all its tags, and the tags in the order of the columns of annotations_final.csv."""
    rows = _rows(file)
    _, header = next(rows, (1, []))
    columns = tuple(name for name in header if name not in ("clip_id", "mp3_path"))
    if "mp3_path" not in header:
        raise wrong(file, "has no column mp3_path (is it separated by tabs?)", line=1)
    if lacking := [tag for tag in TOP50 if tag not in columns]:
        raise wrong(file, f"has no column of the tag {', '.join(lacking[:5])}", line=1)
    if len(set(columns)) != TAGS:
        raise wrong(file, f"has columns of {len(set(columns))} tags, published are {TAGS}", line=1)
    where = header.index("mp3_path")
    places = [(name, i) for i, name in enumerate(header) if name in set(columns)]
    found: Tagged = {}
    for line, row in rows:
        if len(row) != len(header):
            raise wrong(file, f"has {len(row)} cells, not {len(header)}: the file is cut off", line=line)
        cells = [row[i] for _, i in places]
        if not {"0", "1"}.issuperset(cells):
            odd = next(name for name, i in places if row[i] not in ("0", "1"))
            raise wrong(file, f"has something else than 0 or 1 for {odd}", line=line)
        clip = _clip(row[where], file, line)
        found[clip] = frozenset(name for (name, _), cell in zip(places, cells, strict=True) if cell == "1")
    return found, columns


def _info(root: Path) -> dict[str, dict[str, str]]:
    """Clip -> its row of clip_info_final.csv, {} where the file is not there; clips without audio have no path."""
    file = root / _INFO
    if not file.is_file():
        return {}
    columns = ("title", "artist", "album", "mp3_path")
    rows = read_rows(file, columns=columns, separator="\t")
    return {_clip(row["mp3_path"], file, line): row for line, row in rows if row["mp3_path"].strip()}


def _groups(clip: str, info: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, list[str]], str]:
    """Artist, album and song of a clip, and its title.

    Names are ``artist-album-number-title-start-end``. The song is always taken from there, so that intervals, which
    resample whole songs, do not depend on whether clip_info_final.csv is there.
    """
    parts = clip[2:-4].split("-")
    if len(parts) < 6:
        return {}, ""
    groups = {"artist": [parts[0]], "album": ["-".join(parts[:2])], "song": ["-".join(parts[:-2])]}
    if (row := info.get(clip)) is None:
        return groups, ""
    return groups | {name: [row[name]] for name in ("artist", "album") if row[name].strip()}, row["title"]
