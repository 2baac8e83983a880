"""Scales, chords and chord progressions: the harmonic language that the styles choose from."""

from __future__ import annotations

from dataclasses import dataclass

# Semitones above the tonic.
SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
# How light a mode sounds, 0 to 1: the order of the circle of fifths, from the most flats to the most sharps.
BRIGHTNESS = {
    "phrygian": 0.0,
    "harmonic minor": 0.12,
    "minor": 0.17,
    "dorian": 0.33,
    "mixolydian": 0.67,
    "major": 0.83,
    "lydian": 1.0,
}
TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True, kw_only=True)
class Chord:
    """A chord as degrees of the scale.

    Args:
        root: 0-6, degree of the scale.
        size: notes stacked in thirds: 2 is root and fifth alone, 3 a triad, 4 a seventh chord, 5 a ninth chord.
    """

    root: int
    size: int = 3


def is_major(mode: str) -> bool:
    """Whether the third above the tonic is major."""
    return SCALES[mode][2] == 4


def key_name(tonic: int, mode: str) -> str:
    """A key as mir_eval writes it, "Eb minor": a mode goes with the key that shares its tonic and third."""
    return f"{TONICS[tonic]} {'major' if is_major(mode) else 'minor'}"


def degree_pitch(tonic: int, mode: str, degree: int) -> int:
    """Semitones above C of a degree of the scale; degrees go on below 0 and above 6."""
    octave, step = divmod(degree, 7)
    return tonic + 12 * octave + SCALES[mode][step]


def chord_degrees(chord: Chord) -> tuple[int, ...]:
    """Degrees of a chord's notes, from the root up."""
    if chord.size == 2:
        return chord.root, chord.root + 4
    return tuple(chord.root + 2 * i for i in range(chord.size))


def voicing(chord: Chord, *, tonic: int, mode: str, centre: int) -> tuple[int, ...]:
    """MIDI keys of a chord in close position around ``centre``, so that neighbouring chords move by small steps."""
    keys = []
    for degree in chord_degrees(chord):
        key = degree_pitch(tonic, mode, degree) % 12
        keys.append(key + 12 * round((centre - key) / 12))
    return tuple(sorted(set(keys)))


def nearest(pitch_class: int, centre: int) -> int:
    """The MIDI key of a pitch class that is nearest to ``centre``."""
    return pitch_class % 12 + 12 * round((centre - pitch_class % 12) / 12)
