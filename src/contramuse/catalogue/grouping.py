"""What must not be torn apart by a split: the same artist, album, folder or a group of the user's."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contramuse.catalogue.index import Plan, group_names, shown
from contramuse.catalogue.labels import Labels
from contramuse.catalogue.splits import components, leaks, make_splits
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
    """

    by: str = "auto"
    seed: int = 0


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
    splits = make_splits(keys, seed=splitting.seed, before=known if any(known) else None)
    found = leaks(splits, keys)
    if found:
        fix = "Report this: made splits never tear a group."
        raise ContramuseError(f"groups are in two splits{_examples(found)}", name="splits", fix=fix)
    sizes = Counter(components(keys))
    said = [f"splits: made by {by}, seed {splitting.seed}: {len(sizes)} groups, none in two splits"]
    largest = max(sizes.values())
    if largest > 0.3 * len(keys) and len(sizes) < len(keys):
        said.append(f"warning: one group holds {largest} of {len(keys)} tracks; splits are as uneven as that")
    if len(sizes) < 3:
        said.append("warning: fewer than three groups; not every split has tracks (see --split-by)")
    return Made(splits, by, said)


def check_split_by(by: str, labels: Labels) -> None:
    """Make sure that splits can be made by ``by``, before anything is decoded.

    Raises:
        UserError: there is no such group.
    """
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


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _examples(found: Mapping[str, Sequence[str]]) -> str:
    some = [f"{key} ({', '.join(where)})" for key, where in list(found.items())[:SHOWN_LEAKS]]
    return ": " + "; ".join(some) + ("; ..." if len(found) > SHOWN_LEAKS else "")
