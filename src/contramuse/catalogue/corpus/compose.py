"""From a plan to notes: bass lines, chords, melodies and drums, section by section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from contramuse.catalogue.corpus.arrange import INTENSITY, Form, Section, arrange
from contramuse.catalogue.corpus.instruments import DRUMS, INSTRUMENTS, Instrument
from contramuse.catalogue.corpus.melody import melody
from contramuse.catalogue.corpus.patterns import ACCENT, STEPS, Clock, Hit, read
from contramuse.catalogue.corpus.plan import Plan
from contramuse.catalogue.corpus.styles import STYLES, Role
from contramuse.catalogue.corpus.theory import Chord, chord_degrees, degree_pitch, nearest, voicing


class Note(NamedTuple):
    """A note: start and length in seconds, MIDI key, velocity 1-127."""

    start: float
    seconds: float
    key: int
    velocity: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one player plays.

    Args:
        player: the role's name, or "drums"; instrument: a name in instruments.py, or a kit's.
        stem: "bass", "drums", "vocals" or "other"; level: dB.
    """

    player: str
    instrument: str
    stem: str
    level: float
    notes: tuple[Note, ...]


@dataclass(frozen=True, kw_only=True)
class Song:
    """A composed track: its parts and its form."""

    plan: Plan
    clock: Clock
    form: Form
    parts: tuple[Part, ...]


def compose(plan: Plan) -> Song:
    """The notes of every player of a track."""
    style = STYLES[plan.style]
    clock = Clock(metre=style.metre, tempo=plan.tempo, swing=plan.swing, unit=4 if style.swing_unit == "8ths" else 2)
    form = arrange(plan, clock)
    parts = []
    for player, instrument in plan.players.items():
        role = style.roles[player]
        writer = _Writer(plan, clock, form, player, plan.generator(f"part {player}"))
        notes = writer.write(role, INSTRUMENTS[instrument])
        stem = {"bass": "bass", "voice": "vocals"}.get(role.kind, "other")
        parts.append(Part(player=player, instrument=instrument, stem=stem, level=role.level, notes=notes))
    if plan.kit:
        writer = _Writer(plan, clock, form, "drums", plan.generator("part drums"))
        parts.append(Part(player="drums", instrument=plan.kit, stem="drums", level=0.0, notes=writer.drums()))
    return Song(plan=plan, clock=clock, form=form, parts=tuple(part for part in parts if part.notes))


