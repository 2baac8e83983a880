"""Splits by group, made with a seed, kept from run to run, and checked for leaks."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from contramuse.catalogue.track import SPLITS
from contramuse.errors import UserError

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
_ALIASES = {
    "train": ("train", "training", "tr", "dev-train"),
    "valid": ("valid", "validation", "val", "dev", "development"),
    "test": ("test", "testing", "eval", "evaluation", "te"),
}
_NAMES = {alias: split for split, aliases in _ALIASES.items() for alias in aliases}


def split_named(text: str) -> str:
    """The split that a word means.

    Raises:
        UserError: it means none.
    """
    found = _NAMES.get(text.strip().lower())
    if found is None:
        fix = f"Use {', '.join(SPLITS)} (or training, validation, val, dev, testing, eval)."
        raise UserError("is not the name of a split", name="split", value=text, fix=fix)
    return found


def components(keys: Sequence[Sequence[str]]) -> list[int]:
    """The component of each track when tracks that share any key belong together.

    Args:
        keys: of each track, at least one.

    Returns:
        For each track the position of the first track of its component.
    """
    parent = list(range(len(keys)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    for i, names in enumerate(keys):
        for name in names:
            a, b = root(first.setdefault(name, i)), root(i)
            parent[max(a, b)] = min(a, b)
    return [root(i) for i in range(len(keys))]


def make_splits(
    keys: Sequence[Sequence[str]],
    *,
    seed: int,
    before: Sequence[str | None] | None = None,
    shares: Mapping[str, float] = SHARES,
) -> list[str]:
    """Splits of 80, 10 and 10 % of the tracks (or other shares), no key in two of them.

    Components are taken in an order that depends on the seed and their keys only; test and then valid are filled with
    those that fit, the rest is train. Three components fill all three splits, two fill train and valid.

    Args:
        keys: of each track: what must not be torn apart.
        seed: another seed gives other splits.
        before: the split of each track in an earlier run, None for new ones; a component that has one keeps it.
        shares: of the splits; one of 0 stays empty.
    """
    members = members_of(components(keys))
    chosen = kept_splits(members, before)
    have = dict.fromkeys(SPLITS, 0)
    for component, split in chosen.items():
        have[split] += len(members[component])
    names = {component: min(min(keys[i]) for i in tracks) for component, tracks in members.items()}
    order = sorted((c for c in members if c not in chosen), key=lambda c: _lot(seed, names[c]))
    for split in ("test", "valid") if len(members) > 2 else ("valid",):
        want = max(1.0, shares[split] * len(keys))
        # What the splits after this one need at least, as long as they have nothing.
        later = (not have["train"]) + (split == "test" and shares["valid"] > 0 and not have["valid"])
        left = sum(c not in chosen for c in order)
        for component in order if len(members) > 1 and shares[split] else ():
            size = len(members[component])
            fits = have[split] + size <= 1.25 * want and have[split] < want and left > later
            if component not in chosen and fits:
                chosen[component] = split
                have[split] += size
                left -= 1
        free = [c for c in order if c not in chosen]
        if shares[split] and not have[split] and len(free) > 1 + (split == "test"):
            smallest = min(free, key=lambda c: len(members[c]))
            chosen[smallest] = split
            have[split] = len(members[smallest])
    out = ["train"] * len(keys)
    for component, split in chosen.items():
        for i in members[component]:
            out[i] = split
    return out


def members_of(component: Sequence[int]) -> dict[int, list[int]]:
    """The tracks of each component."""
    members: dict[int, list[int]] = defaultdict(list)
    for i, one in enumerate(component):
        members[one].append(i)
    return members


def kept_splits(members: Mapping[int, Sequence[int]], before: Sequence[str | None] | None) -> dict[int, str]:
    """The split of each component that had one in an earlier run: the most frequent one of its tracks."""
    chosen: dict[int, str] = {}
    for component, tracks in members.items():
        known = Counter(split for i in tracks if before is not None and (split := before[i]) is not None)
        if known:
            chosen[component] = max(SPLITS, key=lambda split: (known[split], split))
    return chosen


def _lot(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "surrogatepass")).digest()


def leaks(split: Sequence[str], keys: Sequence[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Keys (artists, contents) that occur in more than one split, each with its splits."""
    where: Mapping[str, set[str]] = defaultdict(set)
    for name, names in zip(split, keys, strict=True):
        for key in names:
            where[key].add(name)
    return {key: tuple(s for s in SPLITS if s in found) for key, found in where.items() if len(found) > 1}
