"""A SoundFont 2 file written byte by byte: one looped sine and one drum, to check a player of such files against."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

RATE = 32000
PERIOD = 64  # samples: 500 Hz
KEY = 60  # the file says that the sample's key is this; the zone below may say otherwise
BURST = 4000


def write_soundfont(path: Path, *, zone: tuple[tuple[int, int], ...] = ()) -> Path:
    """Write it: program 0 is a 500 Hz sine that loops, program 0 of bank 128 a burst that does not.

    Args:
        zone: (generator, amount) pairs added to the sine's zone.
    """
    t = np.arange(20 * PERIOD)
    sine = 0.5 * np.sin(2 * np.pi * t / PERIOD)
    burst = 0.5 * np.sign(np.sin(2 * np.pi * np.arange(BURST) / 100))
    gap = np.zeros(46)
    samples = (np.concatenate([sine, gap, burst, gap]) * 32767).astype("<i2")
    first = len(sine) + len(gap)
    headers = [
        _sample("sine", 0, len(sine), 10 * PERIOD, 18 * PERIOD),
        _sample("burst", first, first + BURST, first, first),
        _sample("EOS", 0, 0, 0, 0),
    ]
    tables = {
        "phdr": [_preset("sine", 0, 0, 0), _preset("kit", 0, 128, 1), _preset("EOP", 0, 0, 2)],
        "pbag": [struct.pack("<HH", i, 0) for i in range(3)],
        "pmod": [bytes(10)],
        "pgen": [_generator(41, 0), _generator(41, 1), _generator(0, 0)],
        "inst": [struct.pack("<20sH", name, i) for i, name in enumerate((b"sine", b"burst", b"EOI"))],
        "ibag": [struct.pack("<HH", i, 0) for i in (0, 2 + len(zone), 3 + len(zone))],
        "imod": [bytes(10)],
        "igen": [_generator(54, 1), *(_generator(*pair) for pair in zone), _generator(53, 0), _generator(53, 1),
                 _generator(0, 0)],
        "shdr": headers,
    }  # fmt: skip
    pdta = b"".join(_chunk(name, b"".join(rows)) for name, rows in tables.items())
    body = b"sfbk" + _list("INFO", _chunk("ifil", struct.pack("<HH", 2, 1)))
    body += _list("sdta", _chunk("smpl", samples.tobytes())) + _list("pdta", pdta)
    path.write_bytes(_chunk("RIFF", body))
    return path


def _chunk(name: str, data: bytes) -> bytes:
    return name.encode() + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(name: str, data: bytes) -> bytes:
    return _chunk("LIST", name.encode() + data)


def _generator(number: int, amount: int) -> bytes:
    return struct.pack("<Hh", number, amount)


def _preset(name: str, program: int, bank: int, bag: int) -> bytes:
    return struct.pack("<20sHHHIII", name.encode(), program, bank, bag, 0, 0, 0)


def _sample(name: str, start: int, end: int, loop_start: int, loop_end: int) -> bytes:
    return struct.pack("<20sIIIIIBbHH", name.encode(), start, end, loop_start, loop_end, RATE, KEY, 0, 0, 1)
