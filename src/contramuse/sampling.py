"""Which tracks stand together in a batch, and the stream of batches that resumes anywhere.

A sampler is a stateless part: it lays out one epoch. ``Batches`` walks through the epochs, cuts each batch into the
parts of the processes, and its whole state is where it stands. Randomness has no hidden state either: every draw of a
run comes from a generator made from the seed, a purpose and a count (``generator_for``), so a run goes on exactly from
those counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from contramuse.errors import LibraryError, UserError
from contramuse.files import stable_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


def generator_for(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on ``device`` that depends on nothing but the seed and the purpose.

    Args:
        seed: the run's seed.
        purpose: words and counts that tell this use from every other, as ("crop", view, batch number, process).
        device: where the numbers are drawn.
    """
    return torch.Generator(device=device).manual_seed(int(stable_hash([seed, *purpose]), 16))


class Sampler(ABC):
    """Lays out one epoch."""

    @abstractmethod
    def epoch(
        self, library: Library, rows: NDArray[np.int64], *, batch: int, generator: torch.Generator
    ) -> NDArray[np.int64]:
        """Rows of one epoch.

        Args:
            library: for samplers that look at labels or groups.
            rows: int64 [n], the library rows to sample from.
            batch: tracks of one batch, over all processes.
            generator: source of the order.

        Returns:
            int64 [batches batch], each row one batch.
        """


@dataclass(frozen=True, kw_only=True)
class Alone(Sampler):
    """Every track by itself: each epoch is a fresh permutation of the tracks.

    The last n mod batch tracks of a permutation are left out of that epoch (another few each time), because a contrast
    needs every batch to hold as many negatives as the one before.
    """

    def epoch(
        self, library: Library, rows: NDArray[np.int64], *, batch: int, generator: torch.Generator
    ) -> NDArray[np.int64]:
        """See ``Sampler.epoch``."""
        order = torch.randperm(len(rows), generator=generator).numpy()
        whole = len(rows) // batch * batch
        return np.asarray(rows[order[:whole]].reshape(-1, batch))


SAMPLERS: dict[str, type[Sampler]] = {"alone": Alone}


class Batches:
    """The endless stream of batches of one process.

    Every process lays out the same epochs and takes its own part of every batch: part ``process`` of ``processes``
    equal ones, so the parts are disjoint and together are the batch of a single process.

    Args:
        sampler: lays out the epochs.
        library: given to the sampler.
        rows: int64 [n], library rows to sample from.
        batch: tracks of one batch over all processes.
        seed: the run's seed.
        process: number of this process.
        processes: number of processes.

    Raises:
        LibraryError: there are fewer tracks than one batch.
        UserError: the batch cannot be shared equally by the processes.
    """

    def __init__(
        self,
        sampler: Sampler,
        library: Library,
        rows: NDArray[np.int64],
        *,
        batch: int,
        seed: int,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        if len(rows) < batch:
            raise LibraryError(
                f"the batch is larger than the {len(rows)} tracks to train on",
                name="train.batch",
                value=batch,
                fix=f"Set train.batch={max(len(rows), 2)} or less, or prepare a library with more tracks.",
            )
        if batch % processes:
            raise UserError(
                f"the batch cannot be shared equally by {processes} processes",
                name="train.batch",
                value=batch,
                fix=f"Set train.batch={batch // processes * processes or processes}.",
            )
        self._sampler, self._library, self._rows = sampler, library, np.asarray(rows, dtype=np.int64)
        self._batch, self._seed = batch, seed
        self._part = slice(process * (batch // processes), (process + 1) * (batch // processes))
        self._epoch, self._position, self._number = 0, 0, 0
        self._plan = self._lay_out()

    def _lay_out(self) -> NDArray[np.int64]:
        generator = generator_for(self._seed, "sampler", self._epoch)
        return self._sampler.epoch(self._library, self._rows, batch=self._batch, generator=generator)

    def next_batch(self) -> NDArray[np.int64]:
        """Library rows of this process's part of the next batch: int64 [batch / processes]."""
        if self._position == len(self._plan):
            self._epoch, self._position = self._epoch + 1, 0
            self._plan = self._lay_out()
        rows = self._plan[self._position][self._part]
        self._position += 1
        self._number += 1
        return np.asarray(rows)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        while True:
            yield self.next_batch()

    @property
    def number(self) -> int:
        """Batches given so far."""
        return self._number

    def state_dict(self) -> dict[str, int]:
        """Where the stream stands; the same for every process."""
        return {
            "epoch": self._epoch,
            "position": self._position,
            "number": self._number,
            "tracks": len(self._rows),
            "batch": self._batch,
            "seed": self._seed,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from ``state``.

        Raises:
            LibraryError: the stream that ``state`` describes had other tracks, another batch or seed.
        """
        own = self.state_dict()
        for name in ("tracks", "batch", "seed"):
            if state[name] != own[name]:
                raise LibraryError(
                    f"the run was started with {state[name]}",
                    name=name,
                    value=own[name],
                    fix="Resume with the library and recipe that the run was started with, or start a new run.",
                )
        self._epoch, self._position, self._number = state["epoch"], state["position"], state["number"]
        self._plan = self._lay_out()
