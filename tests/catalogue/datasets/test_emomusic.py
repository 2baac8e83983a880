"""EmoMusic: raw ratings, the published parts, and artists that stay on one side."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.datasets.mini_emomusic import RATINGS, SONGS, miniature
from contramuse.catalogue.datasets.emomusic import EmoMusic, cleaned, side
from contramuse.errors import UserError
from minidatasets import prepared


def test_ratings_are_raw_and_parts_are_the_published_ones(tmp_path):
    miniature(tmp_path)
    reading = EmoMusic().read(tmp_path)
    songs = {entry.path: entry for entry in reading.entries}
    assert dict(songs["clips_45seconds/2.mp3"].labels) == {"arousal": 3.1, "valence": 3.0}
    assert [e.path[-6:] for e in reading.entries if e.split == "test"] == ["/7.mp3", "13.mp3"]
    assert reading.left_out == {"no rating in static_annotations.csv": ["clips_45seconds/10.mp3"]}
    assert songs["clips_45seconds/2.mp3"].title == "Tonight A Lonely Century"
    assert songs["clips_45seconds/2.mp3"].groups["artist"] == ("the new mystikal troubadours",)
    assert "3 songs, train and valid together; 619 are published" in reading.said[0]
    assert [field.kind for field in reading.fields] == ["numeric", "numeric"]


def test_counts_of_the_task(tmp_path):
    miniature(tmp_path)
    assert EmoMusic(valid="none").read(tmp_path).counts() == {"train": 3, "test": 2}
    assert EmoMusic(valid="none").published() == {"train": 619, "test": 125}
    assert EmoMusic().published()["test"] == 125


def test_names_are_cleaned_before_they_are_drawn():
    assert cleaned("Nevada, Lo\u00fas ") == cleaned("nevada  los") == "nevada los"
    assert cleaned("\u5b57") == ""
    assert cleaned("\u0130x") == "ix"  # the small letter of a dotted I has a mark of its own, which is no letter


@given(st.text(max_size=12))
def test_the_rule_as_a_slow_loop(artist):
    kept = [letter for letter in artist.lower() if ord(letter) < 128 and (letter.isalpha() or letter.isspace())]
    name = " ".join("".join(kept).split())
    number = int.from_bytes(hashlib.sha1(name.encode(), usedforsecurity=False).digest(), "big")
    assert cleaned(artist) == name
    assert side(name) == (["train"] * 8 + ["valid"] * 2)[number % 10]


def test_two_of_ten_are_for_validation():
    sides = [side(f"artist {i}") for i in range(3000)]
    assert abs(sides.count("valid") / 3000 - 0.2) < 0.03


def test_a_library_with_two_numbers_per_song(tmp_path):
    miniature(tmp_path / "emomusic")
    library, checked = prepared("emomusic", tmp_path / "emomusic", tmp_path / "library")
    assert len(library) == 4
    assert checked.missing == ["clips_45seconds/13.mp3"]
    values = dict(zip(library.paths, library.column("label.arousal"), strict=True))
    assert np.isclose(values["clips_45seconds/7.mp3"], 5.3)


def test_annotations_may_lie_in_a_folder(tmp_path):
    miniature(tmp_path)
    (tmp_path / "annotations").mkdir()
    for name in ("songs_info.csv", "static_annotations.csv"):
        (tmp_path / name).rename(tmp_path / "annotations" / name)
    assert len(EmoMusic().read(tmp_path).entries) == 5


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("songs_info.csv", SONGS.replace("7,7.mp3,Chris", "x,7.mp3,Chris"), "'x' is no number of a song"),
        ("songs_info.csv", SONGS.replace("Blues,evaluation", "Blues,testing", 1), "'testing' is no part"),
        ("static_annotations.csv", RATINGS.replace("5.3,", "high,"), "holds no numbers"),
        ("static_annotations.csv", RATINGS.replace("5.3,", "0.3,"), "not between 1 and 9"),
        ("static_annotations.csv", RATINGS.replace("5.3,", "nan,"), "not between 1 and 9"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, name, text, said):
    miniature(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said) as error:
        EmoMusic().read(tmp_path)
    assert f"{name}, line 5" in str(error.value)
