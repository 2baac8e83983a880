"""Which tracks a probe learns from, chooses by and is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Positions of the tracks of one fit, int64 each; the three share no group when the folds are grouped."""

    train: Rows
    valid: Rows
    test: Rows


def group_folds(group: Int[np.ndarray, " n"], *, k: int, seed: int) -> Int[np.ndarray, " n"]:
    """The part 0 ... k-1 of every track; tracks of one group stand in the same part, -1 is a group of one track.

    Groups are shuffled, then dealt from the largest to the smallest, each to the part with the fewest tracks.
    """
    alone = np.arange(len(group)) + (int(group.max()) + 1 if len(group) else 0)
    _, member = np.unique(np.where(group < 0, alone, group), return_inverse=True)
    sizes = np.bincount(member)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, part = np.zeros(k, dtype=np.int64), np.zeros(len(sizes), dtype=np.int64)
    for g in order:
        part[g] = int(filled.argmin())
        filled[part[g]] += sizes[g]
    return np.asarray(part[member])


def cross_validation(group: Int[np.ndarray, " n"], *, k: int, seed: int) -> list[Fold]:
    """k folds by group: part i is the test, part i + 1 the validation, the others train; every track is tested once."""
    part = group_folds(group, k=k, seed=seed)
    return [
        Fold(
            train=np.flatnonzero((part != i) & (part != (i + 1) % k)),
            valid=np.flatnonzero(part == (i + 1) % k),
            test=np.flatnonzero(part == i),
        )
        for i in range(k)
    ]


def stored_split(split: NDArray[np.str_]) -> list[Fold]:
    """The library's own split as the only fold; ``split`` holds train / valid / test per track."""
    train, valid, test = (np.flatnonzero(split == name) for name in ("train", "valid", "test"))
    return [Fold(train=train, valid=valid, test=test)]
