"""Where a dataset's files lie: annotation files in one of several folders, audio in the format that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

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
