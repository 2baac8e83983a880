"""Tracks of any length to vectors in constant memory: cut windows from a stream of blocks, encode, pool.

The rule, which is the same for files, libraries and arrays: windows of ``window`` samples start at 0, hop, 2 hop, ...
as long as they are full. If at least half a hop of audio then remains behind the last of them, one more full window is
aligned to the end; a shorter remainder is dropped. A track shorter than one window is padded with zeros at its end,
as training crops are. A track's vector is the mean over its windows.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from contramuse.errors import ContramuseError, DecodeError

Blocks = Iterator[NDArray[np.float32]]
Source = Callable[[], Blocks]
"""Opens one track: an iterator of consecutive blocks, float32 [t], at the model's sample rate.

Blocks of stored features are float32 [f n]; what is said of samples here then holds for frames.
"""

Place = tuple[int, int]
"""Where a window is from: position of the track among the sources, and its number within the track, from 0."""

Represent = Callable[[torch.Tensor, Sequence[Place]], torch.Tensor]
"""Float32 [b 1 t] (or [b f n]) and where each window is from -> [b h]."""

T = TypeVar("T")


@dataclass(frozen=True)
class Pooled:
    """What became of one track.

    Args:
        index: position of the track among the sources.
        vector: float32 [h], the mean over the windows; None where it failed.
        windows: float32 [w h] where windows were asked for, else None.
        count: number of windows w.
        samples: length of the track.
        failure: why there is no vector; empty where there is one.
    """

    index: int
    vector: NDArray[np.float32] | None
    windows: NDArray[np.float32] | None = None
    count: int = 0
    samples: int = 0
    failure: str = ""


def cut(blocks: Iterable[NDArray[np.float32]], *, window: int, hop: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Windows of a stream, and where they start; holds about one window and one block at a time.

    Args:
        blocks: consecutive float32 [t] of any lengths.
        window: samples per window.
        hop: samples from one start to the next.

    Yields:
        (start, float32 [window] or [f window]); nothing for a stream without samples.
    """
    buffer: NDArray[np.float32] | None = None
    origin = following = total = 0
    for block in blocks:
        buffer = block if buffer is None else np.concatenate([buffer, block], axis=-1)
        total += block.shape[-1]
        while following + window <= total:
            yield following, buffer[..., following - origin : following - origin + window]
            following += hop
        keep = max(origin, min(following, total - window))
        buffer, origin = buffer[..., keep - origin :], keep
    if buffer is None or not total:
        return
    if following == 0:
        silence = 0.0 if buffer.ndim == 1 else float(buffer.min())  # as the stores of samples and features pad
        room = [(0, 0)] * (buffer.ndim - 1) + [(0, window - total)]
        yield 0, np.pad(buffer, room, constant_values=silence)
    elif 2 * (total - (following - hop + window)) >= hop:
        yield total - window, buffer[..., -window:]


def file_source(path: str | Path | bytes, sample_rate: int) -> Source:
    """A file as a source: decoded block by block, to the 16-bit samples that a library would store."""

    def open_file() -> Blocks:
        from contramuse.audio.decode import stream

        return stream(path, sample_rate=sample_rate)

    return open_file


def prefetch(items: Iterable[T], depth: int) -> Iterator[T]:
    """The same items, made by a thread that stays at most ``depth`` ahead; decoding then overlaps with encoding."""
    channel: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
    stop = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not stop.is_set():
            try:
                channel.put((kind, value), timeout=0.1)
                return
            except queue.Full:
                continue

    def run() -> None:
        try:
            for item in items:
                put("item", item)
                if stop.is_set():
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    thread = threading.Thread(target=run, name="contramuse-reader", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = channel.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stop.set()
        thread.join()


@dataclass
class _Track:
    """A track on its way: windows read and done, the sum of their vectors, and what the reader said at its end."""

    index: int
    sum: NDArray[np.float64] | None = None
    read: int = 0
    done: int = 0
    windows: list[NDArray[np.float32]] = field(default_factory=list)
    expected: int = -1
    samples: int = 0
    failure: str = ""

    def add(self, vector: NDArray[np.float32], keep: bool) -> None:
        self.sum = vector.astype(np.float64) if self.sum is None else self.sum + vector
        self.done += 1
        if keep:
            self.windows.append(vector)

    @property
    def finished(self) -> bool:
        return bool(self.failure) or self.done == self.expected

    def result(self, keep: bool) -> Pooled:
        if self.failure or self.sum is None:
            return Pooled(index=self.index, vector=None, samples=self.samples, failure=self.failure)
        vector = (self.sum / self.done).astype(np.float32)
        if not np.isfinite(vector).all():
            return Pooled(index=self.index, vector=None, samples=self.samples, failure="the vector is not finite")
        windows = np.stack(self.windows) if keep else None
        return Pooled(index=self.index, vector=vector, windows=windows, count=self.done, samples=self.samples)


@dataclass(frozen=True)
class _End:
    """What the reader says at the end of a track."""

    samples: int
    windows: int
    failure: str = ""


def _read(sources: Iterable[Source], window: int, hop: int) -> Iterator[tuple[int, NDArray[np.float32] | _End]]:
    """Windows of all sources, one after another, each track closed by an ``_End``."""
    for index, source in enumerate(sources):
        length = count = 0

        def counted(source: Source = source) -> Blocks:
            nonlocal length
            for block in source():
                length += block.shape[-1]
                yield block

        try:
            for _, samples in cut(counted(), window=window, hop=hop):
                count += 1
                yield index, samples
            failure = "" if count else "no audio in it"
        except (ContramuseError, OSError) as error:
            failure = error.problem if isinstance(error, DecodeError) else str(error)
        yield index, _End(samples=length, windows=count, failure=failure)


def pooled(
    represent: Represent,
    sources: Iterable[Source],
    *,
    window: int,
    hop: int,
    batch: int,
    keep: bool = False,
) -> Iterator[Pooled]:
    """One ``Pooled`` per source, in order, in constant memory; batches are filled across tracks.

    Args:
        represent: what becomes of windows.
        sources: openers of tracks; taken lazily, in a thread of their own.
        window: samples per window.
        hop: samples between the starts of windows.
        batch: windows per call of ``represent``.
        keep: also return the windows' vectors.
    """
    waiting: list[tuple[_Track, int, NDArray[np.float32]]] = []
    tracks: deque[_Track] = deque()

    def encode() -> None:
        x = torch.from_numpy(np.stack([samples for _, _, samples in waiting]))
        x = x[:, None] if x.ndim == 2 else x
        with torch.inference_mode():
            vectors = represent(x, [(track.index, number) for track, number, _ in waiting]).float().cpu().numpy()
        for (track, _, _), vector in zip(waiting, vectors, strict=True):
            track.add(vector, keep)
        waiting.clear()

    for index, event in prefetch(_read(sources, window, hop), depth=2 * batch):
        if not tracks or tracks[-1].index != index:
            tracks.append(_Track(index))
        if isinstance(event, _End):
            tracks[-1].expected, tracks[-1].samples, tracks[-1].failure = event.windows, event.samples, event.failure
        else:
            waiting.append((tracks[-1], tracks[-1].read, event))
            tracks[-1].read += 1
            if len(waiting) == batch:
                encode()
        while tracks and tracks[0].finished:
            yield tracks.popleft().result(keep)
    if waiting:
        encode()
    while tracks:
        yield tracks.popleft().result(keep)
