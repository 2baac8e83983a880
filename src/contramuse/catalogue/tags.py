"""Title, artist, album, genre, year, tempo and key from a file's own tags."""

from __future__ import annotations

import re
from functools import cache
from typing import IO, Any

from contramuse.catalogue.track import KEYS

_NAMES: dict[str, tuple[str, ...]] = {
    "title": ("title", "TIT2", "Title", "\xa9nam"),
    "artist": ("artist", "TPE1", "Author", "Artist", "\xa9ART"),
    "album": ("album", "TALB", "WM/AlbumTitle", "Album", "\xa9alb"),
    "genre": ("genre", "TCON", "WM/Genre", "Genre", "\xa9gen"),
    "date": ("date", "originaldate", "year", "TDRC", "TYER", "WM/Year", "Year", "\xa9day"),
    "tempo": ("bpm", "TBPM", "WM/BeatsPerMinute", "BPM", "tmpo"),
    "key": ("initialkey", "key", "TKEY", "WM/InitialKey", "Key", "INITIALKEY"),
}
SLOWEST, FASTEST = 20.0, 400.0
"""Beats per minute that are believed; some programs write 0 where they know no tempo."""
_MOST_CHARACTERS = 300
_MOST_VALUES = 32


def read_tags(file: IO[bytes]) -> dict[str, Any]:
    """The tags of an open audio file.

    Returns:
        "title", "album" str; "artist", "genre" list of str; "year" int; "tempo" float, beats per minute; "key" one of
        ``KEYS``; only those that are known. "problem" says why the tags could not be read.
    """
    import mutagen

    _name_keys()
    try:
        found = mutagen.File(file, easy=True)
        values = {name: _values(found, keys) for name, keys in _NAMES.items()} if found else {}
    except Exception as error:  # a parser of broken files may raise anything; broken tags do not make a file unusable
        return {"problem": f"tags cannot be read ({type(error).__name__})"}
    out: dict[str, Any] = {name: values[name][0] for name in ("title", "album") if values.get(name)}
    out |= {name: values[name] for name in ("artist", "genre") if values.get(name)}
    year = re.search(r"\d{4}", " ".join(values.get("date", ())))
    if year and 1000 <= int(year.group()) <= 2999:
        out["year"] = int(year.group())
    tempo = re.match(r"\d+(\.\d+)?", next(iter(values.get("tempo", ())), ""))
    if tempo and SLOWEST <= float(tempo.group()) <= FASTEST:
        out["tempo"] = float(tempo.group())
    key = _key(next(iter(values.get("key", ())), ""))
    if key is not None:
        out["key"] = key
    return out


@cache
def _name_keys() -> None:
    """Make mutagen's simple names know the key, which they leave out."""
    from mutagen.easyid3 import EasyID3
    from mutagen.easymp4 import EasyMP4Tags

    id3: Any = EasyID3
    id3.RegisterTextKey("initialkey", "TKEY")
    mp4: Any = EasyMP4Tags
    mp4.RegisterFreeformKey("initialkey", "initialkey")


def _key(text: str) -> str | None:
    """A key as it is written in tags: "Am", "Bb", "C# minor", or its place on the DJs' wheel of fifths, "8A"."""
    from contramuse.catalogue.labels import parse_key

    place = re.fullmatch(r"0?(1[0-2]|[1-9])([ABab])", text)
    if place is None:
        return parse_key(text)
    # 8B is C major and 8A its relative, A minor; a step up is a fifth up.
    minor = place.group(2) in "Aa"
    return KEYS[(7 * (int(place.group(1)) - 8) + 9 * minor) % 12 + 12 * minor]


def _values(found: Any, keys: tuple[str, ...]) -> list[str]:
    """The values under the first of ``keys`` that the tags have, as clean text without repeats."""
    for key in keys:
        try:
            value = found[key]
        except (KeyError, ValueError):
            continue
        if key == "TCON":
            value = value.genres
        items = value if isinstance(value, list) else getattr(value, "text", [value])
        texts = (" ".join(str(item).replace("\x00", " ").split())[:_MOST_CHARACTERS] for item in items[:_MOST_VALUES])
        return list(dict.fromkeys(text for text in texts if text))
    return []
