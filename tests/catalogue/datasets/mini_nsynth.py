"""A miniature of NSynth: examples.json of each part, with notes of every kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minidatasets import tone

FAMILIES = ("bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead", "vocal")
SOURCES = ("acoustic", "electronic", "synthetic")


def note(family: int, source: int, number: int, pitch: int, *, qualities: tuple[int, ...] = ()) -> dict[str, Any]:
    """A note as the dataset has it."""
    instrument = f"{FAMILIES[family]}_{SOURCES[source]}_{number:03d}"
    return {
        "note_str": f"{instrument}-{pitch:03d}-100", "instrument_str": instrument, "pitch": pitch, "velocity": 100,
        "qualities": [int(i in qualities) for i in range(10)], "qualities_str": [], "sample_rate": 16000,
        "instrument_family": family, "instrument_family_str": FAMILIES[family],
        "instrument_source": source, "instrument_source_str": SOURCES[source],
    }  # fmt: skip


NOTES = {
    "train": [note(0, 2, 68, 49, qualities=(1,)), note(4, 1, 1, 21), note(10, 0, 12, 120, qualities=(0, 9))],
    "valid": [note(3, 0, 10, 60), note(3, 0, 10, 61)],
    "test": [note(7, 0, 23, 9, qualities=(8,)), note(9, 2, 1, 69)],
}


def write_notes(root: Path, notes: Mapping[str, list[dict[str, Any]]]) -> None:
    for split, of_split in notes.items():
        (root / f"nsynth-{split}").mkdir(parents=True, exist_ok=True)
        written = {one["note_str"]: one for one in of_split}
        (root / f"nsynth-{split}/examples.json").write_text(json.dumps(written, indent=4))


def miniature(root: Path) -> None:
    write_notes(root, NOTES)
    seed = 0
    for split, notes in NOTES.items():
        for one in notes:
            seed += 1
            tone(root / f"nsynth-{split}/audio/{one['note_str']}.wav", seed=seed, rate=16000)
