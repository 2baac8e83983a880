"""IRMAS: predominant instruments; training excerpts have one, test excerpts one to five."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.places import audio_below
from contramuse.catalogue.datasets.reading import read_text, wrong
from contramuse.errors import UserError

INSTRUMENTS = ("cel", "cla", "flu", "gac", "gel", "org", "pia", "sax", "tru", "vio", "voi")
"""Cello, clarinet, flute, acoustic guitar, electric guitar, organ, piano, saxophone, trumpet, violin, voice."""

TRAIN = "IRMAS-TrainingData"
TEST = tuple(f"IRMAS-TestingData-Part{part}" for part in (1, 2, 3))
_RECORDING = re.compile(r"(\d+)__\d+\.wav", re.IGNORECASE)
_EXCERPT = re.compile(r"-\d+$")
_SUMS = {
    TRAIN: "4fd9f5ed5a18d8e2687e6360b5f60afe",
    TEST[0]: "5a2e65520dcedada565dff2050bb2a56",
    TEST[1]: "afb0c8ea92f34ee653693106be95c895",
    TEST[2]: "9b3fb2d0c89cdc98037121c25bd5b556",
}
_ZENODO = "https://zenodo.org/records/1290750/files"


@dataclass(frozen=True, kw_only=True)
class IRMAS(Dataset):
    """Predominant instruments of 3-second training and longer test excerpts: 11 classes, any of them.

    A training excerpt is annotated with the one that is predominant; others that it may hold count as absent, as in
    published numbers.
    """

    about: ClassVar = About(
        title="IRMAS: instrument recognition in musical audio signals",
        home="https://www.upf.edu/web/mtg/irmas",
        audio="IRMAS-TrainingData.zip and IRMAS-TestingData-Part1 to 3.zip at Zenodo (record 1290750).",
        licence="CC BY-NC-SA 3.0 (annotations and audio)",
        citation="J. J. Bosch, J. Janer, F. Fuhrmann and P. Herrera, A comparison of sound segregation techniques for "
        "predominant instrument recognition in musical audio signals, ISMIR 2012",
    )

    @property
    def split_name(self) -> str:
        """The split's name with the rule of the validation part."""
        return "published train and test; valid: recordings of train, 1 in 8 by the hash of their numbers"

    def needed(self) -> tuple[Needed, ...]:
        """The training folder, whose names are the annotations, and the three test folders."""
        training = Needed(TRAIN, "training excerpts in a folder per instrument", f"{_ZENODO}/{TRAIN}.zip")
        what = "test excerpts, a .txt beside each"
        rest = [Needed(name, what, f"{_ZENODO}/{name}.zip", kind="audio") for name in TEST]
        return (training, *rest)

    def published(self) -> dict[str, int]:
        """Published number of test excerpts; 6,705 are for training, of which the validation part is taken."""
        return {"test": 2874}

    def remote(self) -> tuple[Remote, ...]:
        """The four archives."""
        return tuple(
            Remote(f"{_ZENODO}/{name}.zip?download=1", f"{name}.zip", md5, unpack=".") for name, md5 in _SUMS.items()
        )

    def read(self, root: Path) -> Reading:
        """Training excerpts by instrument, then test excerpts, each in order of path."""
        out: dict[str, list[str]] = defaultdict(list)
        entries = [*_training(root, out), *_testing(root, out)]
        if not any(entry.split == "train" for entry in entries):
            fix = f"It is to be had at {_ZENODO}/{TRAIN}.zip"
            problem = "holds no folder of an instrument with .wav files"
            raise UserError(problem, name="--root", value=root / TRAIN, fix=fix)
        training = sum(entry.split != "test" for entry in entries)
        said = [f"training has {training:,} excerpts with the validation part; 6,705 are published"]
        return Reading((Field("instrument", "multilabel", INSTRUMENTS),), entries, dict(out), said, group="song")


def _training(root: Path, out: dict[str, list[str]]) -> Iterator[Entry]:
    for instrument in INSTRUMENTS:
        for path in sorted(audio_below(root / TRAIN / instrument, root, ending=".wav")):
            name = path.rpartition("/")[2]
            found = _RECORDING.search(name)
            if found is None or f"[{instrument}]" not in name:
                out["the name is no [instrument]...number__excerpt.wav of its folder"].append(path)
                continue
            song = f"train {int(found[1]):04d}"
            yield Entry(path, _side(song), {"instrument": (instrument,)}, groups={"song": (song,)})


def _testing(root: Path, out: dict[str, list[str]]) -> Iterator[Entry]:
    for part in TEST:
        notes = {path[:-4]: path for path in sorted(audio_below(root / part, root, ending=".txt"))}
        sounds = {path[:-4]: path for path in sorted(audio_below(root / part, root, ending=".wav"))}
        out["no .txt beside it"] += [path for stem, path in sounds.items() if stem not in notes]
        for stem, path in notes.items():
            song = f"test {_EXCERPT.sub('', stem.rpartition('/')[2])}"
            labels = _instruments(root / path)
            if not labels:
                out["its .txt names no instrument"].append(path)
                continue
            yield Entry(sounds.get(stem, f"{stem}.wav"), "test", {"instrument": labels}, groups={"song": (song,)})
    if not out["no .txt beside it"]:
        del out["no .txt beside it"]


def _instruments(file: Path) -> Sequence[str]:
    """The instruments of a .txt, one per line."""
    labels = []
    for line, text in enumerate(read_text(file).splitlines(), 1):
        if not (name := text.strip().lower()):
            continue
        if name not in INSTRUMENTS:
            raise wrong(file, f"{name!r} is none of {', '.join(INSTRUMENTS)}", line=line)
        labels.append(name)
    return tuple(sorted(set(labels)))


def _side(song: str) -> str:
    """Train or valid, 7 to 1, by the SHA-256 of the recording's number."""
    return "valid" if hashlib.sha256(song.encode()).digest()[0] < 32 else "train"
