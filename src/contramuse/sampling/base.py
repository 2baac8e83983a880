"""What a sampler is, and the generators that every random draw of a run comes from.

A sampler is a stateless part: it lays out one epoch. Randomness has no hidden state either: every draw of a run comes
from a generator made from the seed, a purpose and a count (``generator_for``), so a run goes on exactly from those
counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

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


@dataclass(frozen=True)
class Drawn:
    """Tracks that were drawn.

    Args:
        rows: int64 [... b], rows of the library.
        group: int64 [... b]; tracks with the same number were drawn together, as a pair from a playlist. It tells
            groups apart within a batch, and within an epoch.
        labelled: bool [... b]; where False, this draw of the track must not be seen with its labels.
    """

    rows: NDArray[np.int64]
    group: NDArray[np.int64]
    labelled: NDArray[np.bool_]

    @classmethod
    def alone(cls, rows: NDArray[np.int64]) -> Drawn:
        """Each track its own group, with its labels."""
        return cls(rows=rows, group=rows, labelled=np.ones(rows.shape, dtype=bool))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | slice | NDArray[np.bool_] | NDArray[np.int64]) -> Drawn:
        """The draws at ``index`` of the first axis."""
        return Drawn(rows=self.rows[index], group=self.group[index], labelled=self.labelled[index])


class Sampler(ABC):
    """Lays out one epoch."""

    @abstractmethod
    def epoch(self, library: Library, rows: NDArray[np.int64], *, batch: int, generator: torch.Generator) -> Drawn:
        """What one epoch draws.

        Args:
            library: for samplers that look at labels or groups.
            rows: int64 [n], the library rows to sample from.
            batch: tracks of one batch, over all processes.
            generator: source of the order.

        Returns:
            [batches batch], each row one batch.
        """

    def chosen(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tracks of ``rows`` whose labels are ever seen: int64 [m]."""
        return rows

    def watching(self) -> Sampler:
        """The sampler of validation tracks."""
        return self

    def fields(self) -> frozenset[str]:
        """Names of label fields or groups of the library that this sampler reads."""
        return frozenset()

    def label_fields(self) -> frozenset[str]:
        """Label fields that this sampler shows or hides for contrasts that read them."""
        return frozenset()

    def check(self, library: Library, rows: NDArray[np.int64], *, batch: int) -> dict[str, object]:
        """Make sure that ``library`` has what this sampler needs; facts about it for the run's description.

        Raises:
            LibraryError: the library has no such groups or labels, or too few tracks of them.
            RecipeError: the batch does not fit.
        """
        return {}
