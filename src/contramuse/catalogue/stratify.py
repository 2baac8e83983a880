"""Parts of a collection in which every label has its share: labelled subsets of an exact size, splits, nested splits.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", 2011): the
label with the fewest rows left is dealt out first, each of its rows to the part that lacks most of that label. One
change: a part that is full takes no more rows, so that the sizes of the parts are exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contramuse.catalogue.splits import SHARES
from contramuse.errors import UserError

BINS = 10
"""Equally large parts of the values of a numeric field, which are then its labels."""


def stratified_share(labels: NDArray[Any], *, share: float, seed: int) -> NDArray[np.bool_]:
    """A share of the labelled rows in which every label has the share that it has among all of them.

    Args:
        labels: multi-hot [n c] (a row of zeros is unlabelled), int [n] (negative is unlabelled) or float [n] (NaN is
            unlabelled).
        share: of the labelled rows, 0 to 1.
        seed: another seed takes other rows.

    Returns:
        bool [n], true for exactly round(share x labelled rows); 0.05 of 2,400 is 120.

    Raises:
        UserError: the share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise UserError("is no share", name="share", value=share, fix="Give a number from 0 to 1.")
    hot = one_hot(labels)
    labelled = np.flatnonzero(hot.any(axis=1))
    wanted = round(share * len(labelled))
    taken = np.zeros(len(hot), np.bool_)
    taken[labelled[_deal(hot[labelled], sizes=[wanted, len(labelled) - wanted], seed=seed) == 0]] = True
    return taken


def stratified_parts(labels: NDArray[Any], *, shares: Sequence[float], seed: int) -> NDArray[np.int64]:
    """The number of the part of every row, int64 [n]; parts are exactly as large as their shares, to the nearest row.

    Args:
        labels: as for ``stratified_share``; unlabelled rows are dealt out too.
        shares: of the parts, their sum is 1.
        seed: another seed gives other parts.

    Raises:
        UserError: the shares do not sum to 1.
    """
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        fix = "Give shares that sum to 1, as 0.8, 0.1, 0.1."
        raise UserError("do not sum to 1", name="shares", value=", ".join(map(str, shares)), fix=fix)
    hot = one_hot(labels)
    return _deal(hot, sizes=_sizes(len(hot), shares), seed=seed)


def stratified_splits(labels: NDArray[Any], *, seed: int, shares: Mapping[str, float] = SHARES) -> list[str]:
    """The split of every row: 80, 10 and 10 % of the rows unless ``shares`` says otherwise, labels alike in all."""
    names = list(shares)
    return [names[part] for part in stratified_parts(labels, shares=list(shares.values()), seed=seed)]


def stratified_groups(
    labels: NDArray[Any], component: Sequence[int], *, seed: int, shares: Mapping[str, float], kept: Mapping[int, str]
) -> list[str]:
    """The split of every row, no component torn: labels as alike in all splits as whole components allow.

    As rows are dealt out by ``stratified_parts``, but a component at a time, the large ones of a label first; sizes are
    as near to the shares as the components let them be.

    Args:
        labels: as for ``stratified_share``, [n c] or [n].
        component: of each row.
        seed: another seed gives other splits.
        shares: of the splits, by name.
        kept: components whose split is settled.
    """
    hot, names = one_hot(labels), list(shares)
    places = {one: place for place, one in enumerate(dict.fromkeys(component))}
    group = np.array([places[one] for one in component], np.int64)
    size = np.bincount(group, minlength=len(places))
    counts = np.zeros((len(places), hot.shape[1]), np.int64)
    np.add.at(counts, group, hot)
    fixed = np.full(len(places), -1, np.int64)
    for one, split in kept.items():
        fixed[places[one]] = names.index(split)
    part = _deal_groups(counts, size, sizes=_sizes(len(hot), list(shares.values())), fixed=fixed, seed=seed)
    return [names[chosen] for chosen in part[group].tolist()]


def split_rows(
    rows: NDArray[np.int64], labels: NDArray[Any], *, seed: int, shares: Mapping[str, float]
) -> dict[str, NDArray[np.int64]]:
    """Splits of a part of a library, as rows of the library.

    A benchmark that lives inside another's test split (Melon-50: 60, 20 and 20 % of Melon's test songs) is made so.
    Both what comes in and what goes out counts in rows of the whole library; positions in ``rows`` leave no trace,
    so that one split cannot be read with another's numbering.

    Args:
        rows: int64 [m], the library rows to be split.
        labels: of the whole library, [n c] or [n].
        seed: another seed gives other splits.
        shares: of the splits, by name.

    Returns:
        Split name -> rows, ascending; they are disjoint and together are ``rows``.
    """
    parts = stratified_parts(labels[rows], shares=list(shares.values()), seed=seed)
    return {name: np.sort(rows[parts == part]) for part, name in enumerate(shares)}


