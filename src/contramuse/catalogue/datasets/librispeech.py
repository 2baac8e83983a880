"""LibriSpeech: read English, for what a model of music makes of speech (CLMR offered it)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.reading import read_lines, read_text, wrong
from contramuse.errors import UserError

SUBSETS = {"train": "train-clean-100", "test": "test-clean"}
SERVER = "https://www.openslr.org/resources/12"
ARCHIVES = {
    "train-clean-100": ("2a93770f6d5c6c964bc36631d331a522", 6_387_309_499),
    "test-clean": ("32fa31d27d2e1cad72775fee3f4849a9", 346_663_984),
}


@dataclass(frozen=True, kw_only=True)
class LibriSpeech(Dataset):
    """Utterances with their speaker and the speaker's sex.

    Args:
        split: "clmr": train-clean-100 is train, test-clean is test; no speaker is in both, so that speakers can be
            learnt but not probed (sex can). "within": the utterances of each speaker of train-clean-100, in order, are
            80 % train, then 10 % valid, then 10 % test: speakers can be probed, in recordings of the same sessions.
    """

    about: ClassVar = About(
        title="LibriSpeech",
        home="https://www.openslr.org/12",
        audio="https://www.openslr.org/12: train-clean-100.tar.gz (6.4 GB), test-clean.tar.gz (0.3 GB).",
        licence="CC BY 4.0",
        citation="V. Panayotov, G. Chen, D. Povey, S. Khudanpur: LibriSpeech: an ASR corpus based on public domain "
        "audio books. ICASSP 2015.",
    )

    split: Literal["clmr", "within"] = "clmr"

    @property
    def split_name(self) -> str:
        """The split's name."""
        if self.split == "clmr":
            return "clmr: train-clean-100 / test-clean, other speakers in each"
        return "within train-clean-100: 80/10/10 % of each speaker's utterances (made here, not published)"

    def published(self) -> dict[str, int]:
        """Utterances, as the corpus counts them."""
        return {"train": 28_539, "test": 2_620} if self.split == "clmr" else {}

    @property
    def _subsets(self) -> dict[str, str]:
        return SUBSETS if self.split == "clmr" else {"train": SUBSETS["train"]}

    def needed(self) -> tuple[Needed, ...]:
        """The table of speakers and the folders of the subsets."""
        folders = (
            Needed(f"LibriSpeech/{name}", "recordings and transcripts", self.about.home, kind="annotations")
            for name in self._subsets.values()
        )
        return (Needed("LibriSpeech/SPEAKERS.TXT", "speakers and their sex", self.about.home), *folders)

    def remote(self) -> tuple[Remote, ...]:
        """The archives."""
        return tuple(
            Remote(
                f"{SERVER}/{name}.tar.gz", f"{name}.tar.gz", md5=ARCHIVES[name][0], size=ARCHIVES[name][1], unpack="."
            )
            for name in self._subsets.values()
        )

    def read(self, root: Path) -> Reading:
        """The utterances that the transcripts name."""
        speakers = _speakers(self.table(root, "LibriSpeech/SPEAKERS.TXT", what="the table of speakers"))
        entries: list[Entry] = []
        for split, subset in self._subsets.items():
            by_speaker: dict[str, list[Entry]] = defaultdict(list)
            for entry in _utterances(root, subset, split, speakers):
                by_speaker[entry.labels["speaker"]].append(entry)
            for speaker in sorted(by_speaker, key=int):
                found = by_speaker[speaker]
                entries += _within(found) if self.split == "within" else found
        if not entries:
            raise UserError("holds no transcripts", name="--root", value=root, fix=f"Unpack {self.about.audio}")
        known = {entry.labels["speaker"] for entry in entries}
        fields = (
            Field("speaker", "multiclass", tuple(sorted(known, key=int))),
            Field("sex", "multiclass", ("F", "M")),
        )
        group = "speaker" if self.split == "clmr" else "chapter"
        return Reading(fields, entries, said=(f"{len(known)} speakers",), group=group)


def _speakers(file: Path) -> dict[str, str]:
    """Sex by speaker. Lines: ``14   | F | train-clean-360  | 25.03 | Kristin LeMoine``; ``;`` begins a comment."""
    found = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip() or line.startswith(";"):
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5 or not cells[0].isdigit() or cells[1] not in ("F", "M"):
            raise wrong(file, "is no line of speaker | sex | subset | minutes | name", line=number)
        found[cells[0]] = cells[1]
    return found


def _utterances(root: Path, subset: str, split: str, speakers: dict[str, str]) -> list[Entry]:
    entries = []
    for file in sorted((root / "LibriSpeech" / subset).glob("*/*/*.trans.txt")):
        chapter, speaker = file.parent.name, file.parent.parent.name
        if speaker not in speakers:
            raise wrong(root / "LibriSpeech/SPEAKERS.TXT", f"does not know the speaker {speaker} of {subset}")
        home = f"LibriSpeech/{subset}/{speaker}/{chapter}"
        for number, line in enumerate(read_lines(file), 1):
            name = line.split(" ", 1)[0]
            if not name.startswith(f"{speaker}-{chapter}-"):
                raise wrong(file, f"{name!r} is no utterance of {speaker}-{chapter}", line=number)
            labels = {"speaker": speaker, "sex": speakers[speaker]}
            groups = {"speaker": (speaker,), "chapter": (f"{speaker}-{chapter}",)}
            entries.append(Entry(f"{home}/{name}.flac", split, labels, groups=groups))
    return entries


def _within(found: list[Entry]) -> list[Entry]:
    """A speaker's utterances as train, valid and test, each a run of neighbours."""
    first, second = round(0.8 * len(found)), round(0.9 * len(found))
    splits = ["train"] * first + ["valid"] * (second - first) + ["test"] * (len(found) - second)
    return [Entry(e.path, split, e.labels, groups=e.groups) for e, split in zip(found, splits, strict=True)]
