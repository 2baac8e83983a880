"""MTG-Jamendo: subsets, splits, classes in their order, both layouts of audio, and mistakes told by line."""

from __future__ import annotations

import pytest

from catalogue.datasets.mini_mtg_jamendo import TRACKS, audio, lists, miniature, path_of
from contramuse.catalogue.datasets.mtg_jamendo import ALL, CLASSES, TOP50, MTGJamendo
from contramuse.errors import UserError
from minidatasets import change, prepared

SIZES = {"top50": 54380, "genre": 55094, "instrument": 24976, "moodtheme": 17982, "all": 55525}


@pytest.fixture
def root(tmp_path):
    """Lists and the folders of the audio."""
    lists(tmp_path / "mtg")
    (tmp_path / "mtg/raw_30s/audio/14").mkdir(parents=True)
    return tmp_path / "mtg"


@pytest.mark.parametrize(
    ("subset", "classes", "counts"),
    [
        ("top50", 50, (32136, 10888, 11356)),
        ("genre", 87, (32572, 11043, 11479)),
        ("instrument", 40, (14395, 5466, 5115)),
        ("moodtheme", 56, (9949, 3802, 4231)),
        ("all", 183, (32859, 11101, 11565)),
    ],
)
def test_published_sizes_and_classes(subset, classes, counts):
    dataset = MTGJamendo(subset=subset)
    assert tuple(dataset.published().values()) == counts
    assert sum(counts) == SIZES[subset]
    assert len(set(CLASSES[subset])) == classes
    assert list(CLASSES[subset]) == sorted(CLASSES[subset])
    assert f"{classes} tags" in dataset.split_name
    assert "split-0" in dataset.split_name


def test_the_top_50_are_of_all_categories():
    assert set(TOP50) < set(ALL)
    assert [sum(tag.startswith(part) for tag in TOP50) for part in ("genre", "instrument", "mood/theme")] == [31, 14, 5]
    assert TOP50[0] == "genre---alternative"
    assert TOP50[-1] == "mood/theme---relaxing"


@pytest.mark.parametrize("subset", list(CLASSES))
def test_a_subset_is_read_as_its_files_have_it(root, subset):
    reading = MTGJamendo(subset=subset).read(root)
    wanted = {
        f"raw_30s/audio/{path_of(number)}": ({"validation": "valid"}.get(part, part), set(tags) & set(CLASSES[subset]))
        for number, (part, _, _, tags) in TRACKS.items()
        if set(tags) & set(CLASSES[subset])
    }
    assert {entry.path: (entry.split, set(entry.labels["tags"])) for entry in reading.entries} == wanted
    assert reading.fields[0].classes == CLASSES[subset]


def test_full_audio_is_prepared(tmp_path):
    root = tmp_path / "mtg"
    miniature(root)
    library, checked = prepared("mtg_jamendo", root, tmp_path / "out", ["subset=all"])
    assert len(library) == len(TRACKS)
    assert library.fields["tags"].classes == ALL
    assert library.known("tags").all()
    assert checked.reading.counts() == {"train": 3, "valid": 2, "test": 2}
    assert library.info["dataset"]["group"] == "artist"
    entry = next(entry for entry in checked.reading.entries if entry.path.endswith("14/214.mp3"))
    assert entry.groups == {"artist": ["artist_000014"], "album": ["album_000031"]}


def test_low_quality_audio_of_another_split_is_prepared(tmp_path):
    lists(tmp_path / "mtg", split=3, end="\n")
    audio(tmp_path / "mtg/audio-low", low=True)
    library, _ = prepared("mtg_jamendo", tmp_path / "mtg", tmp_path / "out", ["audio=low", "split=3"])
    assert len(library) == 7
    assert "audio-low/14/214.low.mp3" in library.paths
    assert library.info["dataset"]["split"] == "split-3 of the top50 subset (50 tags)"
    assert library.info["dataset"]["published"] == {}


@pytest.mark.parametrize("folder", ["raw_30s/audio-low", "audio-low", "autotagging_moodtheme/audio-low", ""])
def test_audio_is_found_in_each_layout(tmp_path, folder):
    lists(tmp_path)
    (tmp_path / folder / "73").mkdir(parents=True)
    paths = [entry.path for entry in MTGJamendo(audio="low").read(tmp_path).entries]
    assert f"{folder}/14/214.low.mp3".lstrip("/") in paths


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("genre---metal", "genre---metall", "line 2.*none of the 50 of top50.*metall"),
        ("genre---metal", "instrument---pad", "line 2.*none of the 50"),
        ("\tgenre---metal", "", "line 2.*too few cells"),
        ("15/215.mp3", "15/215", "line 2.*no path of an mp3"),
        ("15/215.mp3", "../../215.mp3", "line 2.*no path of an mp3"),
        ("TAGS", "LABELS", "line 1.*no column TAGS"),
        ("track_0000215", "track_0000241", "line 2.*train list again"),
    ],
)
def test_a_mistake_in_a_list_is_told_by_line(root, old, new, told):
    file = root / "data/splits/split-0/autotagging_top50tags-test.tsv"
    change(file, old, new)
    with pytest.raises(UserError, match=f"top50tags-test.tsv.*{told}"):
        MTGJamendo().read(root)


def test_a_missing_list_is_named_with_its_place(root):
    with pytest.raises(UserError, match=r"split-2/autotagging_genre-train\.tsv.*https://github\.com/MTG"):
        MTGJamendo(subset="genre", split=2).read(root)


def test_archives_are_fetched_into_the_folder_that_is_read():
    remotes = MTGJamendo(audio="low", subset="all", split=4).remote()
    assert len(remotes) == 103
    assert remotes[0].url.endswith("data/splits/split-4/autotagging-train.tsv")
    assert remotes[-1].url.endswith("raw_30s/audio-low/raw_30s_audio-low-99.tar")
    assert remotes[-1].unpack == "raw_30s/audio-low"
