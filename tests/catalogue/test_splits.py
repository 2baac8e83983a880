"""Splits never tear a group, whatever the groups are; stems find their track."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contramuse.catalogue.splits import components, leaks, make_splits, split_named
from contramuse.catalogue.stems import DEFAULT, StemTable
from contramuse.errors import UserError

KEYS = st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=3), min_size=1, max_size=60)


def slow_components(keys: list[list[str]]) -> list[int]:
    """Lower the number of every track to that of any it shares a key with, until nothing changes."""
    number = list(range(len(keys)))
    changed = True
    while changed:
        changed = False
        for i in range(len(keys)):
            for j in range(len(keys)):
                if set(keys[i]) & set(keys[j]) and number[j] > number[i]:
                    number[j], changed = number[i], True
    return number


@settings(max_examples=80, deadline=None)
@given(keys=KEYS)
def test_components_equal_a_slow_loop(keys: list[list[str]]) -> None:
    assert components(keys) == slow_components(keys)


@settings(max_examples=80, deadline=None)
@given(keys=KEYS, seed=st.integers(0, 5))
@example(keys=[["a"]] * 14 + [["b"], ["c"]], seed=0)
def test_no_group_is_torn_and_the_three_splits_are_filled(keys: list[list[str]], seed: int) -> None:
    splits = make_splits(keys, seed=seed)
    assert leaks(splits, keys) == {}
    count = len(set(components(keys)))
    expected = {1: {"train"}, 2: {"train", "valid"}}.get(count, {"train", "valid", "test"})
    assert set(splits) == expected
    assert make_splits(keys, seed=seed) == splits


def test_shares_are_80_10_10_and_the_seed_changes_who() -> None:
    keys = [[f"artist {i // 4}"] for i in range(1000)]
    counts = Counter(make_splits(keys, seed=0))
    assert 95 <= counts["test"] <= 125
    assert 95 <= counts["valid"] <= 125
    assert make_splits(keys, seed=0) != make_splits(keys, seed=1)


def test_tracks_keep_their_split_when_others_come() -> None:
    keys = [[f"artist {i // 4}"] for i in range(100)]
    first = make_splits(keys, seed=0)
    more = keys + [[f"artist {i // 4}"] for i in range(90, 140)]
    second = make_splits(more, seed=0, before=[*first, *[None] * 50])
    assert second[:100] == first
    assert leaks(second, more) == {}
    assert {"train", "valid", "test"} == set(second)


def test_leaks_are_named() -> None:
    found = leaks(["train", "test", "valid"], [["a", "b"], ["a"], ["c"]])
    assert found == {"a": ("train", "test")}
    assert [split_named(word) for word in ("Training", "val", "EVAL")] == ["train", "valid", "test"]
    with pytest.raises(UserError, match="not the name of a split"):
        split_named("other")


def test_stems_belong_to_the_track_of_their_folders_name() -> None:
    stem = DEFAULT.stem_of(b"x/stems/Song/bass.ogg")
    assert stem is not None
    assert (stem.home, stem.track, stem.name) == (b"x", b"Song", "bass")
    assert DEFAULT.stem_of(b"Song/bass.ogg") is None
    assert DEFAULT.stem_of(b"stems/bass.ogg") is None
    table = StemTable(
        [b"x/stems/Song/bass.ogg", b"x/deep/Song.mp3", b"y/Song.mp3", b"stems/Two/a.ogg", b"a/Two.mp3", b"b/Two.ogg"]
    )
    assert table.owners(stem) == [b"x/deep/Song.mp3"]
    two = DEFAULT.stem_of(b"stems/Two/a.ogg")
    assert two is not None
    assert len(table.owners(two)) == 2
    other = DEFAULT.stem_of(b"stems/The Band/track.ogg")
    assert other is not None
    assert table.owners(other) == []
