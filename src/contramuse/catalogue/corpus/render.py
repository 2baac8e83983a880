"""From notes to sound. ``Tones`` is the one place that knows the synthesizer; another one only has to offer its method.

The SoundFont that comes with pretty_midi (TimGM6mb) is the default. pretty_midi is asked for that file alone.
"""

from __future__ import annotations

from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from contramuse.catalogue.corpus.compose import Note, Part
from contramuse.catalogue.corpus.instruments import CHOKES, INSTRUMENTS, KITS
from contramuse.catalogue.corpus.soundfont import Floats, SoundFont, low_pass
from contramuse.errors import MissingDependencyError

# Velocities at which an instrument changes its colour, and the low-pass cut-off: a floor, a multiple of the pitch.
_LAYERS = ((58, 900.0, 4.0), (88, 2500.0, 9.0), (128, np.inf, np.inf))


class Tones(Protocol):
    """A synthesizer."""

    def tone(self, program: int, *, key: int, bank: int, velocity: int, seconds: float, sample_rate: int) -> Floats:
        """float32 [t], t = seconds * sample_rate: a key of a General MIDI program (bank 128: of a drum kit), held."""


def default_soundfont() -> Path:
    """The SoundFont that the installed pretty_midi carries.

    Raises:
        MissingDependencyError: pretty_midi is not installed, or carries none.
    """
    spec = find_spec("pretty_midi")
    folders = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    for path in (Path(folder) / "TimGM6mb.sf2" for folder in folders):
        if path.exists():
            return path
    raise MissingDependencyError(
        "is needed for its General MIDI SoundFont and is not installed",
        name="pretty_midi",
        fix="Run `pip install 'contramuse[corpus]'`, or give a SoundFont of your own with --soundfont FILE.sf2.",
    )


class CachedTones:
    """Tones of a SoundFont, the last ones kept; what is returned does not depend on what was asked before.

    Args:
        soundfont: where they come from.
        samples: how many samples are kept, 4 bytes each.
    """

    def __init__(self, soundfont: SoundFont, *, samples: int = 40_000_000) -> None:
        self._soundfont, self._samples, self._held = soundfont, samples, 0
        self._kept: OrderedDict[tuple[int, int, int, int, float, int], Floats] = OrderedDict()

    def tone(self, program: int, *, key: int, bank: int, velocity: int, seconds: float, sample_rate: int) -> Floats:
        """See Tones."""
        name = (bank, program, key, velocity, seconds, sample_rate)
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        tone = self._soundfont.tone(
            program, key=key, bank=bank, velocity=velocity, seconds=seconds, sample_rate=sample_rate
        )
        if bank != 128:
            tone = _soften(tone, key, velocity, sample_rate)
        self._kept[name] = tone
        self._held += len(tone)
        while self._held > self._samples and len(self._kept) > 1:
            self._held -= len(self._kept.popitem(last=False)[1])
        return tone


def render_part(part: Part, tones: Tones, *, seconds: float, sample_rate: int) -> Floats:
    """The sound of one part.

    Args:
        part: its notes; velocity sets level and colour, the instrument's release how a note ends.
        seconds: of the result; notes that go on after it are cut.

    Returns:
        float32 [t], mono, not normalised.
    """
    total = np.zeros(round(seconds * sample_rate), np.float32)
    is_kit = part.instrument in KITS
    program = KITS[part.instrument][0] if is_kit else INSTRUMENTS[part.instrument].program
    release = 0.05 if is_kit else INSTRUMENTS[part.instrument].release
    notes = _choked(part.notes) if is_kit else part.notes
    for note in notes:
        start = round(note.start * sample_rate)
        held = note.seconds
        length = min(round((held + release) * sample_rate), len(total) - start)
        if length <= 0:
            continue
        layer = next(top for top, _, _ in _LAYERS if note.velocity < top) - 1
        tone = tones.tone(
            program,
            key=note.key,
            bank=128 if is_kit else 0,
            velocity=layer,
            seconds=_whole(held + release),
            sample_rate=sample_rate,
        )
        # Velocity to amplitude as the square, the convex curve of the SoundFont specification (section 8.4.1).
        gain = np.float32((note.velocity / 127) ** 2)
        total[start : start + length] += gain * _released(tone[:length], held, release, sample_rate)
    return total


def _whole(seconds: float) -> float:
    """The length to ask a synthesizer for: few different ones, so that tones are found again."""
    length = 0.25
    while length < seconds:
        length *= 2
    return length


def _choked(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Drum notes ring for two seconds, or until a drum that silences them is struck."""
    result = []
    for place, note in enumerate(notes):
        end = note.start + 2.0
        if note.key in CHOKES:
            end = next((n.start for n in notes[place + 1 :] if n.key in CHOKES[note.key] and n.start > note.start), end)
        result.append(note._replace(seconds=min(end - note.start, 2.0)))
    return tuple(result)


def _released(tone: Floats, held: float, release: float, sample_rate: int) -> Floats:
    """A tone that falls by 60 dB in ``release`` seconds once its key is let go."""
    key_up = round(held * sample_rate)
    if key_up >= len(tone):
        return tone
    tail = np.arange(len(tone) - key_up, dtype=np.float32)
    out: Floats = tone.copy()
    out[key_up:] *= np.exp(tail * np.float32(-6.9 / (release * sample_rate)))
    return out


def _soften(tone: Floats, key: int, velocity: int, sample_rate: int) -> Floats:
    """Darken a tone that is played softly: a first-order low-pass above a multiple of its pitch."""
    floor, multiple = next((floor, multiple) for top, floor, multiple in _LAYERS if velocity < top)
    cutoff = max(floor, multiple * 440 * 2 ** ((key - 69) / 12))
    if cutoff >= 0.4 * sample_rate:
        return tone
    return low_pass(tone, cutoff, order=1, sample_rate=sample_rate)
