"""Every track by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from contramuse.sampling.base import Drawn, Sampler

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


@dataclass(frozen=True, kw_only=True)
class Alone(Sampler):
    """Every track by itself: each epoch is a fresh permutation of the tracks.

    The last n mod batch tracks of a permutation are left out of that epoch (another few each time), because a contrast
    needs every batch to hold as many negatives as the one before.
    """

    def epoch(self, library: Library, rows: NDArray[np.int64], *, batch: int, generator: torch.Generator) -> Drawn:
        """See ``Sampler.epoch``."""
        order = torch.randperm(len(rows), generator=generator).numpy()
        whole = len(rows) // batch * batch
        return Drawn.alone(rows[order[:whole]].reshape(-1, batch))
