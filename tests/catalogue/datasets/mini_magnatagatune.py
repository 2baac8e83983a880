"""A miniature of MagnaTagATune: clips of every kind that the published archive has, and all published list files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

from contramuse.catalogue.datasets.magnatagatune import BROKEN, TOP50
from minidatasets import broken, tone

EMPTY = "6/norine_braun-now_and_zen-08-gently-117-146.mp3"
CLIPS = {
    "2": ("f/bach_players-solo-01-aria-30-59.mp3", ("classical", "strings", "violin")),
    "6": ("f/bach_players-solo-01-aria-146-175.mp3", ()),
    "14": ("c/nova-nova-01-contimune-30-59.mp3", ("techno", "female voice")),
    "19": ("c/nova-nova-01-contimune-175-204.mp3", ()),
    "25": ("0/bach_players-solo-02-a_very_long_title-0-29.mp3", ("metal", "guitar")),
    "26": ("0/bach_players-solo-02-a_very_long_title-29-58.mp3", ("jazz",)),
    "33": ("b/rock_band-one-01-hello-0-29.mp3", ("rock", "loud", "guitar")),
    "34": ("d/rock_band-two-03-goodbye-0-29.mp3", ("rock", "jazz")),
    "35644": (EMPTY, ("guitar",)),
}
WAV = "b/rock_band-one-01-hello-0-29.wav"
OTHERS = ("jazz", "no beat", *(f"tag {i}" for i in range(136)))
COLUMNS = (*OTHERS[:100], *sorted(TOP50), *OTHERS[100:])
assert EMPTY in BROKEN


def part_of(path: str) -> str:
    return "valid" if path[0] == "c" else "test" if path[0] in "def" else "train"


def audio(root: Path) -> None:
    """Clips as most people have them: one was converted to .wav, one was never fetched, one has no bytes."""
    for seed, (path, _) in enumerate(CLIPS.values()):
        if path == EMPTY:
            broken(root / path, size=0)
        elif path != WAV.replace(".wav", ".mp3"):
            tone(root / path, seed=seed, rate=16000)
    tone(root / WAV, seed=99)


def official(root: Path) -> None:
    """annotations_final.csv and clip_info_final.csv: tabs, quoted cells, titles with commas and quotation marks."""
    quoted = ("\t".join(f'"{cell}"' for cell in row) for row in (
        ("clip_id", *COLUMNS, "mp3_path"),
        *((clip, *(int(tag in tags) for tag in COLUMNS), path) for clip, (path, tags) in CLIPS.items()),
    ))  # fmt: skip
    (root / "annotations_final.csv").write_text("\n".join(quoted) + "\n", encoding="utf-8")
    header = ("clip_id", "track_number", "title", "artist", "album", "url", "segmentStart", "segmentEnd",
              "original_url", "mp3_path")  # fmt: skip
    rows = [
        (clip, "1", 'Aria, "first"' if clip == "2" else "Title", path[2:].split("-")[0].title(), "Solo, Vol. 1", "u",
         "0", "29", "o", path)
        for clip, (path, _) in CLIPS.items() if clip != "34"
    ]  # fmt: skip
    rows.append(("1", "1", "never cut", "Nobody", "None", "u", "0", "29", "", ""))
    cells = ("\t".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in (header, *rows))
    (root / "clip_info_final.csv").write_text("\n".join(cells) + "\n", encoding="utf-8")


def musicnn(root: Path, *, prefix: str = "") -> None:
    """The index and the three lists of musicnn-training; the broken clip is in the index alone."""
    root.mkdir(parents=True, exist_ok=True)
    index = (f"{clip}\t{prefix}{path}\n" for clip, (path, _) in CLIPS.items())
    (root / "index_mtt.tsv").write_text("".join(index))
    for part, split in (("train", "train"), ("val", "valid"), ("test", "test")):
        lines = [
            f"{clip}\t{json.dumps([float(tag in tags) for tag in TOP50])}\n"
            for clip, (path, tags) in CLIPS.items()
            if part_of(path) == split and path != EMPTY
        ]
        (root / f"{part}_gt_mtt.tsv").write_text("".join(lines))


def lee(root: Path, *, kind: str = "text") -> None:
    """The three cleaned lists, with .npy in place of .mp3, as text or as the published pickles."""
    root.mkdir(parents=True, exist_ok=True)
    for split in ("train", "valid", "test"):
        names = sorted(
            path.replace(".mp3", ".npy")
            for path, tags in CLIPS.values()
            if part_of(path) == split and path != EMPTY and set(tags) & set(TOP50)
        )
        file = root / f"{split}_list_pub.cP"
        if kind == "text":
            file.with_name(file.name + ".txt").write_text("\n".join(names) + "\n")
        else:
            file.write_bytes(pickle.dumps(names, protocol=0))


def miniature(root: Path) -> None:
    """What the publishers offer: two tables and the clips."""
    root.mkdir(parents=True, exist_ok=True)
    official(root)
    audio(root)
