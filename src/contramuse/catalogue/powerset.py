"""CLMR's subsets for label efficiency: a share of the tracks of every distinct set of labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contramuse.errors import UserError


def powerset_share(labels: NDArray[np.float32], *, share: float, seed: int) -> NDArray[np.bool_]:
    """max(1, floor(count x share)) tracks of each distinct set of labels, without replacement.

    Rare sets always keep one track, so that the whole is more than the share: 1 % of MagnaTagATune's training clips
    are many more than 1 %. ``stratify.stratified_share`` is exact.

    Args:
        labels: multi-hot [n c], a row of zeros is unlabelled; or class numbers [n], negative where unlabelled.
        share: of each set, above 0 and at most 1.
        seed: another seed takes other tracks.

    Returns:
        bool [n], true for the tracks that are taken; never for unlabelled ones.

    Raises:
        UserError: the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise UserError("is no share", name="share", value=share, fix="Give a number above 0 and at most 1.")
    hot = labels.ndim == 2
    labelled = np.flatnonzero((labels > 0).any(axis=1) if hot else labels >= 0)
    taken = np.zeros(len(labels), np.bool_)
    if not len(labelled):
        return taken
    keys = labels[labelled] > 0 if hot else labels[labelled]
    _, sets = np.unique(keys, axis=0, return_inverse=True)
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labelled))
    for number in range(int(sets.max()) + 1):
        members = order[sets.reshape(-1)[order] == number]
        taken[labelled[members[: max(1, int(len(members) * share + 1e-9))]]] = True
    return taken
