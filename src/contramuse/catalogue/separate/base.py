"""What a separator is, and how it goes through a recording of any length in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

PIECE_SECONDS = 60.0
OVERLAP_SECONDS = 4.0
QUIET = 1e-8


class Separator(Protocol):
    """A model that takes a mix apart.

    Attributes:
        name: which model with which weights; stems are made anew where it changes.
        sample_rate: that it works at, in Hz.
        sources: names of what it gives.
        scaling: "track", it wants a recording without mean and of unit deviation; "none", as it is.
    """

    @property
    def name(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def scaling(self) -> Literal["track", "none"]: ...

    def separate(self, x: Float[Tensor, "2 t"]) -> Float[Tensor, "s 2 t"]:
        """The sources of a mix."""
        ...


def separated(
    blocks: Iterable[NDArray[np.float32]],
    separator: Separator,
    *,
    level: tuple[float, float],
    piece_seconds: float = PIECE_SECONDS,
    overlap_seconds: float = OVERLAP_SECONDS,
) -> Iterator[NDArray[np.float32]]:
    """The sources of a recording, mono, piece by piece; pieces overlap, and one fades into the next.

    Args:
        blocks: of the recording, float32 [2 t] at the separator's rate.
        separator: the model.
        level: mean and deviation of the recording, for a separator that wants it scaled.
        piece_seconds: what is separated at once; it bounds the memory.
        overlap_seconds: of neighbouring pieces.

    Yields:
        float32 [s t]; in all, as many samples as ``blocks`` have.
    """
    piece, overlap = (round(s * separator.sample_rate) for s in (piece_seconds, overlap_seconds))
    fade = np.linspace(0, 1, overlap + 2, dtype=np.float32)[1:-1]
    buffer = np.zeros((2, 0), np.float32)
    tail: NDArray[np.float32] | None = None

    def blended(x: NDArray[np.float32]) -> NDArray[np.float32]:
        y = _apply(separator, x, level)
        if tail is not None:
            y[:, :overlap] = tail * (1 - fade) + y[:, :overlap] * fade
        return y

    for block in blocks:
        buffer = np.concatenate([buffer, block], axis=1)
        while buffer.shape[1] > piece:  # so that the last piece is longer than an overlap
            y = blended(buffer[:, :piece])
            yield y[:, : piece - overlap]
            tail, buffer = y[:, piece - overlap :], buffer[:, piece - overlap :]
    if buffer.shape[1]:
        yield blended(buffer)


def _apply(separator: Separator, x: NDArray[np.float32], level: tuple[float, float]) -> NDArray[np.float32]:
    mean, deviation = level if separator.scaling == "track" else (0.0, 1.0)
    deviation += QUIET if separator.scaling == "track" else 0.0
    with torch.inference_mode():
        y = separator.separate((torch.from_numpy(np.ascontiguousarray(x)) - mean) / deviation)
        return (y.float().cpu() * deviation + mean).mean(1).numpy()
