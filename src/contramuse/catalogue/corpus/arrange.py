"""The form of a track: its sections, the chord under every step, and who plays in which section."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from contramuse.catalogue.corpus.patterns import Clock
from contramuse.catalogue.corpus.plan import Plan
from contramuse.catalogue.corpus.styles import STYLES
from contramuse.catalogue.corpus.theory import Chord, is_major

FORMS = ("ABACBABC", "AABACBAB", "ABCBABCB")
# How hard a section is played, as a factor of the velocity.
INTENSITY = {"intro": 0.80, "A": 0.90, "B": 1.05, "C": 0.82, "end": 0.95}


@dataclass(frozen=True, kw_only=True)
class Section:
    """A stretch of bars: its kind ("intro", "A", "B", "C", "end"), first bar, number of bars, players."""

    kind: str
    first: int
    bars: int
    players: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Form:
    """The sections of a track and, for every half bar, its chord."""

    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]
    bars: int

    def chord(self, bar: int, step: int, steps: int) -> Chord:
        """The chord at a step of a bar; after the last bar the last chord stays."""
        place = 2 * bar + (1 if 2 * step >= steps else 0)
        return self.chords[min(place, len(self.chords) - 1)]


def arrange(plan: Plan, clock: Clock) -> Form:
    """The form of a track of ``plan.seconds``: an introduction, contrasting sections, an ending on the tonic."""
    rng = plan.generator("form")
    bars = max(4, math.ceil(plan.seconds / clock.bar - 0.3))
    sections = []
    for kind, first, length in _layout(bars, FORMS[int(rng.integers(len(FORMS)))]):
        sections.append(Section(kind=kind, first=first, bars=length, players=_players(plan, kind, rng)))
    return Form(sections=tuple(sections), chords=tuple(_chords(plan, sections, rng)), bars=bars)


def _layout(bars: int, form: str) -> list[tuple[str, int, int]]:
    """(kind, first bar, bars): an introduction, units of 4 bars (2 in short tracks), the last bar."""
    unit = 4 if bars >= 14 else 2
    intro = 1 if bars < 8 else unit // 2 if bars < 40 else unit
    layout = [("intro", 0, intro)]
    at, place = intro, 0
    # Long tracks play each letter for longer, so that a form of eight letters fills them.
    length = unit * max(1, round((bars - intro) / (unit * 6))) if bars > 40 else unit
    while at < bars - 1:
        left = bars - 1 - at
        size = left if left < 1.5 * length else length
        layout.append((form[place % len(form)], at, size))
        at, place = at + size, place + 1
    return [*layout, ("end", bars - 1, 1)]


def _players(plan: Plan, kind: str, rng: np.random.Generator) -> frozenset[str]:
    """Who plays: melodies wait for the sections, the third section thins out and gives the lead to an instrument."""
    roles = STYLES[plan.style].roles
    has_voice = "voice" in plan.players
    playing = set(plan.players) | ({"drums"} if plan.kit else set())
    if kind == "intro":
        playing -= {"voice", "lead", "counter", "horns"}
        playing -= {"bass"} if rng.random() < 0.5 else {"drums"}
    elif kind == "A":
        playing -= {"counter", "horns"} | ({"lead"} if has_voice else set())
    elif kind == "B":
        playing -= {"lead"} if has_voice and rng.random() < 0.6 else set()
    elif kind == "C":
        playing -= {"voice", "pad"} | ({"drums"} if rng.random() < 0.3 else set())
    elif kind == "end":
        playing -= {"voice"} if rng.random() < 0.5 else set()
    if not any(player in roles and roles[player].kind in ("chords", "arpeggio", "pad") for player in playing):
        playing |= set(plan.players) - {"voice"}
    return frozenset(playing)


def _chords(plan: Plan, sections: list[Section], rng: np.random.Generator) -> list[Chord]:
    """Two chords per bar. Each letter has its own progression; the last bar is the tonic."""
    style = STYLES[plan.style]
    choices = style.major if is_major(plan.mode) else style.minor
    order = rng.permutation(len(choices))
    bars_per_chord = style.chord_bars[int(rng.integers(len(style.chord_bars)))]
    halves = max(1, round(2 * bars_per_chord))
    chords: list[Chord] = []
    for section in sections:
        letter = {"intro": 0, "A": 0, "B": 1, "C": 2, "end": 0}[section.kind]
        roots = _resolve(choices[order[letter % len(order)]], plan.mode)
        for half in range(2 * section.bars):
            root = 0 if section.kind == "end" else roots[half // halves % len(roots)]
            chords.append(Chord(root=root, size=style.chord_size))
    return chords


def _resolve(progression: str, mode: str) -> list[int]:
    """Degrees from 0. A diminished seventh degree only leads to the third, by fifths; elsewhere V stands in for it."""
    degrees = [int(text) - 1 for text in progression.split()]
    following = degrees[1:] + degrees[:1]
    diminished = mode in ("major", "lydian", "harmonic minor")
    return [4 if diminished and a == 6 and b != 2 else a for a, b in zip(degrees, following, strict=True)]
