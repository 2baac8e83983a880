"""A miniature of the Million Song Dataset: three lists, the table of 7digital ids as a pickle, and previews."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path

from contramuse.catalogue.datasets.million_song import TOP50
from minidatasets import broken, tone

LISTS = {
    "train": {
        "TRAAAAK128F9318786": ("rock", "happy"), "TRAAAAW128F429D538": ("Hip-Hop",), "TRAAABD128F429CF47": ("jazz",),
        "TRAAADJ128F4287B47": ("00s",),
    },
    "val": {"TRYOGXX128F42483A6": ("acoustic",), "TRYOHDO128F42669A4": ("pop", "indie pop")},
    "test": {"TRZZZZD128F4236844": ("Progressive rock",), "TRZZXOQ128F932A083": ("rock", "pop")},
}  # fmt: skip
NUMBERS = {
    "TRAAAAK128F9318786": "8947470", "TRAAAAW128F429D538": "123", "TRAAABD128F429CF47": "8912345",
    "TRYOGXX128F42483A6": "45", "TRYOHDO128F42669A4": "700001", "TRZZZZD128F4236844": "900009",
    "TRZZXOQ128F932A083": "5555555", "TRZZXIR128F9308AD4": "1000001",
}  # fmt: skip
WITHOUT = "TRAAADJ128F4287B47"
PREVIEWS = {track: f"preprocessed/{n[0]}/{n[1]}/{n}.clip.mp3" for track, n in NUMBERS.items()}
TRACKS = [track for part in LISTS.values() for track in part]


def lists(root: Path) -> None:
    """The three lists and the order of the tags, as musicnn-training has them."""
    root.mkdir(parents=True, exist_ok=True)
    for part, tracks in LISTS.items():
        rows = (f"{track}\t{json.dumps([int(tag in tags) for tag in TOP50])}\n" for track, tags in tracks.items())
        (root / f"{part}_gt_msd.tsv").write_text("".join(rows))
    order = ",".join(f"'{tag}'" for tag in TOP50)
    (root / "output_labels_msd.txt").write_text(f"# Output labels\nMSD_LABELS = [{order}]\n\n\n")


def names(root: Path) -> None:
    """The list of all tracks, whose cells are told apart by <SEP>."""
    rows = [f"{track}<SEP>SO{i:016d}<SEP>Artist, {i // 2}<SEP>Title\t{i}\n" for i, track in enumerate(NUMBERS)]
    (root / "unique_tracks.txt").write_text("".join(rows))


def mapping(root: Path, *, kind: str = "pkl", header: Sequence[str] = ()) -> None:
    """The table of 7digital ids as a pickle of Python 2, or converted."""
    file = root / f"MSD_id_to_7D_id.{kind}"
    if kind == "pkl":
        file.write_bytes(pickle.dumps(NUMBERS, protocol=0))
    elif kind == "json":
        file.write_text(json.dumps({track: int(number) for track, number in NUMBERS.items()}))
    else:
        mark = {"tsv": "\t", "csv": ",", "txt": "<SEP>"}[kind]
        rows = [mark.join(row) for row in ([header] if header else []) + list(NUMBERS.items())]
        file.write_text("\n".join(rows) + "\n")


def miniature(root: Path) -> None:
    """The layout that published code has: processed_annotations and preprocessed."""
    folder = root / "processed_annotations"
    lists(folder)
    names(folder)
    mapping(folder)
    for seed, track in enumerate(NUMBERS):
        if track != "TRZZXIR128F9308AD4":
            tone(root / PREVIEWS[track], seed=seed)
    broken(root / "preprocessed/1/0/1000001.clip.mp3")
