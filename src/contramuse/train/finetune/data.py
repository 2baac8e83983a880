"""Windows of labelled tracks in batches, and the fixed windows that validation looks at."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor

from contramuse.checkpoint.windows import prefetch
from contramuse.sampling import generator_for

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.train.finetune.labels import Labels, Scale
    from contramuse.train.finetune.settings import Settings


@dataclass(frozen=True)
class Windows:
    """A batch.

    Args:
        number: batches drawn before it in this run.
        x: int16 [b 1 t] (float32 [b f n] of a library of stored features).
        y: int64 [b] or float32 [b c], what the loss compares with.
        rows: int64 [b], rows of the library.
    """

    number: int
    x: Tensor
    y: Tensor
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device, **_: object) -> Windows:
        """The same batch on ``device``; Lightning calls it."""
        return Windows(self.number, self.x.to(device), self.y.to(device), self.rows)


class LabelledData(LightningDataModule):
    """The labelled tracks of a library, as windows.

    An epoch is a permutation of the items: tracks with a random window each, or every whole window of every track. It
    is dealt to batches of equal size, none larger than the settings say; no item is left out.

    Args:
        library: the library.
        labels: of its tracks.
        scale: of the numbers among them.
        train: int64 [n], rows to learn from.
        valid: int64 [n], rows to watch.
        settings: of the run.
        window: samples of a window.
    """

    def __init__(
        self,
        library: Library,
        labels: Labels,
        scale: Scale,
        *,
        train: NDArray[np.int64],
        valid: NDArray[np.int64],
        settings: Settings,
        window: int,
    ) -> None:
        super().__init__()
        self._library, self.labels, self._scale, self._settings, self.window = library, labels, scale, settings, window
        self.train_rows, self.valid_rows = train, valid
        self._rows, self._starts = train, np.zeros(0, np.int64)
        if settings.segments == "all":
            self._rows, self._starts = whole_windows(train, library.store.lengths[train], window=window)
        self.per_epoch = math.ceil(len(self._rows) / settings.batch)
        self._number, self.waited = 0, 0.0
        self._stream: Generator[Windows, None, None] | None = None
        self._order = functools.lru_cache(maxsize=2)(self._permutation)

    def __len__(self) -> int:
        return len(self._rows)

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        generator = generator_for(self._settings.seed, "fine-tuning order", epoch)
        return np.asarray(torch.randperm(len(self._rows), generator=generator).numpy())

    def batch(self, number: int) -> Windows:
        """The batch that follows ``number`` others."""
        epoch, part = divmod(number, self.per_epoch)
        chosen = np.array_split(self._order(epoch), self.per_epoch)[part]
        rows = self._rows[chosen]
        if self._settings.segments == "all":
            starts = self._starts[chosen]
        else:
            room = np.maximum(self._library.store.lengths[rows] - self.window, 0) + 1
            generator = generator_for(self._settings.seed, "fine-tuning window", number)
            share = torch.rand(len(rows), generator=generator, dtype=torch.float64).numpy()
            starts = (share * room).astype(np.int64)
        return self._read(number, rows, starts)

    def _read(self, number: int, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> Windows:
        x = torch.from_numpy(self._library.store.gather(rows, starts, self.window))
        return Windows(number, x[:, None] if x.ndim == 2 else x, self._scale.targets(self.labels, rows), rows)

    def train_dataloader(self) -> Iterator[Windows]:
        """The endless batches, from where the run stands; a thread reads ahead."""
        return self._batches()

    def _batches(self) -> Iterator[Windows]:
        def numbered(number: int) -> Iterator[Windows]:
            while True:
                yield self.batch(number)
                number += 1

        self._stream = prefetch(numbered(self._number), depth=2)  # type: ignore[assignment]
        assert self._stream is not None
        while True:
            began = time.perf_counter()
            batch = next(self._stream)
            self.waited += time.perf_counter() - began
            yield batch

    def fixed_windows(self) -> Iterator[Windows]:
        """Evenly spread windows of every validation track; the same at every call."""
        lengths = self._library.store.lengths[self.valid_rows]
        rows, starts = whole_windows(self.valid_rows, lengths, window=self.window)
        if most := self._settings.valid_windows:
            chosen = spread(rows, most=most)
            rows, starts = rows[chosen], starts[chosen]
        for number, part in enumerate(np.arange(0, len(rows), self._settings.batch)):
            some = slice(int(part), int(part) + self._settings.batch)
            yield self._read(number, rows[some], starts[some])

    def example(self) -> Windows:
        """A batch to time a step with; it is not part of the run."""
        return self.batch(0)

    def trained_on(self, batch: Windows) -> None:
        """Note that ``batch`` is behind us: a resumed run starts with the one after it."""
        self._number = batch.number + 1

    def state_dict(self) -> dict[str, Any]:
        """Where training stands, not how far the thread has read ahead."""
        return {"number": self._number}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._number = state_dict["number"]

    def close(self) -> None:
        """End the thread."""
        if self._stream is not None:
            self._stream.close()


def whole_windows(
    rows: NDArray[np.int64], lengths: NDArray[np.int64], *, window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and first samples of every whole window, one after another; a shorter track has one, padded with zeros."""
    counts = np.maximum(lengths // window, 1)
    first = np.cumsum(counts) - counts
    within = np.arange(int(counts.sum())) - np.repeat(first, counts)
    return np.repeat(rows, counts), within * window


def spread(rows: NDArray[np.int64], *, most: int) -> NDArray[np.int64]:
    """Positions of at most ``most`` windows of each track, evenly spread; ``rows`` [w] are ascending by track."""
    found = []
    for begin, end in _stretches(rows):
        count = min(most, end - begin)
        found.append(begin + ((2 * np.arange(count) + 1) * (end - begin)) // (2 * count))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _stretches(rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.append(True, np.diff(rows) != 0)) if len(rows) else np.zeros(0, np.int64)
    yield from zip(edges.tolist(), [*edges[1:].tolist(), len(rows)], strict=False)
