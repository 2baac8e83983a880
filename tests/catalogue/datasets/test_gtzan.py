"""GTZAN: counts and classes of its three splits, artists kept apart, and what is on disk."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from catalogue.datasets.mini_gtzan import DAMAGED, LEFT_OUT, TEST, TRAIN, VALID, miniature
from contramuse.catalogue.datasets.gtzan import GENRES, GTZAN
from minidatasets import broken, prepared


def test_the_fault_filtered_split_has_its_published_counts(tmp_path):
    reading = GTZAN().read(tmp_path)
    assert reading.counts() == GTZAN().published() == {"train": 443, "valid": 197, "test": 290}
    assert sum(len(items) for items in reading.left_out.values()) == 70
    assert len({entry.path for entry in reading.entries}) == 930
    assert reading.fields[0].classes == GENRES
    assert GENRES == ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
    by_path = {entry.path: entry for entry in reading.entries}
    for part, stems in (("train", TRAIN), ("valid", VALID), ("test", TEST)):
        assert {by_path[f"genres/{stem.split('.')[0]}/{stem}.wav"].split for stem in stems} == {part}
    assert f"genres/pop/{LEFT_OUT}.wav" not in by_path


def test_what_is_said_of_artists_is_so(tmp_path):
    reading = GTZAN().read(tmp_path)
    parts = defaultdict(set)
    for entry in reading.entries:
        for artist in entry.groups.get("artist", ()):
            parts[artist].add(entry.split)
    assert sum("artist" in entry.groups for entry in reading.entries) == 887
    assert sum(len(found) > 1 for found in parts.values()) == 1
    assert "887 of the 930" in reading.said[0]


def test_the_stratified_split_has_half_of_each_genre_for_training(tmp_path):
    dataset = GTZAN(split="stratified")
    reading = dataset.read(tmp_path)
    assert reading.counts() == dataset.published() == {"train": 500, "valid": 250, "test": 250}
    counts = Counter((entry.labels["genre"], entry.split) for entry in reading.entries)
    assert all([counts[genre, part] for part in ("train", "valid", "test")] == [50, 25, 25] for genre in GENRES)
    assert "more than one part" in reading.said[0]


@pytest.mark.parametrize(("fold", "size"), [(1, 315), (2, 316), (3, 317)])
def test_no_artist_is_on_two_sides_of_a_fold(tmp_path, fold, size):
    dataset = GTZAN(split="sturm3", fold=fold)
    reading = dataset.read(tmp_path)
    counts = reading.counts()
    assert counts["test"] == size == dataset.published()["test"]
    assert sum(counts.values()) == 948
    assert 0.15 < counts["valid"] / (counts["valid"] + counts["train"]) < 0.25
    sides = defaultdict(set)
    for entry in reading.entries:
        sides[entry.groups["artist"]].add(entry.split)
    assert all(len(found) == 1 for found in sides.values())
    assert {e.labels["genre"] for e in reading.entries if e.split == "valid"} == set(GENRES)
    assert f"fold {fold}" in dataset.split_name


def test_folds_are_apart_and_together_all(tmp_path):
    tests = [
        {e.path for e in GTZAN(split="sturm3", fold=fold).read(tmp_path).entries if e.split == "test"}
        for fold in (1, 2, 3)
    ]
    assert len(set.union(*tests)) == sum(map(len, tests)) == 948


@pytest.mark.parametrize(
    ("folder", "suffix"),
    [("genres", ".mp3"), ("genres_original", ".wav"), ("Data/genres_original", ".wav"), (".", ".wav")],
)
def test_every_usual_layout_is_found(tmp_path, folder, suffix):
    miniature(tmp_path, folder=folder, suffix=suffix)
    reading = GTZAN().read(tmp_path)
    there = [entry.path for entry in reading.entries if (tmp_path / entry.path).is_file()]
    assert len(there) == len((*TRAIN, *VALID, *TEST, DAMAGED))
    assert all(path.endswith(suffix) and not path.startswith("./") for path in there)


def test_the_first_form_with_au_and_a_single_other_file(tmp_path):
    for name in ("blues.00000.au", "blues.00001.au", "blues.00002.wav"):
        broken(tmp_path / "genres/blues" / name)
    paths = [entry.path for entry in GTZAN().read(tmp_path).entries][:4]
    assert [path.rpartition(".")[2] for path in paths] == ["au", "au", "wav", "wav"]


def test_a_library_has_what_is_there_and_lists_the_rest(tmp_path):
    miniature(tmp_path / "gtzan")
    broken(tmp_path / "gtzan/genres/metal/metal.00000.wav", size=0)
    library, checked = prepared("gtzan", tmp_path / "gtzan", tmp_path / "library")
    splits = dict(zip(library.paths, library.column("split"), strict=True))
    assert len(library) == 7
    assert splits["genres/blues/blues.00012.wav"] == "test"
    assert f"genres/jazz/{DAMAGED}.wav" not in splits
    assert len(checked.missing) == 930 - 9
    assert checked.empty == ["genres/metal/metal.00000.wav"]
    assert any(DAMAGED in line for line in checked.reading.said)
    assert library.fields["genre"].classes == GENRES
    assert library.info["dataset"]["group"] == "artist"


def test_a_fold_is_of_the_folds_alone(tmp_path):
    miniature(tmp_path)
    assert "fold=2 is left aside: only split=sturm3 has folds" in GTZAN(fold=2).read(tmp_path).said
    assert not any("left aside" in line for line in GTZAN(fold=2, split="sturm3").read(tmp_path).said)
