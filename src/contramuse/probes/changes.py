"""What is done to tracks on purpose, by stated amounts: corruptions by severity, and factors from weak to strong.

A change works on a whole excerpt, and what is drawn (noise, lost packets, the direction of a pitch shift) depends on
nothing but the track's id, the change and the seed: every system hears the same audio. Samples are floating point;
nothing is clipped or rounded unless that is the change.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray

from contramuse.augment import CORRUPTIONS as STUDY
from contramuse.augment import Augmentation, Chain
from contramuse.augment.codec import Codec
from contramuse.augment.corruptions import Corruption, corruption
from contramuse.augment.dynamics import Clipping
from contramuse.augment.filters import Filter
from contramuse.augment.level import Gain, Noise
from contramuse.augment.pitch import PitchShift, TimeStretch
from contramuse.augment.space import Reverb
from contramuse.augment.splice import PacketLoss
from contramuse.sampling import generator_for

VERSION = 1
"""Part of the name of what is kept on disk: raised when a change gives other samples."""

Signal = Float32[np.ndarray, " t"]
Make = Callable[[float, int], tuple[Augmentation, ...]]
"""(amount, sample rate) -> augmentations in order."""

TAIL_DECIBELS = -6.0
"""Energy of the tail of a reverberation of one second, against the direct sound; it grows with the seconds."""


@dataclass(frozen=True)
class Change:
    """One way in which audio is changed.

    Args:
        name: shown in tables.
        unit: of the amounts.
        amounts: of a corruption, those of severities 1 to 4; of a factor, from one end to the other.
        clean: the amount that changes nothing; None where no number says so (a signal-to-noise ratio).
        make: augmentations of an amount; None: not the audio is changed, but the place that is taken (``seconds``).
        either: "up", or "up or down" as drawn for each track.
        scale: "linear" or "log", on which a linear map should find the amount.
    """

    name: str
    unit: str
    amounts: tuple[float, ...]
    clean: float | None
    make: Make | None
    either: str = "up"
    scale: str = "linear"

    def describe(self, *, with_clean: bool) -> dict[str, object]:
        """For JSON; the clean amount stands first ``with_clean``."""
        return {"name": self.name, "unit": self.unit, "amounts": [*([self.clean] if with_clean else []), *self.amounts]}


def _noise(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return (Noise(snr=(amount, amount)),)


def _mp3(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return (Codec(sample_rate=rate, codec="mp3", bitrate=(amount, amount)),)


def _reverb(amount: float, rate: int) -> tuple[Augmentation, ...]:
    # The inverse of Reverb's own account: the feedback that decays by 60 dB in `amount` seconds, then its percentage.
    comb = 0.031
    feedback = 10 ** (-3 * comb / amount)
    start, end = math.log(1 - 0.3), math.log(1 - 0.98)
    percent = min(100.0, max(0.0, 100 * (math.log(1 - feedback) - start) / (end - start)))
    level = 0.015 * math.sqrt(8 / (1 - feedback**2))
    wanted = math.sqrt(amount) * 10 ** (TAIL_DECIBELS / 20)
    return (
        Reverb(
            sample_rate=rate, reverberance=(percent, percent), damping=(0.0, 0.0), room=(100.0, 100.0),
            wet=wanted / level, seconds=1.2 * amount + 0.1,
        ),
    )  # fmt: skip


def _clipping(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return (Clipping(threshold=(-amount, -amount)),)


def _low_pass(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return () if amount >= rate / 2 else (Filter(sample_rate=rate, shapes=("low_pass",), low_pass=(amount, amount)),)


def _high_pass(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return (Filter(sample_rate=rate, shapes=("high_pass",), high_pass=(amount, amount)),)


def _pitch(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return (PitchShift(sample_rate=rate, semitones=(amount, amount)),)


def _tempo(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return (TimeStretch(sample_rate=rate, rate=(amount, amount)),)


def _gain(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return (Gain(decibels=(amount, amount)),)


def _packet_loss(amount: float, rate: int) -> tuple[Augmentation, ...]:
    return (PacketLoss(sample_rate=rate, share=(amount / 100, amount / 100), milliseconds=20.0),)


def _study(name: Corruption) -> Make:
    return lambda amount, rate: corruption(rate, name=name)


_CURVES = (
    Change("noise", "dB of signal to noise", (40.0, 25.0, 12.0, 0.0), None, _noise),
    Change("mp3", "kbit/s", (64.0, 32.0, 16.0, 8.0), None, _mp3),
    Change("reverb", "s until -60 dB", (0.3, 0.8, 2.0, 5.0), 0.0, _reverb),
    Change("clipping", "dB below the peak", (3.0, 9.0, 15.0, 21.0), 0.0, _clipping),
    Change("low-pass", "Hz", (8000.0, 4000.0, 2000.0, 1000.0), None, _low_pass),
    Change("high-pass", "Hz", (50.0, 150.0, 500.0, 1500.0), 0.0, _high_pass),
    Change("pitch", "semitones up or down", (0.25, 1.0, 2.5, 5.0), 0.0, _pitch, either="up or down"),
    Change("tempo", "times faster or slower", (1.05, 1.15, 1.3, 1.5), 1.0, _tempo, either="up or down"),
    Change("gain", "dB", (-3.0, -10.0, -20.0, -40.0), 0.0, _gain),
    Change("packet loss", "% of 20 ms packets", (1.0, 5.0, 15.0, 40.0), 0.0, _packet_loss),
)
CORRUPTIONS: dict[str, Change] = {one.name: one for one in _CURVES}
"""Corruptions by severity 1 (hardly heard) to 4 (plainly bad)."""

STUDIED: dict[str, Change] = {
    f"semisupcon {name}": Change(f"semisupcon {name}", "as published", (1.0,), None, _study(name)) for name in STUDY
}
"""The nine of SemiSupCon's robustness study, each with its one setting, over the whole excerpt."""

