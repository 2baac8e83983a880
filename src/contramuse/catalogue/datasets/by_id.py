"""For datasets without audio: the user's own files found by an item's id, and splits that depend on the id alone."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from contramuse.catalogue.datasets.base import Needed
from contramuse.catalogue.datasets.places import audio_below
from contramuse.catalogue.datasets.reading import read_rows, wrong

PATHS = "paths.csv"
FOLDER = "audio"
OWN_AUDIO = Needed(
    f"{FOLDER}|{PATHS}",
    f"your own files, {FOLDER}/<id>.mp3 (any format, in any folders below), or {PATHS} with the columns id and path",
    "The dataset has no audio; name files that you have by the dataset's ids.",
    kind="audio",
)


@dataclass(frozen=True)
class OwnAudio:
    """The user's files by id.

    Args:
        paths: id -> path relative to the root.
        outside: rows of paths.csv whose file is not below the root, which is not read.
    """

    paths: dict[str, str]
    outside: tuple[str, ...] = ()

    def of(self, item: str) -> str:
        """The path of an item's audio, or where it would be looked for first."""
        return self.paths.get(item, f"{FOLDER}/{item}.mp3")


def own_audio(root: Path) -> OwnAudio:
    """Files ``audio/**/<id>.*`` and what ``paths.csv`` (id, path; absolute or relative to the root) says; it wins.

    Raises:
        UserError: paths.csv is no such table, or names an id twice.
    """
    paths = {os.path.splitext(os.path.basename(path))[0]: path for path in sorted(audio_below(root / FOLDER, root))}
    outside: list[str] = []
    file, named = root / PATHS, set()
    for line, row in read_rows(file, columns=("id", "path")) if file.is_file() else ():
        item = row["id"].strip()
        if item in named:
            raise wrong(file, f"names the id {item!r} twice", line=line)
        named.add(item)
        path = relative(row["path"].strip(), root)
        if path is None:
            outside.append(f"{item}: {row['path']}")
        else:
            paths[item] = path
    return OwnAudio(paths, tuple(outside))


def relative(path: str, root: Path) -> str | None:
    """A path relative to the root, with "/"; None where it is not below the root. Links to the root are followed."""
    windows = "\\" in path and not (root / path).exists()
    clean = os.path.normpath(path.replace("\\", "/") if windows else path)
    if os.path.isabs(clean):
        home, real = root.absolute(), os.path.realpath(root)
        clean = os.path.relpath(clean, real if clean.startswith(real + os.sep) else home)
    return None if clean == ".." or clean.startswith("../") else clean


def split_said(by: str, *, seed: int) -> str:
    """The name of a split by artist, or by ``split_of`` of the items that ``by`` names ("song", "track")."""
    if by == "artist":
        return "by artist (made here, not published)"
    return f"by {by}, 80/10/10 by a hash of its id, seed {seed} (made here, not published)"


def split_of(item: str, *, seed: int) -> str:
    """The split of an item: train, valid and test with 80, 10 and 10 %, by a hash of its id and nothing else.

    So an item keeps its split whichever others are there. It is nobody's published split.
    """
    lot = int.from_bytes(hashlib.sha256(f"{seed}\n{item}".encode("utf-8", "surrogatepass")).digest()[:8], "big") % 10
    return "test" if lot == 0 else "valid" if lot == 1 else "train"
