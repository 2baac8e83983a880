"""What a style is made of, and the rhythms of sung melodies that several share."""

from __future__ import annotations

from dataclasses import dataclass

Weights = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Role:
    """One player of a style.

    Args:
        kind: "bass", "chords" (patterns of x), "arpeggio" (patterns of chord-note numbers), "pad" (held chords),
            "lead", "voice" (melody) or "counter" (a slower second melody).
        instruments: name in instruments.py -> weight of choosing it.
        patterns: one is chosen per track and kind of section; melodies use them as rhythms.
        centre: MIDI key around which it plays.
        level: dB relative to the other players.
        chance: of taking part in a track at all.
    """

    kind: str
    instruments: Weights
    patterns: tuple[str, ...] = ()
    centre: int = 60
    level: float = 0.0
    chance: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Style:
    """A style of music.

    Args:
        metre: "4/4", "3/4" or "6/8"; tempo: range in beats per minute (6/8: dotted quarters).
        swing: share of the beat (half beat for "16ths") taken by its first half; 0.5 is straight.
        swing_unit: "8ths" or "16ths".
        modes: mode -> weight; progressions: of major-like and of minor-like modes, degrees 1-7, one per chord.
        chord_bars: bars per chord; chord_size: notes per chord (see theory.Chord).
        drums: patterns per drum, one set per variation; kits: -> weight.
        loose: standard deviation of the players' timing, seconds.
    """

    metre: str = "4/4"
    tempo: tuple[float, float]
    swing: tuple[float, float] = (0.5, 0.5)
    swing_unit: str = "8ths"
    modes: Weights
    major: tuple[str, ...]
    minor: tuple[str, ...]
    chord_bars: tuple[float, ...] = (1.0,)
    chord_size: int = 3
    roles: dict[str, Role]
    drums: tuple[dict[str, str], ...] = ()
    kits: Weights | None = None
    loose: float = 0.008
    reverb: float = 0.15


SUNG = ("--x.x.x.x---x.x.", "x-x.x-..x.x.x---", "x--x--x-x---....", "..x.x.x.x-----..", "x-x-x--x--x-x---")
RIFF = ("x.xx..x.x.x.x...", "x-..x.xx..x.x-..", "..x.xx..x-x.x...")
