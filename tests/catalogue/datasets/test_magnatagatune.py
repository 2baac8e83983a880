"""MagnaTagATune: both lists from every kind of file that people have, and mistakes told by file and line."""

from __future__ import annotations

import shutil

import pytest

from catalogue.datasets.mini_magnatagatune import (
    CLIPS,
    COLUMNS,
    EMPTY,
    WAV,
    lee,
    miniature,
    musicnn,
    official,
    part_of,
)
from contramuse.catalogue.datasets.magnatagatune import BROKEN, TOP50, MagnaTagATune
from contramuse.errors import UserError
from minidatasets import change, prepared

TAGGED = {path for path, tags in CLIPS.values() if set(tags) & set(TOP50) and path != EMPTY}
WHOLE = {path for path, _ in CLIPS.values() if path != EMPTY}


def listed(reading):
    """Path as published -> split and tags."""
    return {entry.path.replace(".wav", ".mp3"): (entry.split, entry.labels["tags"]) for entry in reading.entries}


@pytest.fixture
def root(tmp_path):
    """Annotations alone."""
    (tmp_path / "mtat").mkdir()
    official(tmp_path / "mtat")
    return tmp_path / "mtat"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Annotations and audio; not to be changed."""
    folder = tmp_path_factory.mktemp("mtat")
    miniature(folder)
    return folder


def test_the_classes_are_the_outputs_of_published_heads():
    assert len(TOP50) == len(set(TOP50)) == 50
    assert TOP50[:5] == ("guitar", "classical", "slow", "techno", "strings")
    assert TOP50[46:] == ("country", "metal", "female voice", "choral")


@pytest.mark.parametrize(("split", "counts"), [("pons2017", (18706, 1825, 5329)), ("cleaned", (15244, 1529, 4332))])
def test_published_sizes_and_names_of_the_two_lists(split, counts):
    dataset = MagnaTagATune(split=split)
    assert tuple(dataset.published().values()) == counts
    assert dataset.split_name.startswith(split)
    assert f"{sum(counts):,} clips" in dataset.split_name
    assert dataset.split_name != MagnaTagATune(split=split, tags="all").split_name


def test_the_rules_give_the_published_sizes():
    """Clips of each folder of the archive, and those of them with a top-50 tag, without the three empty files."""
    folders = dict(zip("0123456789abcdef", (1108, 1543, 1562, 1238, 2421, 1604, 1788, 1163, 1144, 1773, 1417, 1948,
                                            1825, 1677, 1547, 2105), strict=True))  # fmt: skip
    tagged = dict(zip("0123456789abcdef", (911, 1260, 1250, 1024, 1953, 1269, 1490, 933, 906, 1466, 1148, 1634, 1529,
                                           1339, 1270, 1723), strict=True))  # fmt: skip
    whole = MagnaTagATune()
    counts = dict.fromkeys(whole.published(), 0)
    for folder, clips in folders.items():
        counts[whole._split_of(f"{folder}/x", frozenset())] += clips - sum(clip[0] == folder for clip in BROKEN)
    assert counts == whole.published()
    cleaned = MagnaTagATune(split="cleaned")
    counts = dict.fromkeys(cleaned.published(), 0)
    for folder, clips in tagged.items():
        assert cleaned._split_of(f"{folder}/x", frozenset(("jazz",))) == ""
        counts[cleaned._split_of(f"{folder}/x", frozenset(("jazz", "choral")))] += clips
    assert counts == cleaned.published()


def test_no_two_choices_share_the_name_of_a_split():
    names = {MagnaTagATune(split=s, tags=t).split_name for s in ("pons2017", "cleaned") for t in ("top50", "all")}
    assert len(names) == 4


@pytest.mark.parametrize("choices", [[], ["split=cleaned"], ["tags=all"], ["split=cleaned", "tags=all"]])
def test_lists_are_made_by_their_rules_from_the_official_table(whole, tmp_path, choices):
    library, checked = prepared("magnatagatune", whole, tmp_path / "out", choices)
    cleaned = "split=cleaned" in choices
    found = listed(checked.reading)
    assert set(found) == (TAGGED if cleaned else WHOLE)
    assert all(split == part_of(path) for path, (split, _) in found.items())
    assert checked.reading.left_out["empty files of the published archive"] == [EMPTY]
    tags = library.fields["tags"]
    assert tags.classes == (COLUMNS if "tags=all" in choices else TOP50)
    assert library.known("tags").all()
    assert len(library) == len(found)
    assert WAV in library.paths
    if not cleaned:
        untagged = library.paths.index("f/bach_players-solo-01-aria-146-175.mp3")
        assert library.column("split")[untagged] == "test"
        assert library.known("tags")[untagged]
    assert library.info["dataset"]["group"] == "song"


def test_clips_of_a_song_are_grouped_and_titles_are_read(root):
    entries = {entry.path: entry for entry in MagnaTagATune().read(root).entries}
    first = entries["f/bach_players-solo-01-aria-30-59.mp3"]
    second = entries["f/bach_players-solo-01-aria-146-175.mp3"]
    assert first.groups["song"] == second.groups["song"] == ["bach_players-solo-01-aria"]
    assert first.title == 'Aria, "first"'
    assert first.groups["album"] == ["Solo, Vol. 1"]
    assert first.groups["artist"] == ["Bach_Players"]
    without = entries["d/rock_band-two-03-goodbye-0-29.mp3"]
    assert without.groups == {"artist": ["rock_band"], "album": ["rock_band-two"], "song": ["rock_band-two-03-goodbye"]}


@pytest.mark.parametrize("prefix", ["", "/data/magnatagatune/mp3/", "../mp3/", "C:\\music\\"])
@pytest.mark.parametrize("split", ["pons2017", "cleaned"])
def test_the_lists_of_musicnn_give_the_same_clips(tmp_path, root, split, prefix):
    other = tmp_path / "other"
    musicnn(other / "data/index/mtt", prefix=prefix)
    (other / "mp3/f").mkdir(parents=True)
    dataset = MagnaTagATune(split=split)
    ours = {path.removeprefix("mp3/"): told for path, told in listed(dataset.read(other)).items()}
    assert ours == listed(dataset.read(root))


@pytest.mark.parametrize("kind", ["text", "pickle"])
@pytest.mark.parametrize("tags", ["top50", "all"])
def test_the_published_cleaned_lists_give_the_same_clips(root, kind, tags):
    dataset = MagnaTagATune(split="cleaned", tags=tags)
    by_rule = dataset.read(root)
    lee(root / "MTAT_split", kind=kind)
    by_list = dataset.read(root)
    assert listed(by_rule) == listed(by_list)
    assert "published files" in by_list.said[0]
    assert "its rule" in by_rule.said[0]


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("annotations_final.csv", '"choral"', '"coral"', "line 1.*choral"),
        ("annotations_final.csv", '"tag 3"', '"jazz"', "line 1.*187"),
        ("annotations_final.csv", "\t", ",", "line 1.*mp3_path"),
        ("annotations_final.csv", '"1"', '"2"', "line 2.*0 or 1 for"),
        ("annotations_final.csv", '"f/bach_players-solo-01-aria-30', '"x/bach', "line 2.*folders 0 to f"),
        ("clip_info_final.csv", '"artist"', '"performer"', "clip_info.*line 1.*artist"),
        ("MTAT_split/test_list_pub.cP.txt", "goodbye", "goodbuy", "line 1.*without annotations"),
        ("MTAT_split/test_list_pub.cP.txt", "d/rock_band-two-03-goodbye-0-29.npy",
         "c/nova-nova-01-contimune-30-59.npy", "line 1.*valid list"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_told_by_file_and_line(root, name, old, new, told):
    lee(root / "MTAT_split")
    change(root / name, old, new, count=500 if old == "\t" else 1)
    with pytest.raises(UserError, match=f"(?s){told}"):
        MagnaTagATune(split="cleaned").read(root)


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("test_gt_mtt.tsv", "1.0", "0.5", "line 1.*50 values 0 or 1"),
        ("test_gt_mtt.tsv", "0.0, ", "", "line 1.*50 values"),
        ("test_gt_mtt.tsv", "[", "__import__('os').getcwd() or [", "line 1.*no list"),
        ("test_gt_mtt.tsv", "34\t", "35\t", "line 3.*index_mtt"),
        ("val_gt_mtt.tsv", "14\t", "19\t", "line 2.*twice"),
        ("index_mtt.tsv", "f/bach", "bach", "line 1.*folders 0 to f"),
    ],
)
def test_a_mistake_in_the_lists_of_musicnn_is_told_by_line(tmp_path, name, old, new, told):
    musicnn(tmp_path)
    change(tmp_path / name, old, new)
    with pytest.raises(UserError, match=f"{name}.*{told}"):
        MagnaTagATune().read(tmp_path)


def test_a_cut_table_is_told_by_its_line(root):
    file = root / "annotations_final.csv"
    text = file.read_text()
    file.write_text(text[: text.rindex("\t") - 8])
    with pytest.raises(UserError, match=rf"line {len(CLIPS) + 1}.*cut off"):
        MagnaTagATune().read(root)


def test_what_is_missing_is_named(tmp_path, root):
    with pytest.raises(UserError, match=r"annotations_final\.csv"):
        MagnaTagATune().read(tmp_path)
    lee(root / "MTAT_split")
    (root / "MTAT_split/valid_list_pub.cP.txt").unlink()
    with pytest.raises(UserError, match="without the valid list"):
        MagnaTagATune(split="cleaned").read(root)
    other = tmp_path / "lists"
    musicnn(other)
    (other / "val_gt_mtt.tsv").unlink()
    with pytest.raises(UserError, match=r"val_gt_mtt\.tsv"):
        MagnaTagATune().read(other)


def test_all_tags_need_the_official_table(tmp_path):
    musicnn(tmp_path)
    with pytest.raises(UserError, match=r"annotations_final\.csv"):
        MagnaTagATune(tags="all").read(tmp_path)


def test_absent_and_broken_audio_is_listed_and_the_rest_is_prepared(whole, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(whole, root)
    gone, damaged, hollow = (CLIPS[clip][0] for clip in ("2", "14", "34"))
    (root / gone).unlink()
    (root / damaged).write_bytes(b"no mp3 at all" * 50)
    (root / hollow).write_bytes(b"")
    library, checked = prepared("magnatagatune", root, tmp_path / "out")
    assert checked.missing == [gone]
    assert checked.empty == [hollow]
    assert len(library) == len(WHOLE) - 3


def test_line_ends_of_another_system_and_a_byte_order_mark_do_no_harm(root, tmp_path):
    lee(root / "MTAT_split")
    dataset = MagnaTagATune(split="cleaned")
    before = dataset.read(root)
    for file in (*root.glob("*.csv"), *root.glob("MTAT_split/*")):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert dataset.read(root) == before
    musicnn(tmp_path / "lists")
    before = MagnaTagATune().read(tmp_path / "lists")
    for file in tmp_path.glob("lists/*.tsv"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert MagnaTagATune().read(tmp_path / "lists") == before


def test_lists_without_their_index_are_told_what_they_lack(root):
    musicnn(root)
    (root / "index_mtt.tsv").unlink()
    with pytest.raises(UserError, match=r"index_mtt\.tsv.*It is to be had at https://github"):
        MagnaTagATune().read(root)


def test_official_table_alone_is_enough(tmp_path):
    official(tmp_path)
    (tmp_path / "clip_info_final.csv").unlink()
    reading = MagnaTagATune().read(tmp_path)
    assert reading.counts() == {"train": 3, "valid": 2, "test": 3}
