"""Decoding: formats, channels, rates, lengths, and files that are damaged or are something else."""

from __future__ import annotations

import os
import struct
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from contramuse.audio import decode as module
from contramuse.audio.decode import decode, stream, to_int16
from contramuse.audio.decoders import READERS, Facts, RefusedError
from contramuse.errors import DecodeError
from music import encode, loudness, tones, write

RATE = 22050


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    n = min(len(a), len(b))
    return float(np.corrcoef(a[:n].astype(float), b[:n].astype(float))[0, 1])


LOSSLESS = [("wav", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")] + [
    ("aiff", "PCM_16"), ("aiff", "PCM_24"), ("flac", "PCM_16"), ("flac", "PCM_24"),
    ("w64", "PCM_16"), ("caf", "PCM_16"),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "subtype"), LOSSLESS)
def test_lossless_files_keep_their_samples(tmp_path: Path, suffix: str, subtype: str) -> None:
    x = tones(1.2, RATE)
    got = decode(write(tmp_path / f"a.{suffix}", x, RATE, subtype=subtype), sample_rate=RATE)
    tolerance = {"PCM_U8": 300, "PCM_16": 2.01}.get(subtype, 0.6)
    assert np.abs(got.samples - 32768 * x.mean(axis=1)).max() <= tolerance
    assert (got.verdict, got.note, got.damaged_seconds, got.source_rate, got.channels) == ("ok", "", 0.0, RATE, 2)


def make_lossy(path: Path, kind: str, x: np.ndarray) -> Path:
    if kind in ("ogg", "opus"):
        rate = 48000 if kind == "opus" else 44100
        with soundfile.SoundFile(path, "w", rate, 2, format="OGG", subtype=kind.replace("ogg", "vorbis")) as file:
            file.write(x if kind == "ogg" else soxr.resample(x, 44100, 48000))
        return path
    if kind == "mp3 vbr":
        soundfile.write(path, x, 44100, format="MP3", bitrate_mode="VARIABLE", compression_level=0.4)
        return path
    return encode(path, x, 44100, {"mp3 cbr": "mp3", "aac": "aac", "alac": "alac", "wma": "wmav2"}[kind])


@pytest.mark.parametrize("kind", ["mp3 cbr", "mp3 vbr", "ogg", "opus", "aac", "alac", "wma"])
def test_lossy_files_sound_and_last_as_what_was_encoded(tmp_path: Path, kind: str) -> None:
    x = tones(2.0, 44100)
    suffix = {"aac": "m4a", "alac": "m4a"}.get(kind, kind.split()[0])
    got = decode(make_lossy(tmp_path / f"a.{suffix}", kind, x), sample_rate=RATE)
    expected = soxr.resample(x.mean(axis=1), 44100, RATE)
    assert got.verdict == "ok", got.note
    assert abs(got.seconds - 2.0) < 0.06
    assert loudness(got.samples) == pytest.approx(float(np.sqrt((expected**2).mean())), rel=0.1)
    if kind != "wma":
        assert correlation(got.samples, expected) > 0.95


@pytest.mark.parametrize("channels", range(1, 9))
def test_every_channel_counts_the_same(tmp_path: Path, channels: int) -> None:
    x = np.zeros((RATE, channels), np.float32)
    x[:, -1] = 0.5  # a downmix by weights would not give 0.5 / channels
    for path in (write(tmp_path / "a.wav", x, RATE), encode(tmp_path / "a.mka", x, RATE, "flac", bit_rate=None)):
        got = decode(path, sample_rate=RATE).samples
        assert np.abs(got[100:-100] - 32768 * 0.5 / channels).max() <= 1, path


