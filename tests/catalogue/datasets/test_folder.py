"""The reader of any folder, and what every dataset's library says of itself."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
import soundfile

from contramuse.catalogue.labels import join_rows
from contramuse.errors import UserError
from minidatasets import CODECS, broken, prepared, tone


def test_folders_are_classes_and_the_same_audio_stays_two_tracks(tmp_path):
    for i, suffix in enumerate(CODECS):
        tone(tmp_path / "music" / ("rock" if i % 2 else "jazz") / f"{i}{suffix}", seed=i)
    twin = tmp_path / "music/rock/twin.wav"
    twin.write_bytes((tmp_path / "music/rock/5.wav").read_bytes())
    broken(tmp_path / "music/jazz/broken.mp3")
    soundfile.write(tmp_path / "music/rock/silent.wav", np.zeros(22050), 22050)
    library, checked = prepared("folder", tmp_path / "music", tmp_path / "library")
    assert len(library) == len(CODECS) + 2
    assert "rock/silent.wav" in library.paths  # an item of a published split is scored, whatever it sounds like
    assert len(set(library.ids)) == len(library)
    audio = dict(zip(library.paths, library.column("audio"), strict=True))
    assert audio["rock/twin.wav"] == audio["rock/5.wav"]
    assert library.fields["class"].classes == ("jazz", "rock")
    assert checked.missing == []
    assert library.info["dataset"]["split"] == "made here"
    assert json.loads((tmp_path / "library/dataset.json").read_text())["found"]["train"] > 0


def test_folders_may_be_splits(tmp_path):
    for i, split in enumerate(("train", "val", "testing")):
        tone(tmp_path / "music" / split / "a" / f"{i}.wav", seed=i)
    tone(tmp_path / "music/loose.wav", seed=9)
    library, checked = prepared("folder", tmp_path / "music", tmp_path / "library", ["split=top"])
    assert library.column("split") == ["test", "train", "valid"]
    assert checked.reading.left_out == {"not in the folder of a split": ["loose.wav"]}


def test_a_row_is_one_file_though_a_folder_in_the_root_is_called_as_the_root(tmp_path):
    """``mp3/mp3/a/0.wav`` is named ``mp3/a/0.wav``, which ``mp3/a/0.wav`` beside it, seen from above, is too."""
    root = tmp_path / "mp3"
    for i in range(4):
        tone(root / ("mp3/a" if i % 2 else "a") / f"{i // 2}.wav", seed=i)
    library, _ = prepared("folder", root, tmp_path / "library", ["labels=top"])
    assert library.paths == ["a/0.wav", "a/1.wav", "mp3/a/0.wav", "mp3/a/1.wav"]
    assert library.labels("class").tolist() == [0, 0, 1, 1]
    rows = join_rows(["mp3/a/0.wav"], [b"a/0.wav", b"mp3/a/0.wav"], folder=root, beside=root, by="path").rows
    assert rows == [-1, 0]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_files_whose_names_are_no_text_are_told(tmp_path):
    for i in range(3):
        tone(tmp_path / "music/a" / f"{i}.wav", seed=i)
    os.rename(tmp_path / "music/a/2.wav", os.fsencode(tmp_path / "music/a") + b"/\xff.wav")
    library, checked = prepared("folder", tmp_path / "music", tmp_path / "library")
    assert len(library) == 2
    assert checked.reading.left_out == {"their names are no text in UTF-8": ["a/\\xff.wav"]}


def test_a_choice_that_is_none_is_named(tmp_path):
    with pytest.raises(UserError, match=r"folder\.labels.*topp"):
        prepared("folder", tmp_path, tmp_path / "library", ["labels=topp"])
