"""IRMAS: one instrument in training, several in testing, recordings on one side."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from catalogue.datasets.mini_irmas import TESTING, TRAINING, miniature
from contramuse.catalogue.datasets.irmas import INSTRUMENTS, IRMAS, _side
from contramuse.errors import UserError
from minidatasets import broken, prepared


def test_classes_and_published_counts():
    assert INSTRUMENTS == ("cel", "cla", "flu", "gac", "gel", "org", "pia", "sax", "tru", "vio", "voi")
    assert IRMAS().published() == {"test": 2874}


def test_training_has_the_instrument_of_its_folder_and_testing_those_of_its_list(tmp_path):
    miniature(tmp_path)
    reading = IRMAS().read(tmp_path)
    labels = {entry.path.rpartition("/")[2]: entry.labels["instrument"] for entry in reading.entries}
    assert labels["008__[flu][nod][cla]0393__1.wav"] == ("flu",)
    assert labels["(02) dont kill the whale-1.wav"] == ("gel", "voi")
    assert labels["Au Privave-2.wav"] == ("pia", "sax", "tru")
    assert sum(entry.split == "test" for entry in reading.entries) == len(TESTING)
    assert len(reading.entries) == len(TESTING) + len(TRAINING)
    assert reading.left_out == {}
    assert reading.counts() == {"train": 5, "valid": 1, "test": 4}
    assert "6,705 are published" in reading.said[0]


def test_a_song_is_one_group_and_on_one_side(tmp_path):
    miniature(tmp_path)
    songs = defaultdict(set)
    for entry in IRMAS().read(tmp_path).entries:
        songs[entry.groups["song"][0]].add((entry.split, entry.path))
    assert {song: len(found) for song, found in songs.items() if len(found) > 1} == {
        "train 0001": 2, "test (02) dont kill the whale": 2,
    }  # fmt: skip
    assert all(len({split for split, _ in found}) == 1 for found in songs.values())


def test_one_recording_in_eight_is_for_validation():
    sides = [_side(f"train {number:04d}") for number in range(2500)]
    assert abs(sides.count("valid") / 2500 - 1 / 8) < 0.02


def test_what_has_no_list_or_a_name_of_another_folder_is_left_out(tmp_path):
    miniature(tmp_path)
    broken(tmp_path / "IRMAS-TestingData-Part3/Part3/alone-1.wav")
    broken(tmp_path / "IRMAS-TrainingData/cel/[vio][cla]0100__1.wav")
    broken(tmp_path / "IRMAS-TrainingData/cel/[cel]readme.wav")
    (tmp_path / "IRMAS-TestingData-Part3/Part3/none-1.txt").write_text("\n")
    (tmp_path / "IRMAS-TestingData-Part3/Part3/silent-1.txt").write_text("pia\n")
    reading = IRMAS().read(tmp_path)
    assert sorted(len(items) for items in reading.left_out.values()) == [1, 1, 2]
    assert reading.left_out["no .txt beside it"] == ["IRMAS-TestingData-Part3/Part3/alone-1.wav"]
    assert reading.entries[-1].path.endswith("silent-1.wav")


def test_a_library_of_instruments(tmp_path):
    miniature(tmp_path / "irmas")
    (tmp_path / "irmas/IRMAS-TestingData-Part3/Part3/01 - Someone-12.wav").unlink()
    library, checked = prepared("irmas", tmp_path / "irmas", tmp_path / "library")
    assert len(library) == len(TESTING) + len(TRAINING) - 1
    assert checked.missing == ["IRMAS-TestingData-Part3/Part3/01 - Someone-12.wav"]
    assert library.fields["instrument"].classes == INSTRUMENTS
    assert bool(np.all(library.known("instrument")))
    assert library.info["dataset"]["group"] == "song"


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UserError, match="no folder of an instrument"):
        IRMAS().read(tmp_path)
    miniature(tmp_path)
    (tmp_path / f"{next(iter(TESTING))}.txt").write_text("gel\nkazoo\n")
    with pytest.raises(UserError, match="'kazoo' is none of cel") as error:
        IRMAS().read(tmp_path)
    assert "whale-1.txt, line 2" in str(error.value)
