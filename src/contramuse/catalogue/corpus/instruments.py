"""The instruments and drum kits that the composer writes for, as General MIDI programs, and how they are played."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """A General MIDI instrument.

    Args:
        program: 0-127.
        label: its name in the truth; some programs share one (a fiddle is a violin).
        release: seconds that a note rings after the key is released (to -60 dB).
        low, high: MIDI keys between which it is written for.
    """

    program: int
    label: str
    release: float = 0.25
    low: int = 36
    high: int = 96


INSTRUMENTS: dict[str, Instrument] = {
    "piano": Instrument(0, "piano", 0.4, 28, 100),
    "electric piano": Instrument(4, "electric piano", 0.4, 36, 96),
    "harpsichord": Instrument(6, "harpsichord", 0.2, 36, 88),
    "clavinet": Instrument(7, "clavinet", 0.12, 36, 84),
    "vibraphone": Instrument(11, "vibraphone", 0.9, 53, 89),
    "marimba": Instrument(12, "marimba", 0.3, 48, 96),
    "organ": Instrument(16, "organ", 0.1, 36, 96),
    "church organ": Instrument(19, "organ", 0.5, 36, 96),
    "accordion": Instrument(21, "accordion", 0.12, 48, 91),
    "harmonica": Instrument(22, "harmonica", 0.12, 55, 88),
    "nylon guitar": Instrument(24, "acoustic guitar", 0.3, 40, 84),
    "steel guitar": Instrument(25, "acoustic guitar", 0.3, 40, 84),
    "clean guitar": Instrument(27, "clean guitar", 0.2, 40, 86),
    "muted guitar": Instrument(28, "clean guitar", 0.08, 40, 84),
    "overdriven guitar": Instrument(29, "distorted guitar", 0.15, 40, 88),
    "distorted guitar": Instrument(30, "distorted guitar", 0.15, 38, 88),
    "upright bass": Instrument(32, "upright bass", 0.15, 28, 55),
    "electric bass": Instrument(33, "electric bass", 0.1, 28, 55),
    "picked bass": Instrument(34, "electric bass", 0.1, 28, 55),
    "fretless bass": Instrument(35, "electric bass", 0.2, 28, 55),
    "slap bass": Instrument(36, "slap bass", 0.08, 28, 55),
    "synth bass": Instrument(38, "synth bass", 0.08, 28, 55),
    "violin": Instrument(40, "violin", 0.25, 55, 98),
    "fiddle": Instrument(110, "violin", 0.15, 55, 98),
    "viola": Instrument(41, "viola", 0.25, 48, 86),
    "cello": Instrument(42, "cello", 0.25, 36, 74),
    "contrabass": Instrument(43, "upright bass", 0.3, 28, 55),
    "strings": Instrument(48, "string ensemble", 0.5, 40, 96),
    "pizzicato strings": Instrument(45, "pizzicato strings", 0.3, 40, 88),
    "harp": Instrument(46, "harp", 0.9, 36, 98),
    "choir": Instrument(52, "choir", 0.5, 48, 79),
    "voice": Instrument(53, "voice", 0.3, 48, 81),
    "synth voice": Instrument(54, "synth voice", 0.2, 48, 81),
    "lead voice": Instrument(85, "voice", 0.15, 45, 81),
    "trumpet": Instrument(56, "trumpet", 0.15, 54, 84),
    "trombone": Instrument(57, "trombone", 0.15, 40, 74),
    "tuba": Instrument(58, "tuba", 0.15, 28, 55),
    "french horn": Instrument(60, "french horn", 0.3, 41, 77),
    "brass section": Instrument(61, "brass section", 0.15, 45, 84),
    "synth brass": Instrument(62, "brass section", 0.2, 45, 84),
    "saxophone": Instrument(65, "saxophone", 0.15, 49, 82),
    "oboe": Instrument(68, "oboe", 0.15, 58, 91),
    "bassoon": Instrument(70, "bassoon", 0.15, 34, 72),
    "clarinet": Instrument(71, "clarinet", 0.15, 50, 91),
    "flute": Instrument(73, "flute", 0.15, 60, 96),
    "recorder": Instrument(74, "recorder", 0.12, 60, 96),
    "square lead": Instrument(80, "synth lead", 0.1, 40, 96),
    "synth lead": Instrument(81, "synth lead", 0.1, 40, 96),
    "saw stab": Instrument(90, "synth lead", 0.15, 40, 88),
    "warm pad": Instrument(89, "synth pad", 0.9, 40, 90),
    "choir pad": Instrument(91, "synth pad", 0.9, 45, 88),
    "sweep pad": Instrument(95, "synth pad", 0.9, 40, 90),
    "banjo": Instrument(105, "banjo", 0.15, 48, 86),
    "bagpipe": Instrument(109, "bagpipe", 0.1, 55, 86),
}

# Kit -> its program in bank 128, and its name in the truth.
KITS: dict[str, tuple[int, str]] = {
    "standard kit": (0, "drum kit"),
    "room kit": (8, "drum kit"),
    "power kit": (16, "drum kit"),
    "electronic kit": (24, "electronic drums"),
    "808 kit": (25, "electronic drums"),
    "jazz kit": (32, "drum kit"),
    "brush kit": (40, "brushes"),
    "orchestra kit": (48, "orchestral percussion"),
}

# General MIDI percussion keys.
DRUMS = {
    "kick": 36, "snare": 38, "stick": 37, "clap": 39, "hat": 42, "pedal hat": 44, "open hat": 46, "low tom": 45,
    "mid tom": 47, "high tom": 50, "crash": 49, "ride": 51, "tambourine": 54, "conga": 63, "shaker": 70, "timpani": 41,
}  # fmt: skip
# Cymbals that a foot or a closing hat silences.
CHOKES = {46: (42, 44, 46)}
