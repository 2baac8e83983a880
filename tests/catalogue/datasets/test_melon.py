"""The reader of Melon: mel arrays, genres, playlists, and splits by the published rule."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pytest

from catalogue.datasets.mini_melon import DAMAGED, WHOLE, miniature, songs
from contramuse.catalogue.datasets.melon import MELON50_SHARES, Melon
from contramuse.catalogue.splits import SHARES
from contramuse.catalogue.stratify import stratified_splits
from contramuse.errors import UserError
from minidatasets import prepared


def ids(entries):
    return {int(entry.path.rsplit("/", 1)[1][:-4]) for entry in entries}


def test_the_rule_gives_the_published_sizes():
    made = Counter(stratified_splits(np.full(644_528, -1), seed=0, shares=SHARES))
    assert made == Melon().published() == {"train": 515_622, "valid": 64_453, "test": 64_453}
    made = Counter(stratified_splits(np.full(64_453, -1), seed=0, shares=MELON50_SHARES))
    assert made == {"train": 38_672, "valid": 12_891, "test": 12_890}
    assert Melon(split="melon50").published() == {}


def test_songs_of_playlists_become_a_library_of_mel_arrays(tmp_path):
    miniature(tmp_path / "root")
    library, checked = prepared("melon", tmp_path / "root", tmp_path / "library")
    reading = checked.reading
    assert checked.missing == ["arena_mel/0/7.npy"]
    assert len(library) == 40 - 2 - 2 + len(WHOLE)
    assert library.info["kind"] == "features"
    assert (reading.frame_rate, reading.bands) == (62.5, 48)
    assert library.column("seconds")[0] == pytest.approx(100 / 62.5)
    assert reading.left_out == {
        "songs in no playlist": ["38", "39"],
        "songs in archives that are missing or damaged": [str(item) for item in DAMAGED],
    }
    assert library.fields["genres"].classes == (
        "GN0100 발라드", "GN0101 세부장르전체", "GN0105 00년대", "GN0200 댄스", "GN0201 세부장르전체",
    )  # fmt: skip
    known = dict(zip(library.paths, library.known("genres"), strict=True))
    assert not known["arena_mel/0/5.npy"]
    assert sum(known.values()) == len(library) - 1
    lists = dict(zip(library.paths, library.groups("playlists"), strict=True))
    assert set(lists["arena_mel/0/3.npy"]) == {"61281 여행같은 음악", "5", "70107 겨울"}
    assert Counter(entry.split for entry in reading.entries) == {"train": 32, "valid": 4, "test": 4}
    assert "not the published list" in library.info["dataset"]["split"]


def test_melon50_lives_within_the_test_songs_and_leaks_none(tmp_path):
    miniature(tmp_path)
    whole, inner = Melon(seed=3).read(tmp_path), Melon(split="melon50", seed=3).read(tmp_path)
    test = ids(entry for entry in whole.entries if entry.split == "test")
    assert ids(inner.entries) == test
    assert {entry.split for entry in inner.entries} <= {"train", "valid", "test"}
    assert len(inner.entries) == len(ids(inner.entries))
    (field,) = inner.fields
    assert field.empty == "none"
    assert all(not name.split(" ")[0].endswith("00") for name in field.classes)


def test_given_lists_are_taken_as_they_are(tmp_path):
    miniature(tmp_path)
    (tmp_path / "splits").mkdir()
    for name, text in (("train", "0\n1\n2\n"), ("valid", "3\n"), ("test", "4\n38\n")):
        (tmp_path / "splits" / f"{name}.txt").write_text(text)
    reading = Melon(split="given").read(tmp_path)
    assert {entry.path[12:-4]: entry.split for entry in reading.entries} == {
        "0": "train", "1": "train", "2": "train", "3": "valid", "4": "test",
    }  # fmt: skip
    assert reading.left_out["ids of the lists that are no songs taken"] == ["38"]
    assert len(reading.left_out["songs in none of the lists"]) == 40 - 2 - 5 + len(WHOLE)
    (tmp_path / "splits/test.txt").write_text("4\n0\n")
    with pytest.raises(UserError, match=r"test\.txt, line 2.*0 is in train\.txt too"):
        Melon(split="given").read(tmp_path)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("song_meta.json", lambda text: json.dumps([{"id": 1}]), "song 1 lacks one of id, song_gn_gnr_basket"),
        ("song_meta.json", lambda text: text[:-200], "breaks off|Unterminated|after 4"),
        ("song_meta.json", lambda text: json.dumps(songs()).replace('"id": 1}', '"id": "x"}'), "song 2 lacks"),
        ("train.json", lambda text: text.replace('"songs"', '"sons"'), "playlist 61281 has no id or songs"),
        ("genre_gn_all.json", lambda text: "[]", "is no table of codes"),
    ],
)
def test_mistakes_are_named(tmp_path, file, change, said):
    miniature(tmp_path)
    path = tmp_path / "kakao_meta" / file
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(UserError) as error:
        Melon().read(tmp_path)
    assert re.search(said, str(error.value))
    assert file in str(error.value)
