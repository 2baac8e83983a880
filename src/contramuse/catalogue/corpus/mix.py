"""Panning, balance, reverb, mastering: from the sound of the parts to a stereo mix and four mono stems.

Everything that is done to the mix is linear, or a gain over time that the stems get too: the stems add up to the mix
(its mono sum) up to the rounding to 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from contramuse.catalogue.corpus.compose import Song
from contramuse.catalogue.corpus.soundfont import Floats
from contramuse.catalogue.corpus.styles import STYLES

Doubles = np.ndarray[Any, np.dtype[np.float64]]

STEMS = ("bass", "drums", "vocals", "other")
# The loudness of a player before its level is added: RMS while it plays, dB.
_REFERENCE = {"bass": -18.0, "drums": -17.0, "vocals": -16.0, "other": -20.0}
# Lossy encoders overshoot: 0.8 leaves them 2 dB.
_PEAK = 0.8
_FADE = 0.8


@dataclass(frozen=True, kw_only=True)
class Mix:
    """A finished track.

    Args:
        stereo: float32 [2 t], peak at most 0.8; stems: name -> float32 [t], mono; their sum is the mean of ``stereo``.
        shares: player -> share of the time at which it is audible, see ``audible_share``.
    """

    stereo: Floats
    stems: dict[str, Floats]
    shares: dict[str, float]
    sample_rate: int


def mix(song: Song, sounds: dict[str, Floats], *, sample_rate: int) -> Mix:
    """Mix the parts of a song.

    Args:
        sounds: player -> float32 [t], as rendered.
    """
    plan, rng = song.plan, song.plan.generator("mix")
    length = len(next(iter(sounds.values())))
    mono = {stem: np.zeros(length, np.float32) for stem in STEMS}
    side = np.zeros(length, np.float32)
    balanced = {}
    for part in song.parts:
        sound = sounds[part.player]
        gain = 10 ** ((_REFERENCE[part.stem] + part.level + rng.normal(0, 1.2)) / 20) / _rms_while_playing(sound)
        width = 0.0 if part.stem in ("bass", "vocals") else 0.15 if part.stem == "drums" else 0.7
        pan = float(rng.uniform(-width, width))
        balanced[part.player] = sound * np.float32(gain)
        mono[part.stem] += balanced[part.player]
        # L = (1 - pan) x and R = (1 + pan) x: their mean is x, whatever the pan.
        side += np.float32(-pan) * balanced[part.player]
    total = np.sum(list(mono.values()), axis=0)
    shares = {player: audible_share(sound, total, sample_rate) for player, sound in balanced.items()}
    mono, side = _room(mono, side, song, sample_rate, rng)
    gain_over_time = _master(mono, side, plan.energy, sample_rate)
    stems = {stem: _round(wave * gain_over_time) for stem, wave in mono.items()}
    side = _round(side * gain_over_time)
    middle = np.sum(list(stems.values()), axis=0)
    return Mix(stereo=np.stack([middle + side, middle - side]), stems=stems, shares=shares, sample_rate=sample_rate)


def audible_share(sound: Floats, total: Floats, sample_rate: int) -> float:
    """Share of half-second frames in which a part is less than 26 dB below the dry mix and the mix is not silent."""
    frame = sample_rate // 2
    count = len(total) // frame
    power = np.square(sound[: count * frame]).reshape(count, frame).mean(1)
    whole = np.square(total[: count * frame]).reshape(count, frame).mean(1)
    return float(np.mean((power > whole * 10**-2.6) & (whole > 1e-7)))


def _rms_while_playing(sound: Floats) -> float:
    """RMS over the tenths of a second that are not quiet."""
    frames = sound[: len(sound) // 2205 * 2205].reshape(-1, 2205)
    power = np.square(frames).mean(1)
    loud = power[power > 0.01 * power.max()] if power.size and power.max() > 0 else np.ones(1)
    return float(np.sqrt(loud.mean()))


def _room(
    mono: dict[str, Floats], side: Floats, song: Song, sample_rate: int, rng: np.random.Generator
) -> tuple[dict[str, Floats], Floats]:
    """Reverb and the mastering's equaliser, as one product in the frequency domain per stem."""
    from scipy.fft import irfft, next_fast_len, rfft

    plan = song.plan
    length = len(side)
    seconds = 0.25 + 2.2 * plan.room
    level = STYLES[plan.style].reverb * (0.5 + plan.room)
    middle_ir, side_ir = _impulse(seconds, level, sample_rate, rng)
    size = next_fast_len(length + len(middle_ir), real=True)
    tilt = _tilt(size, sample_rate, plan.tilt)
    wet_middle, wet_side = rfft(middle_ir, size), rfft(side_ir, size)
    sends = {"bass": 0.15, "drums": 0.5, "vocals": 1.0, "other": 1.0}
    result, sent = {}, np.zeros(len(tilt), np.complex64)
    for stem, wave in mono.items():
        if not wave.any():
            result[stem] = wave
            continue
        spectrum = rfft(wave, size)
        sent += np.float32(sends[stem]) * spectrum
        result[stem] = irfft(spectrum * (tilt * (1 + np.float32(sends[stem]) * wet_middle)), size)[:length]
    side = irfft((rfft(side, size) + sent * wet_side) * tilt, size)[:length]
    return result, side


