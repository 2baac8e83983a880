"""Playlists as listeners make them: tracks that are near in mood, tempo and style, with some chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from contramuse.catalogue.corpus.plan import generator
from contramuse.catalogue.corpus.truth import Truth

TRACKS_PER_PLAYLIST = 12
_SAME_ARTIST = 3


@dataclass(frozen=True, kw_only=True)
class Playlist:
    """A playlist: an id, a name, and numbers of tracks in the order in which they are played."""

    id: str
    name: str
    tracks: tuple[int, ...]


def playlists(truths: list[Truth], artists: list[str], *, seed: int) -> list[Playlist]:
    """As many playlists as let a track be in about one and a half of them.

    The distance of two tracks is that of their moods, plus that of their tempi in octaves, plus 0.6 between styles;
    each choice adds noise of up to 0.15. No artist is in a playlist more than three times.
    """
    count = max(1, round(1.5 * len(truths) / TRACKS_PER_PLAYLIST))
    moods = np.array([[t.arousal, t.valence] for t in truths])
    tempi = np.log2([t.tempo for t in truths])
    styles = np.array([t.genre for t in truths])
    waiting = [int(track) for track in generator(seed, 0, "playlists").permutation(len(truths))]
    result: list[Playlist] = []
    for number in range(count):
        # It starts from a track that is in none yet, so that all corners of the corpus are reached.
        start = waiting[0] if waiting else number % len(truths)
        rng = generator(seed, number, "playlist")
        distance = np.linalg.norm(moods - moods[start], axis=1) + np.abs(tempi - tempi[start])
        distance += 0.6 * (styles != styles[start]) + 0.15 * rng.random(len(truths))
        distance[start] = -math.inf
        chosen: list[int] = []
        for track in np.argsort(distance, kind="stable"):
            if sum(artists[other] == artists[track] for other in chosen) < _SAME_ARTIST:
                chosen.append(int(track))
            if len(chosen) == TRACKS_PER_PLAYLIST:
                break
        waiting = [track for track in waiting if track not in chosen]
        order = rng.permutation(len(chosen))
        result.append(Playlist(id=f"p{number:03d}", name=_name(truths[start]), tracks=tuple(chosen[i] for i in order)))
    return result


def _name(start: Truth) -> str:
    moods = {(True, True): "Bright and lively", (True, False): "Dark and driving",
             (False, True): "Warm and calm", (False, False): "Slow and sombre"}  # fmt: skip
    return f"{moods[start.arousal > 0, start.valence > 0]} {start.genre}"
