"""A miniature of LibriSpeech: three speakers, of whom one reads two chapters; transcripts name an absent recording."""

from __future__ import annotations

from pathlib import Path

from minidatasets import tone

SPEAKERS = """\
; Some pipe(|) separated metadata about all LibriVox readers, whose work was used
;ID  |SEX| SUBSET           |MINUTES| NAME
14   | F | train-clean-360  | 25.03 | Kristin LeMoine
19   | F | train-clean-100  | 25.19 | Kara Shallenberg
103  | M | train-clean-100  | 20.14 | Karen | Savage
61   | M | test-clean       | 8.08  | Paul-Gabriel Wiener
"""
CHAPTERS = {"train-clean-100/19/198": 6, "train-clean-100/19/227": 4, "train-clean-100/103/1240": 5,
            "test-clean/61/70968": 3}  # fmt: skip
ABSENT = "LibriSpeech/train-clean-100/103/1240/103-1240-0004.flac"


def miniature(root: Path) -> None:
    """Write it."""
    home = root / "LibriSpeech"
    home.mkdir(parents=True, exist_ok=True)
    (home / "SPEAKERS.TXT").write_text(SPEAKERS, encoding="utf-8")
    for seed, (chapter, count) in enumerate(CHAPTERS.items()):
        _, speaker, number = chapter.split("/")
        names = [f"{speaker}-{number}-{i:04d}" for i in range(count)]
        for i, name in enumerate(names):
            if f"LibriSpeech/{chapter}/{name}.flac" != ABSENT:
                tone(home / chapter / f"{name}.flac", rate=16000, seed=100 * seed + i)
        text = "".join(f"{name} NORTHANGER, ABBEY {name}\n" for name in names)
        (home / chapter / f"{speaker}-{number}.trans.txt").write_text(text)
