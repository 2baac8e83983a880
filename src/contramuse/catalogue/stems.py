"""Stems: the sources that a track was mixed from, found by the names of their files.

A pattern says how stems are named: ``{track}`` stands for the name of their track, ``{stem}`` for their own, ``*`` for
anything. Without one, files ``stems/<track>/<stem>.<extension>`` are stems. Which file is the track (the mix):

* beside the stems, a file that the pattern matches and whose stem is called "mixture" or "mix" (MUSDB18-HQ), or
* a file called ``<track>.<extension>`` or ``<track>_mix.<extension>``, in the folder in which the pattern begins or
  below it; for a pattern that was given, else in the nearest folder above that has one.

A stem file is never a track. Where two files are called as the track, a stem belongs to neither. Files ``*.stem.mp4``
hold their stems themselves, as streams after the mix.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contramuse.errors import UserError

MIXES = ("mixture", "mix")
USUAL = ("bass", "drums", "other", "vocals")
STREAMS = ("drums", "bass", "other", "vocals")
"""What the audio streams of a ``.stem.mp4`` hold, after the first, which is the mix."""
_STREAM_FILES = (b".stem.mp4", b".stem.m4a")
_OF_A_MIX = re.compile(rb"(?P<track>.+)[ _.-](mix|mixture)", re.IGNORECASE | re.DOTALL)
_FIX = 'For example --stems "{track}/{stem}.wav", "{track}_{stem}.*" or "{track}_open-unmix/{stem}_down.wav".'


@dataclass(frozen=True)
class StemName:
    """What a stem's path says.

    Args:
        home: the folder in which the pattern begins, "" for the root.
        track: name of its track.
        name: of the stem.
    """

    home: bytes
    track: bytes
    name: str


class Naming(Protocol):
    """What tells the stems among the files of a folder."""

    @property
    def text(self) -> str:
        """It, in words."""

    def table(self, paths: Sequence[bytes]) -> Table:
        """Which of ``paths`` are stems."""

    def may_be(self, path: bytes) -> bool:
        """Whether a file is called as stems are; it may then be short or silent."""


class Table(Protocol):
    """Which of a folder's files are stems, and of which tracks."""

    def of(self, path: bytes) -> Found | None:
        """What there is to say of a file that is a stem; None for a track."""

    def called(self, path: bytes) -> bytes:
        """Name of a track."""


class StemPattern:
    """How stems are named.

    Args:
        text: path with ``{track}`` and ``{stem}``; names in it count in capitals or not.

    Raises:
        UserError: one of the two is missing, or the path leaves its folder.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        parts = text.split("/")
        if not all(parts) or ".." in parts or text.startswith("~"):
            raise UserError("is no path of folders and a file", name="--stems", value=text, fix=_FIX)
        self._depth = len(parts)
        seen: set[str] = set()
        pieces = []
        for piece in re.split(r"(\{[^}]*\}|\*)", text):
            if piece in ("{track}", "{stem}"):
                name = piece[1:-1]
                # A track's name takes all it can: the stem in "a_b_bass" of "{track}_{stem}" is "bass".
                group = "(?P<track>[^/]+)" if name == "track" else "(?P<stem>[^/]+?)"
                pieces.append(f"(?P={name})" if name in seen else group)
                seen.add(name)
            elif "{" in piece or "}" in piece:
                raise UserError(f"has {piece}, which stands for nothing", name="--stems", value=text, fix=_FIX)
            else:
                pieces.append("[^/]*" if piece == "*" else re.escape(piece))
        if seen != {"track", "stem"}:
            raise UserError("lacks {track} or {stem}", name="--stems", value=text, fix=_FIX)
        expression = "".join(pieces)
        # ".*" at the end is an extension or none: names may hold dots, extensions not
        expression = re.sub(r"\\\.\[\^/\]\*$", r"(?:\\.[^./]*)?", expression)
        self._expression = re.compile(os.fsencode(expression), re.IGNORECASE | re.DOTALL)

    def stem_of(self, path: bytes) -> StemName | None:
        """What the path says if it may be a stem's, else None."""
        parts = path.split(b"/")
        if len(parts) < self._depth:
            return None
        found = self._expression.fullmatch(b"/".join(parts[-self._depth :]))
        if found is None:
            return None
        name = found["stem"].decode("utf-8", "backslashreplace")
        return StemName(home=b"/".join(parts[: -self._depth]), track=found["track"], name=name)

    def table(self, paths: Sequence[bytes]) -> StemTable:
        """Which of a folder's files, all of ``paths``, are stems."""
        return StemTable(paths, self)

    def may_be(self, path: bytes) -> bool:
        """Whether a file is called as stems are."""
        return self.stem_of(path) is not None


DEFAULT = StemPattern("stems/{track}/{stem}.*")


