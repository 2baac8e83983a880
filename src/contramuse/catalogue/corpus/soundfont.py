"""A small player of SoundFont 2 files: one tone of one preset at one pitch, in tune, looped, with its volume envelope.

The format is the SoundFont Technical Specification 2.04 (E-mu, 2006). Of its generators this reads key and velocity
ranges, tuning and root keys, loops, attenuation, the low-pass filter's cut-off and the volume envelope; modulators,
the modulation envelope and LFOs are left out. Reading a 6 MB file takes milliseconds, a tone about a millisecond.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from contramuse.errors import UserError

Floats = np.ndarray[Any, np.dtype[np.float32]]

# Generator numbers of the specification, section 8.1.2, as far as they are used here.
_ADDRESS = {"start": (0, 4), "end": (1, 12), "loop_start": (2, 45), "loop_end": (3, 50)}
_CUTOFF, _ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE = 8, 34, 35, 36, 37, 38
_INSTRUMENT, _KEYS, _VELOCITIES, _ATTENUATION = 41, 43, 44, 48
_COARSE, _FINE, _SAMPLE, _MODES, _SCALE, _ROOT = 51, 52, 53, 54, 56, 58
_DEFAULTS = {_CUTOFF: 13500, _ATTACK: -12000, _HOLD: -12000, _DECAY: -12000, _RELEASE: -12000, _SCALE: 100, _ROOT: -1}
_FULL_RANGE = 127 << 8
_RECORDS = {
    "phdr": np.dtype("S20,<u2,<u2,<u2,<u4,<u4,<u4"),
    "pbag": np.dtype("<u2,<u2"),
    "pgen": np.dtype("<u2,<i2"),
    "inst": np.dtype("S20,<u2"),
    "ibag": np.dtype("<u2,<u2"),
    "igen": np.dtype("<u2,<i2"),
    "shdr": np.dtype("S20,<u4,<u4,<u4,<u4,<u4,u1,i1,<u2,<u2"),
}


@dataclass(frozen=True, kw_only=True)
class Region:
    """One sample of a preset, with the keys and velocities that it answers to.

    Args:
        keys, velocities: inclusive ranges, 0-127.
        start, end, loop_start, loop_end: positions in the file's sample data.
        rate: sampling rate of the sample in Hz; root: the key at which it plays unchanged; cents: its tuning;
            cents_per_key: 100 for a chromatic scale.
        loop: whether the loop sounds while the key is held.
        gain: linear; cutoff: of the low-pass filter in Hz; attack, hold, decay: seconds; sustain: linear gain.
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    start: int
    end: int
    loop_start: int
    loop_end: int
    rate: int
    root: int
    cents: int
    cents_per_key: int
    loop: bool
    gain: float
    cutoff: float
    attack: float
    hold: float
    decay: float
    sustain: float

    def answers(self, key: int, velocity: int) -> bool:
        """Whether this region sounds for a key and velocity."""
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]


