"""The adapter of mirdata: with mirdata itself where it is installed, else with a small stand-in of its interface."""

from __future__ import annotations

import builtins
import importlib.util
import json
import re
import sys
import types

import pytest

from catalogue.datasets.mini_mirdata import ABSENT, CHOICES, OTHER, TRACKS, miniature
from contramuse.catalogue.datasets.mirdata import Mirdata
from contramuse.errors import UserError
from minidatasets import prepared


class Track:
    """As mirdata's tracks are: attributes and properties, of which some read files or decode audio."""

    def __init__(self, item, home, paths):
        self.track_id, self._home, self._paths = item, home, paths
        self.genre = {"hiphop": "hip-hop"}.get(item.split(".")[0], item.split(".")[0])
        self.audio_path = f"{home}/{paths['audio'][0]}"
        self.beats_path = None

    @property
    def tempo(self):
        with open(f"{self._home}/{self._paths['tempo'][0]}") as file:
            return float(file.read())

    @property
    def beats(self):
        return types.SimpleNamespace(times=[0.0])

    @property
    def audio(self):
        raise AssertionError("audio is never decoded here")

    def to_jams(self):
        raise AssertionError("methods are never called")


class Loader:
    """As mirdata's datasets are."""

    _license_info = "None that we\n could find."

    def __init__(self, home):
        self.data_home, self.index_path = home, f"{home}/nowhere.json"

    def load_tracks(self):
        with open(self.index_path, encoding="utf-8") as file:
            index = json.load(file)
        return {item: Track(item, self.data_home, paths) for item, paths in index["tracks"].items()}

    def validate(self, *, verbose):
        return {}, {"tracks": {OTHER: ["x.wav"]}}


@pytest.fixture(params=["mirdata", "stand-in"])
def mirdata(request, monkeypatch):
    if request.param == "mirdata":
        if importlib.util.find_spec("mirdata") is None:
            pytest.skip("mirdata is not installed")
        return
    stand_in = types.ModuleType("mirdata")
    stand_in.list_datasets = lambda: ["gtzan_genre", "giantsteps_key"]
    stand_in.initialize = lambda name, data_home, version: Loader(data_home)
    monkeypatch.setitem(sys.modules, "mirdata", stand_in)


def test_attributes_become_fields_and_audio_is_mirdatas(tmp_path, mirdata):
    miniature(tmp_path / "root")
    library, checked = prepared("mirdata", tmp_path / "root", tmp_path / "library", CHOICES)
    assert len(library) == len(TRACKS) - 1
    assert checked.missing == [f"gtzan_genre/genres/jazz/{ABSENT}.wav"]
    assert library.fields["genre"].classes == ("blues", "hip-hop", "jazz", "rock")
    if "tempo" not in library.fields:  # a release of mirdata that cannot read it with this release of numpy
        assert any("tempo: mirdata cannot read it" in line for line in checked.reading.said)
        return
    assert library.fields["tempo"].kind == "numeric"
    known = dict(zip(library.paths, library.known("tempo"), strict=True))
    assert [name for name, has in known.items() if not has] == ["gtzan_genre/genres/blues/blues.00001.wav"]
    assert checked.reading.said[0].startswith("licence, as mirdata tells it: ")
    assert library.info["dataset"]["split"].startswith("mirdata gtzan_genre default")


def test_splits_are_the_tracks_or_the_loaders_own(tmp_path, monkeypatch):
    miniature(tmp_path)
    given = {TRACKS[0]: "split01_train", TRACKS[1]: "dev", TRACKS[2]: "test", TRACKS[3]: "held back"}

    class Listed(Loader):
        def get_track_splits(self):
            return {word: [item] for item, word in given.items()}

    class Told(Loader):
        def load_tracks(self):
            tracks = super().load_tracks()
            for item, track in tracks.items():
                track.split = given.get(item)
            return tracks

    for kind in (Listed, Told):
        stand_in = types.ModuleType("mirdata")
        stand_in.list_datasets = lambda: ["gtzan_genre"]
        stand_in.initialize = lambda name, data_home, version, kind=kind: kind(data_home)
        monkeypatch.setitem(sys.modules, "mirdata", stand_in)
        reading = Mirdata(dataset="gtzan_genre", index="index.json").read(tmp_path)
        assert [entry.split for entry in reading.entries] == ["train", "valid", "test", "", ""]
        assert reading.said[-1] == "split: held back: these words mean none of train, valid, test"


def test_other_checksums_are_left_out_on_wish(tmp_path, mirdata):
    miniature(tmp_path)
    reading = Mirdata(dataset="gtzan_genre", index="index.json", validate="checksums").read(tmp_path)
    assert reading.left_out == {"another checksum than mirdata's index": [OTHER]}
    assert len(reading.entries) == 4
    assert {field.name: field.classes for field in reading.fields}["genre"] == ("blues", "hip-hop", "jazz", "rock")


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"dataset": "gtzan_gnere", "index": "index.json"}, "is no dataset of mirdata.*gtzan_genre"),
        ({"dataset": "gtzan_genre", "index": "absent.json"}, "the index is not there"),
        ({"dataset": "gtzan_genre"}, "download"),
        ({"dataset": "gtzan_genre", "index": "index.json", "audio": "mix_path"}, "is no attribute.*audio_path"),
    ],
)
def test_mistakes_are_told(tmp_path, mirdata, choices, said):
    miniature(tmp_path)
    with pytest.raises(UserError) as error:
        Mirdata(**choices).read(tmp_path)
    assert re.search(said, str(error.value), re.DOTALL)


def test_without_mirdata_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    found = builtins.__import__

    def absent(name, *rest, **named):
        if name == "mirdata":
            raise ImportError(name)
        return found(name, *rest, **named)

    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(UserError, match=r'pip install "contramuse\[mirdata\]"'):
        Mirdata(dataset="gtzan_genre").read(tmp_path)
