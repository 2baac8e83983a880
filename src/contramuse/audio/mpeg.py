"""Frames of MPEG audio (MP1, MP2, MP3), counted without decoding."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

_RATES = (44100, 48000, 32000)
_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_KBPS[2, 3] = _KBPS[2, 2]


def mpeg_header(header: bytes) -> tuple[int, int, int]:
    """Bytes, samples and sample rate of the MPEG audio frame with this 4-byte header; zeros when it is none.

    ISO/IEC 11172-3 and 13818-3; free-format frames (no bit rate) count as none.
    """
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0, 0, 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, speed = header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or layer == 4 or rate_index == 3 or speed in (0, 15):
        return 0, 0, 0
    rate = _RATES[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    bits = 1000 * _KBPS[1 if version == 3 else 2, layer][speed - 1]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // rate + padding) * 4, 384, rate
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples // 8 * bits // rate + padding, samples, rate


@dataclass
class Walk:
    """What a walk over the frames of a file found.

    Args:
        frames: whole frames of audio.
        samples: their samples (one channel).
        rate: sample rate of the first frame in Hz.
        frame_samples: samples of the first frame.
        stated_frames: frames that a Xing, Info or VBRI header states, 0 for none.
        audio_bytes: bytes of all frames.
        garbage: bytes between frames that are none.
        trailing: bytes after the last frame.
    """

    frames: int = 0
    samples: int = 0
    rate: int = 0
    frame_samples: int = 0
    stated_frames: int = 0
    audio_bytes: int = 0
    garbage: int = 0
    trailing: int = 0


def walk(data: mmap.mmap | bytes, begin: int, end: int) -> Walk:
    """Go from frame to frame; where none follows, look for two that follow each other.

    Args:
        data: the file.
        begin: where its content begins.
        end: where it ends.
    """
    found, known, place = Walk(), dict[bytes, tuple[int, int, int]](), begin
    rate = 0
    while place + 4 <= end:
        head = data[place : place + 4]
        shape = known.get(head)
        if shape is None:
            shape = known[head] = mpeg_header(head)
        length, samples, frame_rate = shape
        if not length or (rate and frame_rate != rate) or place + length > end:
            after = _next(data, place + 1, end, rate)
            if after is None:
                found.trailing = end - place
                break
            found.garbage += after - place if found.frames and data[place : place + 3] not in (b"ID3", b"TAG") else 0
            place = after
            continue
        if not rate:
            found.rate, found.frame_samples = (rate := frame_rate), samples
            found.stated_frames = _stated(data[place : place + min(length, 256)])
            if found.stated_frames:
                place += length
                continue
        found.frames += 1
        found.samples += samples
        found.audio_bytes += length
        place += length
    return found


def _next(data: mmap.mmap | bytes, place: int, end: int, rate: int) -> int | None:
    """Where the next two frames begin that follow each other (and have the sample rate, unless it is 0)."""
    while (place := data.find(b"\xff", place, end - 4)) >= 0:
        length, _, first = mpeg_header(data[place : place + 4])
        if length and (not rate or first == rate):
            follows = mpeg_header(data[place + length : place + length + 4])
            if follows[2] == first or place + length == end:
                return place
        place += 1
    return None


def _stated(frame: bytes) -> int:
    """Number of frames that the file's first frame states, 0 when it is a frame of audio."""
    for name in (b"Xing", b"Info"):
        at = frame.find(name, 4, 4 + 40)
        if at >= 0 and len(frame) >= at + 12:
            return int.from_bytes(frame[at + 8 : at + 12], "big") if frame[at + 7] & 1 else 1
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return int.from_bytes(frame[50:54], "big")
    return 0
