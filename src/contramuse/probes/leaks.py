"""What stands on both sides of a test: the same audio, artist, album or song learnt from and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contramuse.errors import LibraryError
from contramuse.probes.folds import Fold
from contramuse.probes.tasks import Catalogue, group_names, membership

APART = ("playlists",)
"""Groups that may well be on both sides."""
SHOWN = 5


def leaks(library: Catalogue, rows: NDArray[np.int64], folds: Sequence[Fold]) -> dict[str, Any]:
    """Tested tracks that share something with a track that was learnt from (training or validation).

    Audio is compared by the hash of what was decoded, whatever the files are called.

    Args:
        library: of the tracks.
        rows: of the tracks that take part, int64 [n]; folds count within them.
        folds: what is learnt from and tested; counts are over all of them, a tested track counts once.

    Returns:
        {"audio": {"count", "examples": [[learnt path, tested path], ...]}, "groups": {name: the same}, "tested",
        "words"}.
    """
    paths = [library.paths[row] for row in rows]
    tested = len(np.unique(np.concatenate([fold.test for fold in folds])))
    audio = _shared([(content,) for content in _content(library, rows)], folds, paths)
    names = [name for name in group_names(library) if name not in APART]
    groups = {name: _shared(membership(library, name, rows), folds, paths) for name in names}
    return {"audio": audio, "groups": groups, "tested": tested, "words": words(audio, groups, tested)}


def _content(library: Catalogue, rows: NDArray[np.int64]) -> list[str]:
    """Hashes of the audio; a library whose every track has audio of its own has them as ids."""
    try:
        column = library.column("audio")
    except (LibraryError, KeyError):
        column = library.ids
    return [str(column[row]) for row in rows]


def _shared(keys: Sequence[tuple[str, ...]], folds: Sequence[Fold], paths: Sequence[str]) -> dict[str, Any]:
    found: dict[int, int] = {}
    for fold in folds:
        learnt = {key: int(row) for row in np.concatenate([fold.train, fold.valid])[::-1] for key in keys[row]}
        for row in fold.test.tolist():
            partner = next((learnt[key] for key in keys[row] if key in learnt), None)
            if partner is not None:
                found.setdefault(row, partner)
    examples = [[paths[partner], paths[row]] for row, partner in list(found.items())[:SHOWN]]
    return {"count": len(found), "examples": examples}


def words(audio: dict[str, Any], groups: dict[str, dict[str, Any]], tested: int) -> list[str]:
    """What was found, in sentences; also that nothing was."""
    said = []
    for name, one in (("audio", audio), *groups.items()):
        if one["count"]:
            learnt, test = one["examples"][0]
            share = "have the very audio of" if name == "audio" else f"share their {name} with"
            said.append(
                f"Leak: {one['count']} of {tested} tested tracks {share} a track that was learnt from "
                f"(tested {test}, learnt {learnt})."
            )
    clean = [name for name, one in (("audio", audio), *groups.items()) if not one["count"]]
    if clean:
        named = clean[0] if len(clean) == 1 else f"{', '.join(clean[:-1])} or {clean[-1]}"
        said.append(f"No tested track shares its {named} with one that was learnt from.")
    return said
