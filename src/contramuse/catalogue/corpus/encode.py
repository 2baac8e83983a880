"""Real encoded files with tags: mp3 and m4a through PyAV, flac and ogg through soundfile."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from contramuse.catalogue.corpus.soundfont import Floats
from contramuse.errors import StorageError

# Suffix -> share of the corpus.
FORMATS = {"mp3": 0.45, "flac": 0.20, "ogg": 0.20, "m4a": 0.15}


def write_track(path: Path, stereo: Floats, *, sample_rate: int, tags: dict[str, str], bit_rate: int = 128_000) -> None:
    """Encode by the path's suffix and tag; the same input gives the same bytes.

    Args:
        path: its suffix is one of FORMATS.
        stereo: float32 [2 t]; tags: title, artist, album, genre, date, tracknumber.
        bit_rate: of mp3 and m4a, bits per second.
    """
    suffix = path.suffix[1:]
    if suffix in ("mp3", "m4a"):
        data = _encode_av(stereo, sample_rate, suffix, bit_rate)
    else:
        data = _encode_soundfile(stereo.T, sample_rate, suffix)
    data = _tagged(data, suffix, tags)
    _write(path, data)


def write_stem(path: Path, mono: Floats, *, sample_rate: int) -> None:
    """Write a stem as 16-bit flac, which keeps every sample."""
    data = _encode_soundfile(mono, sample_rate, "flac")
    _write(path, data)


def _write(path: Path, data: bytes) -> None:
    """Write a file without waiting for the disk: an interrupted corpus is written again, it does not go on."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(
            f"cannot be written ({error.strerror or error})",
            name="file",
            value=path,
            fix="Free some space or choose another output folder, and run the command again.",
        ) from error


def _encode_soundfile(wave: Floats, sample_rate: int, suffix: str) -> bytes:
    import soundfile

    file = io.BytesIO()
    subtype = {"flac": "PCM_16", "ogg": "VORBIS"}[suffix]
    with soundfile.SoundFile(
        file, "w", sample_rate, 1 if wave.ndim == 1 else wave.shape[1], subtype, format=suffix.upper()
    ) as sound:
        # In blocks: libvorbis overflows its stack on very long writes.
        for start in range(0, len(wave), sample_rate):
            sound.write(wave[start : start + sample_rate])
    return file.getvalue()


def _encode_av(stereo: Floats, sample_rate: int, suffix: str, bit_rate: int) -> bytes:
    import av

    codec, container, options = {
        "mp3": ("libmp3lame", "mp3", {"compression_level": "7"}),
        "m4a": ("aac", "ipod", {"aac_coder": "fast"}),
    }[suffix]
    file = io.BytesIO()
    with av.open(file, "w", format=container, options={"fflags": "+bitexact"}) as output:
        stream = output.add_stream(codec, rate=sample_rate, options={**options, "flags": "+bitexact"})
        stream.layout = "stereo"
        stream.format = "fltp"
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(stereo), format="fltp", layout="stereo")
        frame.sample_rate = sample_rate
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def _tagged(data: bytes, suffix: str, tags: dict[str, str]) -> bytes:
    from mutagen.easyid3 import EasyID3
    from mutagen.easymp4 import EasyMP4
    from mutagen.flac import FLAC
    from mutagen.oggvorbis import OggVorbis

    if suffix == "ogg":
        data = _with_serial(data, 1)
    file = io.BytesIO(data)
    kinds: dict[str, Any] = {"flac": FLAC, "ogg": OggVorbis, "m4a": EasyMP4, "mp3": EasyID3}
    # An mp3 without a tag is no ID3 file yet: its tag is made, the others' are opened.
    tagged = kinds[suffix]() if suffix == "mp3" else kinds[suffix](file)
    if suffix != "mp3" and tagged.tags is None:
        tagged.add_tags()
    for name, text in tags.items():
        tagged[name] = text
    file.seek(0)
    tagged.save(file)
    return file.getvalue()


def _with_serial(data: bytes, serial: int) -> bytes:
    """An Ogg stream with a serial number of our choice: the encoder draws one from the clock."""
    from mutagen import ogg

    page_type: Any = ogg.OggPage
    source, out = io.BytesIO(data), io.BytesIO()
    while source.tell() < len(data):
        page = page_type(source)
        page.serial = serial
        out.write(page.write())
    return out.getvalue()
