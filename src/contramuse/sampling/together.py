"""Tracks that are drawn together: pairs from playlists, artists, albums or labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from contramuse.catalogue.playlists import library_lists
from contramuse.errors import LibraryError, RecipeError
from contramuse.sampling.base import Drawn, Sampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library
    from contramuse.catalogue.playlists import Lists

ATTEMPTS = 20
"""How often an epoch is drawn anew where chance gives fewer groups than one batch."""


@dataclass(frozen=True, kw_only=True)
class Together(Sampler):
    """Pairs of tracks from lists, drawn anew every epoch; Meehan and Pauwels (ICASSP 2025), PlaylistContrastive.

    The lists are gone through in random order. The tracks of a list that are still available are shuffled and paired
    one after another; the odd one is dropped from this list. A pair stands side by side in its batch and has one group
    number. Pairs that do not fill a last batch are left out, other ones in each epoch.

    Args:
        by: whose lists: "playlists", "artist", "album", another group, or a label field with classes.
        repeats: "never": a track is in at most one pair of an epoch (playlists, genres); "across_lists": a track is in
            at most one pair of each of its lists (artists).
        size: tracks that are drawn together; the rest of a list is dropped.
    """

    by: str = "playlists"
    repeats: Literal["never", "across_lists"] = "never"
    size: int = 2

    def __post_init__(self) -> None:
        if self.size < 2:
            raise RecipeError("is less than a pair", name="size", value=self.size, fix="Set size=2 or more.")

    def fields(self) -> frozenset[str]:
        """See ``Sampler.fields``."""
        return frozenset([self.by])

    def epoch(self, library: Library, rows: NDArray[np.int64], *, batch: int, generator: torch.Generator) -> Drawn:
        """See ``Sampler.epoch``.

        Raises:
            RecipeError: the batch is no multiple of the size.
            LibraryError: no epoch fills a batch.
        """
        self._check_batch(batch)
        lists = library_lists(library, self.by).within(rows)
        per_batch = batch // self.size
        for _ in range(ATTEMPTS):
            groups = self.groups(lists, generator=generator)
            whole = len(groups) // per_batch * per_batch
            if whole:
                drawn = groups[torch.randperm(len(groups), generator=generator).numpy()[:whole]].reshape(-1, batch)
                number = np.arange(whole).repeat(self.size).reshape(drawn.shape)
                return Drawn(rows=drawn, group=number, labelled=np.ones(drawn.shape, dtype=bool))
        raise LibraryError(
            f"an epoch has {len(groups)} groups of {self.size} tracks by {self.by}, one batch takes {per_batch}",
            name="train.batch",
            value=batch,
            fix=f"Set train.batch={len(groups) * self.size} or less."
            if len(groups)
            else f"No {self.size} training tracks are together in a list: choose another sampler.by.",
        )

    def groups(self, lists: Lists, *, generator: torch.Generator) -> NDArray[np.int64]:
        """One epoch's groups: rows int64 [groups size], in the order in which they were made."""
        shuffled = lists.rows[_shuffle_within(lists, generator)]
        taken = np.zeros(int(lists.rows.max(initial=-1)) + 1, dtype=bool)
        found = [np.zeros((0, self.size), np.int64)]
        for number in torch.randperm(len(lists), generator=generator).tolist():
            own = shuffled[lists.starts[number] : lists.starts[number + 1]]
            if self.repeats == "never":
                own = own[~taken[own]]
            own = own[: len(own) // self.size * self.size]
            taken[own] = True
            found.append(own.reshape(-1, self.size))
        return np.concatenate(found)

    def check(self, library: Library, rows: NDArray[np.int64], *, batch: int) -> dict[str, object]:
        """See ``Sampler.check``; how many lists and tracks there are to draw from."""
        self._check_batch(batch)
        lists = library_lists(library, self.by).within(rows)
        usable = np.diff(lists.starts) >= self.size
        tracks = len(np.unique(lists.rows[usable[lists.numbers]]))
        return {"lists": int(usable.sum()), "tracks_in_lists": tracks, "tracks_in_none": len(rows) - tracks}

    def _check_batch(self, batch: int) -> None:
        if batch % self.size:
            fix = f"Set train.batch={max(batch // self.size, 1) * self.size}."
            raise RecipeError(f"does not hold whole groups of {self.size}", name="train.batch", value=batch, fix=fix)


def _shuffle_within(lists: Lists, generator: torch.Generator) -> NDArray[np.int64]:
    """An order of all memberships that keeps the lists one after another, each in random order."""
    lot = torch.rand(len(lists.rows), dtype=torch.float64, generator=generator).numpy()
    return np.argsort(lists.numbers + lot)
