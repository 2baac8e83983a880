"""VocalSet: techniques by singers, singers by files, and names that mislead."""

from __future__ import annotations

from collections import Counter

import pytest

from catalogue.datasets.mini_vocalset import FILES, miniature
from contramuse.catalogue.datasets.vocalset import PAPER, SINGERS, TECHNIQUES, VocalSet
from contramuse.errors import UserError
from minidatasets import broken, prepared


def test_classes():
    assert len(SINGERS) == 20
    assert (SINGERS[0], SINGERS[8], SINGERS[9], SINGERS[-1]) == ("female1", "female9", "male1", "male11")
    assert len(TECHNIQUES) == 17
    assert len(PAPER) == 10
    assert set(PAPER) < set(TECHNIQUES)
    assert list(TECHNIQUES) == sorted(TECHNIQUES)


@pytest.mark.parametrize("home", ["FULL", "data_by_singer"])
def test_techniques_with_the_published_split_of_singers(tmp_path, home):
    miniature(tmp_path, home=home)
    reading = VocalSet().read(tmp_path)
    splits = {entry.groups["artist"][0]: entry.split for entry in reading.entries}
    assert splits == {
        "female1": "train", "female2": "test", "female9": "valid", "male1": "train", "male3": "test", "male8": "train",
        "male11": "valid",
    }  # fmt: skip
    labels = {entry.path.rpartition("/")[2]: entry.labels["technique"] for entry in reading.entries}
    assert labels["m9_caro_spoken.wav"] == "spoken"
    assert {reason: len(items) for reason, items in reading.left_out.items()} == {
        "not of the ten techniques": 1, "no technique in its path": 1, "singer is in neither list": 1,
    }  # fmt: skip
    assert reading.said == ["1 files are called after another singer than their folder; the folder counts"]
    assert reading.fields[0].classes == PAPER


def test_all_seventeen(tmp_path):
    miniature(tmp_path)
    reading = VocalSet(techniques="seventeen").read(tmp_path)
    assert len(reading.entries) == 8
    assert reading.fields[0].classes == TECHNIQUES


def test_only_the_folder_by_technique(tmp_path):
    for name in ("belt/f1_arpeggios_belt_c_a.wav", "vocal_fry/m10_long_vocal_fry_a.wav", "spoken/narrator_spoken.wav"):
        broken(tmp_path / "data_by_technique" / name)
    for part, singer in (("train", "female1"), ("test", "male10")):
        (tmp_path / f"{part}_singers_technique.txt").write_text(singer)
    reading = VocalSet().read(tmp_path)
    assert [(e.split, e.labels["technique"]) for e in reading.entries] == [("train", "belt"), ("test", "vocal_fry")]
    assert list(reading.left_out) == ["no singer in its path"]


def test_who_sings_by_file(tmp_path):
    for singer in ("female1", "male2"):
        for i in range(40):
            broken(tmp_path / f"FULL/{singer}/scales/belt/{singer[0]}{singer[-1]}_scales_belt_{i}.wav")
    reading = VocalSet(field="singer").read(tmp_path)
    assert reading.fields[0].classes == SINGERS
    counts = Counter((entry.labels["singer"], entry.split) for entry in reading.entries)
    for singer in ("female1", "male2"):
        assert [counts[singer, split] for split in ("train", "valid", "test")] == [32, 4, 4]
    assert all(entry.groups == {} for entry in reading.entries)
    again = {entry.path: entry.split for entry in VocalSet(field="singer").read(tmp_path).entries}
    assert again == {entry.path: entry.split for entry in reading.entries}


def test_who_sings_takes_every_technique_and_needs_no_lists(tmp_path):
    miniature(tmp_path)
    for part in ("train", "test"):
        (tmp_path / f"{part}_singers_technique.txt").unlink()
    dataset = VocalSet(field="singer")
    assert len(dataset.needed()) == 1
    reading = dataset.read(tmp_path)
    assert len(reading.entries) == len(FILES)
    assert "hash of their names" in dataset.split_name
    with pytest.raises(UserError, match="list of train singers is not there"):
        VocalSet().read(tmp_path)


def test_a_library_of_techniques(tmp_path):
    miniature(tmp_path / "vocalset")
    library, checked = prepared("vocalset", tmp_path / "vocalset", tmp_path / "library")
    assert len(library) == 7
    assert checked.missing == []
    assert library.fields["technique"].classes == PAPER
    assert all("__MACOSX" not in path and "._" not in path for path in library.paths)
    assert len(FILES) == 7 + 3


@pytest.mark.parametrize(
    ("text", "said"),
    [("female1\nsoprano\n", "'soprano' is no singer"), ("male10\nmale3\n", "male3 is in the list of the other part")],
)
def test_lists_that_are_none(tmp_path, text, said):
    miniature(tmp_path)
    (tmp_path / "test_singers_technique.txt").write_text("male3\n")
    name = "train" if "soprano" in text else "test"
    (tmp_path / "train_singers_technique.txt").write_text("male3\nfemale1\n")
    (tmp_path / f"{name}_singers_technique.txt").write_text(text)
    with pytest.raises(UserError, match=said) as error:
        VocalSet().read(tmp_path)
    assert f"{name}_singers_technique.txt, line" in str(error.value)
