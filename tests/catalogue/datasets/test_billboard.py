"""The reader of McGill Billboard: slots and songs, tonics without a mode, the user's own audio."""

from __future__ import annotations

import re

import pytest

from catalogue.datasets.mini_billboard import INDEX, miniature
from contramuse.catalogue.datasets.billboard import TONICS, Billboard
from contramuse.errors import UserError
from minidatasets import prepared


def test_songs_stand_once_and_take_the_slot_that_has_audio(tmp_path):
    miniature(tmp_path / "root")
    library, checked = prepared("billboard", tmp_path / "root", tmp_path / "library")
    assert sorted(library.paths) == [
        "audio/0002.mp3", "audio/0010.mp3", "audio/1970s/0004.mp3", "audio/6.flac", "mine/tempus fugit, live.ogg",
    ]  # fmt: skip
    tonic = sorted(zip(library.paths, library.labels("tonic"), strict=True))
    assert [TONICS[i] if i >= 0 else None for _, i in tonic] == [
        "F#",
        "C",
        "Ab",
        "B",
        None,
    ]
    assert library.fields["metre"].classes == ("4/4", "6/8")
    assert library.fields["decade"].classes == ("1950s", "1960s", "1970s", "1980s", "1990s")
    assert sorted(library.labels("chart_year").tolist()) == [1958, 1961, 1971, 1975, 1990]
    assert checked.reading.left_out == {
        "slots without a song": ["0001"],
        "slots without annotations": ["0015"],
        "slots of a song that another slot has": ["0010"],
        "rows of paths.csv whose file is not below the root": ("0003: /elsewhere/a.mp3",),
    }
    assert checked.reading.said[0].startswith("5 songs in 6 annotated slots")


def test_slots_as_published_and_tonics_that_change(tmp_path):
    miniature(tmp_path)
    slots = Billboard(items="slots").read(tmp_path).entries
    assert [entry.path for entry in slots if entry.title == "I Don't Mind"] == ["audio/0003.mp3", "audio/0010.mp3"]
    assert len({entry.groups["song"] for entry in slots}) == 5
    entries = Billboard(modulating="unknown").read(tmp_path).entries
    labels = {entry.title: entry.labels.get("tonic") for entry in entries}
    assert labels["You've Got A Friend"] is None
    assert labels["The Rubberband, Man"] == "B", "two names of one tonic are no change"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("billboard-2.0-index.csv", INDEX.replace("1961-07-03", "long ago"), "index.csv, line 4.*no date"),
        ("billboard-2.0-index.csv", INDEX.replace("3,1961", "three,1961"), "index.csv, line 4.*no number of a slot"),
        ("billboard-2.0-index.csv", INDEX.replace("1961-07-03", "2011-07-03"), "index.csv, line 4.*2011"),
        ("billboard-2.0-index.csv", INDEX.replace("title", "name"), "index.csv, line 1.*no column title"),
        ("McGill-Billboard/0004/salami_chords.txt", "# tonic: H\n", "0004/salami_chords.txt, line 1.*'H' is no tonic"),
        ("paths.csv", "id,path\n3,a.mp3\n3,b.mp3\n", "paths.csv, line 3.*twice"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path, file, text, said):
    miniature(tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError) as error:
        Billboard().read(tmp_path)
    assert re.search(said, str(error.value), re.DOTALL)
