"""NSynth: pitch, instrument family, source or qualities of single notes, with the published split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.reading import read_text, wrong

LOWEST, HIGHEST = 9, 120
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
PITCHES = tuple(f"{_NAMES[midi % 12]}{midi // 12 - 1}" for midi in range(LOWEST, HIGHEST + 1))
"""The 112 pitches from MIDI number 9 (A-1) to 120 (C9), upwards; C4 is 60."""

FAMILIES = (
    "bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead", "vocal",
)  # fmt: skip
SOURCES = ("acoustic", "electronic", "synthetic")
QUALITIES = (
    "bright", "dark", "distortion", "fast_decay", "long_release", "multiphonic", "nonlinear_env", "percussive",
    "reverb", "tempo-synced",
)  # fmt: skip
SPLITS = ("train", "valid", "test")
_SIZES = {"train": 289_205, "valid": 12_678, "test": 4_096}


@dataclass(frozen=True, kw_only=True)
class NSynth(Dataset):
    """Single notes of 4 s of over 1,000 instruments, at 16 kHz; instruments of the training part are not in the others.

    Args:
        field: "pitch" (112 classes), "family" of the instrument (11), "source" (acoustic, electronic, synthetic), or
            "qualities" (10, any of them; a note may have none).
    """

    about: ClassVar = About(
        title="NSynth",
        home="https://magenta.tensorflow.org/datasets/nsynth",
        audio="nsynth-train.jsonwav.tar.gz, nsynth-valid.jsonwav.tar.gz and nsynth-test.jsonwav.tar.gz, linked from "
        "the home page.",
        licence="CC BY 4.0 (annotations and audio; Google)",
        citation="J. Engel, C. Resnick, A. Roberts, S. Dieleman, D. Eck, K. Simonyan and M. Norouzi, Neural audio "
        "synthesis of musical notes with WaveNet autoencoders, ICML 2017, arXiv:1704.01279",
    )

    field: Literal["pitch", "family", "source", "qualities"] = "pitch"

    @property
    def split_name(self) -> str:
        """The split's name."""
        return "published, by instrument"

    def needed(self) -> tuple[Needed, ...]:
        """Annotations and audio of the three parts."""
        url = "http://download.magenta.tensorflow.org/datasets/nsynth/nsynth-{}.jsonwav.tar.gz"
        return tuple(
            need
            for split in SPLITS
            for need in (
                Needed(f"nsynth-{split}/examples.json", f"notes of {split}", url.format(split)),
                Needed(f"nsynth-{split}/audio", f"wav files of {split}", url.format(split), kind="audio"),
            )
        )

    def published(self) -> dict[str, int]:
        """Published numbers of notes."""
        return dict(_SIZES)

    def remote(self) -> tuple[Remote, ...]:
        """The three archives; no checksums are published."""
        names = [f"nsynth-{split}.jsonwav.tar.gz" for split in SPLITS]
        base = "http://download.magenta.tensorflow.org/datasets/nsynth"
        return tuple(Remote(f"{base}/{name}", name, unpack=".") for name in names)

    def read(self, root: Path) -> Reading:
        """The notes of the three parts, in the order of the files."""
        entries: list[Entry] = []
        instruments: dict[str, set[str]] = {}
        for split in SPLITS:
            file = self.table(root, f"nsynth-{split}/examples.json", what=f"examples.json of {split}")
            seen = instruments.setdefault(split, set())
            for name, instrument, label in self._notes(file):
                seen.add(instrument)
                path = f"nsynth-{split}/audio/{name}.wav"
                entries.append(Entry(path, split, {self.field: label}, groups={"instrument": (instrument,)}))
        shared = sorted(instruments["train"] & (instruments["valid"] | instruments["test"]))
        said = []
        if shared:
            said.append(f"{len(shared)} instruments of train are in valid or test too: {', '.join(shared[:3])}")
        classes = {"pitch": PITCHES, "family": FAMILIES, "source": SOURCES, "qualities": QUALITIES}[self.field]
        kind: Literal["multilabel", "multiclass"] = "multilabel" if self.field == "qualities" else "multiclass"
        empty: Literal["none", "unknown"] = "none" if self.field == "qualities" else "unknown"
        return Reading((Field(self.field, kind, classes, empty),), entries, {}, said, group="instrument")

    def _notes(self, file: Path) -> Iterator[tuple[str, str, Any]]:
        """Name, instrument and label of each note; notes become tuples while they are read, for the file is large."""

        def short(value: dict[str, Any]) -> Any:
            if "note_str" not in value:
                return value
            try:
                return str(value["note_str"]), str(value["instrument_str"]), self._label(value)
            except (KeyError, TypeError, ValueError) as error:
                said = f"lacks {error}" if isinstance(error, KeyError) else str(error)
                raise wrong(file, f"note {value['note_str']} {said}") from error

        try:
            notes = json.loads(read_text(file), object_hook=short)
        except json.JSONDecodeError as error:
            raise wrong(file, f"is no JSON ({error.msg})", line=error.lineno) from error
        if not isinstance(notes, dict):
            raise wrong(file, "holds no notes by name")
        for name, note in notes.items():
            if not isinstance(note, tuple):
                raise wrong(file, f"note {name} has no note_str")
            yield note

    def _label(self, note: dict[str, Any]) -> Any:
        if self.field == "pitch":
            return PITCHES[_within(int(note["pitch"]) - LOWEST, len(PITCHES), f"pitch {note['pitch']}")]
        if self.field == "qualities":
            marks = note["qualities"]
            if len(marks) != len(QUALITIES) or any(mark not in (0, 1) for mark in marks):
                raise ValueError(f"has other qualities than {len(QUALITIES)} of 0 and 1")
            return tuple(name for name, mark in zip(QUALITIES, marks, strict=True) if mark)
        key = f"instrument_{self.field}"
        classes = FAMILIES if self.field == "family" else SOURCES
        label = classes[_within(int(note[key]), len(classes), f"{self.field} {note[key]}")]
        if note.get(f"{key}_str", label) != label:
            raise ValueError(f"has {self.field} {note[key]}, which is {label}, and calls it {note[f'{key}_str']}")
        return label


def _within(index: int, count: int, said: str) -> int:
    if not 0 <= index < count:
        raise ValueError(f"has {said}, which is outside the {count} classes")
    return index