def test_aac_in_8_channels_is_decoded_whole(tmp_path: Path) -> None:
    x = tones(2.0, 44100, 8)
    got = decode(encode(tmp_path / "a.m4a", x, 44100, "aac", bit_rate=None), sample_rate=44100)
    assert (got.verdict, got.channels) == ("ok", 8)
    assert correlation(got.samples, x.mean(axis=1)) > 0.9


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 32000, 44100, 48000, 96000, 192000])
def test_any_rate_becomes_the_rate_asked_for(tmp_path: Path, rate: int) -> None:
    x = np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)[:, None].astype(np.float32) * 0.5
    got = decode(write(tmp_path / "a.wav", x, rate), sample_rate=RATE).samples
    assert abs(len(got) - 2 * RATE) <= 2
    spectrum = np.abs(np.fft.rfft(got[: 2 * RATE]))
    assert spectrum.argmax() == 880
    inner = got[2000:-2000].astype(float)
    assert np.abs(inner - 16384 * np.sin(2 * np.pi * 440 * (np.arange(len(got))[2000:-2000]) / RATE)).max() < 40


def test_what_is_beyond_full_scale_is_clipped_not_wrapped() -> None:
    x = np.array([1.5, -1.5, 0.99999, -1.0, 32767.4 / 32768], np.float32)
    assert to_int16(x).tolist() == [32767, -32768, 32767, -32768, 32767]


def test_clipping_and_samples_that_are_no_numbers_are_said(tmp_path: Path) -> None:
    x = tones(1.5, RATE, 1)
    x[:2000] = 3.0
    loud = decode(write(tmp_path / "loud.wav", x, RATE, subtype="FLOAT"), sample_rate=RATE)
    assert "clipped" in loud.note
    assert loud.samples[:2000].min() == 32767
    assert loud.verdict == "ok"
    x[:2000], x[1000] = np.nan, np.inf
    broken = decode(write(tmp_path / "nan.wav", x, RATE, subtype="FLOAT"), sample_rate=RATE)
    assert (broken.verdict, broken.damaged_seconds) == ("repaired", pytest.approx(2000 / RATE))
    assert not broken.samples[:2000].any()


