"""The reader of any folder, and what every dataset's library says of itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

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


def test_a_choice_that_is_none_is_named(tmp_path):
    with pytest.raises(UserError, match=r"folder\.labels.*topp"):
        prepared("folder", tmp_path, tmp_path / "library", ["labels=topp"])
