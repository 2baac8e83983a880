"""A miniature of the Million Playlist Dataset: two slices, a challenge set, audio for five of the tracks."""

from __future__ import annotations

import json
from pathlib import Path

from minidatasets import tone

IDS = {letter: letter * 22 for letter in "ABCDEF"}


def track(letter: str, pos: int) -> dict[str, object]:
    """As in a slice."""
    artist = "Missy, Elliott" if letter in "AB" else f"Artist {letter}"
    return {
        "pos": pos, "artist_name": artist, "track_uri": f"spotify:track:{IDS[letter]}", "duration_ms": 226863,
        "artist_uri": f"spotify:artist:{artist}", "track_name": f"Lose Control {letter}", "album_name": "The Cookbook",
        "album_uri": "spotify:album:x",
    }  # fmt: skip


def playlist(pid: int, name: str | None, letters: str) -> dict[str, object]:
    """As in a slice; those of the challenge may have no name."""
    tracks = [track(letter, pos) for pos, letter in enumerate(letters)]
    named = {} if name is None else {"name": name}
    return {**named, "collaborative": "false", "pid": pid, "num_tracks": len(tracks), "tracks": tracks}


def miniature(root: Path) -> None:
    """The second slice's name sorts before the first's as text would have it; a file of another kind lies beside."""
    (root / "data").mkdir(parents=True)
    info = {"generated_on": "2017-12-03 08:41:42.057563", "slice": "0-999", "version": "v1"}
    slices = {
        "2000-2999": [playlist(2000, "late", "DE")],
        "10000-10999": [playlist(10000, "later", "F")],
        "0-999": [playlist(0, "Throwbacks", "ABA"), playlist(1, "sör, ✨", "BCF")],
    }
    for name, playlists in slices.items():
        text = json.dumps({"info": info, "playlists": playlists})
        (root / "data" / f"mpd.slice.{name}.json").write_text(text, encoding="utf-8")
    (root / "data/mpd.slice.notes.json").write_text("{}")
    challenge = {"name": "challenge", "playlists": [playlist(1_000_000, None, "AE"), playlist(1_000_001, "empty", "")]}
    (root / "challenge_set.json").write_text(json.dumps(challenge))
    for seed, letter in enumerate("ABCD"):
        tone(root / "audio" / f"{IDS[letter]}.mp3", seed=seed)
    tone(root / "songs/e.mp3", seed=5)
    tone(root / "audio/not of spotify.mp3", seed=6)
    (root / "paths.csv").write_text(f"id,path\n{IDS['E']},{root / 'songs/e.mp3'}\n{IDS['A']},audio/{IDS['A']}.mp3\n")