def halve(path: Path) -> Path:
    os.truncate(path, path.stat().st_size // 2)
    return path


@pytest.mark.parametrize("kind", ["a.wav", "a.aiff", "a.flac", "a.mp3"])
def test_a_truncated_file_is_repaired_and_what_is_missing_is_counted(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    x = tones(6.0, 44100)
    got = decode(halve(encode(path, x, 44100, "mp3") if kind == "a.mp3" else write(path, x, 44100)), sample_rate=RATE)
    assert got.verdict == "repaired"
    assert got.seconds == pytest.approx(3.0, abs=0.3)
    assert got.damaged_seconds == pytest.approx(6.0 - got.seconds, abs=0.15)


def test_mp4_cut_off_is_repaired_where_its_index_is_in_front_and_fails_where_it_is_lost(tmp_path: Path) -> None:
    x = tones(6.0, 44100)
    with pytest.raises(DecodeError, match="PyAV"):
        decode(halve(encode(tmp_path / "a.m4a", x, 44100, "aac")), sample_rate=RATE)
    import av

    with av.open(str(tmp_path / "a2.m4a"), "w", options={"movflags": "faststart"}) as out:
        source = av.open(str(encode(tmp_path / "b.m4a", x, 44100, "aac")))
        copy = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    got = decode(halve(tmp_path / "a2.m4a"), sample_rate=RATE)
    assert got.verdict == "repaired"
    assert got.damaged_seconds == pytest.approx(6.0 - got.seconds, abs=0.2)


def mp3(tmp_path: Path, seconds: float = 4.0) -> bytes:
    return encode(tmp_path / "source.mp3", tones(seconds, 44100), 44100, "mp3").read_bytes()


def test_bytes_that_are_no_audio_inside_an_mp3_are_counted(tmp_path: Path) -> None:
    data, path = mp3(tmp_path), tmp_path / "a.mp3"
    middle = len(data) // 2
    path.write_bytes(data[:middle] + b"\x00garbage\x01" * 1600 + data[middle:])
    got = decode(path, sample_rate=RATE)
    assert got.verdict == "repaired"
    assert "between the frames" in got.note
    assert got.damaged_seconds == pytest.approx(1.0, abs=0.2)  # 14,400 bytes at 16,000 a second
    assert got.seconds == pytest.approx(4.0, abs=0.2)


def test_tags_and_garbage_around_an_mp3_do_no_harm(tmp_path: Path) -> None:
    data, path = mp3(tmp_path), tmp_path / "a.mp3"
    picture = b"APIC" + (300_000).to_bytes(4, "big") + b"\x00\x00" + b"\xff\xfb\x90\x64" * 75_000
    size = bytes((len(picture) >> shift) & 127 for shift in (21, 14, 7, 0))
    plain = decode(tmp_path / "source.mp3", sample_rate=RATE)
    path.write_bytes(b"ID3\x03\x00\x00" + size + picture + data + bytes(range(256)) * 100 + b"TAG" + bytes(125))
    got = decode(path, sample_rate=RATE)
    assert got.verdict == "ok"
    assert got.samples.tolist() == plain.samples.tolist()
    assert "after the audio" in got.note


def test_an_mp3_of_variable_rate_without_a_header_has_its_true_length(tmp_path: Path) -> None:
    quiet = np.concatenate([tones(2.0, 44100), np.zeros((8 * 44100, 2), np.float32)])
    soundfile.write(tmp_path / "a.mp3", quiet, 44100, bitrate_mode="VARIABLE", compression_level=0.3)
    data = (tmp_path / "a.mp3").read_bytes()
    from contramuse.audio.mpeg import mpeg_header

    assert b"Xing" in data[:200]
    (tmp_path / "b.mp3").write_bytes(data[mpeg_header(data[:4])[0] :])
    assert soundfile.info(tmp_path / "b.mp3").duration != pytest.approx(10.0, abs=0.5)
    got = decode(tmp_path / "b.mp3", sample_rate=RATE)
    assert (got.verdict, got.seconds) == ("ok", pytest.approx(10.0, abs=0.15))


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    x = tones(1.5, 44100)
    encode(tmp_path / "a.m4a", x, 44100, "aac").rename(tmp_path / "a.mp3")
    write(tmp_path / "b.wav", x, 44100).rename(tmp_path / "b.flac")
    for name in ("a.mp3", "b.flac"):
        assert decode(tmp_path / name, sample_rate=RATE).verdict == "ok"


@pytest.mark.parametrize(
    "content",
    [b"", b"not audio at all\n" * 300, b"\xff\xd8\xff\xe0" + bytes(5000), bytes(10000), b"RIFF\xff\xff\xff\xffWAVE"],
    ids=["empty", "text", "jpeg", "zeros", "header only"],
)
@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "a.m4a"])
def test_what_is_no_audio_is_an_error_and_never_audio(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DecodeError):
        decode(tmp_path / name, sample_rate=RATE)


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{}\n", "ffconcat version 1.0\nfile {}\n", "{}\n"])
def test_a_playlist_never_gives_its_neighbours_audio(tmp_path: Path, text: str) -> None:
    write(tmp_path / "neighbour.wav", tones(2.0, RATE), RATE)
    for name in ("list.mp3", "list.m3u8", "list.wav"):
        (tmp_path / name).write_text(text.format("neighbour.wav"))
        with pytest.raises(DecodeError):
            decode(tmp_path / name, sample_rate=RATE)


def test_short_and_silent_files_are_told_apart(tmp_path: Path) -> None:
    x = tones(3.0, RATE)
    assert decode(write(tmp_path / "a.wav", x[:2000], RATE), sample_rate=RATE).verdict == "too short"
    assert decode(write(tmp_path / "b.wav", x[:2000], RATE), sample_rate=RATE, min_seconds=0.05).verdict == "ok"
    assert decode(write(tmp_path / "c.wav", 0 * x, RATE), sample_rate=RATE).verdict == "silent"
    assert decode(write(tmp_path / "d.wav", 1e-4 * x, RATE), sample_rate=RATE).verdict == "silent"


def test_an_absurd_header_takes_no_memory(tmp_path: Path) -> None:
    x = tones(1.5, RATE, 1)
    data = bytearray(write(tmp_path / "a.wav", x, RATE, subtype="PCM_16").read_bytes())
    data[data.index(b"data") + 4 : data.index(b"data") + 8] = struct.pack("<I", 0xF0000000)
    (tmp_path / "b.wav").write_bytes(data)
    decode(tmp_path / "a.wav", sample_rate=RATE)
    tracemalloc.start()
    got = decode(tmp_path / "b.wav", sample_rate=RATE)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert got.verdict == "repaired"
    assert got.damaged_seconds > 3600


