"""What lossy codecs leave of the row: encoded and decoded again, through PyAV, on the CPU, row beside row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, Range, uniform
from contramuse.augment.fourier import good_size
from contramuse.errors import RecipeError

CodecName = Literal["mp3", "aac", "opus", "vorbis"]
Signal = NDArray[np.float32]


@dataclass(frozen=True)
class _Kind:
    """What is particular to a codec: its encoder, its decoder, and what PyAV must be told."""

    encoder: str
    decoder: str
    bitrate: Range | None = None
    """Lowest and highest bit rate that a recipe may write, kbit/s; None: it has only a quality."""
    quality: Range | None = None
    """Lowest and highest quality that a recipe may write; None: it has only a bit rate."""
    channels: int = 1
    rate: int | None = None
    """The only sample rate that is used, Hz; None: the row's own, where the encoder takes it."""


KINDS: dict[str, _Kind] = {
    "mp3": _Kind("libmp3lame", "mp3float", bitrate=(8.0, 320.0), quality=(0.0, 9.0)),
    "aac": _Kind("aac", "aac", bitrate=(8.0, 320.0)),
    "opus": _Kind("libopus", "opus", bitrate=(6.0, 256.0), rate=48_000),
    # FFmpeg's own encoder is experimental, has two channels and heeds no bit rate.
    "vorbis": _Kind("vorbis", "vorbis", quality=(0.0, 10.0), channels=2),
}
_PROBE_SECONDS, _LONGEST_DELAY = 0.5, 8192


@dataclass(frozen=True, kw_only=True)
class Codec(Augmentation):
    """The row is encoded and decoded. The coder's delay is taken away: the row stays in place and keeps its length.

    A rate that the encoder does not take is resampled to the next one that it does, and back. It costs more than the
    other effects (10 to 30 ms a row of 2.7 s), on the CPU also where the batch is on a device.

    Args:
        p: chance per row.
        codec: "mp3" (by LAME), "aac", "opus" or "vorbis".
        bitrate: range, kbit/s; None where ``quality`` is given, and for Vorbis.
        quality: range of the variable bit rate's quality in place of a bit rate: MP3 0 (best) to 9, Vorbis 0 to 10
            (best).
        sample_rate: Hz.

    Raises:
        RecipeError: PyAV or its encoder is missing, or a range does not suit the codec.
    """

    sample_rate: int
    codec: CodecName = "mp3"
    bitrate: Range | None = None
    quality: Range | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = KINDS[self.codec]
        for name, value, bounds in (("bitrate", self.bitrate, kind.bitrate), ("quality", self.quality, kind.quality)):
            if value is None:
                continue
            if bounds is None:
                other = "quality" if name == "bitrate" else "bitrate"
                raise RecipeError(f"is not a setting of {self.codec}", name=name, value=value, fix=f"Write {other}.")
            self._range(name, value, low=bounds[0], high=bounds[1])
        if self.bitrate is not None and self.quality is not None:
            raise RecipeError("stands beside a bitrate", name="quality", value=self.quality, fix="Write one of them.")
        _coding_rate(self.codec, self.sample_rate)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"strength": uniform(n, self._strength()[1], generator)}

    def _strength(self) -> tuple[Literal["bitrate", "quality"], Range]:
        """Which of the two is drawn, and its range; where neither is written, 32 to 128 kbit/s or quality 0 to 5."""
        if self.quality is not None:
            return "quality", self.quality
        if self.bitrate is not None:
            return "bitrate", self.bitrate
        return ("quality", (0.0, 5.0)) if KINDS[self.codec].bitrate is None else ("bitrate", (32.0, 128.0))

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        rows = list(x[:, 0].float().cpu().numpy())
        with ThreadPoolExecutor(max(1, min(len(rows), torch.get_num_threads()))) as pool:
            coded = list(pool.map(self._coded, rows, params["strength"].tolist()))
        return torch.from_numpy(np.stack(coded)).to(x.device)[:, None]

    def _coded(self, x: Signal, strength: float) -> Signal:
        which, _ = self._strength()
        rate = _coding_rate(self.codec, self.sample_rate)
        signal = _resampled(x, self.sample_rate, rate)
        y = _aligned(_through(signal, self.codec, rate, which, strength), _delay(self.codec, rate), len(signal))
        return _aligned(_resampled(y, rate, self.sample_rate), 0, len(x))


