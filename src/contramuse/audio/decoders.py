"""The decoders that are tried in turn. Each yields blocks of mono float32 and says what it met on the way.

Every channel is decoded and the mean of all channels taken here: a decoder's own downmix differs from library to
library (ffmpeg's is 3 dB louder for float samples). The libraries are imported where they are used, so that a machine
that only trains needs none of them.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from contramuse.audio.claims import span

BLOCK_FRAMES = 1 << 16
LOWEST_RATE, HIGHEST_RATE = 2_000, 1_000_000
MOST_FRAMES = 1 << 40
"""A header that claims more frames than this (a year at 44.1 kHz) claims nothing."""

NO_NUMBERS = "samples that are no numbers"
MOST_PLANES = 8
"""PyAV reads past the end of a frame with this many planes or more (seen in 18.1): these are interleaved first."""
LOUDEST = 1000.0
"""Float samples beyond this (60 dB over full scale) are no audio."""

FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,caf,dsf,eac3,flac,matroska,webm,mov,mp4,m4a,mp3,mpc,mpc8,mpegts,ogg,oma,rm,"
    "shn,tak,tta,voc,w64,wav,wv,xwma"
)
"""Containers that libavformat may open: no playlists, which would read some other file in place of a broken one."""

Block = tuple[int, NDArray[np.float32]]
"""Sample rate in Hz, and mono samples float32 [t] in [-1, 1]."""


class RefusedError(Exception):
    """A decoder cannot read the file (any further)."""


@dataclass
class Facts:
    """What a decoder says about a file, filled while its blocks are drawn.

    Args:
        decoder: name and versions.
        source_rate: sample rate of the file in Hz, the first one if it changes.
        channels: number of channels, the first one if it changes.
        claimed_seconds: length that the file's header promises, None when it promises none that can be relied on.
        damaged_seconds: length of what could not be decoded or was not a number.
        notes: what went wrong, in words.
        layout: "mono", the mean of all channels; "stereo", files of two channels keep them.
    """

    decoder: str = ""
    source_rate: int = 0
    channels: int = 0
    claimed_seconds: float | None = None
    damaged_seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    layout: Literal["mono", "stereo"] = "mono"

    def begin(self, rate: int, channels: int) -> None:
        """Note rate and channels of the first block; refuse what cannot be music."""
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise RefusedError(f"a sample rate of {rate} Hz")
        if channels < 1:
            raise RefusedError(f"{channels} channels")
        if not self.source_rate:
            self.source_rate, self.channels = rate, channels


def mono(block: NDArray[Any], facts: Facts, rate: int, *, axis: int) -> NDArray[np.float32]:
    """Mean of all channels; samples that are no numbers, or absurd ones, become 0 and count as damaged.

    Where ``facts`` want stereo and there are two channels, both: float32 [2 t].

    Args:
        block: float samples, two axes.
        facts: where damaged seconds are counted.
        rate: sample rate in Hz.
        axis: the axis of the channels.
    """
    channels = block.shape[axis]
    if facts.layout == "stereo" and channels == 2:
        mixed: NDArray[np.float32] = np.moveaxis(block, axis, 0).astype(np.float32)
    else:
        mixed = block.take(0, axis=axis).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        if mixed.ndim == 1:
            for channel in range(1, channels):
                mixed += block.take(channel, axis=axis)
            mixed *= np.float32(1.0 / channels)
        finite = np.abs(mixed) < LOUDEST
    if not finite.all():
        facts.damaged_seconds += float(mixed.size - finite.sum()) / rate / mixed.ndim
        if NO_NUMBERS not in facts.notes:
            facts.notes.append(NO_NUMBERS)
        mixed[~finite] = 0.0
    return mixed


def read_soundfile(path: bytes, facts: Facts) -> Iterator[Block]:
    """Blocks by libsndfile.

    Raises:
        RefusedError: libsndfile cannot open the file, or stops in the middle.
    """
    import soundfile

    facts.decoder = f"soundfile {soundfile.__version__}/libsndfile {soundfile.__libsndfile_version__}"

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """Read from front to back: soundfile seeks after every block otherwise, which fails in odd but sound FLACs."""

        def seekable(self) -> bool:
            return False

    try:
        file = Forward(path)
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise RefusedError(f"soundfile: {_reason(error, path)}") from error
    with file:
        facts.begin(file.samplerate, file.channels)
        if file.format != "MP3" and 0 <= file.frames < MOST_FRAMES:
            facts.claimed_seconds = file.frames / file.samplerate
        buffer = np.empty((min(BLOCK_FRAMES, max(1, (1 << 22) // file.channels)), file.channels), np.float32)
        while True:
            try:
                block = file.read(out=buffer)
            except soundfile.SoundFileError as error:
                raise RefusedError(f"soundfile: {_reason(error, path)}") from error
            if not len(block):
                return
            yield file.samplerate, mono(block, facts, file.samplerate, axis=1)


def read_av(path: bytes, facts: Facts, stream: int = 0) -> Iterator[Block]:
    """Blocks by PyAV (the ffmpeg libraries); packets that do not decode are counted and passed over.

    The file is given as an open object, so that a name with a colon is never taken for a protocol, and without the tags
    before and after its content, which some demuxers take for audio.

    Args:
        path: the file.
        facts: filled on the way.
        stream: which of its audio streams.

    Raises:
        RefusedError: the container cannot be opened or holds no such stream of audio.
    """
    import av

    facts.decoder = f"PyAV {av.__version__}/ffmpeg {av.ffmpeg_version_info}"
    with open(path, "rb") as source:
        try:
            container = av.open(
                _Content(source, path), mode="r", options={"format_whitelist": FORMATS}, metadata_errors="ignore"
            )
        except (av.FFmpegError, ValueError) as error:
            raise RefusedError(f"PyAV: {_reason(error, path)}") from error
        with container:
            if len(container.streams.audio) <= stream:
                raise RefusedError(f"PyAV: holds no {f'audio stream {stream + 1}' if stream else 'audio stream'}")
            chosen = container.streams.audio[stream]
            if container.format.name not in ("mp3", "aac") and chosen.duration and chosen.time_base:
                facts.claimed_seconds = float(chosen.duration * chosen.time_base)
            yield from _av_frames(container, chosen, facts)


class _Content:
    """A file's content without its ID3 and APE tags, with a name that keeps only the extension."""

    def __init__(self, file: IO[bytes], path: bytes) -> None:
        self._file = file
        self._begin, self._end = span(file)
        self.name = "file" + os.path.splitext(path)[1].decode("ascii", "replace")
        file.seek(self._begin)

    def read(self, size: int) -> bytes:
        return self._file.read(max(0, min(size, self._end - self._file.tell())))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: self._begin, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._end}[whence]
        return self._file.seek(max(self._begin, base + offset)) - self._begin

    def tell(self) -> int:
        return self._file.tell() - self._begin