class SoundFont:
    """A SoundFont 2 file.

    Args:
        path: the .sf2 file.

    Raises:
        UserError: the file is missing or is not a SoundFont 2 file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        fix = "Give a SoundFont 2 file (.sf2); compressed ones (.sf3) are not read."
        try:
            self._data = self.path.read_bytes()
        except OSError as error:
            raise UserError(f"cannot be read ({error.strerror})", name="soundfont", value=path, fix=fix) from error
        try:
            self._chunks = self._scan()
            self._tables = {
                name: np.frombuffer(self._data, dtype, self._chunks[name][1] // dtype.itemsize, self._chunks[name][0])
                for name, dtype in _RECORDS.items()
            }
            offset, size = self._chunks["smpl"]
        except (KeyError, ValueError, struct.error) as error:
            raise UserError("is not a SoundFont 2 file", name="soundfont", value=path, fix=fix) from error
        self._samples = np.frombuffer(self._data, np.dtype("<i2"), size // 2, offset)
        self._regions: dict[tuple[int, int], tuple[Region, ...]] = {}

    def _scan(self) -> dict[str, tuple[int, int]]:
        """Offset and size of every chunk, the lists (LIST) entered."""
        if self._data[:4] != b"RIFF" or self._data[8:12] != b"sfbk":
            raise ValueError("no RIFF sfbk header")
        chunks: dict[str, tuple[int, int]] = {}
        position = 12
        while position + 8 <= len(self._data):
            name, size = struct.unpack_from("<4sI", self._data, position)
            if name == b"LIST":
                position += 12
                continue
            chunks[name.decode("latin-1")] = (position + 8, size)
            position += 8 + size + size % 2
        return chunks

    @cached_property
    def presets(self) -> dict[tuple[int, int], int]:
        """(bank, program) -> its place in the file; bank 128 holds drum kits."""
        return {(int(row[2]), int(row[1])): i for i, row in enumerate(self._tables["phdr"][:-1])}

    def regions(self, bank: int, program: int) -> tuple[Region, ...]:
        """The regions of a preset; a missing one gives program 0 of its bank, as General MIDI synthesizers do."""
        key = (bank, program) if (bank, program) in self.presets else (bank, 0)
        if key not in self.presets:
            raise UserError(
                f"has no preset of bank {bank}", name="soundfont", value=self.path, fix="Give a General MIDI SoundFont."
            )
        if key not in self._regions:
            self._regions[key] = tuple(self._read_regions(self.presets[key]))
        return self._regions[key]

    def _zones(self, level: str, item: int, link: int) -> list[dict[int, int]]:
        """Zones of a preset ("p") or an instrument ("i"): generator -> amount, the global zone's values filled in."""
        header = self._tables["phdr" if level == "p" else "inst"]
        bags, generators = self._tables[level + "bag"], self._tables[level + "gen"]
        field = "f3" if level == "p" else "f1"
        shared: dict[int, int] = {}
        zones = []
        for bag in range(int(header[field][item]), int(header[field][item + 1])):
            rows = generators[int(bags["f0"][bag]) : int(bags["f0"][bag + 1])]
            zone = {int(number): int(amount) for number, amount in rows.tolist()}
            if link in zone:
                zones.append(shared | zone)
            elif not zones:
                shared = zone
        return zones

    def _read_regions(self, preset: int) -> list[Region]:
        regions = []
        for above in self._zones("p", preset, _INSTRUMENT):
            for zone in self._zones("i", above[_INSTRUMENT], _SAMPLE):
                region = self._region(above, zone)
                if region is not None:
                    regions.append(region)
        return regions

    def _region(self, above: dict[int, int], zone: dict[int, int]) -> Region | None:
        """The region of an instrument's zone under a preset's zone; None where their ranges do not meet."""

        def value(number: int) -> int:
            return zone.get(number, _DEFAULTS.get(number, 0)) + above.get(number, 0)

        keys = _meet(above.get(_KEYS, _FULL_RANGE), zone.get(_KEYS, _FULL_RANGE))
        velocities = _meet(above.get(_VELOCITIES, _FULL_RANGE), zone.get(_VELOCITIES, _FULL_RANGE))
        if keys is None or velocities is None:
            return None
        row = self._tables["shdr"][zone[_SAMPLE]]
        at = {
            name: int(row[1 + i]) + zone.get(fine, 0) + 32768 * zone.get(coarse, 0)
            for i, (name, (fine, coarse)) in enumerate(_ADDRESS.items())
        }
        if not 0 <= at["start"] < at["end"] <= len(self._samples):
            return None
        root = zone.get(_ROOT, -1)
        good_loop = at["start"] <= at["loop_start"] < at["loop_end"] - 1 <= at["end"]
        return Region(
            keys=keys,
            velocities=velocities,
            **at,
            rate=int(row[5]) or 44100,
            root=root if root >= 0 else int(row[6]),
            cents=100 * value(_COARSE) + value(_FINE) + int(row[7]),
            cents_per_key=value(_SCALE),
            loop=good_loop and zone.get(_MODES, 0) & 1 == 1,
            # 0.4 is what E-mu's hardware made of the written attenuation, and files are voiced for it.
            gain=10 ** (-0.4 * value(_ATTENUATION) / 200),
            cutoff=8.176 * 2 ** (min(value(_CUTOFF), 13500) / 1200),
            attack=2 ** (value(_ATTACK) / 1200),
            hold=2 ** (value(_HOLD) / 1200),
            decay=2 ** (value(_DECAY) / 1200),
            sustain=10 ** (-max(0, value(_SUSTAIN)) / 200),
        )

    def tone(
        self, program: int, *, key: int, bank: int = 0, velocity: int = 100, seconds: float, sample_rate: int
    ) -> Floats:
        """A key held for some time, without its release.

        Args:
            program: General MIDI program 0-127, or the number of a drum kit when ``bank`` is 128.
            key: MIDI key; velocity: chooses between samples where the preset has several, and changes no level.
            seconds: how long the key is held; sample_rate: of the result in Hz.

        Returns:
            float32 [t], t = seconds * sample_rate; zeros where the preset is silent at this key.
        """
        total = np.zeros(round(seconds * sample_rate), np.float32)
        for region in self.regions(bank, program):
            if region.answers(key, velocity):
                total += self._play(region, key, len(total), sample_rate)
        return total

    def _play(self, region: Region, key: int, length: int, sample_rate: int) -> Floats:
        import soxr

        cents = (key - region.root) * region.cents_per_key + region.cents
        rate = region.rate * 2 ** (cents / 1200)
        needed = int(length * rate / sample_rate) + 64
        wave: np.ndarray[Any, np.dtype[Any]] = self._samples[region.start : region.end]
        if region.loop:
            body = self._samples[region.start : region.loop_end]
            cycle = self._samples[region.loop_start : region.loop_end]
            repeats = max(0, -(-(needed - len(body)) // len(cycle)))
            wave = np.concatenate([body, np.tile(cycle, repeats)])
        wave = wave[:needed].astype(np.float32) / 32768
        out = soxr.resample(wave, rate, sample_rate, quality="LQ")[:length]
        result = np.zeros(length, np.float32)
        result[: len(out)] = out
        if region.cutoff < 0.4 * sample_rate:
            result = low_pass(result, region.cutoff, order=2, sample_rate=sample_rate)
        return result * _envelope(region, length, sample_rate)


def _meet(first: int, second: int) -> tuple[int, int] | None:
    """Where two ranges, written as low byte and high byte, overlap."""
    low, high = max(first & 127, second & 127), min(first >> 8 & 127, second >> 8 & 127)
    return (low, high) if low <= high else None


def low_pass(x: Floats, cutoff: float, *, order: int, sample_rate: int) -> Floats:
    """A Butterworth low-pass of order 1 or 2, by its analogue frequency response.

    Args:
        x: float32 [t]; cutoff: Hz, where the level is 3 dB down.

    Returns:
        float32 [t].
    """
    from scipy.fft import irfft, next_fast_len, rfft

    # Padded by more than the filter rings, or the end would come round to the beginning.
    size = next_fast_len(len(x) + int(6 * sample_rate / cutoff) + 64, real=True)
    w = (1j / cutoff * np.fft.rfftfreq(size, 1 / sample_rate)).astype(np.complex64)
    response = 1 + w if order == 1 else 1 + np.float32(2**0.5) * w + w * w
    return np.asarray(irfft(rfft(x, size) / response, size)[: len(x)], np.float32)


def _envelope(region: Region, length: int, sample_rate: int) -> Floats:
    """Attack (linear), hold, then a decay of 100 dB per ``decay`` seconds down to the sustain level."""
    t = np.arange(length, dtype=np.float32) / sample_rate
    falling = np.clip(t - region.attack - region.hold, 0, None)
    level = np.maximum(np.exp(falling * np.float32(-11.513 / region.decay)), np.float32(region.sustain))
    attack = round(region.attack * sample_rate)
    level[:attack] *= t[:attack] / np.float32(region.attack)
    return np.asarray(level * np.float32(region.gain), np.float32)
