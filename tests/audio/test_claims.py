"""What files promise: MP3 frames, WAV, AIFF and FLAC headers, and the tags around them; names and first bytes."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from contramuse.audio import claims
from contramuse.audio.claims import claim_of, id3_bytes, span
from contramuse.audio.mpeg import mpeg_header, walk
from contramuse.audio.sniff import audio_format, named_like_audio, other_format
from music import encode, tones, write


def claim(path: Path) -> float | None:
    with open(path, "rb") as file:
        return claim_of(file).seconds


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("fffb9064", (417, 1152, 44100)),  # MPEG 1 layer 3, 128 kbit/s
        ("fffb9264", (418, 1152, 44100)),  # padded
        ("fff380c4", (208, 576, 22050)),  # MPEG 2 layer 3, 64 kbit/s
        ("ffe318c4", (72, 576, 8000)),  # MPEG 2.5 layer 3, 8 kbit/s
        ("fffd8004", (417, 1152, 44100)),  # MPEG 1 layer 2, 128 kbit/s
        ("ffff4004", (136, 384, 44100)),  # MPEG 1 layer 1, 128 kbit/s, in slots of 4 bytes
        ("fffbf064", (0, 0, 0)),  # bit rate 15
        ("fffb9c64", (0, 0, 0)),  # sample rate 3
        ("00000000", (0, 0, 0)),
    ],
)
def test_mpeg_headers(header: str, expected: tuple[int, int, int]) -> None:
    assert mpeg_header(bytes.fromhex(header)) == expected


def test_a_walk_counts_every_frame(tmp_path: Path) -> None:
    data = encode(tmp_path / "a.mp3", tones(3.0, 44100), 44100, "mp3").read_bytes()
    begin, end = span(io.BytesIO(data))
    found = walk(data, begin, end)
    assert found.samples / found.rate == pytest.approx(3.0, abs=0.1)
    assert found.stated_frames == found.frames
    assert (found.garbage, found.trailing) == (0, 0)
    cut = walk(data, begin, end // 2)
    assert cut.stated_frames == found.frames
    assert cut.frames == pytest.approx(found.frames / 2, abs=3)
    spoilt = data[:20000] + b"\x12" * 5000 + data[20000:]
    again = walk(spoilt, begin, end + 5000)
    assert again.frames in (found.frames, found.frames - 1)
    assert 5000 <= again.garbage <= 5000 + 420


@pytest.mark.parametrize("suffix", ["wav", "aiff", "mp3"])
def test_the_claim_is_the_length_and_stays_when_the_file_is_cut(tmp_path: Path, suffix: str) -> None:
    x = tones(2.5, 44100)
    path = tmp_path / f"a.{suffix}"
    encode(path, x, 44100, "mp3") if suffix == "mp3" else write(path, x, 44100)
    assert claim(path) == pytest.approx(2.5, abs=0.1)
    path.write_bytes(path.read_bytes()[:30000])
    assert claim(path) == pytest.approx(2.5, abs=0.1)


def test_a_flac_whose_header_states_too_little_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tones(3.0, 24000), 24000)
    assert claim(path) is None  # the decoder's own reading of the header is right
    data = bytearray(path.read_bytes())
    data[21:26] = bytes([data[21] & 0xF0]) + (24000).to_bytes(4, "big")
    path.write_bytes(data)
    assert claim(path) == pytest.approx(3.0, abs=0.3)
    data[21:26] = bytes([data[21] & 0xF0]) + bytes(4)
    path.write_bytes(data)
    assert claim(path) is None  # no length is stated


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_that_was_streamed_promises_nothing(tmp_path: Path, size: int) -> None:
    data = bytearray(write(tmp_path / "a.wav", tones(1.0, 8000), 8000).read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(data)
    assert claim(tmp_path / "a.wav") is None


def test_tags_before_and_behind_are_no_content() -> None:
    id3 = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 2]) + bytes(130)
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 52, 1, 1 << 31) + bytes(8)
    body = bytes(1000)
    ape_tag = ape[:32] + bytes(20) + ape
    assert id3_bytes(id3[:10]) == len(id3) == 140
    assert span(io.BytesIO(id3 + id3 + body + ape_tag + b"TAG" + bytes(125))) == (280, 1280)
    assert span(io.BytesIO(body)) == (0, 1000)
    assert span(io.BytesIO(id3)) == (0, 140)


def test_random_bytes_promise_nothing(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for size in (1, 3, 10, 70, 5000):
        for head in (b"", b"RIFF....WAVE", b"FORM....AIFF", b"fLaC", b"ID3\x03\x00\x00"):
            (tmp_path / "a").write_bytes(head + generator.bytes(size))
            assert claim(tmp_path / "a") in (None, pytest.approx(0, abs=1e12))


def test_names_and_first_bytes(tmp_path: Path) -> None:
    assert all(map(named_like_audio, (b"a.MP3", b"-.wav", b"\xff.flac", b"a b.m4a", b"x.opus")))
    assert not any(map(named_like_audio, (b"mp3", b"a.txt", b"a.mp3.part", b".wav", b"a.mid", b"a.jpg")))
    x = tones(1.0, 44100)
    for name in ("a.wav", "a.aiff", "a.flac", "a.ogg"):
        assert audio_format(write(tmp_path / name, x, 44100).read_bytes()[:4096]) == name[2:]
    assert audio_format(encode(tmp_path / "a.mp3", x, 44100, "mp3").read_bytes()[:4096]) == "mp3"
    assert audio_format(encode(tmp_path / "a.aac", x, 44100, "aac", container="adts").read_bytes()[:4096]) == "aac"
    assert audio_format(encode(tmp_path / "a.m4a", x, 44100, "aac").read_bytes()[:4096]) == "mp4"
    data = encode(tmp_path / "n.mp3", x, 44100, "mp3").read_bytes()
    begin, _ = span(io.BytesIO(data))
    assert audio_format(data[begin : begin + 4096]) == "mp3"
    for other in (b"", b"text", b"\xff\xfe\x00u\x00t\x00f", b"\xff\xfb", b"RIFF____AVI ", b"MThd"):
        assert audio_format(other) == ""
    assert other_format(b"\xff\xd8\xff\xe0") == "a JPEG image"
    assert other_format(b"") == "empty"
    assert other_format(b"some text") == ""


@pytest.mark.parametrize(
    "head",
    [
        bytes([0xFF, 0xF9, 0x69, 0x18, 0xFE, 0x2F, 0x11, 0x05, 0x41, 0x2D, 0x69]),  # no continuation bytes
        bytes([0xFF, 0xF8, 0x69, 0xB8, 0x05]),  # a reserved number of channels
        bytes([0xFF, 0xF8, 0x6F, 0x18, 0x05]),  # a forbidden sample rate
    ],
)
def test_compressed_audio_that_looks_like_a_flac_frame_is_none_though_its_sum_is_right(head: bytes) -> None:
    extra = {6: 1, 7: 2}.get(head[2] >> 4, 0)
    whole = head + bytes(extra)
    assert claims._flac_frame_start((whole + bytes([claims._crc8(whole)])).ljust(16, b"\0"), 4096) is None
    right = bytes([0xFF, 0xF8, 0x69, 0x18, 0x05, 0x00])
    assert claims._flac_frame_start((right + bytes([claims._crc8(right)])).ljust(16, b"\0"), 4096) == 5 * 4096