def _through(x: Signal, codec: str, rate: int, which: str, strength: float) -> Signal:
    """``x`` encoded and decoded, with the coder's delay before it and its padding after it."""
    import av

    kind = KINDS[codec]
    encoder: Any = av.CodecContext.create(kind.encoder, "w")
    encoder.sample_rate, encoder.layout = rate, "mono" if kind.channels == 1 else "stereo"
    encoder.format = "flt" if codec == "opus" else "fltp"
    options = {"strict": "experimental"}
    if which == "quality":
        options |= {"flags": "+qscale", "global_quality": str(round(118 * strength))}  # FFmpeg's lambda per step
    else:
        encoder.bit_rate = round(1000 * strength)
    encoder.options = options
    # Two frames more than the row, so that its end has left the encoder.
    padded = np.concatenate([x, np.zeros(4096, np.float32)])
    frame: Any = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(np.tile(padded, (kind.channels, 1))), format="fltp", layout=encoder.layout.name
    )
    frame.sample_rate = rate
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder: Any = av.CodecContext.create(kind.decoder, "r")
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    decoded = [out for packet in [*packets, None] for out in decoder.decode(packet)]
    return np.concatenate([_first_channel(out) for out in decoded])


def _first_channel(frame: Any) -> Signal:
    samples = frame.to_ndarray()
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / 32768
    return np.asarray(samples[0] if frame.format.is_planar else samples[0, :: frame.layout.nb_channels], np.float32)


@lru_cache(maxsize=64)
def _coding_rate(codec: str, sample_rate: int) -> int:
    """The rate at which the codec codes: the lowest of its own that is not below ``sample_rate``, Hz."""
    kind = KINDS[codec]
    try:
        import av

        rates = av.Codec(kind.encoder, "w").audio_rates
        av.Codec(kind.decoder, "r")
    except ImportError as error:
        raise RecipeError("needs PyAV", name="codec", value=codec, fix="Install it: pip install av.") from error
    except ValueError as error:
        raise RecipeError(
            f"has no encoder in this build of PyAV ({kind.encoder})", name="codec", value=codec,
            fix=f"Install PyAV's own wheel, or choose another of {', '.join(KINDS)}.",
        ) from error  # fmt: skip
    if kind.rate is not None:
        return kind.rate
    return min((rate for rate in rates if rate >= sample_rate), default=max(rates)) if rates else sample_rate


@lru_cache(maxsize=64)
def _delay(codec: str, rate: int) -> int:
    """Samples by which coding delays a signal, measured: noise below a quarter of the rate, and its best match."""
    noise = np.random.default_rng(0).standard_normal(round(_PROBE_SECONDS * rate)).astype(np.float32)
    probe = 0.1 * (noise + np.roll(noise, 1) + np.roll(noise, 2))
    which, strength = ("quality", 5.0) if KINDS[codec].bitrate is None else ("bitrate", 64.0)
    heard = _through(probe, codec, rate, which, strength)
    size = good_size(len(heard) + len(probe))
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(probe, size).conj(), size)
    return int(np.argmax(match[:_LONGEST_DELAY]))


def _aligned(x: Signal, skip: int, length: int) -> Signal:
    """``length`` samples from sample ``skip`` on, silent where there are no more."""
    part = x[skip : skip + length]
    return np.pad(part, (0, length - len(part)))


def _resampled(x: Signal, given: int, wanted: int) -> Signal:
    """``x`` at another rate, by its Fourier transform: no delay, nothing above half the lower rate."""
    if given == wanted:
        return x
    up, down = wanted // gcd(given, wanted), given // gcd(given, wanted)
    # Longer than the row by at least 1 %, so that its end does not ring into its beginning.
    periods = good_size(-(-round(1.01 * len(x)) // down) + 1)
    spectrum = np.fft.rfft(x, periods * down)
    changed = np.fft.irfft(spectrum[: periods * up // 2 + 1], periods * up) * (up / down)
    return np.asarray(changed[: -(-len(x) * up // down)], np.float32)
