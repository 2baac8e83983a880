"""The reader of MUSDB18, compressed and as wav."""

from __future__ import annotations

import re

import pytest

from catalogue.datasets.mini_musdb18 import STEMS, TEST, TRAIN, miniature, miniature_hq
from contramuse.catalogue.datasets.musdb18 import VALIDATION, Musdb18, songs
from contramuse.errors import UserError
from minidatasets import broken, prepared, tone


def test_the_validation_list_is_14_of_100():
    assert {folder: len(set(names)) for folder, names in songs().items()} == {"train": 100, "test": 50}
    assert len(VALIDATION) == 14
    assert set(songs()["train"]) >= VALIDATION
    assert Musdb18().published() == {"train": 100 - 14, "valid": 14, "test": 50}
    assert Musdb18(split="folders").published() == {"train": 100, "test": 50}


def test_streams_are_stems_and_listed_songs_are_valid(tmp_path):
    miniature(tmp_path / "root")
    library, checked = prepared("musdb18", tmp_path / "root", tmp_path / "library")
    assert dict(zip(library.paths, library.column("split"), strict=True)) == {
        **{f"test/{name}.stem.mp4": "test" for name in TEST},
        f"train/{TRAIN[0]}.stem.mp4": "train",
        **{f"train/{name}.stem.mp4": "valid" for name in TRAIN[1:]},
    }
    assert set(library.track(0).stems) == set(STEMS)
    assert library.column("title")[0] == TEST[0]
    assert library.fields["genre"].classes[0] == "Country"
    assert len(checked.missing) == 150 - 6
    assert checked.reading.counts() == {"train": 86, "valid": 14, "test": 50}


def test_folders_of_wav_name_their_stems_and_lacks_are_listed(tmp_path):
    root = tmp_path / "root"
    miniature_hq(root)
    broken(root / "train" / f"{TRAIN[0]}.stem.mp4")
    tone(root / "train/My Band - My Song/mixture.wav", seed=90)
    library, checked = prepared("musdb18", root, tmp_path / "library", ["split=folders"])
    assert len(library) == 4
    assert all(path.endswith("/mixture.wav") for path in library.paths)
    stems = {track.path: set(track.stems) for track in map(library.track, range(len(library)))}
    assert stems[f"train/{TRAIN[0]}/mixture.wav"] == set(STEMS) - {"vocals"}
    assert stems[f"train/{TRAIN[1]}/mixture.wav"] == set(STEMS)
    assert checked.reading.left_out == {
        "files that are no song of MUSDB18": ["train/My Band - My Song/mixture.wav"],
        "stem.mp4 of a song that is there as wav": [f"train/{TRAIN[0]}.stem.mp4"],
        "stems without a file": [f"train/{TRAIN[0]}/vocals.wav"],
    }
    assert set(library.column("split")) == {"train", "test"}


def test_a_track_list_of_another_kind_is_named_with_its_line(tmp_path):
    miniature_hq(tmp_path)
    (tmp_path / "tracklist.csv").write_text("Track Name,Genre\nA,Rock\nB,Rokc\n")
    with pytest.raises(UserError, match=re.escape("tracklist.csv, line 3") + ".*Rokc"):
        Musdb18().read(tmp_path)
    (tmp_path / "tracklist.csv").unlink()
    assert Musdb18().read(tmp_path).fields == ()
    with pytest.raises(UserError, match="neither of the folders"):
        Musdb18().read(tmp_path / "train")
