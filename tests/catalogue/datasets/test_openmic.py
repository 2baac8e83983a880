"""OpenMIC-2018: partial labels, the partition, the validation part that is made, and mistakes told by line."""

from __future__ import annotations

import numpy as np
import pytest

from catalogue.datasets.mini_openmic import CLIPS, annotations, miniature, path_of
from contramuse.catalogue.datasets.openmic import INSTRUMENTS, OpenMIC
from contramuse.errors import UserError
from minidatasets import change, prepared


@pytest.fixture
def root(tmp_path):
    """Annotations alone."""
    annotations(tmp_path / "openmic/openmic-2018")
    (tmp_path / "openmic/openmic-2018/audio").mkdir()
    return tmp_path / "openmic"


def test_the_partition_and_the_classes_are_the_published_ones():
    assert OpenMIC(valid="none").published() == {"train": 14915, "test": 5085}
    assert OpenMIC().published() == {"test": 5085}
    assert len(INSTRUMENTS) == 20
    assert list(INSTRUMENTS) == sorted(INSTRUMENTS)
    assert len({OpenMIC(valid=how).split_name for how in ("artist", "recording", "none")}) == 3


def test_only_what_was_judged_is_known(tmp_path):
    root = tmp_path / "openmic"
    miniature(root)
    library, checked = prepared("openmic", root, tmp_path / "out")
    assert len(library) == len(CLIPS)
    stated = library.stated("instrument")
    rows = {path: i for i, path in enumerate(library.paths)}
    for key, (_, _, told) in CLIPS.items():
        known = np.flatnonzero(stated[rows[path_of(key)]])
        assert {INSTRUMENTS[i] for i in known} == set(told)
    entries = {entry.path: entry for entry in checked.reading.entries}
    assert entries[path_of("000046_3840")].labels["instrument"] == ["flute"]
    assert entries[path_of("000046_3840")].absent["instrument"] == ["clarinet"]
    assert entries[path_of("000135_483840")].labels["instrument"] == ["bass", "voice"]
    assert entries[path_of("000141_153600")].absent["instrument"] == ["guitar"]
    assert entries[path_of("000046_3840")].title == 'A "title", 000046_3840'


@pytest.mark.parametrize("valid", ["artist", "recording", "none"])
def test_test_clips_are_never_moved_and_artists_stay_whole(root, valid):
    entries = OpenMIC(valid=valid).read(root).entries
    for entry, (part, _, _) in zip(entries, CLIPS.values(), strict=True):
        assert (entry.split == "test") == (part == "test")
    assert ("valid" in {entry.split for entry in entries}) <= (valid != "none")
    if valid == "artist":
        splits = {}
        for entry in entries:
            assert splits.setdefault(entry.groups["artist"][0], entry.split) == entry.split


@pytest.mark.parametrize("valid", ["artist", "recording"])
def test_about_15_of_100_become_validation(root, valid):
    folder = root / "openmic-2018"
    keys = [f"{i:06d}_3840" for i in range(500000, 502000)]
    (folder / "partitions/split01_train.csv").write_text("\n".join(keys))
    head = "sample_key,artist_id\n"
    (folder / "openmic-2018-metadata.csv").write_text(head + "".join(f"{key},{i}\n" for i, key in enumerate(keys)))
    counts = OpenMIC(valid=valid).read(root).counts()
    assert 0.12 < counts["valid"] / 2000 < 0.18
    assert counts["valid"] + counts["train"] == 2000


def test_validation_does_not_depend_on_the_order_or_on_other_clips(root):
    before = {entry.path: entry.split for entry in OpenMIC().read(root).entries}
    file = root / "openmic-2018/partitions/split01_train.csv"
    file.write_text("\n".join(file.read_text().split()[:0:-1]))
    after = {entry.path: entry.split for entry in OpenMIC().read(root).entries}
    assert after.items() <= before.items()


def test_other_names_of_the_partition_and_another_root_are_found(root):
    folder = root / "openmic-2018"
    whole = [entry.split for entry in OpenMIC().read(root).entries]
    for part in ("train", "test"):
        (folder / f"partitions/split01_{part}.csv").rename(folder / f"partitions/{part}01.txt")
    reading = OpenMIC().read(folder)
    assert [entry.split for entry in reading.entries] == whole
    assert reading.entries[0].path == "audio/000/000046_3840.ogg"


def test_validation_by_recording_needs_no_metadata(root):
    (root / "openmic-2018/openmic-2018-metadata.csv").unlink()
    reading = OpenMIC(valid="recording").read(root)
    assert reading.group == ""
    assert len(reading.entries) == len(CLIPS)
    with pytest.raises(UserError, match=r"metadata\.csv"):
        OpenMIC().read(root)


def test_judged_clips_of_no_partition_are_listed(root):
    file = root / "openmic-2018/partitions/split01_test.csv"
    file.write_text("000178_3840\n")
    assert OpenMIC().read(root).left_out == {"judged, in no partition": ["000308_61440"]}


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("openmic-2018-aggregated-labels.csv", "flute", "flut", "line 2.*none of the 20.*flut"),
        ("openmic-2018-aggregated-labels.csv", "0.85", "nan", "line 2.*not between 0 and 1"),
        ("openmic-2018-aggregated-labels.csv", "0.85", "yes", "line 2.*not between 0 and 1"),
        ("openmic-2018-aggregated-labels.csv", "clarinet", "flute", "line 3.*twice for flute"),
        ("openmic-2018-aggregated-labels.csv", ",0.85,3", "", "line 2.*too few cells"),
        ("openmic-2018-aggregated-labels.csv", "relevance", "score", "line 1.*no column relevance"),
        ("partitions/split01_test.csv", "000178_3840", "000046_3840", "line 1.*train list again"),
        ("partitions/split01_test.csv", "000308_61440", "../../x", "line 2.*no key"),
        ("class-map.json", '"banjo": 1', '"banjo": 2', "another order"),
        ("class-map.json", "{", "", "no JSON"),
        ("openmic-2018-metadata.csv", ",46,", ",,", "no artist.*valid=recording"),
    ],
)
def test_a_mistake_is_told_by_file_and_line(root, name, old, new, told):
    file = root / "openmic-2018" / name
    change(file, old, new)
    with pytest.raises(UserError, match=told):
        OpenMIC().read(root)
