"""Near-duplicates that we make ourselves: does a copy of a track find its original?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from contramuse.probes.changes import CORRUPTIONS
from contramuse.probes.estimators import Standard, unit
from contramuse.probes.hearing import CLEAN, Excerpts, Version, hear, hearing_of
from contramuse.probes.run import Progress, System

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

KBITS = 64.0
PIECE = 0.7
"""Share of a track that a piece of it takes at most."""
TIE = 1e-6

Found = tuple[str, dict[str, NDArray[np.float64]], NDArray[np.int64], str]
"""Name of the copy; per system 1 where it found its original, [q]; which tracks, positions [q]; how it was made."""


def find_duplicates(
    compared: Sequence[System],
    given: Sequence[Embeddings],
    vectors: Mapping[str, Float[np.ndarray, "n h"]],
    *,
    library: Library,
    rows: Int[np.ndarray, " n"],
    copies: int,
    seconds: float,
    seed: int,
    folder: Path,
    progress: Progress,
) -> tuple[list[Found], list[dict[str, str]]]:
    """Copies of ``copies`` tracks, each sought among all tracks by every system that can hear.

    Args:
        compared: the systems.
        given: embeddings of the models.
        vectors: of all tracks by system, as ``neighbours.standardised`` makes them.
        library: of audio.
        rows: of the tracks.
        copies: tracks that are copied, drawn by ``seed``.
        seconds: of a copy at most, from the middle of its track.
        seed: of the draw.
        folder: for the vectors of copies.
        progress: told what is being done.

    Returns:
        One entry per kind of copy, and the systems that cannot hear with the reason.
    """
    place = np.sort(np.random.default_rng(seed).permutation(len(rows))[:copies])
    hearing = hearing_of(compared, given, sample_rate=library.sample_rate, seed=seed)
    mp3 = Version(CORRUPTIONS["mp3"], KBITS)
    whole = f"at most {seconds:g} s from the middle"
    kinds = (
        ("re-encoded", 1.0, mp3, f"{whole}, as an mp3 of {KBITS:g} kbit/s"),
        ("cut", PIECE, CLEAN, f"{whole}, at most {PIECE:.0%} of the track: a piece that starts elsewhere"),
        ("cut and re-encoded", PIECE, mp3, "both"),
    )
    found: list[Found] = []
    for name, share, version, note in kinds:
        excerpts = Excerpts(library, rows[place], seconds, seed, share)
        heard = hear(hearing, excerpts, [version], folder=folder, progress=progress) if hearing.columns else {}
        values = {}
        for system in compared:
            if system.name in heard:
                scale = Standard().fit(system.vectors)
                copy = unit(scale.transform(heard[system.name][version.key])).astype(np.float32)
                values[system.name] = found_first(copy, vectors[system.name], place)
        found.append((name, values, place, note))
    return found, [{"system": name, "reason": reason} for name, reason in hearing.deaf]


def found_first(
    copy: Float[np.ndarray, "q h"], tracks: Float[np.ndarray, "n h"], place: Int[np.ndarray, " q"]
) -> NDArray[np.float64]:
    """1 where no track is nearer to a copy than its original, [q]; a library may hold the original twice."""
    table = copy @ tracks.T
    own = table[np.arange(len(copy)), place]
    return np.asarray((own >= table.max(axis=1) - TIE).astype(np.float64))
