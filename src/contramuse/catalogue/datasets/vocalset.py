"""VocalSet: singing technique with the published split of singers, or who sings."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.places import audio_below
from contramuse.catalogue.datasets.reading import read_text, wrong

SINGERS = (*(f"female{i}" for i in range(1, 10)), *(f"male{i}" for i in range(1, 12)))
"""The 20 classes of "singer"."""

TECHNIQUES = (
    "belt", "breathy", "fast_forte", "fast_piano", "forte", "inhaled", "lip_trill", "messa", "pp", "slow_forte",
    "slow_piano", "spoken", "straight", "trill", "trillo", "vibrato", "vocal_fry",
)  # fmt: skip
"""The 17 techniques: folders of the dataset, sorted."""

PAPER = (
    "belt", "breathy", "inhaled", "lip_trill", "spoken", "straight", "trill", "trillo", "vibrato", "vocal_fry",
)  # fmt: skip
"""The ten that are usually classified; the others are of loudness and tempo."""

SPELLINGS = {"vibrado": "vibrato", "strait": "straight"}
HOMES = ("FULL", "data_by_singer", "data_by_technique")
_SINGER = re.compile(r"(f|m|female|male)0*(\d{1,2})", re.IGNORECASE)
Found = tuple[str, str, str]
"""Path, singer and technique of a file."""

_URL = "https://zenodo.org/records/1442513/files/VocalSet1-2.zip"


@dataclass(frozen=True, kw_only=True)
class VocalSet(Dataset):
    """Singing of 20 professional singers in 17 techniques, 10 hours (VocalSet 1.1 and 1.2).

    Args:
        field: "technique": with the published split of singers; "singer": with a split of files made here, as published
            numbers have it: the same exercise in another technique stands on the other side.
        techniques: of "technique": the "ten" that are usually classified, or all "seventeen".
    """

    about: ClassVar = About(
        title="VocalSet: a singing voice dataset",
        home="https://zenodo.org/records/1442513",
        audio="VocalSet1-2.zip at Zenodo (record 1442513); version 1.1 is VocalSet11.zip of record 1203819.",
        licence="CC BY 4.0 (annotations and audio)",
        citation="J. Wilkins, P. Seetharaman, A. Wahl and B. Pardo, VocalSet: A singing voice dataset, ISMIR 2018",
    )

    field: Literal["technique", "singer"] = "technique"
    techniques: Literal["ten", "seventeen"] = "ten"

    @property
    def split_name(self) -> str:
        """The split's name with its rule."""
        if self.field == "singer":
            return "made here: 80/10/10 of each singer's files by the hash of their names"
        return "published singers; valid: the last female and the last male singer of train"

    def needed(self) -> tuple[Needed, ...]:
        """The folders, whose names are the annotations, and the lists of singers."""
        folders = Needed("|".join(HOMES), "audio in folders by singer and technique", _URL)
        if self.field == "singer":
            return (folders,)
        names = [(part, f"{part}_singers_technique.txt") for part in ("train", "test")]
        return (folders, *(Needed(name, f"singers of {part}, a line each", _URL) for part, name in names))

    def remote(self) -> tuple[Remote, ...]:
        """The archive of version 1.2."""
        return (Remote(f"{_URL}?download=1", "VocalSet1-2.zip", unpack="."),)

    def read(self, root: Path) -> Reading:
        """The files of the chosen techniques, or of all singers, in order of path."""
        out: dict[str, list[str]] = defaultdict(list)
        found, said = _told(root, out)
        if self.field == "singer":
            splits = _by_file(found)
            entries = [Entry(path, splits[path], {"singer": singer}) for path, singer, _ in found]
            return Reading((Field("singer", "multiclass", SINGERS),), entries, dict(out), said)
        wanted = PAPER if self.techniques == "ten" else TECHNIQUES
        taken = []
        for path, singer, technique in found:
            if technique in wanted:
                taken.append((path, singer, technique))
            else:
                out[f"not of the {self.techniques} techniques" if technique else "no technique in its path"].append(
                    path
                )
        splits = self._by_singer(root, taken, out)
        entries = [
            Entry(path, splits[path], {"technique": technique}, groups={"artist": (singer,)})
            for path, singer, technique in taken
            if path in splits
        ]
        return Reading((Field("technique", "multiclass", wanted),), entries, dict(out), said, group="artist")

    def _by_singer(self, root: Path, found: Sequence[Found], out: dict[str, list[str]]) -> dict[str, str]:
        """The split of each file by its singer: the published lists, and two singers of train for validation."""
        parts: dict[str, str] = {}
        for split in ("train", "test"):
            file = self.table(root, f"{split}_singers_technique.txt", what=f"the list of {split} singers")
            for line, text in enumerate(read_text(file).splitlines(), 1):
                if not text.strip():
                    continue
                singer = _singer(text.strip())
                if not singer:
                    raise wrong(file, f"{text.strip()!r} is no singer", line=line)
                if parts.setdefault(singer, split) != split:
                    raise wrong(file, f"{singer} is in the list of the other part, too", line=line)
        for sex in ("female", "male"):
            of_sex = [s for s in SINGERS if s.startswith(sex) and parts.get(s) == "train"]
            if len(of_sex) > 1:
                parts[of_sex[-1]] = "valid"
        for path, singer, _ in found:
            if singer not in parts:
                out["singer is in neither list"].append(path)
        return {path: parts[singer] for path, singer, _ in found if singer in parts}


def _told(root: Path, out: dict[str, list[str]]) -> tuple[list[Found], list[str]]:
    """What the path of each file tells (the technique may be ""), and what to say of them."""
    found = []
    other = 0
    home = next((one for one in HOMES if (root / one).is_dir()), HOMES[0])  # each file is in all of them
    for path in sorted(audio_below(root / home, root, ending=".wav")):
        *folders, name = path.split("/")
        usual = [SPELLINGS.get(folder, folder) for folder in reversed(folders)]
        technique = next((folder for folder in usual if folder in TECHNIQUES), "")
        named = _singer(name.split("_")[0])
        singer = next((known for folder in folders if (known := _singer(folder))), "") or named
        other += bool(named) and named != singer
        if singer:
            found.append((path, singer, technique))
        else:
            out["no singer in its path"].append(path)
    said = f"{other} files are called after another singer than their folder; the folder counts"
    return found, [said] if other else []


def _by_file(found: Sequence[Found]) -> dict[str, str]:
    """80, 10 and 10 % of each singer's files, by the SHA-256 of the file's name."""
    of: dict[str, list[str]] = defaultdict(list)
    for path, singer, _ in found:
        of[singer].append(path)
    splits = {}
    for paths in of.values():
        order = sorted(paths, key=lambda path: hashlib.sha256(path.rpartition("/")[2].encode()).digest())
        share = round(len(order) / 10) or (1 if len(order) > 2 else 0)
        splits.update(dict.fromkeys(order, "train"))
        splits.update(dict.fromkeys(order[:share], "test"))
        splits.update(dict.fromkeys(order[share : 2 * share], "valid"))
    return splits


def _singer(text: str) -> str:
    """The singer that "f1", "female1" or "male11" means, "" if none."""
    found = _SINGER.fullmatch(text)
    if found is None:
        return ""
    name = f"{'fe' * (found[1].lower()[0] == 'f')}male{int(found[2])}"
    return name if name in SINGERS else ""
