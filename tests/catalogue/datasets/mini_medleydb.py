"""A miniature of MedleyDB: two artists with two songs, one with bleed; lists of instruments; what is no instrument."""

from __future__ import annotations

from pathlib import Path

import yaml

from minidatasets import tone

GUITAR = "acoustic guitar"
# song: (artist, bleed, stems: instrument(s) of the stem, instruments of its raw tracks)
SONGS = {
    "AmarLal_Rest": ("Amar Lal", "no", [(GUITAR, [GUITAR, GUITAR]), ("piano", ["piano"])]),
    "AmarLal_SpringDay1": ("Amar Lal", "no", [(GUITAR, [GUITAR]), ("Main System", ["Main System"])]),
    "HopAlong_SisterCities": ("Hop Along", "yes", [("drum set", ["kick drum", "snare drum"]), ("electric bass", [])]),
    "Sweat_Tact": ("Sweat", "no", [(["drum set", "synthesizer"], ["drum set"]), ("fx/processed sound", ["Unlabeled"])]),
    "Sweat_Elegy": ("Sweat", "no", [("piano", ["piano"]), ("piano", [["piano", "Unlabeled"]])]),
    "LizNelson_Coldwar": ("Liz Nelson", "no", [("female singer", ["female singer"]), (GUITAR, [])]),
    "Blondie_OneWayOrAnother": ("Blondie", "no", [("drum set", ["drum set"])]),
}  # fmt: skip
ABSENT = "Audio/LizNelson_Coldwar/LizNelson_Coldwar_STEMS/LizNelson_Coldwar_STEM_02.wav"


def metadata(song: str) -> dict[str, object]:
    """As in <song>_METADATA.yaml."""
    artist, bleed, stems = SONGS[song]
    return {
        "album": "", "artist": artist, "composer": [artist], "excerpt": "no",
        "genre": "Rock" if bleed == "yes" else "Jazz",
        "has_bleed": bleed, "instrumental": "yes", "mix_filename": f"{song}_MIX.wav", "origin": "Independent Artist",
        "producer": [""], "raw_dir": f"{song}_RAW", "stem_dir": f"{song}_STEMS", "title": song.split("_")[1],
        "version": 1.2, "website": ["a.bandcamp.com"],
        "stems": {
            f"S{i:02d}": {
                "component": "", "filename": f"{song}_STEM_{i:02d}.wav", "instrument": instrument,
                "raw": {f"R{j:02d}": {"filename": f"{song}_RAW_{i:02d}_{j:02d}.wav", "instrument": one}
                        for j, one in enumerate(raw, 1)},
            }
            for i, (instrument, raw) in enumerate(stems, 1)
        },
    }  # fmt: skip


def miniature(root: Path) -> None:
    """Songs of v1 lie in Audio, those of v2 in V2; one song is of no release, one stem is absent."""
    (root / "Metadata").mkdir(parents=True)
    for seed, song in enumerate(SONGS):
        content = metadata(song)
        (root / "Metadata" / f"{song}_METADATA.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        home = root / ("V2" if song.startswith("Sweat") else "Audio") / song
        tone(home / f"{song}_MIX.wav", seed=seed)
        for i, (_, raw) in enumerate(SONGS[song][2], 1):
            tone(home / f"{song}_STEMS" / f"{song}_STEM_{i:02d}.wav", seed=10 * seed + i)
            for j in range(1, len(raw) + 1):
                tone(
                    home / f"{song}_RAW" / f"{song}_RAW_{i:02d}_{j:02d}.wav", seed=100 * seed + 10 * i + j, seconds=0.8
                )
    (root / ABSENT).unlink()
