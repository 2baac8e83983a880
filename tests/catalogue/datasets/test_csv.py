"""Any table as a dataset: rows joined to files in every way people write them, mistakes told."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalogue.datasets.mini_csv import miniature
from contramuse.catalogue.datasets.table import Table
from contramuse.errors import UserError
from minidatasets import prepared, tone


def test_rows_find_their_files_and_columns_their_kinds(tmp_path):
    miniature(tmp_path / "root")
    library, checked = prepared("csv", tmp_path / "root", tmp_path / "library")
    assert sorted(library.paths) == [
        "music/jazz/c.ogg", "music/jazz/deep/d.wav", "music/jazz/e.m4a", "music/rock/a, b.mp3", "music/rock/f.mp3",
        'music/rock/it"s.flac',
    ]  # fmt: skip
    assert checked.missing == ["music/absent.mp3"]
    kinds = {name: field.kind for name, field in library.fields.items()}
    assert kinds == {"genre": "multiclass", "tempo": "numeric", "mood": "multilabel", "year": "numeric"}
    split = dict(zip(library.paths, library.column("split"), strict=True))
    assert (split["music/jazz/c.ogg"], split['music/rock/it"s.flac']) == ("test", "valid")
    artists = dict(zip(library.paths, library.groups("artist"), strict=True))
    assert set(artists["music/rock/a, b.mp3"]) == {"Ann", "Bo"}
    assert checked.reading.left_out == {
        "files that are not below the root": ["/elsewhere/g.mp3"],
        "files that an earlier row names": ["row 10: music/rock/f.mp3 (as row 7)"],
        "rows that name no file": ["row 11"],
    }


def test_a_name_that_two_files_have_joins_neither(tmp_path):
    miniature(tmp_path)
    (tmp_path / "labels.csv").write_text("file,genre\nf,rock\nc,jazz\ne.m4a,jazz\nd,rock\n")
    paths = [entry.path for entry in Table().read(tmp_path).entries]
    assert paths == ["f", "music/jazz/c.ogg", "music/jazz/e.m4a", "music/jazz/deep/d.wav"]


def test_paths_of_windows_and_through_links_and_names_with_backslashes(tmp_path):
    root = tmp_path / "root"
    for name in ("AC\\DC.wav", "deep/er/a.wav", "b.wav"):
        tone(root / name)
    (tmp_path / "link").symlink_to(root)
    (root / "labels.csv").write_text(f"path,genre\nAC\\DC.wav,rock\ndeep\\er\\a.wav,jazz\n{root}/b.wav,rock\n")
    for place in (root, tmp_path / "link"):
        paths = [entry.path for entry in Table().read(place).entries]
        assert paths == ["AC\\DC.wav", "deep/er/a.wav", "b.wav"]


def test_tables_of_every_kind_and_choices(tmp_path):
    for i in range(4):
        tone(tmp_path / "sub" / f"{i}.wav", seed=i)
    columns = {"song": [f"{i}.wav" for i in range(4)], "style": ["a/b", "b", "a", ""], "crew": ["x", "x", "y", "y"]}
    pq.write_table(pa.table(columns), tmp_path / "sub/t.parquet")
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    (tmp_path / "sub/t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    lines = ["\t".join(columns), *("\t".join(row.values()) for row in rows)]
    (tmp_path / "sub/t.tsv").write_text("\n".join(lines))
    found = []
    for name in ("t.parquet", "t.jsonl", "t.tsv"):
        choices = {
            "file": f"sub/{name}",
            "join": "song",
            "groups": "crew",
            "separator": "/",
            "kinds": "style=multilabel",
        }
        reading = Table(**choices).read(tmp_path)
        found.append(reading.entries)
        assert [entry.path for entry in reading.entries] == [f"sub/{i}.wav" for i in range(4)], "beside the table"
        assert reading.entries[0].labels == {"style": ["a", "b"]}
        assert reading.entries[0].groups == {"crew": ("x",)}
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("choices", "text", "said"),
    [
        ({}, None, "holds no table.*file=NAME"),
        ({"file": "other.csv"}, "path\na.mp3\n", r"the table is not there.*|other\.csv"),
        ({}, "genre,year\nrock,1\n", "has no column that names the files"),
        ({}, "path,genre\na.mp3,rock,more\n", "row 2 has 3 cells"),
        ({"kinds": "genre"}, "path,genre\na.mp3,rock\n", "is not column=kind"),
        ({"kinds": "genre=wild"}, "path,genre\na.mp3,rock\n", "is not a kind of labels"),
        ({"join": "file"}, "path,genre\na.mp3,rock\n", "is no column of the labels file"),
        ({}, "path,split\na.mp3,someday\n", "is not the name of a split"),
        ({}, "path,genre\n/elsewhere/a.mp3,rock\n", "names no file below the root"),
    ],
)
def test_mistakes_are_told(tmp_path, choices, text, said):
    if text is not None:
        (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UserError) as error:
        Table(**choices).read(tmp_path)
    assert re.search(said, str(error.value), re.DOTALL)


def test_several_tables_must_be_chosen_from(tmp_path):
    for name in ("one.csv", "two.tsv"):
        (tmp_path / name).write_text("path\na.mp3\n")
    with pytest.raises(UserError, match=r"holds 2 tables \(one\.csv, two\.tsv\)"):
        Table().read(tmp_path)
