"""A miniature of FMA: metadata with three lines of headers and titles of every kind, and mp3s of the small set."""

from __future__ import annotations

import csv
from pathlib import Path

from minidatasets import broken, tone

HEADERS = (
    ["", "album", "album", "artist", "set", "set", "track", "track", "track"],
    ["", "id", "title", "name", "split", "subset", "genre_top", "genres_all", "title"],
    ["track_id", *[""] * 8],
)
TRACKS = (
    # id, album id, album, artist, split, subset, top genre, all genres, title
    (2, 1, "AWOL - A Way Of Life", "AWOL", "training", "small", "Hip-Hop", "[21]", "Food"),
    (5, 1, "AWOL - A Way Of Life", "AWOL", "training", "small", "Hip-Hop", "[21, 100]", 'This "World", they said'),
    (148, 2, "Live", "Kurt Vile", "validation", "small", "Rock", "[12]", "a title\nin two lines,\r\nor three"),
    (182, 3, "Live", "Kurt, and Vile", "test", "small", "Pop", "[10]", "\u2028odd\u2028"),
    (200, 3, "", "", "test", "medium", "Jazz", "[4]", ""),
    (133297, 9, "Sunergy", "Ka\u012btlyn", "training", "small", "Electronic", "[15]", "no audio"),
    (155320, 9, "Sunergy", "Ka\u012btlyn", "training", "large", "", "[]", "no genre"),
)
GENRES = """genre_id,#tracks,parent,title,top_level
4,1,0,Jazz,4
10,1,0,Pop,10
12,1,0,Rock,12
15,1,0,Electronic,15
21,2,0,Hip-Hop,21
100,1,21,"Hip-Hop, Beats",21
"""


def write_tracks(file: Path, rows: tuple[tuple[object, ...], ...] = TRACKS) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([*HEADERS, *rows])


def miniature(root: Path) -> None:
    write_tracks(root / "fma_metadata/tracks.csv")
    (root / "fma_metadata/genres.csv").write_text(GENRES, encoding="utf-8")
    for seed, track in enumerate((2, 5, 148, 182)):
        tone(root / f"fma_small/000/{track:06d}.mp3", seed=seed)
    broken(root / "fma_small/133/133297.mp3", size=400)
