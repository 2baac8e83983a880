"""Rhythm patterns as text, one character per step of a bar, and the swing that moves the steps.

``X`` accent, ``x`` hit, ``o`` soft hit, ``-`` holds the note before, ``.`` rests. Bass lines write the chord's note
instead: ``R`` root, ``3``, ``5``, ``8`` its octave, ``a`` a step towards the next root; arpeggios number the chord's
notes from 1. A bar has 16 steps in 4/4 (sixteenths), 12 in 3/4 (sixteenths) and in 6/8 (sixteenths).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

STEPS = {"4/4": 16, "3/4": 12, "6/8": 12}
STEPS_PER_BEAT = {"4/4": 4, "3/4": 4, "6/8": 6}
ACCENT = {"X": 1.15, "o": 0.6}


@dataclass(frozen=True)
class Hit:
    """One onset of a pattern: its step in the bar, its length in steps, the steps to the next onset, its symbol."""

    step: int
    length: int
    gap: int
    symbol: str


@lru_cache(maxsize=1024)
def read(pattern: str) -> tuple[Hit, ...]:
    """The onsets of a pattern."""
    onsets = [step for step, symbol in enumerate(pattern) if symbol not in ".-"]
    hits = []
    for place, step in enumerate(onsets):
        end = onsets[place + 1] if place + 1 < len(onsets) else len(pattern)
        length = 1
        while step + length < end and pattern[step + length] == "-":
            length += 1
        hits.append(Hit(step, length, end - step, pattern[step]))
    return tuple(hits)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Where the steps of a track lie in time.

    Args:
        metre: "4/4", "3/4" or "6/8"; tempo: beats per minute.
        swing: share of the unit that its first half takes; unit: steps in the swung unit (4 for 8ths, 2 for 16ths).
    """

    metre: str
    tempo: float
    swing: float
    unit: int

    @property
    def step(self) -> float:
        """Seconds of a step."""
        return 60 / self.tempo / STEPS_PER_BEAT[self.metre]

    @property
    def bar(self) -> float:
        """Seconds of a bar."""
        return self.step * STEPS[self.metre]

    def time(self, bar: int, step: float) -> float:
        """Seconds at which a step of a bar sounds."""
        whole, part = divmod(step / self.unit, 1)
        moved = 2 * part * self.swing if part < 0.5 else self.swing + (2 * part - 1) * (1 - self.swing)
        return bar * self.bar + (whole + moved) * self.unit * self.step
