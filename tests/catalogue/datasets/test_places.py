"""Where files lie: alternatives in order, the folder of the audio, and audio that was converted."""

from __future__ import annotations

from contramuse.catalogue.datasets.places import anywhere, audio_file, audio_folder, first


def test_alternatives_are_tried_in_order(tmp_path):
    path = anywhere("list.tsv", ("lists", "", "a/b"))
    assert path == "lists/list.tsv|list.tsv|a/b/list.tsv"
    assert first(tmp_path, path) is None
    (tmp_path / "list.tsv").mkdir()
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/list.tsv").touch()
    assert first(tmp_path, path) == tmp_path / "a/b/list.tsv"


def test_the_folder_of_the_audio_is_the_first_that_holds_it(tmp_path):
    folders = ("mp3", "audio", "")
    assert audio_folder(tmp_path, folders, "0f") == "mp3/"
    (tmp_path / "mp3").mkdir()
    (tmp_path / "f").mkdir()
    assert audio_folder(tmp_path, folders, "0f") == ""
    (tmp_path / "audio/0").mkdir(parents=True)
    assert audio_folder(tmp_path, folders, "0f") == "audio/"


def test_published_audio_comes_before_converted_and_absent_audio_keeps_its_name(tmp_path):
    assert audio_file(tmp_path, "a.clip.mp3") == "a.clip.mp3"
    (tmp_path / "a.clip.flac").touch()
    assert audio_file(tmp_path, "a.clip.mp3") == "a.clip.flac"
    assert audio_file(tmp_path, "a.clip.mp3", endings=(".wav",)) == "a.clip.mp3"
    (tmp_path / "a.clip.mp3").touch()
    assert audio_file(tmp_path, "a.clip.mp3") == "a.clip.mp3"