def test_what_lies_beyond_the_bound_is_left_out_and_said(tmp_path: Path) -> None:
    got = decode(write(tmp_path / "a.wav", tones(6.0, 44100), 44100), sample_rate=RATE, max_seconds=2.0)
    assert (got.seconds, got.verdict) == (2.0, "repaired")
    assert "only the first 2 s" in got.note


@pytest.mark.parametrize("name", [b"-x.wav", b"a\nb.wav", b"\xff\xfe.wav", "été ♫.m4a".encode(), b"http:a.m4a"])
def test_any_name_will_do(tmp_path: Path, name: bytes) -> None:
    x = tones(1.5, RATE)
    suffix = Path(os.fsdecode(name)).suffix
    made = encode(tmp_path / "made.m4a", x, RATE, "aac") if suffix == ".m4a" else write(tmp_path / "made.wav", x, RATE)
    path = os.path.join(os.fsencode(tmp_path), name)
    os.rename(made, path)
    assert decode(path, sample_rate=RATE).verdict == "ok"


@pytest.mark.parametrize("keep", [1200.0, 0.5])
@pytest.mark.parametrize("name", ["a.mp3", "a.m4a"])
def test_a_stream_gives_the_samples_of_decode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: float, name: str
) -> None:
    path = encode(tmp_path / name, tones(3.3, 44100), 44100, "mp3" if name == "a.mp3" else "aac")
    monkeypatch.setattr(module, "KEEP_SECONDS", keep)
    blocks = list(stream(path, sample_rate=RATE, block_seconds=0.4))
    assert {len(b) for b in blocks[:-1]} == {round(0.4 * RATE)}
    assert np.array_equal(np.concatenate(blocks) * 32768, decode(path, sample_rate=RATE).samples)
    assert sum(map(len, stream(path, sample_rate=RATE, max_seconds=1.0))) == RATE


def half_a_reader(path: bytes, facts: Facts) -> Iterator[tuple[int, np.ndarray]]:
    facts.decoder, facts.source_rate, facts.channels = "half", RATE, 1
    yield RATE, np.full(RATE, 0.25, np.float32)
    raise RefusedError("half: breaks off")


def test_the_next_decoder_is_asked_when_one_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.wav", tones(3.0, RATE), RATE)
    monkeypatch.setitem(READERS, "soundfile", half_a_reader)
    got = decode(path, sample_rate=RATE)
    assert (got.verdict, got.seconds) == ("ok", 3.0)
    assert got.decoder.startswith("PyAV")
    monkeypatch.setitem(READERS, "av", half_a_reader)
    got = decode(path, sample_rate=RATE)
    assert (got.verdict, got.seconds, got.decoder) == ("repaired", 1.0, "half")
    assert got.damaged_seconds == pytest.approx(2.0)
    assert "breaks off" in got.note


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for ffmpeg")
def test_the_ffmpeg_command_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = tones(2.0, RATE)
    write(tmp_path / "decoded.wav", x, RATE, subtype="FLOAT")
    script = tmp_path / "ffmpeg"
    script.write_text(f"#!/bin/sh\necho odd >&2\ncat {tmp_path}/decoded.wav\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "a.xyz").write_bytes(b"no format that is known" * 100)
    got = decode(tmp_path / "a.xyz", sample_rate=RATE)
    assert got.decoder == "ffmpeg command"
    assert np.abs(got.samples - 32768 * x.mean(axis=1)).max() <= 0.51
    assert "odd" in got.note


def test_the_reasons_of_all_decoders_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "a.mp3").write_bytes(b"text" * 500)
    with pytest.raises(DecodeError, match=r"soundfile: .*PyAV: .*ffmpeg command is not installed"):
        decode(tmp_path / "a.mp3", sample_rate=RATE)
    with pytest.raises(DecodeError, match="No such file"):
        decode(tmp_path / "none.mp3", sample_rate=RATE)
