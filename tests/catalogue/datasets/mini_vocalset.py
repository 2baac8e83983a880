"""A miniature of VocalSet: the folders of version 1.2 and 1.1, the lists of singers, and names that are traps."""

from __future__ import annotations

from pathlib import Path

from minidatasets import broken, tone

FILES = (
    "female1/arpeggios/belt/f1_arpeggios_belt_c_a.wav",
    "female2/scales/vibrato/f2_scales_vibrato_a.wav",
    "female9/long_tones/trillo/f9_long_trillo_e.wav",
    "male1/scales/straight/m1_scales_straight_a.wav",
    "male3/scales/lip_trill/m3_scales_lip_trill_u.wav",
    "male11/long_tones/vocal_fry/m11_long_vocal_fry_i.wav",
    "male8/excerpts/spoken/m9_caro_spoken.wav",  # called after another singer than its folder
    "male1/scales/slow_piano/m1_scales_slow_piano_a.wav",  # not of the ten
    "male1/excerpts/m1_row.wav",  # no technique
    "female4/scales/vibrado/f4_scales_vibrato_a.wav",  # spelled otherwise, and in neither list
)
LISTS = {"train": ("female1", "female9", "male1", "male8", "male11"), "test": ("female2", "male3")}


def miniature(root: Path, *, home: str = "data_by_singer") -> None:
    """Write it; 1.1 has the folder FULL, 1.2 data_by_singer, data_by_technique and others."""
    for seed, name in enumerate(FILES):
        tone(root / home / name, seed=seed, seconds=0.5 if seed == 1 else 1.2)
    broken(root / home / "female1/arpeggios/belt/._f1_arpeggios_belt_c_a.wav")
    broken(root / "__MACOSX" / home / "female1/arpeggios/belt/f1_arpeggios_belt_c_a.wav")
    for part, singers in LISTS.items():
        (root / f"{part}_singers_technique.txt").write_text("\r\n".join(singers) + "\r\n\r\n")
