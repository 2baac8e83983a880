"""Whether a file looks like audio: by its name, and by its first bytes."""

from __future__ import annotations

import re

from contramuse.audio.mpeg import mpeg_header

HEAD_BYTES = 4096

EXTENSIONS = frozenset(
    b"wav wave bwf rf64 w64 aif aiff aifc flac ogg oga opus spx mp3 mp2 mp1 mpga m4a m4b mp4 aac adts alac wma asf ape "
    b"mpc mp+ mpp wv tta tak shn caf au snd voc ac3 eac3 amr dsf mka weba".split()
)

_CONTAINERS: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"(RIFF|RIFX|RF64|BW64)....WAVE", "wav"),
        (rb"riff\x2e\x91\xcf\x11", "w64"),
        (rb"FORM....AIF[FC]", "aiff"),
        (rb"fLaC", "flac"),
        (rb"OggS", "ogg"),
        (rb"ID3[\x02-\x04]", "mp3"),
        (rb"....ftyp(M4A|M4B|mp4|isom|iso2|dash|qt  )", "mp4"),
        (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "asf"),
        (rb"MAC [\x00-\xff]", "ape"),
        (rb"wvpk", "wavpack"),
        (rb"(MP\+|MPCK)", "musepack"),
        (rb"caff\x00\x01", "caf"),
        (rb"\.snd\x00\x00\x00", "au"),
        (rb"TTA1", "tta"),
        (rb"tBaK", "tak"),
        (rb"#!AMR", "amr"),
        (rb"DSD \x1c", "dsf"),
    )
)

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x00\x05\x16\x07", "a macOS resource fork"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"MThd", "a MIDI score"),
    (b"#EXTM3U", "a playlist"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


def named_like_audio(name: bytes) -> bool:
    """Whether the file's extension is one of audio (or of a container that may hold audio)."""
    stem, _, extension = name.rpartition(b".")
    return bool(stem) and extension.lower() in EXTENSIONS


def audio_format(head: bytes) -> str:
    """The audio format that the first bytes of a file say, "" when they say none.

    MPEG audio without a tag is believed only when a second frame header stands where the first one says.
    """
    for pattern, name in _CONTAINERS:
        if pattern.match(head):
            return name
    if len(head) > 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        if head[1] & 0xF6 == 0xF0:
            length = (head[3] & 3) << 11 | head[4] << 3 | (head[5] >> 5 if len(head) > 5 else 0)
            return "aac" if length > 7 and head[length : length + 2] == head[:2] else ""
        length = mpeg_header(head[:4])[0]
        return "mp3" if length and head[length : length + 2] == head[:2] else ""
    return ""


def other_format(head: bytes) -> str:
    """What the first bytes say when they are known not to be audio, "" otherwise."""
    if not head:
        return "empty"
    if not head.strip(b"\x00"):
        return "all zeros at its start"
    return next((name for magic, name in _OTHERS if head.startswith(magic)), "")
