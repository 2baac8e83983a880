"""What is known about tracks that nobody labelled: tags of the files, and tempo and key, read or estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contramuse.audio.features import FeatureStore
from contramuse.catalogue.track import KEYS
from contramuse.files import replacing, stable_hash
from contramuse.probes import tempo_key
from contramuse.probes.clusters import numbered_or_single
from contramuse.probes.run import Progress
from contramuse.probes.tasks import membership

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library

Members = list[tuple[str, ...]]


@dataclass(frozen=True)
class Group:
    """Tracks that belong together.

    Args:
        name: shown.
        members: the groups of every track.
        without: tracks that share one of these are no neighbours of each other; None leaves nobody out.
        note: how it is counted, in words.
    """

    name: str
    members: Members
    without: Members | None
    note: str


@dataclass(frozen=True)
class Standing:
    """What is known about n tracks.

    Args:
        groups: what tracks may share.
        owner: what is too close to be asked of neighbours: the tracks' artist; where none is known their album, the
            group that their dataset names, or the recording that they are excerpts of; None where nothing is known.
        clusters: int64 [n] by owner, a track without one is its own, and all are where there are fewer than eight
            owners; what the bootstrap draws.
        tempo: beats per minute [n], NaN where unknown; None: not at all.
        key: positions in ``KEYS`` [n], -1 where unknown; None: not at all.
        facts: where each is from, in words.
    """

    groups: Sequence[Group]
    owner: Members | None
    clusters: NDArray[np.int64]
    tempo: NDArray[np.float64] | None
    key: NDArray[np.int64] | None
    facts: dict[str, Any]


def standings(
    library: Library, rows: NDArray[np.int64], seconds: float, *, folder: Path, progress: Progress
) -> Standing:
    """Read what the library knows of the tracks at ``rows``; estimate tempo and key where it knows neither."""
    artist = _known_groups(library, "artist", rows)
    album = _known_groups(library, "album", rows)
    facts: dict[str, Any] = {
        "artist": _count(artist), "album": _count(album), "genre": 0, "tracks": len(rows)
    }  # fmt: skip
    groups: list[Group] = []
    if artist is not None:
        groups.append(Group("artist", artist, None, "among all other tracks"))
        if album is not None:
            note = "among the tracks that are not of the same album"
            groups.append(Group("artist, other albums", artist, _albums(artist, album), note))
    if album is not None:
        groups.append(Group("album", _albums(artist, album), None, "among all other tracks, the artist's own too"))
    genre = _genres(library, rows)
    if genre is not None:
        facts["genre"] = _count(genre)
        note = "among the tracks of other artists" if artist is not None else "among all other tracks"
        groups.append(Group("genre", genre, artist, note))
    for name in library.group_names:
        other = None if name in ("artist", "album") else _known_groups(library, name, rows)
        if other is not None:
            groups.append(Group(name, other, None, "among all other tracks"))
    if not groups:
        note = "among all other tracks; the files have neither artist, album nor genre"
        groups.append(Group("folder", membership(library, "folder", rows), None, note))
    tempo, key, said = _tempo_and_key(library, rows, seconds, folder=folder, progress=progress)
    others = [(library.info.get("dataset") or {}).get("group") or "track", "track"]
    owners = [artist, album, *(_known_groups(library, name, rows) for name in others)]
    owner = next((one for one in owners if one is not None), None)
    clusters = numbered_or_single(owner or [()] * len(rows))
    return Standing(groups, owner, clusters, tempo, key, facts | said)


def _known_groups(library: Library, name: str, rows: NDArray[np.int64]) -> Members | None:
    """The groups of the tracks, None where no two tracks share one."""
    if name not in library.group_names:
        return None
    found = membership(library, name, rows)
    names = [one for own in found for one in set(own)]
    return found if len(names) > len(set(names)) else None


def _albums(artist: Members | None, album: Members) -> Members:
    """Albums under the name of their artist: two artists may have one called the same."""
    owners = artist or [()] * len(album)
    return [tuple(f"{'; '.join(who)} / {name}" for name in names) for who, names in zip(owners, album, strict=True)]


def _genres(library: Library, rows: NDArray[np.int64]) -> Members | None:
    """Genres of the tracks, from the label field or the files' tags; None where fewer than two are known."""
    field = library.fields.get("genre")
    if field is None or field.kind not in ("multiclass", "multilabel"):
        return None
    labels = np.asarray(library.labels("genre"))[rows]
    if field.kind == "multiclass":
        found: Members = [(field.classes[y],) if y >= 0 else () for y in labels]
    else:
        found = [tuple(field.classes[c] for c in np.flatnonzero(row > 0)) for row in labels]
    return found if len({name for own in found for name in own}) > 1 else None


def _count(groups: Members | None) -> int:
    return 0 if groups is None else sum(map(bool, groups))


def _tempo_and_key(
    library: Library, rows: NDArray[np.int64], seconds: float, *, folder: Path, progress: Progress
) -> tuple[NDArray[np.float64] | None, NDArray[np.int64] | None, dict[str, str]]:
    """Of the library's fields where half of the tracks have them; estimated from audio otherwise."""
    tempo, key = _tempo_field(library, rows), _key_field(library, rows)
    said = {"tempo": "from the library's field of tempi", "key": "from the library's field of keys"}
    if isinstance(library.store, FeatureStore):
        said |= {} if tempo is not None else {"tempo": "not known"}
        said |= {} if key is not None else {"key": "not known"}
    elif tempo is None or key is None:
        heard = _estimated(library, rows, seconds, folder=folder, progress=progress)
        guessed = "estimated from the audio (right on {:.0f} % of tracks of the built-in corpus{})"
        if tempo is None:
            tempo, right = heard[0], tempo_key.ACCURACY["tempo or its half or double"]
            said["tempo"] = guessed.format(100 * right, ", but for a factor of 2")
        if key is None:
            key = heard[1]
            said["key"] = guessed.format(100 * tempo_key.ACCURACY["key"], "")
    return tempo, key, said


def _tempo_field(library: Library, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    for name in ("tempo", "bpm"):
        if name in library.fields and library.fields[name].kind == "numeric":
            value = np.asarray(library.labels(name), np.float64)[rows]
            value = np.where(value > 0, value, np.nan)
            if np.isfinite(value).mean() >= 0.5:
                return value
    return None


def _key_field(library: Library, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    field = library.fields.get("key")
    if field is None or field.kind != "key" or not set(field.classes) <= set(KEYS):
        return None
    y = np.asarray(library.labels("key"))[rows]
    place = np.array([KEYS.index(name) for name in field.classes], np.int64)
    value = np.where(y >= 0, place[np.maximum(y, 0)], -1)
    return value if (value >= 0).mean() >= 0.5 else None


def _estimated(
    library: Library, rows: NDArray[np.int64], seconds: float, *, folder: Path, progress: Progress
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    ids = stable_hash(library.ids[rows].tolist())
    key = stable_hash([library.fingerprint, library.sample_rate, ids, seconds, tempo_key.VERSION])
    file = folder / f"tempo-key-{key}.npz"
    if not file.exists():
        tempo, keys = tempo_key.estimates(
            library.store, rows, sample_rate=library.sample_rate, seconds=seconds,
            progress=lambda done, n: progress(f"tempo and key: {done} of {n} tracks"),
        )  # fmt: skip
        with replacing(file) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, tempo=tempo, key=keys)
    with np.load(file) as kept:
        return kept["tempo"], kept["key"]
