"""A miniature of a folder with a table: paths of every kind, names with commas, quotes and tabs, a file named twice."""

from __future__ import annotations

from pathlib import Path

from minidatasets import tone


def miniature(root: Path) -> None:
    """Relative and absolute paths, names without an ending, a name that two files have."""
    files = (
        "rock/a, b.mp3",
        'rock/it"s.flac',
        "jazz/c.ogg",
        "jazz/deep/d.wav",
        "jazz/e.m4a",
        "rock/f.mp3",
        "jazz/f.mp3",
    )
    for seed, path in enumerate(files):
        tone(root / "music" / path, seed=seed)
    rows = [
        "path,genre,artist,year,tempo,mood,split,title",
        '"music/rock/a, b.mp3",rock,Ann;Bo,1999,120.5,sad;slow,train,"One, two"',
        '"music/rock/it""s.flac",rock,Ann,2001,90,happy,val,',
        f"{root.absolute()}/music/jazz/c.ogg,jazz,Cy,,100,sad,testing,Three",
        "./music/jazz/../jazz/deep/d.wav,jazz,Cy,2003,,,train,Four",
        "e,jazz,Di,2004,77,happy;sad,train,Five",
        "music/rock/f.mp3,rock,Ed,2005,60,slow,train,Six",
        "music/absent.mp3,rock,Fi,2006,61,slow,train,Seven",
        "/elsewhere/g.mp3,rock,Fi,2006,61,slow,train,Eight",
        "music/rock/f.mp3,jazz,Ed,2005,60,slow,train,again",
        ",jazz,Ed,2005,60,slow,train,nameless",
    ]
    (root / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