def _av_frames(container: Any, stream: Any, facts: Facts) -> Iterator[Block]:
    import av

    lost, reason, seconds = 0, "", 0.0
    packets, packed = container.demux(stream), av.AudioResampler(format="flt")
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except av.FFmpegError as error:
            if facts.claimed_seconds is None or seconds < facts.claimed_seconds - 0.1:
                facts.notes.append(f"the container breaks off ({_reason(error)})")
            break
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError) as error:
            lost, reason = lost + 1, _reason(error)
            facts.damaged_seconds += float(packet.duration * packet.time_base) if packet.duration else 0.0
            continue
        for frame in frames:
            if frame.format.is_planar and frame.layout.nb_channels >= MOST_PLANES:
                (frame,) = packed.resample(frame)  # the same samples, interleaved
            rate, block = frame.sample_rate, _av_array(frame)
            facts.begin(rate, block.shape[0])
            seconds += frame.samples / rate
            if frame.is_corrupt:
                facts.damaged_seconds += frame.samples / rate
            yield rate, mono(block, facts, rate, axis=0)
    if lost:
        facts.notes.append(f"{lost} packets do not decode ({reason})")


def _av_array(frame: Any) -> NDArray[np.float32]:
    """Samples float32 [c t] of an audio frame, planar or packed, of any sample type."""
    array: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, len(frame.layout.channels)).T
    if array.dtype == np.uint8:
        return (array.astype(np.float32) - 128.0) / 128.0
    if array.dtype.kind == "i":
        return (array * (1.0 / -float(np.iinfo(array.dtype).min))).astype(np.float32)
    return array.astype(np.float32, copy=False)


def read_ffmpeg(path: bytes, facts: Facts) -> Iterator[Block]:
    """Blocks by the ffmpeg command, all channels, through a pipe.

    Raises:
        RefusedError: there is no such command, or it yields no audio.
    """
    command = shutil.which("ffmpeg")
    if command is None:
        raise RefusedError("the ffmpeg command is not installed")
    facts.decoder = "ffmpeg command"
    options = ["-nostdin", "-v", "error", "-format_whitelist", FORMATS, "-protocol_whitelist", "file,pipe"]
    source = [b"-i", b"file:" + os.path.abspath(path)]
    arguments: list[str | bytes] = [
        command,
        *options,
        *source,
        "-map",
        "0:a:0",
        "-c:a",
        "pcm_f32le",
        "-f",
        "wav",
        "pipe:1",
    ]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said) as process:
            assert process.stdout is not None
            try:
                yield from _wav_blocks(process.stdout, facts)
            finally:
                process.kill()
        said.seek(0)
        first = said.read(300).decode("utf-8", "replace").strip().split("\n")[0]
        if first:
            facts.notes.append(f"ffmpeg: {first}")


def _wav_blocks(pipe: IO[bytes], facts: Facts) -> Iterator[Block]:
    """Blocks of a streamed WAV of 32-bit floats, whose chunk sizes are not to be relied on."""
    if pipe.read(12)[:4] != b"RIFF":
        raise RefusedError("ffmpeg: yields no audio")
    channels = rate = 0
    while True:
        header = pipe.read(8)
        if len(header) < 8:
            raise RefusedError("ffmpeg: yields no audio")
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            break
        body = pipe.read(size + size % 2)
        if name == b"fmt ":
            _, channels, rate = struct.unpack_from("<HHI", body)
    facts.begin(rate, channels)
    width = 4 * channels
    rest = b""
    while chunk := pipe.read(BLOCK_FRAMES * width):
        chunk = rest + chunk
        whole = len(chunk) // width * width
        rest = chunk[whole:]
        block = np.frombuffer(chunk[:whole], "<f4").reshape(-1, channels)
        yield rate, mono(block, facts, rate, axis=1)


def _reason(error: Exception, path: bytes = b"") -> str:
    """The library's words, short, without the file's name."""
    text = (
        getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error) or type(error).__name__
    )
    for shown in (repr(path), repr(os.fsdecode(path)), os.fsdecode(path)) if path else ():
        text = text.replace(shown, "file")
    if "File does not exist or is not a regular file" in text:  # so libsndfile says of content that it does not know
        text = "format not recognised"
    return " ".join(text.split()).rstrip(".")[:200]


Reader = Callable[[bytes, Facts], Iterator[Block]]
READERS: dict[str, Reader] = {"soundfile": read_soundfile, "av": read_av, "ffmpeg": read_ffmpeg}
"""The order in which decoders are tried."""


def as_bytes(path: bytes | str | Path) -> bytes:
    """The path as the file system has it."""
    return os.fsencode(path)