def one_hot(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Labels of any kind as bool [n c]; a row of zeros is unlabelled."""
    if labels.ndim == 2:
        return np.asarray(labels > 0)
    if np.issubdtype(labels.dtype, np.floating):
        known = np.isfinite(labels)
        edges = np.quantile(labels[known], np.linspace(0, 1, BINS + 1)[1:-1]) if known.any() else np.zeros(0)
        labels = np.where(known, np.searchsorted(edges, np.where(known, labels, 0.0), side="right"), -1)
    codes = np.unique(labels[labels >= 0])
    return np.asarray(labels[:, None] == codes[None, :])


def with_none(labels: NDArray[Any]) -> NDArray[Any]:
    """Multi-hot labels [n c] with one more column, of the rows that have none: for rows that are known to have none.

    A share of them is then taken like that of any label. NaN, of which nothing is stated, counts as absent. Labels that
    are not multi-hot are as they were.
    """
    if labels.ndim != 2:
        return labels
    hot = np.asarray(labels > 0)
    return np.column_stack([hot, ~hot.any(axis=1)]).astype(np.float32)


def _sizes(n: int, shares: Sequence[float]) -> list[int]:
    """Whole sizes that sum to n, each within one of its share: the largest remainders are rounded up."""
    exact = [n * share for share in shares]
    sizes = [math.floor(x + 1e-9) for x in exact]
    for i in sorted(range(len(exact)), key=lambda i: (sizes[i] - exact[i], i))[: n - sum(sizes)]:
        sizes[i] += 1
    return sizes


def _deal(hot: NDArray[np.bool_], *, sizes: Sequence[int], seed: int) -> NDArray[np.int64]:
    """Deal the rows of ``hot`` [n c] to parts of exactly these sizes, int64 [n]."""
    n, parts = len(hot), range(len(sizes))
    part = np.full(n, -1, np.int64)
    order = np.random.default_rng(seed).permutation(n)
    free = list(sizes)
    left = hot.sum(axis=0).astype(np.int64)
    lacks = [[count * size / max(n, 1) for count in left.tolist()] for size in sizes]

    def give(row: int, chosen: int) -> None:
        part[row] = chosen
        free[chosen] -= 1
        for label in np.flatnonzero(hot[row]).tolist():
            lacks[chosen][label] -= 1

    while left.any():
        rarest = int(np.where(left > 0, left, n + 1).argmin())
        rows = order[hot[order, rarest] & (part[order] < 0)]
        for row in rows.tolist():
            open_parts = [p for p in parts if free[p]]
            give(row, max(open_parts, key=lambda p: (lacks[p][rarest], free[p])))
        left -= hot[rows].sum(axis=0)
    rest = order[part[order] < 0]
    part[rest] = np.repeat(np.arange(len(sizes)), free)
    return part


def _deal_groups(
    counts: NDArray[np.int64], size: NDArray[np.int64], *, sizes: Sequence[int], fixed: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """Deal groups with label ``counts`` [g c] and ``size`` [g] to parts of about these sizes, int64 [g]."""
    part: NDArray[np.int64] = fixed.copy()
    free = np.array(sizes, np.float64)
    total = max(1, int(size.sum()))
    lacks = counts.sum(axis=0)[None] * np.array(sizes, np.float64)[:, None] / total
    for row in np.flatnonzero(fixed >= 0):
        free[fixed[row]] -= size[row]
        lacks[fixed[row]] -= counts[row]
    order = np.random.default_rng(seed).permutation(len(size))
    order = order[np.argsort(-size[order], kind="stable")]
    left = counts[part < 0].sum(axis=0)
    while (part < 0).any():
        rarest = int(np.where(left > 0, left, total + 1).argmin()) if left.any() else -1
        waiting = order[part[order] < 0]
        for row in waiting if rarest < 0 else waiting[counts[waiting, rarest] > 0]:
            room = np.flatnonzero(free >= size[row])
            chosen = max(
                room.tolist() or [int(free.argmax())], key=lambda p: (lacks[p, rarest] if rarest >= 0 else 0, free[p])
            )
            part[row] = chosen
            free[chosen] -= size[row]
            lacks[chosen] -= counts[row]
            left -= counts[row]
    return part
