"""A miniature of AotM-2011: songs that are not known, a song twice in a list, names with commas and none."""

from __future__ import annotations

import json
from pathlib import Path

from minidatasets import tone

SONGS = {f"SO{letter * 16}": (f"artist {letter.lower()}, the", f"title, {letter}") for letter in "ABCDE"}
TRACKS = {f"TR{letter * 16}": f"SO{letter * 16}" for letter in "ABCD"} | {"TRA2AAAAAAAAAAAAAA": "SO" + "A" * 16}
LISTS = [
    {"mix_id": 1, "category": "Mixed Genre", "of": "A-BB", "runs": ["A", "BB"]},
    {"mix_id": 99, "category": "Rock/Pop", "of": "CD", "runs": ["CD"]},
    {"mix_id": 100, "category": "Rock/Pop", "of": "--", "runs": []},
    {"mix_id": 7, "category": "Theme", "of": "EA", "runs": ["EA"]},
]


def playlists() -> list[dict[str, object]]:
    """As in aotm2011_playlists.json."""
    out = []
    for one in LISTS:
        songs = ["SO" + letter * 16 if letter != "-" else None for letter in one["of"]]
        songs = [[list(SONGS.get(song, ("Unknown & Co", ""))), song] for song in songs]
        runs = [["SO" + letter * 16 for letter in run] for run in one["runs"]]
        out.append({
            "category": one["category"], "filtered_lists": runs, "mix_id": one["mix_id"], "playlist": songs,
            "timestamp": "2005-04-18T00:00:00", "user": {"mixes_posted": "9", "name": "é, müller"},
        })  # fmt: skip
    return out


def miniature(root: Path) -> None:
    """Song A has its audio under its second track and B where paths.csv says, E has none at all."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "aotm2011_playlists.json").write_text(json.dumps(playlists()), encoding="utf-8")
    lines = (f"{track}<SEP>{song}<SEP>{SONGS[song][0]}<SEP>{SONGS[song][1]}" for track, song in TRACKS.items())
    (root / "unique_tracks.txt").write_text("\n".join(lines) + "\nTRX<SEP>SOX<SEP>x<SEP>y\n", encoding="utf-8")
    for seed, name in enumerate(("TRA2AAAAAAAAAAAAAA", "b, by name", "C/C/SO" + "C" * 16, "TR" + "D" * 16)):
        tone(root / "audio" / f"{name}.mp3", seed=seed)
    rows = ("TRA2AAAAAAAAAAAAAA,audio/TRA2AAAAAAAAAAAAAA.mp3", f'TR{"B" * 16},"audio/b, by name.mp3"')
    (root / "paths.csv").write_text("id,path\n" + "\n".join(rows) + "\n")
