"""Published chains: their order, chances and ranges, without their defects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from contramuse.augment.base import Augmentation
from contramuse.augment.chain import Chain
from contramuse.augment.corruptions import corruption
from contramuse.augment.filters import Filter
from contramuse.augment.level import ColoredNoise, Gain, Noise, Polarity
from contramuse.augment.mask import FrequencyMask, TimeMask
from contramuse.augment.pitch import PitchShift, Speed
from contramuse.augment.space import Delay, Reverb
from contramuse.augment.spectral import BandShift, TimeWarp
from contramuse.errors import RecipeError


def clmr(sample_rate: int) -> tuple[Augmentation, ...]:
    """The chain of CLMR (Spijkervet and Burgoyne, 2021, section 3.2) as its code of version 2 has it.

    Where paper and code disagree the code is taken: a gain of -20 to -1 dB (paper: -6 to 0), noise at 40 to 80 dB in
    1 % of rows. Other than in that code every row draws its own values, the shift is any number of cents, the delayed
    signal is not halved, and nothing is clipped.
    """
    return (
        Polarity(p=0.8),
        Noise(p=0.01, snr=(40.0, 80.0), uniform_in="amplitude"),
        Gain(p=0.3, decibels=(-20.0, -1.0)),
        Filter(
            p=0.8,
            sample_rate=sample_rate,
            shapes=("high_pass", "low_pass"),
            high_pass=_below_half(sample_rate, 200.0, 1200.0),
            low_pass=_below_half(sample_rate, 2200.0, 4000.0),
        ),
        Delay(p=0.3, sample_rate=sample_rate, milliseconds=(200.0, 450.0), step=50.0, volume=(0.5, 0.5)),
        PitchShift(p=0.6, sample_rate=sample_rate, semitones=(-7.0, 7.0)),
        Reverb(p=0.6, sample_rate=sample_rate),
    )


def clmr_v1(sample_rate: int) -> tuple[Augmentation, ...]:
    """The chain of CLMR's version 1: no noise, and echoes of a fifth of the amplitude; the rest is as in version 2."""
    return (
        Polarity(p=0.8),
        Gain(p=0.3, decibels=(-20.0, -1.0)),
        Filter(
            p=0.8,
            sample_rate=sample_rate,
            shapes=("high_pass", "low_pass"),
            high_pass=_below_half(sample_rate, 200.0, 1200.0),
            low_pass=_below_half(sample_rate, 2200.0, 4000.0),
        ),
        Delay(p=0.3, sample_rate=sample_rate, milliseconds=(200.0, 450.0), step=50.0, volume=(0.2, 0.2)),
        PitchShift(p=0.6, sample_rate=sample_rate, semitones=(-7.0, 7.0)),
        Reverb(p=0.6, sample_rate=sample_rate, reverberance=(1.0, 100.0), damping=(1.0, 100.0), room=(1.0, 100.0)),
    )


def choi(sample_rate: int) -> tuple[Augmentation, ...]:
    """The chain that Choi et al. (2022) intend: another pitch by up to 200 cents, another speed by up to a fifth.

    In their code neither happens: the resampling that SoX's two effects ask for is left out. They read 3.6 s for 3 s,
    so that a faster segment is still full; here its end is mirrored.
    """
    return (
        PitchShift(sample_rate=sample_rate, semitones=(-2.0, 2.0)),
        Speed(sample_rate=sample_rate, speed=(0.8, 1.2), beyond="mirror"),
    )


def s3t(*, fill: Literal["min", "zero"] = "min") -> tuple[Augmentation, ...]:
    """The masks, shift and warp of log-mels that MSCOL takes from S3T (its ``--mask``), for 98 frames of 64 bands.

    Args:
        fill: what masked and shifted places become: the row's "min", which is silence in a log-mel, or "zero" as in
            MSCOL's code, where silence is -11.5.
    """
    return (
        TimeMask(p=0.5, count=(1, 9), width=(1.0, 9.0), unit="whole", fill=fill),
        FrequencyMask(p=0.5, count=(1, 4), width=(1.0, 11.0), unit="whole", fill=fill),
        BandShift(p=0.4, bands=(-9, -1), fill=fill),
        TimeWarp(p=0.4, cut=(38 / 98, 58 / 98)),
    )


def semisupcon(sample_rate: int, severity: float = 2.0) -> tuple[Augmentation, ...]:
    """The pretraining chain of SemiSupCon (Guinot et al., 2024) at a severity: 2 is theirs, 0 changes nothing.

    Other than in its code the echoes begin with the first repeat (there the first "repeat" is the dry signal), never
    grow, and their volume and attenuation are drawn from the range, not from its two ends; the shift is any number of
    cents, not one of 14; the result is not halved.

    Raises:
        RecipeError: a severity below 0 or above 8, where shifts and noises would leave what music is.
    """
    if not 0 <= severity <= 8:
        raise RecipeError("must be between 0 and 8", name="severity", value=severity, fix="The published one is 2.")
    s = severity / 2.0
    if s == 0:
        return ()
    chain = (
        Gain(p=min(0.7, 0.4 * s), decibels=(-15.0 * s, 5.0 * s)),
        Polarity(p=min(0.8, 0.6 * s)),
        ColoredNoise(p=min(0.8, 0.6 * s), sample_rate=sample_rate, snr=(3.0 / s, 30.0 / s), decay=(-2.0 * s, 2.0 * s)),
        Filter(
            p=min(0.6, 0.3 * s),
            sample_rate=sample_rate,
            shapes=("band_pass", "band_stop", "high_pass", "low_pass"),
            centre=_below_half(sample_rate, 200.0, 4000.0),
            bandwidth=(min(0.5 * s, 1.99), 1.99),
            high_pass=_below_half(sample_rate, 200.0 * s, 2400.0 * s),
            low_pass=_below_half(sample_rate, max(75.0, 150.0 / s), 7500.0 / max(1.0, s)),
            uniform_in="mel",
        ),
        PitchShift(p=min(0.75, 0.6 * s), sample_rate=sample_rate, semitones=(-4.0 * s, 4.0 * s)),
        Delay(
            p=0.6 * min(1.0, s),
            sample_rate=sample_rate,
            milliseconds=(min(100.0 / s, 500.0), 500.0),
            volume=_around(0.5 * s),
            repeats=(max(1, int(2 * s) - 1), int(2 * s) + 1),
            attenuation=_around(min(1.0, 0.5 * s)),
        ),
    )
    return (Chain(chain, p=min(1.0, 0.8 * s)),)


def _below_half(sample_rate: int, low: float, high: float) -> tuple[float, float]:
    """The range, cut at half the sample rate."""
    top = sample_rate / 2.0
    return min(low, top), min(high, top)


def _around(value: float) -> tuple[float, float]:
    """0.2 to either side, within [0, 1]."""
    return max(0.0, min(1.0, value - 0.2)), max(0.0, min(1.0, value + 0.2))


PRESETS: dict[str, Callable[..., tuple[Augmentation, ...]]] = {
    "choi": choi,
    "clmr": clmr,
    "clmr_v1": clmr_v1,
    "corruption": corruption,
    "s3t": s3t,
    "semisupcon": semisupcon,
}
