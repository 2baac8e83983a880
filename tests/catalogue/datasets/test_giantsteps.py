"""GiantSteps keys: which training tracks are taken, how they are divided, and files with other checksums."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.datasets.mini_giantsteps_key import TEST, TRAIN, miniature
from contramuse.catalogue.datasets.giantsteps import COMMITS, GiantStepsKey, _by_artist
from contramuse.catalogue.track import KEYS
from contramuse.errors import UserError
from minidatasets import prepared


def test_keys_are_of_confidence_two_single_and_in_one_spelling(tmp_path):
    miniature(tmp_path)
    reading = GiantStepsKey().read(tmp_path)
    found = {entry.path.rpartition("/")[2].split(".")[0]: entry.labels["key"] for entry in reading.entries}
    assert found == {
        "5061": "Eb minor", "5881": "B major", "7500": "Bb minor", "7700": "E major",
        "99": "Eb minor", "3211": "F# major", "10089": "C minor",
    }  # fmt: skip
    assert set(found.values()) <= set(KEYS)
    assert {reason: len(items) for reason, items in reading.left_out.items()} == {
        "confidence below 2": 2, "no single key": 2,
    }  # fmt: skip
    assert [entry.split for entry in reading.entries[-3:]] == ["test"] * 3
    assert GiantStepsKey().published() == {"test": 604}


def test_artists_stand_on_one_side(tmp_path):
    miniature(tmp_path)
    entries = {e.path.rpartition("/")[2].split(".")[0]: e for e in GiantStepsKey().read(tmp_path).entries}
    assert entries["5061"].groups["artist"] == ('Philippe "Van" Mullem',)
    assert entries["5881"].groups["artist"] == ("Brainbashers", "Lance Madden")
    assert entries["5881"].split == entries["7500"].split == "train"
    assert entries["7700"].split == "valid"


def test_unpacked_archives_of_the_repositories_are_found(tmp_path):
    miniature(tmp_path)
    for name in (TEST, TRAIN):
        (tmp_path / name).rename(tmp_path / f"{name}-{COMMITS[name]}")
    reading = GiantStepsKey(verify="md5").read(tmp_path)
    assert len(reading.entries) == 7
    assert all((tmp_path / entry.path).is_file() for entry in reading.entries)
    assert all(need.found(tmp_path) for need in GiantStepsKey().needed())


@given(st.lists(st.lists(st.text("abcXYZ ", min_size=1, max_size=3), min_size=1, max_size=3), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_rule_by_artist_as_a_slow_loop(tracks):
    side = {}
    for names in tracks:
        for name in names:
            number = int.from_bytes(hashlib.sha1(name.lower().encode(), usedforsecurity=False).digest(), "big")
            side[name] = (["train"] * 100 + ["valid"] * 16)[number % 116]
    for _ in range(2):
        for names in tracks:
            if "valid" in [side[name] for name in names]:
                for name in names:
                    side[name] = "valid"
    expected = {
        str(i): "valid" if any(side[n] == "valid" for n in names) else "train" for i, names in enumerate(tracks)
    }
    assert _by_artist({str(i): names for i, names in enumerate(tracks)}) == expected


def test_about_a_seventh_is_for_validation():
    rng = random.Random(0)
    artists = {str(i): (f"artist {rng.randrange(10**9)}",) for i in range(2000)}
    share = list(_by_artist(artists).values()).count("valid") / 2000
    assert abs(share - 16 / 116) < 0.03


def test_a_random_fifth_needs_no_artists_and_stays(tmp_path):
    miniature(tmp_path)
    (tmp_path / TRAIN / "annotations/beatport_metadata.txt").unlink()
    with pytest.raises(UserError, match="beatport_metadata"):
        GiantStepsKey().read(tmp_path)
    dataset = GiantStepsKey(valid="random")
    first, second = dataset.read(tmp_path), dataset.read(tmp_path)
    assert [e.split for e in first.entries] == [e.split for e in second.entries]
    assert first.counts() == {"train": 3, "valid": 1, "test": 3}
    assert "hash of the number" in dataset.split_name


def test_files_of_another_checksum_are_left_out_when_asked(tmp_path):
    miniature(tmp_path)
    with open(tmp_path / TEST / "audio/99.LOFI.mp3", "ab") as stream:
        stream.write(b"x")
    (tmp_path / TRAIN / "md5/5061.LOFI.md5").unlink()
    (tmp_path / TRAIN / "audio/5881.LOFI.mp3").unlink()
    assert len(GiantStepsKey().read(tmp_path).entries) == 7
    reading = GiantStepsKey(verify="md5").read(tmp_path)
    assert len(reading.entries) == 6
    assert reading.left_out["checksum is another than published"] == [f"{TEST}/audio/99.LOFI.mp3"]
    (tmp_path / TEST / "md5/3211.LOFI.md5").write_text("\n")
    with pytest.raises(UserError, match=r"3211.LOFI.md5.*holds no checksum"):
        GiantStepsKey(verify="md5").read(tmp_path)


def test_a_library_of_keys(tmp_path):
    miniature(tmp_path / "keys")
    (tmp_path / "keys" / TEST / "audio/3211.LOFI.mp3").unlink()
    library, checked = prepared("giantsteps_key", tmp_path / "keys", tmp_path / "library")
    assert len(library) == 6
    assert checked.missing == [f"{TEST}/audio/3211.LOFI.mp3"]
    assert library.fields["key"].kind == "key"
    assert library.fields["key"].classes == KEYS


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1\tH minor\t2", "'H minor' is no key"),
        ("1\tA minor\t3", "'3' is no confidence"),
        ("1 A minor 2", "with tabs between"),
        ("one\tA minor\t2", "is no row"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, row, said):
    miniature(tmp_path)
    file = tmp_path / TRAIN / "annotations/annotations.txt"
    file.write_text(f"ID\tMANUAL KEY\tC\n5061\tD# minor\t2\n{row}\n")
    with pytest.raises(UserError, match=said) as error:
        GiantStepsKey().read(tmp_path)
    assert "annotations.txt, line 3" in str(error.value)


def test_other_files_that_are_none(tmp_path):
    miniature(tmp_path)
    (tmp_path / TEST / "annotations/key/99.LOFI.key").write_text("none at all")
    with pytest.raises(UserError, match=r"'none at all' is no key") as error:
        GiantStepsKey().read(tmp_path)
    assert "99.LOFI.key, line 1" in str(error.value)
    (tmp_path / TRAIN / "annotations/beatport_metadata.txt").write_text("ID\tARTIST\n1\tx\n")
    with pytest.raises(UserError, match="lacks 4 of the tracks, such as 5061"):
        GiantStepsKey().read(tmp_path)
    (tmp_path / TRAIN / "annotations/annotations.txt").write_text("ID,KEY\n")
    with pytest.raises(UserError, match="no column ID, MANUAL KEY, C"):
        GiantStepsKey().read(tmp_path)
