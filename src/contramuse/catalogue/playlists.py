"""Who is in which list: the playlists, artists, albums or labels of a library, or playlists from a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contramuse.errors import LibraryError

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library

NAMES = ("id", "name", "title", "plylst_title")
TRACKS = ("tracks", "songs")


@dataclass(frozen=True)
class Lists:
    """Lists of tracks. A track stands in a list once, however often the list names it.

    Args:
        names: of the lists; a list may be empty.
        rows: int64 [m], the library row of every membership, ascending within a list.
        starts: int64 [lists + 1], where each list begins in ``rows``.
        unknown: memberships that fit no track of the library.
    """

    names: tuple[str, ...]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    unknown: int = 0

    @classmethod
    def of(cls, names: Iterable[str], lists: NDArray[np.int64], rows: NDArray[np.int64], *, unknown: int = 0) -> Lists:
        """From one (list number, track row) per membership, in any order, repeated or not."""
        known, tracks = tuple(names), int(rows.max(initial=-1)) + 1
        pairs = np.sort(lists.astype(np.int64) * tracks + rows)  # one number each: ten times as fast as two keys
        pairs = pairs[np.append(True, np.diff(pairs) > 0)[: len(pairs)]]
        starts = np.searchsorted(pairs, np.arange(len(known) + 1) * tracks)
        return cls(known, pairs % max(tracks, 1), starts.astype(np.int64), unknown)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> NDArray[np.int64]:
        """The tracks of list ``number``, int64, ascending."""
        return self.rows[self.starts[number] : self.starts[number + 1]]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The list of every membership, int64 [m]."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def within(self, rows: NDArray[np.int64]) -> Lists:
        """The same lists with only the tracks ``rows``."""
        kept = np.isin(self.rows, rows)
        counts = np.bincount(self.numbers[kept], minlength=len(self))
        return Lists(self.names, self.rows[kept], np.append(0, np.cumsum(counts)), self.unknown)


def library_lists(library: Library, by: str) -> Lists:
    """The lists that a library knows under a name: its groups, or the classes of a label field.

    Args:
        library: whose tracks.
        by: "playlists", "artist", "album", another group, or a multilabel, multiclass or key field.

    Raises:
        LibraryError: it has neither, or the field is numeric.
    """
    field = library.fields.get(by)
    if field is None or by in library.group_names:
        names, rows, lists = library.members(by)
        return Lists.of(names, lists, rows)
    labels = library.labels(by)
    if field.kind == "numeric":
        fix = "Name a group (playlists, artist, album) or a field with classes."
        raise LibraryError("is a field of numbers, which make no lists", name="by", value=by, fix=fix)
    if field.kind == "multilabel":
        tracks, classes = np.nonzero(labels > 0)
        return Lists.of(field.classes, classes, tracks)
    tracks = np.flatnonzero(labels >= 0)
    return Lists.of(field.classes, labels[tracks], tracks)


def first_of(library: Library, by: str) -> NDArray[np.int64]:
    """The number of the first group or the class of every track, int64 [n], -1 where it has none.

    Raises:
        LibraryError: there is no such group or field, or the field does not give each track one class.
    """
    field = library.fields.get(by)
    if field is None or by in library.group_names:
        return library.group(by)
    if field.kind not in ("multiclass", "key"):
        fix = "Name a group (artist, album) or a field in which each track has one class."
        raise LibraryError(f"is a {field.kind} field, which gives no track one class", name="by", value=by, fix=fix)
    return np.asarray(library.labels(by), np.int64)


def read_lists(file: Path | str, library: Library) -> Lists:
    """Playlists from JSON: ``[{"id": ..., "tracks": [...]}, ...]`` or ``{"name": [...], ...}``; "songs" is read too.

    A track is named by its path in the library, by its file's name without the extension where that is unique, or by
    its id. Names that fit no track are counted.

    Raises:
        LibraryError: the file cannot be read or holds no playlists, or none of its tracks is in the library.
    """
    path = Path(file)
    try:
        given = _pairs(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _wrong(path, f"cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise _wrong(path, f"is no JSON ({error})") from error
    if not given:
        raise _wrong(path, "holds no playlists")
    place = _places(library)
    found = [(number, place.get(str(track), -1)) for number, (_, tracks) in enumerate(given) for track in tracks]
    cells = np.array(found, np.int64).reshape(-1, 2)
    known = cells[cells[:, 1] >= 0]
    if not len(known):
        raise _wrong(path, f"names {len(cells)} tracks, none of which is in the library")
    return Lists.of((name for name, _ in given), known[:, 0], known[:, 1], unknown=len(cells) - len(known))


def _pairs(content: Any) -> list[tuple[str, list[Any]]]:
    """(name, tracks) of every playlist; an empty list where the content is something else."""
    if isinstance(content, Mapping):
        content = [{"name": name, "tracks": tracks} for name, tracks in content.items()]
    if not isinstance(content, list) or not all(isinstance(one, Mapping) for one in content):
        return []
    found = []
    for number, one in enumerate(content):
        tracks = next((one[key] for key in TRACKS if isinstance(one.get(key), list)), None)
        if tracks is None:
            return []
        found.append((next((str(one[key]) for key in NAMES if one.get(key) is not None), str(number)), tracks))
    return found


def _places(library: Library) -> dict[str, int]:
    """Row by path, by unique file name without extension, and by id."""
    stems: dict[str, int] = {}
    for row, path in enumerate(library.paths):
        stem = os.path.splitext(os.path.basename(path))[0]
        stems[stem] = row if stem not in stems else -1
    return {
        **stems,
        **{str(i): row for row, i in enumerate(library.ids)},
        **{p: r for r, p in enumerate(library.paths)},
    }


def _wrong(path: Path, problem: str) -> LibraryError:
    fix = 'Give JSON like [{"name": "Evening", "tracks": ["artist/song.mp3", ...]}, ...].'
    return LibraryError(problem, name="playlists", value=path, fix=fix)
