"""What a file's own frames and headers promise about its length, read without decoding.

Decoders believe headers, and headers lie: a truncated WAV is read as a short one, an MP3's length is guessed from its
first frame, a FLAC is read up to the number of samples that its header states. Here the frames themselves are counted.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import IO

from contramuse.audio.mpeg import Walk, walk

UNKNOWN_SIZE = 0xFFFFFF00
"""A data chunk of this size or more, or of none, was written before its length was known."""
FLAC_TAIL = 1 << 17
TRAILING_BYTES = 1 << 12


@dataclass(frozen=True)
class Claim:
    """What a file promises.

    Args:
        seconds: its length, None where only the decoder's own reading of the header is known.
        tolerance_seconds: how much shorter the decoded audio may be (encoder delay and padding).
        damaged_seconds: length of what lies between the frames and is no audio.
        note: what is odd about it, in words.
    """

    seconds: float | None = None
    tolerance_seconds: float = 0.1
    damaged_seconds: float = 0.0
    note: str = ""


def claim_of(file: IO[bytes]) -> Claim:
    """The promise of an open file that is not empty."""
    begin, end = span(file)
    file.seek(begin)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return _wav(file, end)
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return _aiff(file)
    if head[:4] == b"fLaC":
        return _flac(file, begin, end)
    if (
        head[:4] in (b"OggS", b"RIFF", b"wvpk", b"MAC ", b"MP+\x07", b"MPCK")
        or head[4:8] == b"ftyp"
        or end - begin < 64
    ):
        return Claim()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _mpeg(walk(data, begin, end))


def span(file: IO[bytes]) -> tuple[int, int]:
    """Where a file's content begins and ends, without ID3v2 tags before it and ID3v1 and APE tags after it."""
    end = file.seek(0, os.SEEK_END)
    begin = 0
    while True:
        file.seek(begin)
        size = id3_bytes(file.read(10))
        if not size or begin + size >= end:
            break
        begin += size
    for length in (128, 32):  # ID3v1 stands behind APE
        if end - begin > length:
            file.seek(end - length)
            tail = file.read(length)
            if length == 128 and tail[:3] == b"TAG":
                end -= 128
            elif length == 32 and tail[:8] == b"APETAGEX":
                size, flags = struct.unpack_from("<I4xI", tail, 12)
                end -= min(size + (32 if flags >> 31 else 0), end - begin)
    return begin, end


def id3_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag that begins with these 10 bytes, 0 when there is none."""
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 16 else 0)


def _mpeg(found: Walk) -> Claim:
    if found.frames < 4 or not found.rate:
        return Claim()
    seconds = found.samples / found.rate
    stated = found.stated_frames * found.frame_samples / found.rate
    # 5 frames: encoder delay and padding that a decoder trims, and a first frame that lacks its bit reservoir
    tolerance = max(0.1, 5 * found.frame_samples / found.rate)
    damaged, notes = 0.0, []
    if found.garbage:
        damaged = found.garbage * seconds / max(1, found.audio_bytes)
        notes.append(f"{found.garbage} bytes between the frames are no audio")
    if found.trailing > TRAILING_BYTES:
        notes.append(f"{found.trailing} bytes after the audio are something else")
    return Claim(max(seconds, stated), tolerance, damaged, "; ".join(notes))


def _wav(file: IO[bytes], end: int) -> Claim:
    """From the sizes of a RIFF file's fmt and data chunks (PCM only, others have frames of their own)."""
    bytes_per_second = 0
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            if not bytes_per_second or not 0 < size < UNKNOWN_SIZE:
                return Claim()
            return Claim(size / bytes_per_second)
        body = file.read(min(size, 64))
        if name == b"fmt " and len(body) >= 16:
            kind, _, rate, _, width = struct.unpack_from("<HHIIH", body)
            bytes_per_second = rate * width if kind in (1, 3, 0xFFFE) else 0
        file.seek(size + size % 2 - len(body), os.SEEK_CUR)
        if file.tell() > end:
            break
    return Claim()


def _aiff(file: IO[bytes]) -> Claim:
    """From an AIFF file's COMM chunk."""
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack(">4sI", header)
        if name == b"COMM":
            body = file.read(18)
            if len(body) < 18:
                return Claim()
            _, frames, _, exponent, mantissa = struct.unpack(">hIhHQ", body)
            power = exponent - 16383 - 63
            rate = mantissa * 2.0**power if -80 < power < 80 else 0.0
            return Claim(frames / rate) if 0 < frames < UNKNOWN_SIZE and rate >= 1 else Claim()
        file.seek(size + size % 2, os.SEEK_CUR)
    return Claim()


def _flac(file: IO[bytes], begin: int, end: int) -> Claim:
    """Compare the header's number of samples with the number that the last frame bears (RFC 9639)."""
    file.seek(begin + 8)
    info = file.read(18)
    if len(info) < 18:
        return Claim()
    smallest, largest = struct.unpack_from(">HH", info)
    packed = int.from_bytes(info[10:18], "big")
    rate, total = packed >> 44, packed & (1 << 36) - 1
    if not rate or not total:
        return Claim()
    start = max(begin, end - FLAC_TAIL)
    file.seek(start)
    tail = file.read(end - start)
    place = len(tail)
    while (place := tail.rfind(b"\xff", 0, place)) >= 0:
        first = _flac_frame_start(tail[place : place + 16], largest if smallest == largest else 0)
        if first is not None and first < (1 << 36):
            if first > total:
                return Claim(first / rate, note="holds more than its header states")
            return Claim()
    return Claim()


def _flac_frame_start(head: bytes, block: int) -> int | None:
    """First sample of the FLAC frame whose header begins here, None when no header does.

    Args:
        head: 16 bytes.
        block: size of all blocks, 0 where it varies.
    """
    if len(head) < 16 or head[1] not in (0xF8, 0xF9) or head[2] >> 4 == 0 or head[3] & 1:
        return None
    extra = 0
    while head[4] & 0x80 >> extra and extra < 7:
        extra += 1
    count = max(1, extra)
    # Compressed audio looks like a header once in a while, its 8-bit sum included: no code may be a reserved one.
    reserved = head[2] & 15 == 15 or head[3] >> 4 > 10 or head[3] >> 1 & 7 == 3 or extra == 1
    if reserved or any(byte >> 6 != 0b10 for byte in head[5 : 4 + count]):
        return None
    number = head[4] & (0x7F >> extra if extra else 0x7F)
    for byte in head[5 : 4 + count]:
        number = number << 6 | byte & 0x3F
    length = 4 + count + {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if length >= len(head) or _crc8(head[:length]) != head[length]:
        return None
    if head[1] == 0xF9:
        return number
    return number * block if block else None


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07 if value & 0x80 else value << 1) & 0xFF
    return value
