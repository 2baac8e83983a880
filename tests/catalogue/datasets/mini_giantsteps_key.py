"""A miniature of both GiantSteps key datasets, with keys and confidences of every kind."""

from __future__ import annotations

import hashlib
from pathlib import Path

from minidatasets import tone

TEST, TRAIN = "giantsteps-key-dataset", "giantsteps-mtg-key-dataset"
KEYS = {"10089": "C minor", "3211": "Gb major", "99": "Eb minor"}
ROWS = (
    ("5061", "D# minor", "2"),
    ("5881", "B major ", "2"),
    ("7217", "F minor", "1"),
    ("7300", "C minor / F# minor", "2"),
    ("7400", "-", "2"),
    ("7500", "A# minor", "2"),
    ("7600", "E major", "0"),
    ("7700", "E major", "2"),
)
ARTISTS = {
    "5061": 'Philippe "Van" Mullem', "5881": "Brainbashers, Lance Madden", "7217": "Somebody", "7300": "Somebody",
    "7400": "Somebody", "7500": "Lance Madden", "7600": "Somebody", "7700": "Vitalic",
}  # fmt: skip


def miniature(root: Path) -> None:
    for number, key in KEYS.items():
        file = root / TEST / f"annotations/key/{number}.LOFI.key"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(key)
    folder = root / TRAIN / "annotations"
    folder.mkdir(parents=True)
    rows = "".join("\t".join(row) + "\n" for row in ROWS)
    (folder / "annotations.txt").write_text(f"ID\tMANUAL KEY\tC\n{rows}\n")
    names = "".join(f"{number}\t{artist}\tA song\tMix\n" for number, artist in ARTISTS.items())
    (folder / "beatport_metadata.txt").write_text(f"ID\tARTIST\tSONG TITLE\tMIX\n{names}")
    for seed, number in enumerate((*KEYS, "5061", "5881", "7500", "7700")):
        home = TEST if number in KEYS else TRAIN
        file = tone(root / home / f"audio/{number}.LOFI.mp3", seed=seed)
        stated = root / home / f"md5/{number}.LOFI.md5"
        stated.parent.mkdir(exist_ok=True)
        stated.write_text(hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest())
