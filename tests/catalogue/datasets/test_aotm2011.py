"""The reader of AotM-2011: songs of the Million Song Dataset with their playlists."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import pytest

from catalogue.datasets.mini_aotm2011 import miniature, playlists
from contramuse.catalogue.datasets.aotm2011 import Aotm2011
from contramuse.catalogue.datasets.by_id import split_of
from contramuse.errors import UserError
from minidatasets import prepared, tone


def lists_of(reading):
    return {entry.title[-1]: entry.groups["playlists"] for entry in reading.entries}


def test_songs_with_their_lists_and_the_audio_of_whichever_track_is_there(tmp_path):
    miniature(tmp_path / "root")
    library, checked = prepared("aotm2011", tmp_path / "root", tmp_path / "library")
    assert sorted(library.paths) == [
        f"audio/C/C/SO{'C' * 16}.mp3", "audio/TRA2AAAAAAAAAAAAAA.mp3", f"audio/TR{'D' * 16}.mp3",
        "audio/b, by name.mp3",
    ]  # fmt: skip
    assert checked.missing == [f"audio/SO{'E' * 16}.mp3"]
    found = dict(zip(library.paths, library.groups("playlists"), strict=True))
    assert set(found["audio/TRA2AAAAAAAAAAAAAA.mp3"]) == {"1 Mixed Genre", "7 Theme"}
    assert library.column("title")[0].startswith("title, ")
    said = checked.reading.said
    assert said[0].startswith("4 playlists (published: 101,343), 3 lists of 5 songs")
    assert said[1].startswith("3 places")


def test_runs_of_songs_may_be_the_lists_and_the_file_may_be_gzipped(tmp_path):
    miniature(tmp_path)
    plain = Aotm2011(lists="segments").read(tmp_path)
    assert lists_of(plain) == {
        "A": ("1 Mixed Genre #1", "7 Theme #1"), "B": ("1 Mixed Genre #2",), "C": ("99 Rock/Pop #1",),
        "D": ("99 Rock/Pop #1",), "E": ("7 Theme #1",),
    }  # fmt: skip
    file = tmp_path / "aotm2011_playlists.json"
    (tmp_path / "aotm2011_playlists.json.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    assert Aotm2011(lists="segments").read(tmp_path) == plain


def test_previews_are_found_by_7digital_id(tmp_path):
    miniature(tmp_path)
    (tmp_path / "processed_annotations").mkdir()
    (tmp_path / "unique_tracks.txt").rename(tmp_path / "processed_annotations/unique_tracks.txt")
    tracks = {"TRAAAAA0000000000E": "SO" + "E" * 16, "TRAAAAA0000000000C": "SO" + "C" * 16}
    with open(tmp_path / "processed_annotations/unique_tracks.txt", "a", encoding="utf-8") as file:
        file.writelines(f"{track}<SEP>{song}<SEP>x<SEP>y\n" for track, song in tracks.items())
    numbers = dict.fromkeys(tracks, "4711")
    (tmp_path / "processed_annotations/MSD_id_to_7D_id.json").write_text(json.dumps(numbers))
    tone(tmp_path / "preprocessed/4/7/4711.clip.mp3")
    paths = {entry.title[-1]: entry.path for entry in Aotm2011().read(tmp_path).entries}
    assert paths["E"] == "preprocessed/4/7/4711.clip.mp3"
    assert paths["C"].startswith("audio/"), "one's own file goes before"


def test_the_split_by_song_depends_on_its_id_alone():
    ids = [f"SO{i:016d}" for i in range(20000)]
    found = Counter(split_of(one, seed=0) for one in ids)
    assert found["train"] == pytest.approx(16000, abs=200)
    assert found["test"] == pytest.approx(2000, abs=150)
    assert [split_of(one, seed=0) for one in ids[:9]] != [split_of(one, seed=1) for one in ids[:9]]


def without(key):
    lists = playlists()
    del lists[1][key]
    return json.dumps(lists)


@pytest.mark.parametrize(
    ("choices", "file", "text", "said"),
    [
        ({}, "aotm2011_playlists.json", without("mix_id"), r"playlist 2 is no mix_id"),
        ({}, "aotm2011_playlists.json", without("playlist"), r"playlist 2 is no mix_id"),
        (
            {"lists": "segments"},
            "aotm2011_playlists.json",
            without("filtered_lists"),
            "2 has no filtered_lists",
        ),
        ({}, "aotm2011_playlists.json", json.dumps(playlists())[:-30], "breaks off|after 3 objects"),
        ({}, "aotm2011_playlists.json", "{}", "does not begin with"),
        ({}, "aotm2011_playlists.json", "[1, 2]", "'1' is no object"),
        ({}, "aotm2011_playlists.json", "[]", "names no song"),
        ({}, "unique_tracks.txt", "TRA,SOA,a,b\n", "unique_tracks.txt, line 1"),
    ],
)
def test_mistakes_are_named(tmp_path, choices, file, text, said):
    miniature(tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError) as error:
        Aotm2011(**choices).read(tmp_path)
    assert re.search(said, str(error.value), re.DOTALL)
    assert file in str(error.value)


def test_without_the_table_of_tracks_audio_is_looked_for_by_song(tmp_path):
    miniature(tmp_path)
    (tmp_path / "unique_tracks.txt").unlink()
    reading = Aotm2011().read(tmp_path)
    assert next(entry.path for entry in reading.entries) == f"audio/SO{'A' * 16}.mp3"
    assert "song id" in reading.said[-1]
