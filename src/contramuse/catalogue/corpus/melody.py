"""Melodies: a rhythm and a contour that return, aimed at the notes of the chord on the strong beats."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from contramuse.catalogue.corpus.arrange import Form, Section
from contramuse.catalogue.corpus.patterns import STEPS, STEPS_PER_BEAT, Hit, read
from contramuse.catalogue.corpus.styles import Role
from contramuse.catalogue.corpus.theory import chord_degrees

# Steps of the scale from one note to the next, and how often they are taken.
_MOVES = np.array([-3, -2, -1, 0, 1, 2, 3, 4])
_CHANCES = np.array([0.04, 0.12, 0.27, 0.12, 0.26, 0.12, 0.05, 0.02])
_RANGE = (-2, 9)

Event = tuple[int, int, float, int, float]


def melody(role: Role, section: Section, form: Form, *, metre: str, rng: np.random.Generator) -> Iterator[Event]:
    """A melody over a section: phrases of four bars, a b a' c, the last note of a phrase long and in the chord.

    Args:
        role: its patterns are the rhythms; a role without patterns gets two long notes per bar.
        rng: the same generator gives the same tune, so that a section that returns is recognised.

    Yields:
        (bar, step in the bar, length in steps, degree of the scale, force).
    """
    steps, beat = STEPS[metre], STEPS_PER_BEAT[metre]
    rhythms = role.patterns or ("x" + "-" * (steps // 2 - 1) + "x" + "-" * (steps // 2 - 1),)
    a, b, c = (rhythms[int(rng.integers(len(rhythms)))] for _ in range(3))
    contours = {0: _contour(rng, steps), 1: _contour(rng, steps), 3: _contour(rng, steps)}
    degree = int(rng.integers(0, 5))
    for place in range(section.bars):
        bar, quarter = section.first + place, place % 4
        hits = list(read((a, b, a, c)[quarter]))
        if quarter == 3 and len(hits) > 3:
            hits = hits[: -(-len(hits) // 2)]
        contour = contours[0 if quarter == 2 else quarter]
        for number, hit in enumerate(hits):
            is_last = quarter == 3 and number == len(hits) - 1
            degree = _fold(degree + int(contour[number % len(contour)]))
            if hit.step % beat == 0 or is_last:
                degree = _to_chord(degree, form, bar, hit.step, steps)
            length = steps - hit.step if is_last else _length(hit, beat)
            yield bar, hit.step, length, degree, 1.05 if hit.step % beat == 0 else 0.92


def _contour(rng: np.random.Generator, steps: int) -> np.ndarray:
    return rng.choice(_MOVES, size=steps, p=_CHANCES)


def _length(hit: Hit, beat: int) -> float:
    """Up to the next onset, but no longer than a beat unless the pattern holds it."""
    return max(hit.length, min(hit.gap, beat)) * 0.95


def _fold(degree: int) -> int:
    """Turn a melody back at the edges of its range."""
    low, high = _RANGE
    if degree > high:
        return 2 * high - degree
    return 2 * low - degree if degree < low else degree


def _to_chord(degree: int, form: Form, bar: int, step: int, steps: int) -> int:
    """The nearest degree that belongs to the chord at this step."""
    wanted = {note % 7 for note in chord_degrees(form.chord(bar, step, steps))}
    return min(range(degree - 3, degree + 4), key=lambda d: (d % 7 not in wanted, abs(d - degree)))
