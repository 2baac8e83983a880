"""The Million Song Dataset: lists, the table of 7digital ids in every form, and that no pickle is run."""

from __future__ import annotations

import os
import pickle

import pytest

from catalogue.datasets.mini_million_song import (
    LISTS,
    NUMBERS,
    PREVIEWS,
    TRACKS,
    WITHOUT,
    lists,
    mapping,
    miniature,
    names,
)
from contramuse.catalogue.datasets.million_song import TOP50, MillionSong
from contramuse.errors import UserError
from minidatasets import change, prepared, tone


@pytest.fixture
def root(tmp_path):
    """Lists and tables alone."""
    folder = tmp_path / "msd/processed_annotations"
    lists(folder)
    names(folder)
    mapping(folder)
    return tmp_path / "msd"


def test_the_published_split_and_the_order_of_published_heads():
    dataset = MillionSong()
    assert dataset.published() == {"train": 201676, "valid": 11774, "test": 28434}
    assert f"{sum(dataset.published().values()):,}" in dataset.split_name
    assert len(TOP50) == len(set(TOP50)) == 50
    assert TOP50[:3] == ("rock", "pop", "alternative")
    assert TOP50[17] == "Mellow"
    assert TOP50[-2:] == ("House", "happy")


def test_previews_are_found_by_their_7digital_id(tmp_path):
    root = tmp_path / "msd"
    miniature(root)
    library, checked = prepared("million_song", root, tmp_path / "out")
    assert sorted(library.paths) == sorted(PREVIEWS[track] for track in TRACKS if track in NUMBERS)
    assert library.fields["tags"].classes == TOP50
    assert checked.reading.counts() == {"train": 3, "valid": 2, "test": 2}
    assert checked.reading.left_out == {"without a 7digital id": [WITHOUT]}
    by_path = {entry.path: entry for entry in checked.reading.entries}
    entry = by_path["preprocessed/8/9/8947470.clip.mp3"]
    assert entry.labels["tags"] == ["rock", "happy"]
    assert entry.title == "Title\t0"
    assert entry.groups == {"artist": ["Artist, 0"], "song": ["SO0000000000000000"]}
    assert library.info["dataset"]["group"] == "artist"


@pytest.mark.parametrize("kind", ["json", "tsv", "csv", "txt"])
def test_a_converted_table_is_read_as_the_published_one(root, kind):
    published = MillionSong().read(root)
    folder = root / "processed_annotations"
    (folder / "MSD_id_to_7D_id.pkl").unlink()
    mapping(folder, kind=kind, header=("msd_id", "7d_id") if kind == "csv" else ())
    assert MillionSong().read(root).entries == published.entries


def test_files_called_by_the_track_id_need_no_table(tmp_path):
    lists(tmp_path)
    for seed, track in enumerate(TRACKS[:3]):
        tone(tmp_path / "audio" / track[2] / track[3] / track[4] / f"{track}.mp3", seed=seed)
    library, checked = prepared("million_song", tmp_path, tmp_path.parent / f"{tmp_path.name}_out", ["audio=msd"])
    assert len(library) == 3
    assert len(checked.missing) == len(TRACKS) - 3
    assert checked.reading.entries[0].path == "audio/A/A/A/TRAAAAK128F9318786.mp3"
    assert checked.reading.group == ""


def test_converted_previews_are_found(root):
    tone((root / PREVIEWS["TRYOGXX128F42483A6"]).with_name("45.clip.wav"))
    assert "preprocessed/4/5/45.clip.wav" in [entry.path for entry in MillionSong().read(root).entries]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_a_pickle_that_could_run_code_is_refused_and_not_run(root, monkeypatch):
    monkeypatch.chdir(root)
    (root / "processed_annotations/MSD_id_to_7D_id.pkl").write_bytes(
        pickle.dumps(NUMBERS | {"TRX": Evil()}, protocol=0)
    )
    with pytest.raises(UserError, match="could run code"):
        MillionSong().read(root)
    assert not (root / "evil").exists()


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("train_gt_msd.tsv", "TRAAAAW128F429D538", "TRAAAAW128F429D53", "line 2.*no track id"),
        ("train_gt_msd.tsv", "TRAAAAW128F429D538", "TRAAAAK128F9318786", "line 2.*again"),
        ("test_gt_msd.tsv", "TRZZXOQ128F932A083", "TRYOGXX128F42483A6", "line 2.*valid list again"),
        ("val_gt_msd.tsv", ", 1", ", 7", "line 1.*50 values 0 or 1"),
        ("val_gt_msd.tsv", "]", "", "line 1.*no list"),
        ("output_labels_msd.txt", "'jazz'", "'Jazz'", "line 2.*another order.*Jazz"),
        ("output_labels_msd.txt", "[", "", "no list of tags"),
        ("unique_tracks.txt", "<SEP>Artist, 1", "", "line 3.*four cells"),
    ],
)
def test_a_mistake_in_a_list_is_told_by_line(root, name, old, new, told):
    file = root / "processed_annotations" / name
    change(file, old, new)
    with pytest.raises(UserError, match=f"{name}.*({told})"):
        MillionSong().read(root)


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        ("tsv", "TRAAAAK128F9318786\t8947470\nTRAAAAW128F429D538\t../../x\n", "line 2.*no track id and 7digital id"),
        ("tsv", "TRAAAAK128F9318786\t8947470\nTRAAAAW128F429D538\n", "line 2"),
        ("csv", "msd,seven\n", "holds no 7digital ids"),
        ("json", "[1, 2]", "no mapping"),
        ("json", '{"TRAAAAK128F9318786": ', "no JSON"),
        ("json", '{"TRAAAAK128F9318786": "/etc/x"}', "line 1"),
    ],
)
def test_a_mistake_in_the_table_is_told(root, kind, content, told):
    folder = root / "processed_annotations"
    (folder / "MSD_id_to_7D_id.pkl").unlink()
    (folder / f"MSD_id_to_7D_id.{kind}").write_text(content)
    with pytest.raises(UserError, match=told):
        MillionSong().read(root)


def test_what_is_missing_is_named(root):
    for name in ("val_gt_msd.tsv", "MSD_id_to_7D_id.pkl"):
        file = root / "processed_annotations" / name
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(UserError, match=r"is not there.*It is to be had at http"):
            MillionSong().read(root)
        file.write_bytes(content)
    assert sum(len(part) for part in LISTS.values()) == len(MillionSong().read(root).entries) + 1