class _Writer:
    """Writes one player's notes through the sections of a form."""

    def __init__(self, plan: Plan, clock: Clock, form: Form, player: str, rng: np.random.Generator) -> None:
        self.plan, self.clock, self.form, self.player, self.rng = plan, clock, form, player, rng
        self.style = STYLES[plan.style]
        self.steps = STEPS[self.style.metre]
        self.notes: list[Note] = []

    def write(self, role: Role, instrument: Instrument) -> tuple[Note, ...]:
        """The notes of a pitched player."""
        patterns: dict[str, str] = {}
        for section in self.form.sections:
            if self.player not in section.players:
                continue
            if section.kind == "end":
                self._final(role, instrument, section)
            elif role.kind in ("lead", "voice", "counter"):
                self._melody(role, instrument, section)
            elif role.kind == "pad":
                self._pad(role, instrument, section)
            else:
                letter = {"intro": "A"}.get(section.kind, section.kind)
                if letter not in patterns:
                    patterns[letter] = role.patterns[int(self.rng.integers(len(role.patterns)))]
                self._pattern(role, instrument, section, patterns[letter])
        return tuple(sorted(self.notes))

    def _add(self, bar: int, step: float, length: float, key: int, force: float) -> None:
        """A note, loosened in time and touch; ``force`` is relative to the section's usual velocity."""
        jitter = self.style.loose * self.rng.standard_normal()
        start = max(0.0, self.clock.time(bar, step) + float(jitter))
        end = self.clock.time(bar, step + length)
        velocity = (48 + 62 * self.plan.energy) * force * float(1 + 0.06 * self.rng.standard_normal())
        self.notes.append(Note(start, max(0.04, end - start), key, int(np.clip(velocity, 12, 127))))

    def _weak(self, hit: Hit) -> bool:
        """Whether a weak hit is left out: quiet tracks are also sparser."""
        beat = 6 if self.style.metre == "6/8" else 4
        return bool(hit.step % (beat // 2) and self.rng.random() > 0.45 + 0.75 * self.plan.energy)

    def _keys(self, chord: Chord, role: Role, instrument: Instrument) -> tuple[int, ...]:
        centre = int(np.clip(role.centre, instrument.low + 6, instrument.high - 6))
        keys = voicing(chord, tonic=self.plan.tonic, mode=self.plan.mode, centre=centre)
        return tuple(key for key in keys if instrument.low <= key <= instrument.high) or keys[:1]

    def _pattern(self, role: Role, instrument: Instrument, section: Section, pattern: str) -> None:
        for bar in range(section.first, section.first + section.bars):
            for hit in read(pattern):
                if self._weak(hit):
                    continue
                chord = self.form.chord(bar, hit.step, self.steps)
                force = INTENSITY[section.kind] * ACCENT.get(hit.symbol, 1.0)
                if role.kind == "bass":
                    key = self._bass_key(hit, chord, bar, instrument)
                    length = hit.length if hit.length > 1 else min(hit.gap, 4) * 0.85
                    self._add(bar, hit.step, length, key, force)
                elif role.kind == "arpeggio":
                    keys = self._keys(chord, role, instrument)
                    octave, place = divmod(int(hit.symbol) - 1, len(keys))
                    key = keys[place] + 12 * octave
                    self._add(bar, hit.step, max(hit.length, min(hit.gap, 6)), key, 0.9 * force)
                else:
                    for key in self._keys(chord, role, instrument):
                        self._add(bar, hit.step, 0.9 * hit.length, key, 0.85 * force)

    def _bass_key(self, hit: Hit, chord: Chord, bar: int, instrument: Instrument) -> int:
        """The key of a bass symbol over a chord, between about E1 and E3."""
        scale, tonic = self.plan.mode, self.plan.tonic
        low = max(instrument.low, 28)
        root = low + (degree_pitch(tonic, scale, chord.root) - low) % 12
        if hit.symbol == "a":
            target = self.form.chord(bar + 1, 0, self.steps)
            goal = low + (degree_pitch(tonic, scale, target.root) - low) % 12
            return goal + int(self.rng.choice([-1, 1, -2, 2]))
        if hit.symbol == "8":
            return root + 12
        steps = {"R": 0, "3": 2, "5": 4}[hit.symbol]
        interval = degree_pitch(tonic, scale, chord.root + steps) - degree_pitch(tonic, scale, chord.root)
        return root + interval

    def _pad(self, role: Role, instrument: Instrument, section: Section) -> None:
        half, first, last = self.steps // 2, 2 * section.first, 2 * (section.first + section.bars)
        start = first
        while start < last:
            chord = self.form.chord(start // 2, start % 2 * half, self.steps)
            end = start + 1
            while end < last and self.form.chord(end // 2, end % 2 * half, self.steps) == chord and end - start < 8:
                end += 1
            for key in self._keys(chord, role, instrument):
                self._add(start // 2, start % 2 * half, (end - start) * half, key, 0.8 * INTENSITY[section.kind])
            start = end

    def _melody(self, role: Role, instrument: Instrument, section: Section) -> None:
        tune = self.plan.generator(f"tune {role.kind} {section.kind}")
        low, high = instrument.low, instrument.high
        for bar, step, length, degree, force in melody(role, section, self.form, metre=self.style.metre, rng=tune):
            key = degree_pitch(self.plan.tonic, self.plan.mode, degree)
            key += 12 * round((role.centre - self.plan.tonic - 6) / 12)
            while key > high:
                key -= 12
            while key < low:
                key += 12
            hit = Hit(step, 1, 1, "x")
            if role.kind == "counter" or not self._weak(hit):
                self._add(bar, step, length, key, force * INTENSITY[section.kind])

    def _final(self, role: Role, instrument: Instrument, section: Section) -> None:
        """The last bar: everyone on the tonic chord, held."""
        chord = self.form.chord(section.first, 0, self.steps)
        if role.kind == "bass":
            keys: tuple[int, ...] = (self._bass_key(Hit(0, 1, 1, "R"), chord, section.first, instrument),)
        elif role.kind in ("lead", "voice", "counter"):
            degree = chord_degrees(chord)[int(self.rng.integers(2))]
            keys = (nearest(degree_pitch(self.plan.tonic, self.plan.mode, degree), role.centre),)
        else:
            keys = self._keys(chord, role, instrument)
        for key in keys:
            self._add(section.first, 0, 1.2 * self.steps, key, INTENSITY["end"])

    def drums(self) -> tuple[Note, ...]:
        """The drum kit: a groove per letter, a crash where a section begins, a fill before the next."""
        grooves = self.style.drums
        order = self.rng.permutation(len(grooves))
        fills = self.plan.style not in ("techno", "ambient", "waltz", "bossa nova", "jig")
        for section in self.form.sections:
            if "drums" not in section.players:
                continue
            if section.kind == "end":
                self._drum(section.first, 0, "kick" if self.style.metre == "4/4" else "timpani", 1.0)
                continue
            groove = grooves[order[(1 if section.kind == "B" else 0) % len(order)]]
            if groove and fills and section.kind == "B":
                self._drum(section.first, 0, "crash", 0.9)
            for bar in range(section.first, section.first + section.bars):
                fill = groove and fills and bar == section.first + section.bars - 1 and section.bars > 1
                last_step = 3 * self.steps // 4 if fill else self.steps
                self._groove(groove, bar, INTENSITY[section.kind], last_step=last_step)
                if fill:
                    self._fill(bar)
        return tuple(sorted(self.notes))

    def _groove(self, groove: dict[str, str], bar: int, force: float, *, last_step: int) -> None:
        for drum, pattern in groove.items():
            for hit in read(pattern):
                is_ghost = hit.symbol == "o" and self.rng.random() > 0.3 + 0.9 * self.plan.energy
                if hit.step < last_step and not is_ghost:
                    self._drum(bar, hit.step, drum, force * ACCENT.get(hit.symbol, 1.0))

    def _fill(self, bar: int) -> None:
        for step in range(3 * self.steps // 4, self.steps):
            if self.rng.random() < 0.35 + 0.5 * self.plan.energy:
                drum = ("snare", "high tom", "mid tom", "low tom")[step % 4 if self.rng.random() < 0.6 else 0]
                self._drum(bar, step, drum, 0.95)

    def _drum(self, bar: int, step: int, drum: str, force: float) -> None:
        self._add(bar, step, 1, DRUMS[drum], force)