_FACTORS = (
    Change("pitch", "semitones", (-6, -4, -2, -1, -0.5, 0.5, 1, 2, 4, 6), 0.0, _pitch),
    Change("tempo", "times", (0.7, 0.8, 0.9, 0.95, 1.05, 1.1, 1.2, 1.4), 1.0, _tempo, scale="log"),
    Change("gain", "dB", (-20, -15, -10, -6, -3, -1), 0.0, _gain),
    Change("low-pass", "Hz", (1000, 2000, 4000, 8000), None, _low_pass, scale="log"),
    Change("noise", "dB of signal to noise", (0, 10, 20, 30, 40), None, _noise),
    Change("reverb", "s until -60 dB", (0.3, 0.8, 2, 5), 0.0, _reverb),
    Change("time offset", "s", (0.1, 0.5, 1, 2, 5), 0.0, None),
)
FACTORS: dict[str, Change] = {one.name: one for one in _FACTORS}
"""What a profile changes, from one end to the other; unchanged audio stands between or beside."""


def changed(x: Signal, change: Change, amount: float, *, sample_rate: int, track: str, seed: int) -> Signal:
    """One excerpt by one amount of a change; its length changes with its tempo, and with nothing else.

    Args:
        x: samples.
        change: that has a ``make``.
        amount: of it, in its unit.
        sample_rate: Hz.
        track: id of the track, which what is drawn depends on.
        seed: which it depends on too.
    """
    assert change.make is not None
    generator = generator_for(seed, "changed", change.name, track)
    if change.either == "up or down" and float(torch.rand(1, generator=generator)) < 0.5:
        amount = 1 / amount if change.clean == 1.0 else -amount
    chain = Chain(augmentations=change.make(amount, sample_rate))
    wave = torch.from_numpy(x)[None, None]
    # Only a stretch changes the length: it needs room to grow, and leaves silence where it has shrunk.
    length = round(len(x) / amount) if change.clean == 1.0 else len(x)
    room = torch.nn.functional.pad(wave, (0, max(0, length - len(x))))
    with torch.inference_mode():
        done = chain.apply(room, chain.draw(1, generator))
    out: NDArray[np.float32] = done[0, 0, :length].numpy()
    return out
