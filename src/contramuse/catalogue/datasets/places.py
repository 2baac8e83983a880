"""Where a dataset's files lie: annotation files in one of several folders, audio in the format that is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from contramuse.audio.sniff import named_like_audio

CONVERTED = (".wav", ".flac")


def anywhere(name: str, folders: Iterable[str]) -> str:
    """A file in one of several folders, as ``Needed.path`` has it: alternatives separated by "|"."""
    return "|".join(f"{folder}/{name}" if folder else name for folder in folders)


def first(root: Path, path: str) -> Path | None:
    """The first of the alternatives that is a file below the root."""
    return next((root / one for one in path.split("|") if (root / one).is_file()), None)


def audio_folder(root: Path, folders: Sequence[str], inside: Iterable[str]) -> str:
    """The first folder below the root that holds one of the folders ``inside``; else the first of all.

    Args:
        root: of the dataset.
        folders: relative to the root, "" for the root itself.
        inside: what the folder of the audio holds ("0", "1", ...).

    Returns:
        "" or the folder with a "/" behind it, to put before a path.
    """
    held = tuple(inside)
    found = next((one for one in folders if any((root / one / name).is_dir() for name in held)), folders[0])
    return f"{found}/" if found else ""


def audio_file(root: Path, path: str, *, endings: Sequence[str] = CONVERTED) -> str:
    """The path of an item's audio: as published if that file is there, else the same name converted to another format.

    Many have converted the published mp3 once and deleted it. What is nowhere keeps its published path.
    """
    if (root / path).exists():
        return path
    stem = path[: path.rindex(".")]
    return next((stem + ending for ending in endings if (root / (stem + ending)).exists()), path)


def audio_below(folder: Path, root: Path, *, ending: str = "") -> Iterator[str]:
    """Files below ``folder``, relative to the root, with "/", in no order.

    The "._" files that macOS leaves in archives are passed over.

    Args:
        folder: the root or a folder in it; one that is not there holds nothing.
        root: of the dataset.
        ending: that their names have (".wav"), in small letters; "" takes all that are called like audio.
    """
    for home, _, names in os.walk(folder):
        for name in names:
            wanted = name.lower().endswith(ending) if ending else named_like_audio(os.fsencode(name))
            if wanted and not name.startswith("._"):
                yield os.path.relpath(os.path.join(home, name), root).replace(os.sep, "/")
