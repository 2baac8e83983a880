"""Whole files to mono 16-bit samples at one rate. The only place that knows codecs.

The decoders of ``decoders.READERS`` are tried in turn. The first that reads the file to its end without an error, and
as long as the file promises, is believed; otherwise the next one is asked too and the best of them is kept, with what
is missing counted. Resampling is soxr's HQ; samples beyond full scale are clipped, never wrapped.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contramuse.audio.claims import Claim, claim_of
from contramuse.audio.decoders import READERS, Block, Facts, Reader, RefusedError, as_bytes, read_av
from contramuse.errors import DecodeError

MAX_SECONDS = 4 * 3600.0
MIN_SECONDS = 1.0
SILENT_PEAK = 10
"""Of 32,768: a file that never passes -70 dB of full scale is silent."""
KEEP_SECONDS = 1200.0
"""Up to this length ``stream`` keeps a file in memory (53 MB at 22,050 Hz); a longer one is decoded twice."""
TOLERANCE_SECONDS = 0.1
"""A later decoder must give this much more than an earlier one to be believed instead of it."""
CLIPPED = 1.001
NOTABLE_CLIPPING = 1e-3
_FIX = "Replace the file or leave it out."


@dataclass(frozen=True)
class Decoded:
    """One file, decoded.

    Args:
        samples: int16 [t], mono, at the rate asked for.
        seconds: their length.
        decoder: name and version of the decoder that was believed.
        verdict: "ok", "repaired" (decoded with errors), "too short" or "silent".
        note: what was wrong, in words; "" when nothing was.
        damaged_seconds: length of the audio that is missing or was not decodable.
        source_rate: sample rate of the file in Hz.
        channels: channels of the file.
    """

    samples: NDArray[np.int16]
    seconds: float
    decoder: str
    verdict: str
    note: str
    damaged_seconds: float
    source_rate: int
    channels: int


@dataclass
class _Attempt:
    """What one decoder made of a file; ``pcm`` is None when the file was too long to keep."""

    reader: Reader
    facts: Facts
    pcm: bytearray | None
    count: int = 0
    clipped: int = 0
    refused: str = ""
    cut: bool = False
    missing_seconds: float = 0.0

    def compare(self, claim: Claim, rate: int) -> None:
        """Note how much of what the file promises did not come."""
        promised = claim.seconds if claim.seconds is not None else self.facts.claimed_seconds
        if promised is not None and not self.cut and promised - self.count / rate > claim.tolerance_seconds:
            self.missing_seconds = promised - self.count / rate

    @property
    def trouble(self) -> bool:
        """Whether another decoder should be asked too."""
        return bool(self.refused or self.facts.damaged_seconds or self.facts.notes or self.missing_seconds)


def decode(
    path: bytes | str | Path,
    *,
    sample_rate: int,
    max_seconds: float = MAX_SECONDS,
    min_seconds: float = MIN_SECONDS,
) -> Decoded:
    """Decode a whole file to mono.

    Args:
        path: the file; bytes for names that are not text.
        sample_rate: of the result, in Hz.
        max_seconds: what lies beyond is left out, and the note says so; it bounds memory, whatever a header claims.
        min_seconds: a shorter file has the verdict "too short".

    Raises:
        DecodeError: no decoder gives any audio; the message has each one's reason.
    """
    best, claim = _best(as_bytes(path), sample_rate, max_seconds, max_seconds + 1.0)
    assert best.pcm is not None
    samples = np.frombuffer(best.pcm, np.int16)
    note, damaged = _note(best, claim, max_seconds)
    verdict = "repaired" if best.trouble or best.cut or damaged else "ok"
    if len(samples) < min_seconds * sample_rate:
        verdict, note = "too short", join(f"{len(samples) / sample_rate:.3f} s", note)
    elif peak(samples) <= SILENT_PEAK:
        verdict = "silent"
    return Decoded(
        samples=samples,
        seconds=len(samples) / sample_rate,
        decoder=best.facts.decoder,
        verdict=verdict,
        note=note,
        damaged_seconds=damaged,
        source_rate=best.facts.source_rate,
        channels=best.facts.channels,
    )


def other_streams(
    path: bytes | str | Path, *, sample_rate: int, max_seconds: float = MAX_SECONDS
) -> list[NDArray[np.int16]]:
    """The audio streams of a file after its first, as ``decode`` gives the first: int16 [t] each, mono.

    A stream that breaks off ends there; one of which nothing can be read is empty.

    Args:
        path: the file.
        sample_rate: of the result, in Hz.
        max_seconds: what lies beyond is left out.
    """
    found: list[NDArray[np.int16]] = []
    while True:
        reader = partial(read_av, stream=len(found) + 1)
        attempt = _attempt(reader, as_bytes(path), sample_rate, max_seconds, max_seconds + 1.0)
        if attempt.refused and not attempt.count:
            return found
        assert attempt.pcm is not None
        found.append(np.frombuffer(attempt.pcm, np.int16))


def stream(
    path: bytes | str | Path, *, sample_rate: int, block_seconds: float = 10.0, max_seconds: float = math.inf
) -> Iterator[NDArray[np.float32]]:
    """The samples of ``decode`` in blocks, float32 [t] in [-1, 1), in memory that does not grow with the file.

    A file longer than 20 minutes is decoded twice: once to choose the decoder, once to be read.

    Args:
        path: the file.
        sample_rate: of the result, in Hz.
        block_seconds: length of a block; the last one is shorter.
        max_seconds: what lies beyond is left out.

    Raises:
        DecodeError: no decoder gives any audio.
    """
    raw = as_bytes(path)
    best, _ = _best(raw, sample_rate, max_seconds, KEEP_SECONDS)
    width = max(1, round(block_seconds * sample_rate))
    rest = np.zeros(0, np.int16)
    pieces = _again(best, raw, sample_rate) if best.pcm is None else iter([np.frombuffer(best.pcm, np.int16)])
    left = best.count
    for piece in pieces:
        rest = np.concatenate([rest, piece[: left - len(rest)]])
        whole = len(rest) // width * width
        for start in range(0, whole, width):
            yield rest[start : start + width].astype(np.float32) / 32768.0
        rest, left = rest[whole:], left - whole
    if len(rest):
        yield rest.astype(np.float32) / 32768.0


def peak(samples: NDArray[np.int16]) -> int:
    """Largest magnitude of int16 samples [t], 0 for none."""
    return max(int(samples.max()), -int(samples.min())) if len(samples) else 0


def to_int16(x: NDArray[np.float32]) -> NDArray[np.int16]:
    """Round float samples [t] in [-1, 1) to int16; what is beyond full scale is clipped."""
    rounded: NDArray[np.float32] = np.clip(np.rint(x * np.float32(32768.0)), -32768, 32767)
    return rounded.astype(np.int16)


def _best(path: bytes, rate: int, max_seconds: float, keep_seconds: float) -> tuple[_Attempt, Claim]:
    """The attempt to believe, and what the file promises."""
    claim = _claim(path)
    best: _Attempt | None = None
    reasons: list[str] = []
    for name, reader in READERS.items():
        if name == "ffmpeg" and best is not None:
            break
        attempt = _attempt(reader, path, rate, max_seconds, keep_seconds)
        attempt.compare(claim, rate)
        if attempt.count and not attempt.trouble:
            return attempt, claim
        if not attempt.count:
            reasons.append(attempt.refused or join("yields no audio", *attempt.facts.notes))
        elif best is None or _good_seconds(attempt, rate) > _good_seconds(best, rate) + TOLERANCE_SECONDS:
            best = attempt
    if best is None:
        shown = path.decode("utf-8", "backslashreplace")
        raise DecodeError("; ".join(reasons), name="file", value=shown, fix=_FIX)
    return best, claim


def _claim(path: bytes) -> Claim:
    try:
        with open(path, "rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise DecodeError("is empty", name="file", value=path.decode("utf-8", "backslashreplace"), fix=_FIX)
            return claim_of(file)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        shown = path.decode("utf-8", "backslashreplace")
        raise DecodeError(problem, name="file", value=shown, fix="Give yourself the right to read it.") from error


def _good_seconds(attempt: _Attempt, rate: int) -> float:
    return attempt.count / rate - attempt.facts.damaged_seconds


def _attempt(reader: Reader, path: bytes, rate: int, max_seconds: float, keep_seconds: float) -> _Attempt:
    """Decode with one decoder, up to ``max_seconds``, keeping the samples unless they pass ``keep_seconds``."""
    attempt = _Attempt(reader=reader, facts=Facts(), pcm=bytearray())
    most, kept = max_seconds * rate, keep_seconds * rate
    try:
        for block in resampled(reader(path, attempt.facts), rate):
            whole = to_int16(block)
            attempt.clipped += int(np.count_nonzero(np.abs(block) > CLIPPED))
            if attempt.count + len(whole) > most:
                whole, attempt.cut = whole[: int(most) - attempt.count], True
            attempt.count += len(whole)
            if attempt.pcm is not None:
                attempt.pcm += whole.tobytes()
            if attempt.count > kept:
                attempt.pcm = None
            if attempt.cut:
                break
    except RefusedError as error:
        attempt.refused = str(error)
    return attempt


def resampled(blocks: Iterator[Block], rate: int, *, channels: int = 1) -> Iterator[NDArray[np.float32]]:
    """Mono blocks [t] (or [t c]) at ``rate``; a change of the source's rate in the middle begins a new resampler.

    What was drawn before the source breaks off is flushed out of the resampler first.
    """
    import soxr

    nothing = np.zeros((0, channels) if channels > 1 else 0, np.float32)
    resampler, current, failure = None, 0, None
    while True:
        try:
            block_rate, block = next(blocks)
        except StopIteration:
            break
        except RefusedError as error:
            failure = error
            break
        if block_rate != current:
            if resampler is not None:
                yield resampler.resample_chunk(nothing, last=True)
            resampler = None if block_rate == rate else soxr.ResampleStream(block_rate, rate, channels, dtype="float32")
            current = block_rate
        yield block if resampler is None else resampler.resample_chunk(block)
    if resampler is not None:
        yield resampler.resample_chunk(nothing, last=True)
    if failure is not None:
        raise failure


def _again(best: _Attempt, path: bytes, rate: int) -> Iterator[NDArray[np.int16]]:
    """The samples of an attempt that was too long to keep, decoded once more."""
    try:
        for block in resampled(best.reader(path, Facts()), rate):
            yield to_int16(block)
    except RefusedError:
        return  # as the first time: what came before is the audio


def _note(best: _Attempt, claim: Claim, max_seconds: float) -> tuple[str, float]:
    """What was wrong with the file, in words, and the seconds of audio it cost."""
    # packets that do not decode are part of what is missing, so these are not added up
    damaged = max(best.facts.damaged_seconds, best.missing_seconds, claim.damaged_seconds)
    missing = f"{best.missing_seconds:.2f} s of what the header promises are missing" if best.missing_seconds else ""
    cut = f"only the first {max_seconds:g} s are kept" if best.cut else ""
    share = best.clipped / best.count
    clipped = f"{100 * share:.2g} % of the samples are clipped" if share > NOTABLE_CLIPPING else ""
    return join(best.refused, *best.facts.notes, missing, claim.note, cut, clipped), damaged


def join(*parts: str) -> str:
    """The parts that are not empty, as one note."""
    return "; ".join(part for part in parts if part)