def _impulse(seconds: float, level: float, sample_rate: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Middle and side of a reverb's impulse response: noise that fades by 60 dB and loses its treble on the way."""
    length = round(1.1 * seconds * sample_rate)
    t = np.arange(length, dtype=np.float32) / sample_rate
    fade = np.exp(-6.9 * t / seconds)
    noise = rng.standard_normal((2, length)).astype(np.float32) * fade
    dark = np.cumsum(noise, axis=1)
    dark[:, 20:] -= dark[:, :-20]
    blend = np.minimum(1, 2.5 * t / seconds)
    noise = noise * (1 - blend) + 0.25 * dark * blend
    delay = round(0.012 * sample_rate)
    noise = np.concatenate([np.zeros((2, delay), np.float32), noise], axis=1)
    noise *= level / np.sqrt(np.square(noise).sum(1, keepdims=True))
    return noise[0], 0.7 * noise[1]


def _tilt(size: int, sample_rate: int, slope: float) -> Floats:
    """A gain over frequency of ``slope`` dB per octave around 800 Hz, and a high-pass at 30 Hz."""
    f = np.fft.rfftfreq(size, 1 / sample_rate).astype(np.float32)
    gain = (np.clip(f, 60, 9000) / 800) ** np.float32(slope / 6.02)
    return np.asarray(gain * f**2 / (f**2 + 30**2), np.float32)


def _master(mono: dict[str, Floats], side: Floats, energy: float, sample_rate: int) -> Floats:
    """One gain over time for everything: a loudness of -24 to -14 dB by energy, a limiter, a fade at the end."""
    middle = np.sum(list(mono.values()), axis=0)
    peak = np.maximum(np.abs(middle + side), np.abs(middle - side))
    gain = 10 ** ((-24 + 10 * energy) / 20) / max(_rms_while_playing(middle), 1e-9)
    hop = sample_rate // 200
    frames = -(-len(peak) // hop)
    blocks = np.pad(peak, (0, frames * hop - len(peak))).reshape(frames, hop).max(1) * gain
    curve = np.minimum(1, _PEAK / np.maximum(blocks, 1e-9))
    for shift in (1, 2, 3):
        ones = [1.0] * shift
        curve = np.minimum(curve, np.minimum(np.append(curve[shift:], ones), np.append(ones, curve[:-shift])))
    curve = _recover(curve)
    over_time = np.interp(np.arange(len(peak)), (np.arange(frames) + 0.5) * hop, curve * gain)
    fade = min(len(peak), round(_FADE * sample_rate))
    over_time[len(peak) - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    return np.asarray(over_time, np.float32)


def _recover(curve: Doubles) -> Doubles:
    """Let a limiter's gain come back slowly (0.1 dB per 5 ms frame) after a peak."""
    out: Doubles = curve.copy()
    for i in range(1, len(out)):
        out[i] = min(out[i], out[i - 1] * 1.0116)
    return out


def _round(wave: Floats) -> Floats:
    """Rounded to 16 bits, so that the stored stems add up exactly."""
    return np.asarray(np.round(wave * 32768) / 32768, np.float32)