def holds_stems(path: bytes) -> bool:
    """Whether a file is called as one that holds its stems as streams."""
    return path.lower().endswith(_STREAM_FILES)


def stream_names(count: int) -> tuple[str, ...]:
    """Names of the stems in a file with ``count`` audio streams beside the mix."""
    return tuple(STREAMS[i] if i < len(STREAMS) else f"stem {i + 1}" for i in range(count))


@dataclass(frozen=True)
class Found:
    """A file that is a stem, and the tracks that are called as it says: one, or it belongs to none."""

    stem: StemName
    owners: list[bytes]


class StemTable:
    """Which of a folder's files are stems, and of which tracks.

    Args:
        paths: of all audio files.
        pattern: how stems are named; ``DEFAULT`` takes only files that have a track.
    """

    def __init__(self, paths: Sequence[bytes], pattern: StemPattern = DEFAULT) -> None:
        self._pattern, self._given = pattern, pattern is not DEFAULT
        stems = {path: stem for path in paths if (stem := pattern.stem_of(path)) is not None}
        wanted = {stem.track for stem in stems.values()}
        self._mixes: dict[tuple[bytes, bytes], list[bytes]] = defaultdict(list)
        self._named: dict[bytes, list[bytes]] = defaultdict(list)
        for path in paths if wanted else ():
            if self._given and path in stems and self._is_mix(stems[path]):
                self._mixes[stems[path].home, stems[path].track].append(path)
            if self._given or path not in stems:
                for name in _names(path) & wanted:
                    self._named[name].append(path)
        self._known = set(USUAL) | {s.name for path, s in stems.items() if self._given and self._owned(path, s)}

    def _is_mix(self, stem: StemName) -> bool:
        return self._given and stem.name.lower() in MIXES

    def owners(self, stem: StemName) -> list[bytes]:
        """Paths of the files that are called as the stem says: none, one, or more (then it belongs to none)."""
        beside = self._mixes.get((stem.home, stem.track))
        if beside:
            return beside
        named, home = self._named.get(stem.track, []), stem.home
        while True:
            found = [path for path in named if not home or path.startswith(home + b"/")]
            if found or not home or not self._given:
                return found
            home = os.path.dirname(home)

    def _owned(self, path: bytes, stem: StemName) -> list[bytes]:
        return [] if self._is_mix(stem) else [owner for owner in self.owners(stem) if owner != path]

    def of(self, path: bytes) -> Found | None:
        """What there is to say of a file that is a stem; None for a track.

        A file that a given pattern matches and that has no track is a stem if it is called as stems are (bass, drums,
        other, vocals, or as a stem of another track).
        """
        stem = self._pattern.stem_of(path)
        if stem is None or self._is_mix(stem):
            return None
        owners = []
        for owner in self._owned(path, stem):
            as_stem = self._pattern.stem_of(owner) if self._given else None
            if as_stem is None or not self._owned(owner, as_stem):  # what is a stem itself owns none
                owners.append(owner)
        if owners or (self._given and stem.name in self._known):
            return Found(stem, owners)
        return None

    def called(self, path: bytes) -> bytes:
        """Name of a track: its file's without extension, or its folder's where all mixes are called alike."""
        stem = self._pattern.stem_of(path)
        if stem is not None and self._is_mix(stem):
            return stem.track
        name = os.path.basename(path)
        return name[: -len(_STREAM_FILES[0])] if holds_stems(name) else os.path.splitext(name)[0]


class GivenStems:
    """Stems that annotations name one by one, whatever their files are called.

    Args:
        owners: path of a stem -> path of its track and name of the stem.
    """

    text = "the annotations"

    def __init__(self, owners: Mapping[bytes, tuple[bytes, str]]) -> None:
        self._owners = dict(owners)

    def __len__(self) -> int:
        return len(self._owners)

    def table(self, paths: Sequence[bytes]) -> GivenStems:
        """Itself: names of files do not matter."""
        return self

    def may_be(self, path: bytes) -> bool:
        """Any file may: what annotations name is kept, be it short or silent."""
        return True

    def of(self, path: bytes) -> Found | None:
        """What there is to say of a file that is a stem; None for a track."""
        if path not in self._owners:
            return None
        owner, name = self._owners[path]
        return Found(StemName(b"", os.path.splitext(os.path.basename(owner))[0], name), [owner])

    def called(self, path: bytes) -> bytes:
        """Name of a track: its file's without extension."""
        return os.path.splitext(os.path.basename(path))[0]


def _names(path: bytes) -> set[bytes]:
    """What a file may be called in the names of its stems."""
    name = os.path.splitext(os.path.basename(path))[0]
    mix = _OF_A_MIX.fullmatch(name)
    return {name, mix["track"]} if mix else {name}
