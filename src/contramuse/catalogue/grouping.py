"""What must not be torn apart by a split: the same artist, album, folder or a group of the user's."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contramuse.catalogue.index import Plan, group_names, shown
from contramuse.catalogue.labels import Labels
from contramuse.catalogue.splits import SHARES, components, kept_splits, leaks, make_splits, members_of
from contramuse.catalogue.stratify import one_hot, stratified_groups
from contramuse.catalogue.track import SPLITS
from contramuse.errors import ContramuseError, UserError

FEWEST_FOLDERS = 10
SHOWN_LEAKS = 5


@dataclass(frozen=True)
class Splitting:
    """How splits are made where the labels give none.

    Args:
        by: what must not be torn apart: "artist", "album", "folder", "track" (nothing), a group, or "auto": the artist
            where known, else the album, else the folder where the tracks lie in ten or more.
        seed: another seed gives other splits.
        shares: of train, valid and test.
        stratify: label field whose classes have about the same share in all splits; "": none. Groups stay whole.

    Raises:
        UserError: the shares are none.
    """

    by: str = "auto"
    seed: int = 0
    shares: tuple[float, float, float] = (SHARES["train"], SHARES["valid"], SHARES["test"])
    stratify: str = ""

    def __post_init__(self) -> None:
        if min(self.shares) < 0 or not self.shares[0] or abs(sum(self.shares) - 1) > 1e-6:
            told = ",".join(f"{share:g}" for share in self.shares)
            fix = "Give three shares of train, valid and test that sum to 1, as 0.8,0.1,0.1."
            raise UserError("are no shares of splits", name="--shares", value=told, fix=fix)

    @property
    def by_split(self) -> dict[str, float]:
        """The shares by name."""
        return dict(zip(SPLITS, self.shares, strict=True))


@dataclass(frozen=True)
class Made:
    """Splits of all tracks, by what they were made, and what there is to say about them."""

    splits: list[str]
    by: str
    said: list[str]


def split_tracks(plan: Plan, splitting: Splitting, *, before: Mapping[str, str]) -> Made:
    """Splits as given, or made so that no group is in two of them.

    Args:
        plan: the tracks.
        splitting: how.
        before: split by id of an earlier run, which is kept.

    Raises:
        UserError: there is no such group.
    """
    artists = [tuple(f"artist {_folded(name)}" for name in kept.artists) for kept in plan.kept]
    given = plan.labels.splits
    rows = [kept.row for kept in plan.kept]
    if given is not None and any(row >= 0 and given[row] for row in rows):
        splits = [given[row] if row >= 0 and given[row] else "train" for row in rows]
        without = sum(row < 0 or not given[row] for row in rows)
        said = ["splits: given" + (f"; {without} tracks without one are in train" if without else "")]
        found = leaks(splits, artists)
        if found:
            said.append(f"warning: {len(found)} artists are in more than one of the given splits{_examples(found)}")
        kept = {kept.path: split for kept, split in zip(plan.kept, splits, strict=True)}
        torn = [shown(path) for row, path in plan.twins if given[row] and given[row] != kept[path]]
        if torn:
            said.append(
                f"warning: {len(torn)} recordings are given to two splits, as files of the same audio: {torn[0]}"
            )
        return Made(splits, "given", said)
    keys, by = _keys(plan, artists, splitting.by)
    known = [before.get(kept.id) for kept in plan.kept]
    shares, settled = splitting.by_split, known if any(known) else None
    if splitting.stratify:
        values, group = _values(plan, splitting.stratify), components(keys)
        kept_before = kept_splits(members_of(group), settled)
        splits = stratified_groups(values, group, seed=splitting.seed, shares=shares, kept=kept_before)
    else:
        splits = make_splits(keys, seed=splitting.seed, before=settled, shares=shares)
    found = leaks(splits, keys)
    if found:
        fix = "Report this: made splits never tear a group."
        raise ContramuseError(f"groups are in two splits{_examples(found)}", name="splits", fix=fix)
    sizes = Counter(components(keys))
    said = [f"splits: made by {by}, seed {splitting.seed}: {len(sizes)} groups, none in two splits"]
    if splitting.stratify:
        said.append(_evenness(splitting.stratify, one_hot(values), splits))
    largest = max(sizes.values())
    if largest > 0.3 * len(keys) and len(sizes) < len(keys):
        said.append(f"warning: one group holds {largest} of {len(keys)} tracks; splits are as uneven as that")
    if len(sizes) < 3:
        said.append("warning: fewer than three groups; not every split has tracks (see --split-by)")
    return Made(splits, by, said)


def check_splitting(splitting: Splitting, labels: Labels) -> None:
    """Make sure that splits can be made so, before anything is decoded.

    Raises:
        UserError: there is no such group or label field, or the labels give the splits.
    """
    if splitting.stratify and splitting.stratify not in labels.kinds:
        fix = f"Its label fields: {', '.join(labels.kinds) or 'none'}."
        raise UserError("is no label field of the labels file", name="--stratify", value=splitting.stratify, fix=fix)
    if labels.splits is not None and any(labels.splits):
        told = {"--stratify": splitting.stratify, "--shares": "" if splitting.shares == Splitting().shares else "given"}
        if asked := [name for name, value in told.items() if value]:
            fix = "Leave it out, or take the column of splits out of the labels."
            raise UserError(f"the splits are given by {labels.source}", name=asked[0], fix=fix)
    by = splitting.by
    known = list(dict.fromkeys(("auto", "track", "folder", *group_names(labels))))
    if by not in known:
        fix = f"Use one of: {', '.join(known)}."
        raise UserError("is no group of this library", name="--split-by", value=by, fix=fix)


def _keys(plan: Plan, artists: Sequence[tuple[str, ...]], by: str) -> tuple[list[tuple[str, ...]], str]:
    """For each track what ties it to others (its own path if nothing does), and that in words."""
    own: list[tuple[str, ...]] = [(f"file {kept.path!r}",) for kept in plan.kept]
    folders = [os.path.dirname(kept.path) for kept in plan.kept]
    by_folder: list[tuple[str, ...]] = [(f"folder {folder!r}",) for folder in folders]
    albums = [(f"album {_folded(kept.album)}",) if kept.album else () for kept in plan.kept]
    if by == "track" and "track" not in plan.labels.groups:
        return own, "track"
    if by in plan.labels.groups and by != "artist":
        column = plan.labels.groups[by]
        named = [tuple(f"{by} {_folded(name)}" for name in column[k.row]) if k.row >= 0 else () for k in plan.kept]
    elif by != "auto":
        named = list(artists if by == "artist" else albums if by == "album" else by_folder)
    else:
        several = len(set(folders)) >= FEWEST_FOLDERS
        rest = by_folder if several else own
        keys = [a or b or c for a, b, c in zip(artists, albums, rest, strict=True)]
        counts = (sum(map(bool, artists)), sum(bool(b) and not a for a, b in zip(artists, albums, strict=True)))
        last = "folder" if several else "track"
        said = f"artist ({counts[0]} tracks), album ({counts[1]}), {last} ({len(keys) - sum(counts)})"
        return keys, said
    return [key or alone for key, alone in zip(named, own, strict=True)], by


def _values(plan: Plan, name: str) -> NDArray[Any]:
    """The labels of a field as ``stratify`` takes them: [n c] of tags, float [n] of numbers, int [n] of classes."""
    column, kind = plan.labels.values[name], plan.labels.kinds[name]
    cells = [column[kept.row] if kept.row >= 0 else None for kept in plan.kept]
    if kind == "numeric":
        return np.array([np.nan if cell is None else cell for cell in cells], np.float64)
    several = [(cell or ()) if kind == "multilabel" else (() if cell is None else (cell,)) for cell in cells]
    classes = {name: place for place, name in enumerate(sorted({one for cell in several for one in cell}))}
    hot = np.zeros((len(cells), len(classes)), np.bool_)
    for row, cell in enumerate(several):
        hot[row, [classes[one] for one in cell]] = True
    return hot


def _evenness(name: str, hot: NDArray[np.bool_], splits: Sequence[str]) -> str:
    """How alike the splits became: the largest difference of a class's shares."""
    where = np.array(splits)
    shares = np.stack([hot[where == split].mean(axis=0) for split in SPLITS if (where == split).any()])
    widest = float((shares.max(axis=0) - shares.min(axis=0)).max()) if hot.shape[1] else 0.0
    return f"splits: stratified by {name}: no class's shares differ by more than {100 * widest:.1f} points"


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _examples(found: Mapping[str, Sequence[str]]) -> str:
    some = [f"{key} ({', '.join(where)})" for key, where in list(found.items())[:SHOWN_LEAKS]]
    return ": " + "; ".join(some) + ("; ..." if len(found) > SHOWN_LEAKS else "")
