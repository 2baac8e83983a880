"""One track of each song, artist or album in an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from contramuse.catalogue.playlists import first_of
from contramuse.errors import LibraryError
from contramuse.sampling.base import Drawn, Sampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


@dataclass(frozen=True, kw_only=True)
class OneOf(Sampler):
    """One track of each group, drawn anew every epoch, so that two tracks of a group never meet as negatives.

    Tracks without a group stand for themselves. A track with several groups of this name (two artists) counts for its
    first. Groups that do not fill a last batch are left out, other ones in each epoch.

    Args:
        by: "artist", "album", another group (excerpts of one song), or a label field with one class per track.
    """

    by: str = "artist"

    def epoch(self, library: Library, rows: NDArray[np.int64], *, batch: int, generator: torch.Generator) -> Drawn:
        """See ``Sampler.epoch``."""
        shuffled = rows[torch.randperm(len(rows), generator=generator).numpy()]
        # np.unique gives the first of each group in the shuffled order; the order of the groups is then drawn too.
        first = np.unique(self._songs(library, shuffled), return_index=True)[1]
        chosen = shuffled[first[torch.randperm(len(first), generator=generator).numpy()]]
        return Drawn.alone(chosen[: len(chosen) // batch * batch].reshape(-1, batch))

    def check(self, library: Library, rows: NDArray[np.int64], *, batch: int) -> dict[str, object]:
        """See ``Sampler.check``; how many groups there are."""
        songs = len(np.unique(self._songs(library, rows)))
        if songs < batch:
            raise LibraryError(
                f"the batch is larger than the {songs} groups by {self.by} to train on",
                name="train.batch",
                value=batch,
                fix=f"Set train.batch={songs} or less, or choose another sampler.by.",
            )
        return {"groups": songs}

    def _songs(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The number of each row's group; a row without one has a negative number of its own."""
        group = first_of(library, self.by)[rows]
        return np.where(group < 0, -1 - rows, group)
