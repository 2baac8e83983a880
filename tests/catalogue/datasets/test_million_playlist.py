"""The reader of the Million Playlist Dataset: slices one after another, the user's own audio."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from catalogue.datasets.mini_million_playlist import IDS, miniature, playlist
from contramuse.catalogue.datasets.million_playlist import MillionPlaylist
from contramuse.errors import UserError
from minidatasets import prepared


def lists_of(reading):
    return {entry.title[-1]: entry.groups["playlists"] for entry in reading.entries}


def test_tracks_with_audio_and_the_lists_they_stand_in(tmp_path):
    miniature(tmp_path / "root")
    library, checked = prepared("million_playlist", tmp_path / "root", tmp_path / "library")
    assert len(library) == 5
    found = {
        title[-1]: set(lists) for title, lists in zip(library.column("title"), library.groups("playlists"), strict=True)
    }
    assert found["B"] == {"0 Throwbacks", "1 sör, ✨"}
    assert found["E"] == {"2000 late"}
    assert checked.reading.left_out == {"audio of no track of the playlists": ["not of spotify"]}
    assert "4 playlists in 3 files" in checked.reading.said[0]
    assert "2 places are for tracks without your audio" in checked.reading.said[1]
    albums = {entry.groups["album"] for entry in checked.reading.entries}
    assert ("Missy, Elliott: The Cookbook",) in albums


def test_slices_are_read_in_their_order_and_the_challenge_on_wish(tmp_path):
    miniature(tmp_path)
    everything = MillionPlaylist(tracks="all").read(tmp_path)
    assert [entry.title[-1] for entry in everything.entries] == list("ABCFDE")
    assert [entry.path for entry in everything.entries][3] == f"audio/{IDS['F']}.mp3"
    assert list(lists_of(MillionPlaylist(tracks="all", slices=1).read(tmp_path))) == list("ABCF")
    challenge = lists_of(MillionPlaylist(tracks="all", challenge="included").read(tmp_path))
    assert challenge["A"] == ("0 Throwbacks", "challenge 1000000")
    shutil.rmtree(tmp_path / "audio")
    (tmp_path / "paths.csv").unlink()
    assert len(MillionPlaylist().read(tmp_path).entries) == 6, "without any audio all tracks are told"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"info": {}}, "holds no playlists"),
        ({"playlists": [{"name": "a", "tracks": []}]}, "playlist 1 has no pid"),
        (
            {"playlists": [playlist(0, "a", "A"), {"pid": 3, "tracks": [{"pos": 0}]}]},
            "playlist 2 has no pid or no tracks",
        ),
    ],
)
def test_a_damaged_slice_is_named(tmp_path, content, said):
    miniature(tmp_path)
    (tmp_path / "data/mpd.slice.2000-2999.json").write_text(json.dumps(content))
    with pytest.raises(UserError) as error:
        MillionPlaylist().read(tmp_path)
    assert re.search(said, str(error.value))
    assert "mpd.slice.2000-2999.json" in str(error.value)


def test_audio_named_otherwise_than_by_id_is_told(tmp_path):
    miniature(tmp_path)
    shutil.rmtree(tmp_path / "audio")
    (tmp_path / "paths.csv").write_text("id,path\nmy song,songs/e.mp3\n")
    with pytest.raises(UserError, match=r"none of your audio is of a track.*my song"):
        MillionPlaylist().read(tmp_path)
