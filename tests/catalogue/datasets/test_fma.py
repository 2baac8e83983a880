"""FMA: sizes that hold one another, titles that break lines, and mistakes in the table."""

from __future__ import annotations

import pytest

from catalogue.datasets.mini_fma import HEADERS, TRACKS, miniature, write_tracks
from contramuse.catalogue.datasets.fma import FMA, SHORT, SILENT, SMALL_GENRES, TOP_GENRES
from contramuse.errors import UserError
from minidatasets import prepared


def test_classes_and_published_counts():
    assert SMALL_GENRES == (
        "Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock",
    )  # fmt: skip
    assert len(TOP_GENRES) == 16
    assert set(SMALL_GENRES) < set(TOP_GENRES)
    assert list(TOP_GENRES) == sorted(TOP_GENRES)
    assert FMA().published() == {"train": 6400, "valid": 800, "test": 800}
    assert [len(remote.md5) for remote in FMA(size="full").remote()] == [40, 40]
    assert len(set(SILENT) | set(SHORT)) == 21


@pytest.mark.parametrize(("size", "count"), [("small", 5), ("medium", 6), ("large", 7), ("full", 7)])
def test_each_size_holds_the_smaller_ones(tmp_path, size, count):
    miniature(tmp_path)
    reading = FMA(size=size).read(tmp_path)
    assert len(reading.entries) == count
    assert all(entry.path.startswith(f"fma_{size}/") for entry in reading.entries)
    assert len(reading.fields[0].classes) == (8 if size == "small" else 16)


def test_cells_with_commas_quotes_and_line_breaks_shift_nothing(tmp_path):
    miniature(tmp_path)
    entries = {entry.path[-10:-4]: entry for entry in FMA(size="large").read(tmp_path).entries}
    assert [e.split for e in entries.values()] == ["train", "train", "valid", "test", "test", "train", "train"]
    assert entries["000148"].title == "a title in two lines, or three"
    assert entries["000005"].title == 'This "World", they said'
    assert entries["000182"].groups["artist"] == ("Kurt, and Vile",)
    assert entries["000182"].groups["album"] != entries["000148"].groups["album"]
    assert entries["000200"].groups == {}
    assert "genre" not in entries["155320"].labels


def test_all_genres_by_their_titles(tmp_path):
    miniature(tmp_path)
    reading = FMA(size="large", labels="genres_all").read(tmp_path)
    assert reading.fields[0].classes == ("Jazz", "Pop", "Rock", "Electronic", "Hip-Hop", "Hip-Hop, Beats")
    assert reading.entries[1].labels["genres"] == ["Hip-Hop", "Hip-Hop, Beats"]
    assert reading.entries[-1].labels["genres"] == []


def test_a_library_of_the_small_set(tmp_path):
    miniature(tmp_path / "fma")
    library, checked = prepared("fma", tmp_path / "fma", tmp_path / "library")
    splits = dict(zip(library.paths, library.column("split"), strict=True))
    assert splits == {
        "fma_small/000/000002.mp3": "train", "fma_small/000/000005.mp3": "train",
        "fma_small/000/000148.mp3": "valid", "fma_small/000/000182.mp3": "test",
    }  # fmt: skip
    assert "133297" in checked.reading.said[0]
    assert library.fields["genre"].classes == SMALL_GENRES
    assert library.info["dataset"]["split"] == "official, small"


def _row(**changed: str) -> tuple[object, ...]:
    names = ["id", "album_id", "album", "artist", "split", "subset", "top", "all", "title"]
    return tuple(changed.get(name, value) for name, value in zip(names, TRACKS[0], strict=True))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"split": "dev set"}, "'dev set' is no split"),
        ({"subset": "tiny"}, "'tiny' is no subset"),
        ({"top": "Polka"}, "'Polka' is no top genre of the small set"),
        ({"id": "two"}, "'two' is no number"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, change, said):
    write_tracks(tmp_path / "fma_metadata/tracks.csv", (TRACKS[2], _row(**change)))
    with pytest.raises(UserError, match=said) as error:
        FMA().read(tmp_path)
    # Three lines of headers, three of the first row, whose title has two breaks.
    assert "tracks.csv, line 7" in str(error.value)


def test_lists_of_genres_are_read_and_not_evaluated(tmp_path):
    miniature(tmp_path)
    for cell, said in (("__import__('os')", "is no list of genres"), ("[999]", "genre 999"), ("7", "is no list")):
        write_tracks(tmp_path / "fma_metadata/tracks.csv", (_row(all=cell),))
        with pytest.raises(UserError, match=said):
            FMA(labels="genres_all").read(tmp_path)


def test_a_table_of_one_header_or_a_short_row(tmp_path):
    file = tmp_path / "fma_metadata/tracks.csv"
    write_tracks(file, ())
    with pytest.raises(UserError, match="no track of the small set"):
        FMA().read(tmp_path)
    file.write_text("track_id,title\n2,Food\n")
    with pytest.raises(UserError, match="no column set split"):
        FMA().read(tmp_path)
    file.write_text("".join(",".join(row) + "\n" for row in HEADERS) + "2,1,x\n")
    with pytest.raises(UserError, match="has 3 cells, not 9"):
        FMA().read(tmp_path)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="UTF-8"):
        FMA().read(tmp_path)
