"""The truth about a track: taken from its notes and its rendered sound, not from the intentions alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from contramuse.catalogue.corpus.compose import Song
from contramuse.catalogue.corpus.instruments import INSTRUMENTS, KITS
from contramuse.catalogue.corpus.mix import Mix
from contramuse.catalogue.corpus.styles import STYLES
from contramuse.catalogue.corpus.theory import BRIGHTNESS, is_major, key_name

AUDIBLE_SHARE = 0.05
# Weights of the causes, each cause from 0 to 1; both moods run from -1 to 1.
AROUSAL = {"tempo": 0.35, "density": 0.25, "loudness": 0.40}
VALENCE = {"mode": 0.55, "register": 0.20, "tempo": 0.25}
_ELECTRONIC = {"synth bass", "synth lead", "synth pad", "synth voice", "electronic drums"}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of a track.

    Args:
        instruments: audible in the rendered sound for at least 5 % of it.
        tags: see ``tags_of``; key: "C minor"; tempo: beats per minute.
        arousal, valence: -1 to 1; causes: the cause's name -> 0 to 1, see ``causes``.
        stems: stem -> RMS in dB below full scale; -inf for a stem that is silent.
    """

    genre: str
    instruments: tuple[str, ...]
    tags: tuple[str, ...]
    key: str
    tempo: float
    arousal: float
    valence: float
    causes: dict[str, float]
    stems: dict[str, float]


def truth(song: Song, mix: Mix) -> Truth:
    """The truth about a mixed song."""
    plan = song.plan
    reasons = causes(song, mix)
    instruments = audible_instruments(song, mix)
    return Truth(
        genre=plan.style,
        instruments=instruments,
        tags=tags_of(song, instruments, reasons),
        key=key_name(plan.tonic, plan.mode),
        tempo=plan.tempo,
        arousal=mood(AROUSAL, reasons),
        valence=mood(VALENCE, reasons),
        causes=reasons,
        stems={name: _decibels(wave) for name, wave in mix.stems.items()},
    )


def audible_instruments(song: Song, mix: Mix) -> tuple[str, ...]:
    """Labels of the instruments that a listener can hear, sorted."""
    labels = set()
    for part in song.parts:
        if mix.shares[part.player] >= AUDIBLE_SHARE:
            is_kit = part.instrument in KITS
            labels.add(KITS[part.instrument][1] if is_kit else INSTRUMENTS[part.instrument].label)
    return tuple(sorted(labels))


def causes(song: Song, mix: Mix) -> dict[str, float]:
    """The musical causes of the mood, each from 0 to 1.

    tempo: 55 to 180 beats per minute, by its logarithm; density: note onsets per second (chords count once), 1 to 16,
    by its logarithm; loudness: RMS of the mix from -26 to -13 dB; mode: its place from phrygian to lydian; register:
    mean key of all pitched notes, weighted by length, from 48 to 72.
    """
    pitched = [note for part in song.parts if part.instrument not in KITS for note in part.notes]
    onsets = sum(len({round(note.start * 20) for note in part.notes}) for part in song.parts)
    lengths = np.array([note.seconds for note in pitched])
    register = float(np.average([note.key for note in pitched], weights=lengths))
    return {
        "tempo": _place(math.log(song.plan.tempo), math.log(55), math.log(180)),
        "density": _place(math.log(onsets / song.plan.seconds), math.log(1), math.log(16)),
        "loudness": _place(_decibels(mix.stereo), -26, -13),
        "mode": BRIGHTNESS[song.plan.mode],
        "register": _place(register, 48, 72),
    }


def mood(weights: dict[str, float], reasons: dict[str, float]) -> float:
    """The weighted mean of causes, moved to -1 ... 1."""
    return round(2 * sum(weight * reasons[cause] for cause, weight in weights.items()) - 1, 4)


def tags_of(song: Song, instruments: tuple[str, ...], reasons: dict[str, float]) -> tuple[str, ...]:
    """Words that a listener might give to a track, each by a stated rule.

    slow/fast: below 85, above 130 beats per minute; quiet/loud: the cause below 1/3, above 2/3; sparse/dense: below
    0.5, above 0.9; major/minor and the mode; triple or compound time; swing; vocal/instrumental; drums/no drums;
    electronic (two or more synthesizers or electronic drums) / acoustic (none); dry/reverberant: the room's lower and
    upper third.
    """
    plan = song.plan
    electronic = sum(label in _ELECTRONIC for label in instruments)
    voices = {"voice", "choir", "synth voice"} & set(instruments)
    kits = {label for _, label in KITS.values()} & set(instruments)
    metre = STYLES[plan.style].metre
    rules = {
        "slow": plan.tempo < 85,
        "fast": plan.tempo > 130,
        "quiet": reasons["loudness"] < 1 / 3,
        "loud": reasons["loudness"] > 2 / 3,
        "sparse": reasons["density"] < 0.5,
        "dense": reasons["density"] > 0.9,
        "major": is_major(plan.mode),
        "minor": not is_major(plan.mode),
        plan.mode: True,
        "triple time": metre == "3/4",
        "compound time": metre == "6/8",
        "swing": plan.swing > 0.535,
        "vocal": bool(voices),
        "instrumental": not voices,
        "drums": bool(kits),
        "no drums": not kits,
        "electronic": electronic >= 2,
        "acoustic": electronic == 0,
        "dry": plan.room < 1 / 3,
        "reverberant": plan.room > 2 / 3,
    }
    return tuple(sorted(name for name, holds in rules.items() if holds))


def _place(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


def _decibels(wave: np.ndarray) -> float:
    power = float(np.mean(np.square(wave, dtype=np.float64)))
    return round(10 * math.log10(power), 2) if power > 0 else -math.inf
