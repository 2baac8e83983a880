"""Miniatures of published datasets: short real files in every format, and a reader run over them as a user would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import soundfile
from rich.console import Console

from contramuse.catalogue.datasets.make import SHORTEST, Checked, make_library
from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.library import Library
from contramuse.cli.data import chosen

CODECS = {".mp3": "libmp3lame", ".flac": "flac", ".ogg": "", ".m4a": "aac", ".opus": "libopus", ".wav": "pcm_s16le"}


def tone(path: Path, *, seconds: float = 1.2, rate: int = 22050, seed: int = 0, channels: int = 1) -> Path:
    """Write a quiet chord with some noise in the format that the extension says; another seed sounds different."""
    rng = np.random.default_rng(seed)
    codec = CODECS[path.suffix]
    rate = 48000 if codec == "libopus" else rate
    time = np.arange(round(seconds * rate)) / rate
    pitches = 110.0 * 2 ** (rng.integers(0, 36, 3) / 12)
    wave = sum(np.sin(2 * np.pi * pitch * time) for pitch in pitches) / 6 + 0.02 * rng.standard_normal(len(time))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".ogg":
        soundfile.write(path, np.tile(wave[:, None], (1, channels)), rate)
        return path
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout="mono" if channels == 1 else "stereo")
        resampler = av.AudioResampler(format=stream.format, layout=stream.layout, rate=rate)
        samples = np.tile((np.clip(wave, -1, 1) * 32767).astype(np.int16), (channels, 1))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="s16p", layout=stream.layout.name)
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or 4096
        fifo = av.AudioFifo()
        for piece in resampler.resample(frame):
            fifo.write(piece)
        while block := fifo.read(size, partial=True):
            file.mux(stream.encode(block))
        file.mux(stream.encode(None))
    return path


def broken(path: Path, *, size: int = 2000) -> Path:
    """Write a file that is called like audio and is none; of size 0 it has no bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(range(1, 201)) * (size // 200))
    return path


def change(file: Path, old: str, new: str, *, count: int = 1) -> None:
    """Put a mistake into an annotation file: ``old``, which stands there, becomes ``new``, ``count`` times."""
    text = file.read_bytes().decode()
    assert old in text
    file.write_bytes(text.replace(old, new, count).encode())


def prepared(
    name: str, root: Path, out: Path, choices: Sequence[str] = (), *, rate: int = 8000
) -> tuple[Library, Checked]:
    """What ``contramuse data NAME CHOICES --root ROOT -o OUT`` makes."""
    dataset = chosen(name, list(choices))
    decoding = Decoding(sample_rate=rate, workers=1, min_seconds=SHORTEST)
    _, checked = make_library(dataset, name, root, out, decoding=decoding, console=Console(quiet=True))
    return Library.open(out), checked
