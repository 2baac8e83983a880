"""The stream of batches that resumes anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from contramuse.errors import LibraryError, UserError
from contramuse.sampling.base import Drawn, Sampler, generator_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


class Batches:
    """The endless stream of batches of one process.

    It walks through the epochs, and its whole state is where it stands. Every process lays out the same epochs and
    takes its own part of every batch: every ``processes``-th draw from the one numbered ``process``, so the parts are
    disjoint, together are the batch of a single process, and are alike where a batch has an order (labelled first).

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
        self.about = sampler.check(library, rows, batch=batch)
        self._sampler, self._library, self._rows = sampler, library, np.asarray(rows, dtype=np.int64)
        self._batch, self._seed = batch, seed
        self._part = slice(process, batch, processes)
        self._epoch, self._position, self._number = 0, 0, 0
        self._plan = self._lay_out()

    def _lay_out(self) -> Drawn:
        generator = generator_for(self._seed, "sampler", self._epoch)
        plan = self._sampler.epoch(self._library, self._rows, batch=self._batch, generator=generator)
        if not len(plan):
            raise LibraryError(
                f"an epoch of this sampler has fewer draws than one batch of {self._batch}",
                name="train.batch",
                value=self._batch,
                fix="Set a smaller train.batch, or prepare a library with more tracks, groups or labels.",
            )
        return plan

    def next_batch(self) -> Drawn:
        """This process's part of the next batch: [batch / processes]."""
        if self._position == len(self._plan):
            self._epoch, self._position = self._epoch + 1, 0
            self._plan = self._lay_out()
        drawn = self._plan[self._position][self._part]
        self._position += 1
        self._number += 1
        return drawn

    def __iter__(self) -> Iterator[Drawn]:
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
