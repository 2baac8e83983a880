"""Title, artist, album, genre and year from a file's own tags."""

from __future__ import annotations

import re
from typing import IO, Any

_NAMES: dict[str, tuple[str, ...]] = {
    "title": ("title", "TIT2", "Title", "\xa9nam"),
    "artist": ("artist", "TPE1", "Author", "Artist", "\xa9ART"),
    "album": ("album", "TALB", "WM/AlbumTitle", "Album", "\xa9alb"),
    "genre": ("genre", "TCON", "WM/Genre", "Genre", "\xa9gen"),
    "date": ("date", "originaldate", "year", "TDRC", "TYER", "WM/Year", "Year", "\xa9day"),
}
_MOST_CHARACTERS = 300
_MOST_VALUES = 32


def read_tags(file: IO[bytes]) -> dict[str, Any]:
    """The tags of an open audio file.

    Returns:
        "title", "album" str; "artist", "genre" list of str; "year" int; only those that are known. "problem" says
        why the tags could not be read.
    """
    import mutagen

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
    return out


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
