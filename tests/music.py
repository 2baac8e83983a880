"""Small music files, really encoded, and what is wrong with some of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def tones(seconds: float, rate: int, channels: int = 2, seed: int = 0) -> NDArray[np.float32]:
    """A different chord for each seed, float32 [t c]; channels differ."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    low, high = 100.0, min(3000.0, 0.4 * rate)
    out = np.stack(
        [sum(0.1 * np.sin(2 * np.pi * f * time) for f in generator.uniform(low, high, 3)) for _ in range(channels)], 1
    )
    return (out + 0.01 * generator.standard_normal(out.shape)).astype(np.float32)


def write(
    path: Path,
    x: NDArray[np.float32],
    rate: int,
    *,
    subtype: str | None = None,
) -> Path:
    """Write with libsndfile, in the format of the extension."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, x, rate, subtype=subtype)
    return path


def encode(
    path: Path,
    x: NDArray[np.float32],
    rate: int,
    codec: str,
    *,
    bit_rate: int | None = 128_000,
    options: dict[str, str] | None = None,
    container: str | None = None,
) -> Path:
    """Write with PyAV: codec "mp3", "aac", "alac", "flac", "wmav2", ..."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    layout = LAYOUTS[x.shape[1]]
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        if bit_rate:
            stream.bit_rate = bit_rate
        stream.options = options or {}
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate, frame_size=None)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(x).reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return path


def loudness(x: NDArray[np.int16]) -> float:
    """Root mean square of full scale."""
    return float(np.sqrt(np.mean((x / 32768.0) ** 2)))
