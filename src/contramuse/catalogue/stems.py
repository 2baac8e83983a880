"""Stems: files ``stems/<track>/<name>.<ext>`` belong to the track whose file is called ``<track>.<ext>``.

The folder ``stems`` may lie anywhere; the track is looked for in the folder that holds ``stems`` and below it. Where no
track is called so, the files are tracks like all others; where two are, they belong to neither.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

PATTERN = "stems/<track file without extension>/<stem name>.<extension>"


@dataclass(frozen=True)
class StemName:
    """What a stem's path says.

    Args:
        home: the folder that holds ``stems``, "" for the root.
        track: file name of its track without extension.
        name: of the stem.
    """

    home: bytes
    track: bytes
    name: str


def stem_of(path: bytes) -> StemName | None:
    """What the path says if it may be a stem's, else None."""
    parts = path.split(b"/")
    if len(parts) < 3 or parts[-3] != b"stems":
        return None
    name = os.path.splitext(parts[-1])[0].decode("utf-8", "backslashreplace")
    return StemName(home=b"/".join(parts[:-3]), track=parts[-2], name=name)


class StemTable:
    """Which tracks the stems of a folder belong to.

    Args:
        paths: of all audio files.
    """

    def __init__(self, paths: Iterable[bytes]) -> None:
        wanted: set[tuple[bytes, bytes]] = set()
        others: list[bytes] = []
        for path in paths:
            stem = stem_of(path)
            if stem is None:
                others.append(path)
            else:
                wanted.add((stem.home, stem.track))
        self._owners: dict[tuple[bytes, bytes], list[bytes]] = defaultdict(list)
        for path in others if wanted else ():
            for key in _homes(path):
                if key in wanted:
                    self._owners[key].append(path)

    def owners(self, stem: StemName) -> list[bytes]:
        """Paths of the tracks that are called as the stem says: none, one, or more (then it belongs to none)."""
        return self._owners.get((stem.home, stem.track), [])


def _homes(path: bytes) -> Iterable[tuple[bytes, bytes]]:
    """The folders that hold a path, each with the path's name without extension."""
    name = os.path.splitext(os.path.basename(path))[0]
    folder = os.path.dirname(path)
    while True:
        yield folder, name
        if not folder:
            return
        folder = os.path.dirname(folder)
