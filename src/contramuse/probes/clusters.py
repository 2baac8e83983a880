"""Tracks that are not independent of each other: of one artist, of one recording. They are drawn together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contramuse.errors import LibraryError
from contramuse.probes.tasks import Catalogue, codes, membership, split_group

LEAST = 8
"""Clusters that a bootstrap needs: of fewer it says little, and too little."""


def cluster_tracks(
    library: Catalogue, rows: NDArray[np.int64], name: str | None
) -> tuple[NDArray[np.int64] | None, str, str]:
    """A number for the cluster of each of the tested tracks at ``rows``, int64 [n]; None where they are single.

    By itself ("auto"): the group that the published dataset names, else the one that the library's split keeps apart,
    else the artist; the first of them that ties any of the tracks, unless there are fewer than eight.

    Args:
        library: of the tracks.
        rows: int64 [n].
        name: "auto", "tracks" (or None), or a group, class field or "folder".

    Returns:
        The numbers, the name of the group ("tracks" where they are single) and what was decided, in words.

    Raises:
        LibraryError: no such group.
    """
    if name in (None, "tracks"):
        return None, "tracks", "Intervals are over single tracks, as asked for."
    if name != "auto":
        found = numbered(membership(library, str(name), rows))
        return (
            found,
            str(name),
            f"Intervals draw whole groups, as asked for: {_count(found)} by {name}, of {len(rows)} tested tracks.",
        )
    held = library.info.get("dataset") or {}
    few = ""
    for candidate in dict.fromkeys((held.get("group"), split_group(library), "artist")):
        if not candidate:
            continue
        try:
            found = numbered(membership(library, candidate, rows))
        except LibraryError:
            continue
        count = _count(found)
        if count == len(rows):
            continue
        if count < LEAST:
            few = f": {count} groups by {candidate} are too few to draw whole, so intervals may be too narrow"
            continue
        said = f"Intervals draw whole groups: {count} by {candidate}, of {len(rows)} tested tracks."
        return found, candidate, said
    return None, "tracks", f"Intervals are over single tracks{few or ', as no two are known to belong together'}."


def numbered(groups: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """A number for the first group of every track, int64 [n]; one without is a cluster of its own."""
    group = codes(groups)
    return np.where(group < 0, np.arange(len(group)) + int(group.max(initial=-1)) + 1, group)


def numbered_or_single(groups: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """As ``numbered``, unless there are fewer than eight clusters: then every track is its own, int64 [n]."""
    numbers = numbered(groups)
    return numbers if _count(numbers) >= LEAST else np.arange(len(numbers), dtype=np.int64)


def _count(numbers: NDArray[np.int64]) -> int:
    return len(np.unique(numbers))
