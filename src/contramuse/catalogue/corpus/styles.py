"""The styles' tables: what makes rock rock, in data. How the patterns are read is said in patterns.py.

Instruments appear in several styles, tempi and modes overlap widely: a style is its rhythm, harmony and arrangement, not
one timbre or one tempo, so that a probe can tell which of them a representation keeps.
"""

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


_SUNG = ("--x.x.x.x---x.x.", "x-x.x-..x.x.x---", "x--x--x-x---....", "..x.x.x.x-----..", "x-x-x--x--x-x---")
_RIFF = ("x.xx..x.x.x.x...", "x-..x.xx..x.x-..", "..x.xx..x-x.x...")

STYLES: dict[str, Style] = {
    "rock": Style(
        tempo=(96, 168),
        modes={"major": 3, "mixolydian": 2, "minor": 3, "dorian": 1},
        major=("1 4 5 4", "1 5 6 4", "1 7 4 1", "1 4 1 5"),
        minor=("1 6 7 1", "1 7 6 7", "1 3 7 4", "1 4 6 5"),
        chord_size=2,
        roles={
            "bass": Role(kind="bass", instruments={"electric bass": 5, "picked bass": 4, "synth bass": 1},
                         patterns=("R.R.R.R.R.R.R.R.", "R.R.R.RRR.R.R.a.", "R--.R.R.R--.R.5.")),
            "rhythm": Role(kind="chords", instruments={"distorted guitar": 6, "overdriven guitar": 4},
                           patterns=("X-x.x-x.X-x.x-x.", "X---..x-X---x-x-", "x.x.X-x.x.x.X-x.", "X-------x-----x-"), centre=52, level=-3),
            "keys": Role(kind="pad", instruments={"organ": 4, "piano": 3, "strings": 1}, centre=62, level=-8, chance=0.5),
            "lead": Role(kind="lead", instruments={"overdriven guitar": 5, "distorted guitar": 3, "synth lead": 1, "harmonica": 1},
                         patterns=_SUNG + _RIFF, centre=72, level=-2),
            "voice": Role(kind="voice", instruments={"voice": 3, "lead voice": 3}, patterns=_SUNG, centre=67, level=0, chance=0.65),
        },
        drums=(
            {"kick": "X.......X.x.....", "snare": "....X.......X...", "hat": "X.x.X.x.X.x.X.x."},
            {"kick": "X..x..x.X.......", "snare": "....X.......X..o", "ride": "X.x.X.x.X.x.X.x."},
            {"kick": "X.x.....X.x...x.", "snare": "....X.......X...", "open hat": "X...X...X...X..."},
        ),
        kits={"standard kit": 3, "power kit": 4, "room kit": 3},
    ),
    "ballad": Style(
        tempo=(58, 104),
        modes={"major": 5, "minor": 3, "mixolydian": 1},
        major=("1 5 6 4", "1 6 4 5", "4 1 5 6", "1 3 4 5"),
        minor=("1 6 3 7", "1 4 6 5", "6 7 1 1", "1 7 6 5"),
        roles={
            "bass": Role(kind="bass", instruments={"electric bass": 5, "fretless bass": 3, "upright bass": 1},
                         patterns=("R-------5-------", "R-----R-R-----5-", "R-------R---3-5-"), level=-1),
            "keys": Role(kind="arpeggio", instruments={"piano": 5, "electric piano": 4, "harp": 1, "nylon guitar": 2, "steel guitar": 3},
                         patterns=("1.2.3.2.1.2.3.2.", "1.2.3.4.3.2.3.2.", "1-3.2.3.1-3.2.3."), centre=62, level=-2),
            "pad": Role(kind="pad", instruments={"strings": 5, "warm pad": 3, "choir pad": 1}, centre=64, level=-8, chance=0.8),
            "lead": Role(kind="lead", instruments={"saxophone": 3, "clean guitar": 3, "violin": 2, "flute": 2, "oboe": 1},
                         patterns=_SUNG, centre=72, level=-1),
            "voice": Role(kind="voice", instruments={"voice": 3, "choir": 1, "lead voice": 2}, patterns=_SUNG, centre=67, chance=0.75),
        },
        drums=(
            {"kick": "X.......x.......", "stick": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."},
            {"kick": "X.....x.x.......", "snare": "....X.......X...", "hat": "x.o.x.o.x.o.x.o.", "shaker": "o.o.o.o.o.o.o.o."},
        ),
        kits={"standard kit": 4, "room kit": 3, "brush kit": 2},
        reverb=0.28,
    ),
    "jazz": Style(
        tempo=(88, 216), swing=(0.60, 0.68),
        modes={"major": 4, "dorian": 3, "minor": 2, "harmonic minor": 1},
        major=("2 5 1 1", "1 6 2 5", "3 6 2 5", "1 4 3 6 2 5 1 5"),
        minor=("2 5 1 1", "1 4 2 5", "1 6 2 5", "1 1 4 4 2 5 1 5"),
        chord_bars=(1.0, 0.5), chord_size=4,
        roles={
            "bass": Role(kind="bass", instruments={"upright bass": 8, "fretless bass": 1},
                         patterns=("R...3...5...a...", "R...5...3...a...", "R...3...5..53...")),
            "comp": Role(kind="chords", instruments={"piano": 5, "electric piano": 2, "vibraphone": 2, "clean guitar": 3, "organ": 1},
                         patterns=("x.....x.........", "..x.......x-....", "x--...x-......x.", "......x-..x....."), centre=62, level=-4),
            "lead": Role(kind="lead", instruments={"saxophone": 5, "trumpet": 4, "vibraphone": 2, "trombone": 2, "clarinet": 2, "piano": 1, "flute": 1},
                         patterns=("x.x.x.x.x.x.x...", "..x.x.x-x.x.x-..", "x-..x.x.x.x.x.x.", "x.xxx.x.x-....x."), centre=69, level=0),
            "voice": Role(kind="voice", instruments={"voice": 3, "lead voice": 1}, patterns=_SUNG, centre=66, chance=0.2),
        },
        drums=(
            {"ride": "X...X.x.X...X.x.", "pedal hat": "....x.......x...", "kick": "o.......o.......", "snare": "..........o....."},
            {"ride": "X...X.x.X...X.x.", "pedal hat": "....x.......x...", "snare": "......o.....o.o.", "kick": "o...o...o...o..."},
        ),
        kits={"jazz kit": 4, "brush kit": 4, "standard kit": 2},
        loose=0.014, reverb=0.18,
    ),
    "bossa nova": Style(
        tempo=(108, 160),
        modes={"major": 4, "dorian": 3, "minor": 2, "lydian": 1},
        major=("1 1 2 5", "1 6 2 5", "1 4 3 6", "1 2 3 2"),
        minor=("1 4 2 5", "1 1 4 4", "1 7 6 5", "4 5 1 1"),
        chord_bars=(2.0, 1.0), chord_size=4,
        roles={
            "bass": Role(kind="bass", instruments={"upright bass": 5, "electric bass": 3, "fretless bass": 2},
                         patterns=("R-----5-5-----R-", "R-----5-R-----5-")),
            "guitar": Role(kind="chords", instruments={"nylon guitar": 7, "steel guitar": 2, "clean guitar": 1, "electric piano": 2},
                           patterns=("x-..x-..x.x-..x-", "x-.x-..x-..x-.x-", "..x-..x-.x-..x-."), centre=60, level=-1),
            "lead": Role(kind="lead", instruments={"flute": 5, "saxophone": 3, "vibraphone": 2, "clarinet": 1, "accordion": 1, "trumpet": 1},
                         patterns=("x--x--x--x--x---", "..x-x--x--x-....", "x---..x-x--x--x-"), centre=72),
            "voice": Role(kind="voice", instruments={"voice": 4, "lead voice": 1}, patterns=_SUNG, centre=67, chance=0.5),
            "pad": Role(kind="pad", instruments={"strings": 2, "warm pad": 1}, centre=67, level=-10, chance=0.25),
        },
        drums=(
            {"stick": "x..x..x...x..x..", "hat": "x.o.x.o.x.o.x.o.", "kick": "x..xx..xx..xx..x"},
            {"stick": "x..x..x...x..x..", "shaker": "xoxoxoxoxoxoxoxo", "kick": "x.....x.x.....x.", "conga": "....o..x....o.xx"},
        ),
        kits={"brush kit": 4, "standard kit": 3, "jazz kit": 3},
        loose=0.007, reverb=0.16,
    ),
    "waltz": Style(
        metre="3/4", tempo=(84, 190),
        modes={"major": 4, "minor": 2, "harmonic minor": 2, "lydian": 1},
        major=("1 1 5 5", "1 4 5 1", "1 6 2 5", "4 1 5 1"),
        minor=("1 1 5 5", "1 4 5 1", "1 6 4 5", "4 1 5 1"),
        chord_bars=(1.0, 2.0),
        roles={
            "bass": Role(kind="bass", instruments={"contrabass": 5, "cello": 4, "upright bass": 2, "tuba": 1},
                         patterns=("R---........", "R-------....", "R---....5-..")),
            "chords": Role(kind="chords", instruments={"strings": 5, "pizzicato strings": 3, "accordion": 3, "piano": 3, "harp": 2},
                           patterns=("....x-..x-..", "....X-..x-..", "..x.x.x.x.x."), centre=62, level=-3),
            "lead": Role(kind="lead", instruments={"violin": 5, "clarinet": 3, "flute": 3, "oboe": 2, "accordion": 2, "trumpet": 1, "strings": 1},
                         patterns=("x-------x---", "x---x---x---", "x-----x-x-x-", "x-x-x-x-x-x-"), centre=74),
            "counter": Role(kind="counter", instruments={"cello": 3, "french horn": 4, "viola": 2, "clarinet": 1}, centre=58, level=-4, chance=0.7),
            "voice": Role(kind="voice", instruments={"choir": 3, "voice": 1}, patterns=("x-----------", "x-------x---"), centre=67, chance=0.25),
        },
        drums=({"timpani": "x..........."}, {}, {"snare": "....o...o...", "crash": "o..........."}),
        kits={"orchestra kit": 1},
        loose=0.012, reverb=0.35,
    ),
    "baroque": Style(
        tempo=(66, 132),
        modes={"major": 4, "harmonic minor": 5},
        major=("1 4 7 3 6 2 5 1", "1 5 6 3 4 1 4 5", "1 2 5 1", "1 5 1 4 2 5 1 1"),
        minor=("1 4 7 3 6 2 5 1", "1 5 1 4 2 5 1 1", "1 4 5 1", "1 7 6 5"),
        chord_bars=(0.5, 1.0),
        roles={
            "bass": Role(kind="bass", instruments={"cello": 5, "contrabass": 3, "bassoon": 3},
                         patterns=("R---3---5---a---", "R-3-5-3-R-3-5-a-", "R-------5---3---")),
            "keys": Role(kind="arpeggio", instruments={"harpsichord": 7, "church organ": 3, "nylon guitar": 2, "piano": 1},
                         patterns=("1234323412343234", "1.3.2.3.1.3.2.3.", "4321432143214321", "1-23-4321-23-432"), centre=64, level=-2),
            "lead": Role(kind="lead", instruments={"oboe": 3, "recorder": 4, "violin": 4, "flute": 2, "trumpet": 2, "harpsichord": 1},
                         patterns=("x-xxx-xxx-x-xxxx", "x-x-xxxxx-x-xxxx", "xxxxxxxxx-x-x---", "x---x-xxx-x-x-xx"), centre=76, level=-1),
            "counter": Role(kind="counter", instruments={"violin": 3, "oboe": 2, "strings": 3, "bassoon": 1}, centre=66, level=-4, chance=0.8),
            "voice": Role(kind="voice", instruments={"choir": 1}, patterns=("x-------x-------", "x---x---x-------"), centre=66, chance=0.25),
        },
        loose=0.010, reverb=0.30,
    ),
    "techno": Style(
        tempo=(116, 146),
        modes={"minor": 4, "phrygian": 2, "dorian": 2, "major": 2, "mixolydian": 1},
        major=("1 1 1 1", "1 1 4 4", "1 7 1 7"),
        minor=("1 1 1 1", "1 1 6 7", "1 1 1 2"),
        chord_bars=(2.0, 1.0),
        roles={
            "bass": Role(kind="bass", instruments={"synth bass": 8, "picked bass": 1},
                         patterns=("..R...R...R...R.", "..RR..RR..RR..R8", "R..R..R.R..R..8.")),
            "sequence": Role(kind="arpeggio", instruments={"square lead": 4, "synth lead": 3, "marimba": 2, "clavinet": 1, "electric piano": 1},
                             patterns=("1.23.12.31.23.12", "1.1.2.1.3.1.2.4.", "1213121412131214"), centre=66, level=-4),
            "stab": Role(kind="chords", instruments={"saw stab": 5, "organ": 3, "piano": 3, "strings": 1},
                         patterns=("..x...x...x...x.", "...x..x.....x...", "x..x..x..x..x..."), centre=62, level=-5, chance=0.8),
            "pad": Role(kind="pad", instruments={"warm pad": 3, "sweep pad": 3, "strings": 2}, centre=60, level=-9, chance=0.7),
            "voice": Role(kind="voice", instruments={"synth voice": 4, "choir": 1, "voice": 1},
                          patterns=("x---..........x.", "....x-..x-......"), centre=66, level=-2, chance=0.35),
        },
        drums=(
            {"kick": "X...X...X...X...", "clap": "....X.......X...", "open hat": "..X...X...X...X.", "hat": "o.o.o.o.o.o.o.o."},
            {"kick": "X...X...X...X..x", "hat": "xoxxxoxxxoxxxoxx", "snare": "....X.......X..o", "open hat": "..x...x...x...x."},
        ),
        kits={"808 kit": 4, "electronic kit": 5},
        loose=0.0, reverb=0.14,
    ),
    "ambient": Style(
        tempo=(56, 112),
        modes={"lydian": 3, "major": 3, "dorian": 3, "minor": 2},
        major=("1 2", "1 4", "1 6 4 2", "4 1"),
        minor=("1 4", "1 6", "1 7 4 1", "6 1"),
        chord_bars=(2.0,), chord_size=5,
        roles={
            "bass": Role(kind="bass", instruments={"synth bass": 3, "contrabass": 2, "fretless bass": 2},
                         patterns=("R---------------",), level=-4, chance=0.75),
            "pad": Role(kind="pad", instruments={"warm pad": 3, "sweep pad": 3, "choir pad": 3, "strings": 2, "church organ": 1}, centre=60, level=0),
            "sparkle": Role(kind="arpeggio", instruments={"harp": 3, "vibraphone": 3, "marimba": 2, "electric piano": 3, "piano": 2, "nylon guitar": 1},
                            patterns=("1.....3.....2...", "....4.......3...", "1..2..3....4...."), centre=76, level=-6, chance=0.85),
            "lead": Role(kind="lead", instruments={"flute": 3, "recorder": 1, "french horn": 2, "cello": 2, "clean guitar": 2, "synth lead": 1},
                         patterns=("x---------------", "x-------x-------", "....x-----------"), centre=69, level=-4, chance=0.7),
            "voice": Role(kind="voice", instruments={"choir": 3, "voice": 3}, patterns=("x---------------", "x-------x-------"),
                          centre=64, level=-3, chance=0.45),
        },
        drums=({}, {"shaker": "o...o...o...o..."}),
        kits={"808 kit": 1, "orchestra kit": 1},
        loose=0.02, reverb=0.55,
    ),
    "hip hop": Style(
        tempo=(70, 108), swing=(0.54, 0.62), swing_unit="16ths",
        modes={"minor": 4, "dorian": 3, "phrygian": 1, "major": 2, "mixolydian": 1},
        major=("1 4", "1 6", "2 1", "1 3 4 4"),
        minor=("1 6", "1 4", "1 2", "1 7 6 6"),
        chord_size=4,
        roles={
            "bass": Role(kind="bass", instruments={"synth bass": 6, "electric bass": 3, "upright bass": 2},
                         patterns=("R--...R...--R...", "R----.....R-..8.", "R-.R......R-5-..")),
            "loop": Role(kind="chords", instruments={"electric piano": 5, "piano": 4, "vibraphone": 2, "harp": 2, "strings": 2, "clean guitar": 2},
                         patterns=("x---..x-....x-..", "x-----x-........", "..x-..x-..x-...."), centre=62, level=-3),
            "hook": Role(kind="arpeggio", instruments={"flute": 2, "marimba": 2, "pizzicato strings": 2, "brass section": 2, "square lead": 2, "nylon guitar": 1},
                         patterns=("3.2.1...........", "........4.3.2.1.", "1.1...3.......2."), centre=74, level=-6, chance=0.6),
            "voice": Role(kind="voice", instruments={"lead voice": 5, "synth voice": 3},
                          patterns=("x.xxx.xxx.xxx.x.", "xxx.x.xxx.x.xxx.", "x.xxx.x.xxx.xx..", "..xxx.xxx.x.x.xx"), centre=57, level=0, chance=0.9),
        },
        drums=(
            {"kick": "X..x......X..x..", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.xx"},
            {"kick": "X.....x.x.X.....", "clap": "....X.......X...", "hat": "xxx.xxx.xxx.xoxo", "open hat": "..............x."},
            {"kick": "X..X..X.........", "snare": "........X.......", "hat": "x.x.xxx.x.x.xxxx"},
        ),
        kits={"808 kit": 5, "electronic kit": 2, "room kit": 3},
        loose=0.004, reverb=0.08,
    ),
    "reggae": Style(
        tempo=(64, 96), swing=(0.5, 0.6),
        modes={"major": 3, "minor": 3, "mixolydian": 1, "dorian": 2},
        major=("1 4", "1 5 4 5", "1 2", "1 6 4 5"),
        minor=("1 4", "1 7", "1 6 7 1", "1 7 6 7"),
        roles={
            "bass": Role(kind="bass", instruments={"electric bass": 7, "synth bass": 1, "upright bass": 1},
                         patterns=("R-R-..3-5-..3-..", "..R-R-5-..3-R-..", "R---..R-3-5-....")),
            "skank": Role(kind="chords", instruments={"clean guitar": 4, "muted guitar": 5, "piano": 2},
                          patterns=("..X...X...X...X.", "..Xx..X...Xx..X."), centre=64, level=-1),
            "bubble": Role(kind="chords", instruments={"organ": 5, "electric piano": 2, "accordion": 1, "clavinet": 1},
                           patterns=("..x.xx..x.x.xx..", ".x.x.x.x.x.x.x.x"), centre=57, level=-6, chance=0.8),
            "lead": Role(kind="lead", instruments={"trombone": 3, "saxophone": 3, "brass section": 3, "harmonica": 3, "trumpet": 2, "flute": 1},
                         patterns=_SUNG, centre=67, level=-1),
            "voice": Role(kind="voice", instruments={"lead voice": 3, "voice": 3}, patterns=_SUNG, centre=66, chance=0.65),
        },
        drums=(
            {"kick": "........X.......", "stick": "........X.......", "hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X...X...X...X...", "stick": "........X.....o.", "hat": "..x...x...x...x.", "conga": "......o.x.....xo"},
        ),
        kits={"standard kit": 4, "room kit": 3, "808 kit": 1},
        loose=0.007, reverb=0.2,
    ),
    "jig": Style(
        metre="6/8", tempo=(76, 136),
        modes={"major": 4, "dorian": 3, "mixolydian": 3, "minor": 2},
        major=("1 1 4 5", "1 4 1 5", "1 7 1 7", "1 5 6 4"),
        minor=("1 1 7 7", "1 7 1 7", "1 4 7 1", "1 3 7 1"),
        roles={
            "bass": Role(kind="bass", instruments={"upright bass": 3, "cello": 2, "electric bass": 2, "contrabass": 1},
                         patterns=("R-----5-----", "R-----R---5-"), chance=0.8, level=-2),
            "strum": Role(kind="chords", instruments={"steel guitar": 6, "banjo": 3, "harp": 2, "nylon guitar": 1, "piano": 1},
                          patterns=("X...x.X...x.", "X.x.x.X.x.x.", "x-..x-x-..x-"), centre=60, level=-3),
            "lead": Role(kind="lead", instruments={"fiddle": 5, "recorder": 4, "accordion": 4, "bagpipe": 2, "flute": 3, "banjo": 2},
                         patterns=("x.x.x.x.x.x.", "x-..x.x.x.x.", "x.x.x.x-..x.", "xxx.x.x.x.x."), centre=74),
            "counter": Role(kind="counter", instruments={"bagpipe": 1, "fiddle": 3, "accordion": 2, "cello": 1}, centre=62, level=-6, chance=0.5),
            "voice": Role(kind="voice", instruments={"voice": 2, "choir": 1}, patterns=("x---x-x---x-", "x-----x-----"), centre=67, chance=0.3),
        },
        drums=({"low tom": "X...o.x...o.", "shaker": "o.o.o.o.o.o."}, {"tambourine": "x...x.x...x.", "kick": "x.....x....."}, {}),
        kits={"room kit": 2, "brush kit": 1, "orchestra kit": 1},
        loose=0.010, reverb=0.18,
    ),
    "funk": Style(
        tempo=(88, 128), swing=(0.5, 0.57), swing_unit="16ths",
        modes={"dorian": 5, "mixolydian": 4, "minor": 2},
        major=("1 1", "1 4", "1 1 4 5"),
        minor=("1 1", "1 4", "1 1 4 7"),
        chord_bars=(1.0, 2.0), chord_size=4,
        roles={
            "bass": Role(kind="bass", instruments={"slap bass": 6, "electric bass": 4, "synth bass": 2},
                         patterns=("R..R..8.R.R..8.5", "RR..8.R...R.5.8.", "R...R8.R..5.R.8a")),
            "scratch": Role(kind="chords", instruments={"muted guitar": 3, "clean guitar": 5, "clavinet": 5},
                            patterns=("x.xx.xx.x.xx.xx.", "..x..xx.x..x..xx", "xx.x..xx.x..xx.x"), centre=64, level=-3),
            "horns": Role(kind="chords", instruments={"brass section": 5, "trumpet": 3, "saxophone": 2, "synth brass": 2},
                          patterns=("X..............x", "......X.X.......", "...X......X-...."), centre=67, level=-3, chance=0.85),
            "keys": Role(kind="pad", instruments={"organ": 4, "electric piano": 3}, centre=60, level=-9, chance=0.5),
            "lead": Role(kind="lead", instruments={"saxophone": 4, "trumpet": 2, "synth lead": 3, "trombone": 2, "overdriven guitar": 2},
                         patterns=_RIFF, centre=70),
            "voice": Role(kind="voice", instruments={"lead voice": 4, "voice": 2}, patterns=_RIFF + _SUNG[:2], centre=66, chance=0.5),
        },
        drums=(
            {"kick": "X..x..x...X..x..", "snare": "....X..o.o..X..o", "hat": "xoxoxoxoxoxoxoxo"},
            {"kick": "X.X...x..xX.....", "snare": "....X..o....X.o.", "hat": "x.x.x.x.x.x.x.x.", "open hat": "......x.......x.", "conga": "..o..x.o..x..o.x"},
        ),
        kits={"standard kit": 4, "room kit": 3, "power kit": 1},
        loose=0.005, reverb=0.08,
    ),
}
