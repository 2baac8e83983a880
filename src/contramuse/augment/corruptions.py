"""The nine corruptions of SemiSupCon's robustness study, which no training saw, with its fixed parameters."""

from __future__ import annotations

import typing
from typing import Literal

from contramuse.augment.base import Augmentation
from contramuse.augment.chorus import Chorus
from contramuse.augment.codec import Codec
from contramuse.augment.cut import Reverse
from contramuse.augment.dynamics import Bitcrush, Compression, Distortion
from contramuse.augment.level import Gain
from contramuse.augment.pitch import TimeStretch
from contramuse.augment.space import Reverb
from contramuse.augment.splice import Splice
from contramuse.errors import RecipeError

Corruption = Literal[
    "time_stretch", "splice", "reverb", "chorus", "distortion", "compression", "reverse", "bitcrush", "mp3"
]
CORRUPTIONS: tuple[Corruption, ...] = typing.get_args(Corruption)
"""Names of the corruptions, in the order of the study."""


def corruption(sample_rate: int, *, name: Corruption) -> tuple[Augmentation, ...]:
    """One corruption of SemiSupCon's robustness study (Guinot et al., 2024), on every row.

    Only the tempo (0.7 to 1.3 times) and the places of the cuts are drawn. Reverberation, chorus and compression have
    the settings of pedalboard's effects, made by ours: see the module of each.

    Args:
        sample_rate: Hz.
        name: "time_stretch", "splice" (8 cuts of at most 100 ms), "reverb" (the largest room), "chorus" (5 Hz, depth 1,
            no dry sound), "distortion" (9 dB), "compression" (-30 dB, 5:1), "reverse", "bitcrush" (4 bits), "mp3"
            (variable bit rate, quality 9).

    Raises:
        RecipeError: no such corruption; for "mp3", PyAV is missing.
    """
    if name == "time_stretch":
        return (TimeStretch(sample_rate=sample_rate, rate=(0.7, 1.3)),)
    if name == "splice":
        return (Splice(sample_rate=sample_rate, count=(8, 8), milliseconds=(0.0, 100.0)),)
    if name == "reverb":
        # Freeverb at room size 1, damping 0.5: feedback 0.98, damping 0.2, 60 dB in 10.6 s; dry 2, wet 3.
        full = (100.0, 100.0)
        tail = Reverb(sample_rate=sample_rate, reverberance=full, damping=(0.0, 0.0), room=full, wet=1.5, seconds=12.0)
        return (tail, Gain(decibels=(6.0206, 6.0206)))
    if name == "chorus":
        return (Chorus(sample_rate=sample_rate, rate=(5.0, 5.0), depth=(1.0, 1.0), mix=(1.0, 1.0)),)
    if name == "distortion":
        return (Distortion(drive=(9.0, 9.0)),)
    if name == "compression":
        # Attack 1 ms and release 100 ms as that compressor counts them, in which 2 pi time constants pass.
        at, ratio = (-30.0, -30.0), (5.0, 5.0)
        return (Compression(sample_rate=sample_rate, threshold=at, ratio=ratio, attack=0.159, release=15.9),)
    if name == "reverse":
        return (Reverse(),)
    if name == "bitcrush":
        return (Bitcrush(bits=(4.0, 4.0)),)
    if name == "mp3":
        return (Codec(sample_rate=sample_rate, codec="mp3", quality=(9.0, 9.0)),)
    raise RecipeError("is no corruption", name="name", value=name, fix=f"Known: {', '.join(CORRUPTIONS)}.")
