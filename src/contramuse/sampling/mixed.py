"""Labelled and unlabelled tracks in one batch (SemiSupCon: Guinot et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from contramuse.errors import LibraryError, RecipeError
from contramuse.sampling.base import Drawn, Sampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library


@dataclass(frozen=True, kw_only=True)
class Mixed(Sampler):
    """A part of each batch is drawn from the labelled tracks, and the rest from all tracks without their labels.

    The labelled tracks are the ``share`` of those with labels that keeps every label's share, chosen once by ``seed``;
    the number is exact: 0.05 of 2,400 is 120. The labels of all other tracks are never seen. An epoch goes once
    through the larger of the two sets for its part of the batch; the smaller one is gone through again and again, in a
    fresh order each time. Validation tracks keep all of their labels, unless the share is 0.

    Args:
        labels: the label field that says which tracks are labelled.
        labelled: part of each batch that is labelled (b_s); 0 is self-supervised, 1 is supervised.
        share: part of the labelled tracks whose labels are used (p_s); 0 is self-supervised.
        seed: of the choice of the labelled tracks.
    """

    labels: str
    labelled: float = 0.5
    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("labelled", "share"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise RecipeError("is a share", name=name, value=value, fix="Give 0 to 1.")

    def chosen(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """See ``Sampler.chosen``; ascending.

        Raises:
            LibraryError: the library has no such field.
        """
        from contramuse.catalogue.stratify import stratified_share

        return np.sort(rows[stratified_share(library.labels(self.labels)[rows], share=self.share, seed=self.seed)])

    def watching(self) -> Mixed:
        """See ``Sampler.watching``: the share is of the training tracks only."""
        return replace(self, share=1.0) if self.share else self

    def fields(self) -> frozenset[str]:
        """See ``Sampler.fields``."""
        return frozenset([self.labels])

    def label_fields(self) -> frozenset[str]:
        """See ``Sampler.label_fields``."""
        return frozenset([self.labels])

    def parts(self, chosen: int, *, batch: int) -> tuple[int, int]:
        """Labelled and unlabelled tracks of a batch, where ``chosen`` tracks are labelled."""
        labelled = int(self.labelled * batch + 1e-9) if chosen else 0  # 0.29 of 100 are 29, not 28.999999999999996
        return labelled, batch - labelled

    def check(self, library: Library, rows: NDArray[np.int64], *, batch: int) -> dict[str, object]:
        """See ``Sampler.check``: counts and ids of the labelled tracks."""
        chosen = self.chosen(library, rows)
        if self.labelled * self.share > 0 and not len(chosen):
            raise LibraryError(
                f"no training track has a label of {self.labels!r} after taking a share of {self.share:g}",
                name="sampler.labels", value=self.labels, fix="Raise sampler.share, or name another field.",
            )  # fmt: skip
        labelled, unlabelled = self.parts(len(chosen), batch=batch)
        return {
            "labelled_tracks": len(chosen), "labelled_in_batch": labelled, "unlabelled_in_batch": unlabelled,
            "labelled_ids": library.ids[chosen].tolist(),
        }  # fmt: skip

    def epoch(self, library: Library, rows: NDArray[np.int64], *, batch: int, generator: torch.Generator) -> Drawn:
        """See ``Sampler.epoch``. In each batch the labelled tracks stand first."""
        chosen = self.chosen(library, rows)
        labelled, unlabelled = self.parts(len(chosen), batch=batch)
        lengths = [len(chosen) // labelled if labelled else 0, len(rows) // unlabelled if unlabelled else 0]
        batches = max(1, *lengths)
        tracks = np.concatenate(
            [_cycled(chosen, batches, labelled, generator), _cycled(rows, batches, unlabelled, generator)], axis=1
        )
        seen = np.zeros(tracks.shape, dtype=bool)
        seen[:, :labelled] = True
        return Drawn(rows=tracks, group=tracks, labelled=seen)


def _cycled(rows: NDArray[np.int64], batches: int, each: int, generator: torch.Generator) -> NDArray[np.int64]:
    """``each`` tracks for every batch, [batches each]: permutation after permutation."""
    if not each:
        return np.zeros((batches, 0), np.int64)
    rounds = -(-batches * each // len(rows))
    order = torch.cat([torch.randperm(len(rows), generator=generator) for _ in range(rounds)])
    return np.asarray(rows[order[: batches * each].numpy()].reshape(batches, each))
