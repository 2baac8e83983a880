"""Styles of bands with guitars and a drum kit."""

from __future__ import annotations

from contramuse.catalogue.corpus.styles.parts import RIFF, SUNG, Role, Style

BAND: dict[str, Style] = {
    "rock": Style(
        tempo=(84, 176),
        modes={"major": 3, "mixolydian": 2, "minor": 3, "dorian": 1},
        major=("1 4 5 4", "1 5 6 4", "1 7 4 1", "1 4 1 5"),
        minor=("1 6 7 1", "1 7 6 7", "1 3 7 4", "1 4 6 5"),
        chord_size=2,
        roles={
            "bass": Role(
                kind="bass",
                instruments={"electric bass": 5, "picked bass": 4, "synth bass": 1},
                patterns=("R.R.R.R.R.R.R.R.", "R.R.R.RRR.R.R.a.", "R--.R.R.R--.R.5."),
            ),
            "rhythm": Role(
                kind="chords",
                instruments={"distorted guitar": 6, "overdriven guitar": 4},
                patterns=("X-x.x-x.X-x.x-x.", "X---..x-X---x-x-", "x.x.X-x.x.x.X-x.", "X-------x-----x-"),
                centre=52,
                level=-3,
            ),
            "keys": Role(
                kind="pad", instruments={"organ": 4, "piano": 3, "strings": 1}, centre=62, level=-8, chance=0.5
            ),
            "lead": Role(
                kind="lead",
                instruments={"overdriven guitar": 5, "distorted guitar": 3, "synth lead": 1, "harmonica": 1},
                patterns=SUNG + RIFF,
                centre=72,
                level=-2,
            ),
            "voice": Role(
                kind="voice", instruments={"voice": 3, "lead voice": 3}, patterns=SUNG, centre=67, level=0, chance=0.65
            ),
        },
        drums=(
            {"kick": "X.......X.x.....", "snare": "....X.......X...", "hat": "X.x.X.x.X.x.X.x."},
            {"kick": "X..x..x.X.......", "snare": "....X.......X..o", "ride": "X.x.X.x.X.x.X.x."},
            {"kick": "X.x.....X.x...x.", "snare": "....X.......X...", "open hat": "X...X...X...X..."},
        ),
        kits={"standard kit": 3, "power kit": 4, "room kit": 3},
    ),
    "ballad": Style(
        tempo=(56, 118),
        modes={"major": 5, "minor": 3, "mixolydian": 1},
        major=("1 5 6 4", "1 6 4 5", "4 1 5 6", "1 3 4 5"),
        minor=("1 6 3 7", "1 4 6 5", "6 7 1 1", "1 7 6 5"),
        roles={
            "bass": Role(
                kind="bass",
                instruments={"electric bass": 5, "fretless bass": 3, "upright bass": 1},
                patterns=("R-------5-------", "R-----R-R-----5-", "R-------R---3-5-"),
                level=-1,
            ),
            "keys": Role(
                kind="arpeggio",
                instruments={"piano": 5, "electric piano": 4, "harp": 1, "nylon guitar": 2, "steel guitar": 3},
                patterns=("1.2.3.2.1.2.3.2.", "1.2.3.4.3.2.3.2.", "1-3.2.3.1-3.2.3."),
                centre=62,
                level=-2,
            ),
            "pad": Role(
                kind="pad", instruments={"strings": 5, "warm pad": 3, "choir pad": 1}, centre=64, level=-8, chance=0.8
            ),
            "lead": Role(
                kind="lead",
                instruments={"saxophone": 3, "clean guitar": 3, "violin": 2, "flute": 2, "oboe": 1},
                patterns=SUNG,
                centre=72,
                level=-1,
            ),
            "voice": Role(
                kind="voice",
                instruments={"voice": 3, "choir": 1, "lead voice": 2},
                patterns=SUNG,
                centre=67,
                chance=0.75,
            ),
        },
        drums=(
            {"kick": "X.......x.......", "stick": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."},
            {
                "kick": "X.....x.x.......",
                "snare": "....X.......X...",
                "hat": "x.o.x.o.x.o.x.o.",
                "shaker": "o.o.o.o.o.o.o.o.",
            },
        ),
        kits={"standard kit": 4, "room kit": 3, "brush kit": 2},
        reverb=0.28,
    ),
    "reggae": Style(
        tempo=(58, 116),
        swing=(0.5, 0.6),
        modes={"major": 3, "minor": 3, "mixolydian": 1, "dorian": 2},
        major=("1 4", "1 5 4 5", "1 2", "1 6 4 5"),
        minor=("1 4", "1 7", "1 6 7 1", "1 7 6 7"),
        roles={
            "bass": Role(
                kind="bass",
                instruments={"electric bass": 7, "synth bass": 1, "upright bass": 1},
                patterns=("R-R-..3-5-..3-..", "..R-R-5-..3-R-..", "R---..R-3-5-...."),
            ),
            "skank": Role(
                kind="chords",
                instruments={"clean guitar": 4, "muted guitar": 5, "piano": 2},
                patterns=("..X...X...X...X.", "..Xx..X...Xx..X."),
                centre=64,
                level=-1,
            ),
            "bubble": Role(
                kind="chords",
                instruments={"organ": 5, "electric piano": 2, "accordion": 1, "clavinet": 1},
                patterns=("..x.xx..x.x.xx..", ".x.x.x.x.x.x.x.x"),
                centre=57,
                level=-6,
                chance=0.8,
            ),
            "lead": Role(
                kind="lead",
                instruments={
                    "trombone": 3,
                    "saxophone": 3,
                    "brass section": 3,
                    "harmonica": 3,
                    "trumpet": 2,
                    "flute": 1,
                },
                patterns=SUNG,
                centre=67,
                level=-1,
            ),
            "voice": Role(
                kind="voice", instruments={"lead voice": 3, "voice": 3}, patterns=SUNG, centre=66, chance=0.65
            ),
        },
        drums=(
            {"kick": "........X.......", "stick": "........X.......", "hat": "x.x.x.x.x.x.x.x."},
            {
                "kick": "X...X...X...X...",
                "stick": "........X.....o.",
                "hat": "..x...x...x...x.",
                "conga": "......o.x.....xo",
            },
        ),
        kits={"standard kit": 4, "room kit": 3, "808 kit": 1},
        loose=0.007,
        reverb=0.2,
    ),
    "funk": Style(
        tempo=(78, 138),
        swing=(0.5, 0.57),
        swing_unit="16ths",
        modes={"dorian": 5, "mixolydian": 4, "minor": 2},
        major=("1 1", "1 4", "1 1 4 5"),
        minor=("1 1", "1 4", "1 1 4 7"),
        chord_bars=(1.0, 2.0),
        chord_size=4,
        roles={
            "bass": Role(
                kind="bass",
                instruments={"slap bass": 6, "electric bass": 4, "synth bass": 2},
                patterns=("R..R..8.R.R..8.5", "RR..8.R...R.5.8.", "R...R8.R..5.R.8a"),
            ),
            "scratch": Role(
                kind="chords",
                instruments={"muted guitar": 3, "clean guitar": 5, "clavinet": 5},
                patterns=("x.xx.xx.x.xx.xx.", "..x..xx.x..x..xx", "xx.x..xx.x..xx.x"),
                centre=64,
                level=-3,
            ),
            "horns": Role(
                kind="chords",
                instruments={"brass section": 5, "trumpet": 3, "saxophone": 2, "synth brass": 2},
                patterns=("X..............x", "......X.X.......", "...X......X-...."),
                centre=67,
                level=-3,
                chance=0.85,
            ),
            "keys": Role(kind="pad", instruments={"organ": 4, "electric piano": 3}, centre=60, level=-9, chance=0.5),
            "lead": Role(
                kind="lead",
                instruments={"saxophone": 4, "trumpet": 2, "synth lead": 3, "trombone": 2, "overdriven guitar": 2},
                patterns=RIFF,
                centre=70,
            ),
            "voice": Role(
                kind="voice", instruments={"lead voice": 4, "voice": 2}, patterns=RIFF + SUNG[:2], centre=66, chance=0.5
            ),
        },
        drums=(
            {"kick": "X..x..x...X..x..", "snare": "....X..o.o..X..o", "hat": "xoxoxoxoxoxoxoxo"},
            {
                "kick": "X.X...x..xX.....",
                "snare": "....X..o....X.o.",
                "hat": "x.x.x.x.x.x.x.x.",
                "open hat": "......x.......x.",
                "conga": "..o..x.o..x..o.x",
            },
        ),
        kits={"standard kit": 4, "room kit": 3, "power kit": 1},
        loose=0.005,
        reverb=0.08,
    ),
}
