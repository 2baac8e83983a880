"""A miniature of Melon: songs of whole, damaged and missing archives, in playlists and not, with and without genres."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

GENRES = {
    "GN0100": "발라드",
    "GN0101": "세부장르전체",
    "GN0105": "00년대",
    "GN0200": "댄스",
    "GN0201": "세부장르전체",
    "GN9000": "",
}
SONGS = 40
DAMAGED = (225_000, 227_500, 229_999, 230_000, 276_999)
WHOLE = (226_000, 277_000)


def songs() -> list[dict[str, object]]:
    """As in song_meta.json: ids 0 to 39, and some of the archives around the damaged ones."""
    out = []
    for item in (*range(SONGS), *DAMAGED, *WHOLE):
        main = [] if item == 5 else ["GN0100"] if item % 2 else ["GN0200"]
        sub = [] if item == 5 else ["GN0101", "GN0105"] if item % 2 else ["GN0201"]
        artist = item // 2
        out.append({
            "song_gn_dtl_gnr_basket": sub, "issue_date": "20140512", "album_name": f"앨범 {artist}", "album_id": artist,
            "artist_id_basket": [artist], "song_name": f"곡, {item}", "song_gn_gnr_basket": main,
            "artist_name_basket": [f"가수 {artist}"], "id": item,
        })  # fmt: skip
    return out


def miniature(root: Path) -> None:
    """Songs 38 and 39 stand in no playlist; song 7 has no file, song 8 holds no numbers."""
    meta = root / "kakao_meta"
    meta.mkdir(parents=True)
    rng = np.random.default_rng(0)
    lists = {
        "train": [{"id": 61281, "plylst_title": "여행같은 음악", "tags": [], "like_cnt": 71,
                   "songs": list(range(0, 20))},
                  {"id": 5, "plylst_title": "", "tags": [], "songs": [3, 3, *DAMAGED], "like_cnt": 0, "updt_date": ""}],
        "val": [{"id": 118598, "tags": [], "plylst_title": "", "songs": list(range(15, 38)), "like_cnt": 1}],
        "test": [{"id": 70107, "tags": [], "plylst_title": "겨울", "songs": [226_000, 277_000, 3], "like_cnt": 1}],
    }  # fmt: skip
    for name, playlists in lists.items():
        (meta / f"{name}.json").write_text(json.dumps(playlists, ensure_ascii=False), encoding="utf-8")
    (meta / "song_meta.json").write_text(json.dumps(songs(), ensure_ascii=False), encoding="utf-8")
    (meta / "genre_gn_all.json").write_text(json.dumps(GENRES, ensure_ascii=False), encoding="utf-8")
    for item in (*range(SONGS), *DAMAGED, *WHOLE):
        file = root / "arena_mel" / str(item // 1000) / f"{item}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        if item == 8:
            file.write_bytes(b"\x93NUMPY broken")
        elif item != 7:
            np.save(file, rng.uniform(-100, 0, (48, 100)).astype(np.float32))
