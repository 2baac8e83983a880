"""Labels: tables of every kind, columns typed by content, rows joined to files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contramuse.catalogue.labels import join_rows, parse_key, read_labels, typed
from contramuse.catalogue.tables import read_table
from contramuse.catalogue.track import KEYS
from contramuse.errors import UserError

ROWS = {"path": ["a.mp3", "b.mp3", "c.mp3"], "genre": ["rock", "jazz", "rock"], "tempo": ["120", "99.5", ""]}


def write_table(path: Path) -> Path:
    lines = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
    mark = "\t" if path.suffix == ".tsv" else ";" if path.stem == "semicolon" else ","
    if path.suffix == ".parquet":
        pq.write_table(pa.table(ROWS), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    else:
        text = "\r\n".join([mark.join(ROWS), *(mark.join(line.values()) for line in lines)])
        path.write_text(text, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "semicolon.csv", "a.parquet", "a.jsonl"])
def test_every_kind_of_table_says_the_same(tmp_path: Path, name: str) -> None:
    table = read_table(write_table(tmp_path / name))
    assert table == ROWS
    labels = read_labels(tmp_path / name)
    assert labels.kinds == {"genre": "multiclass", "tempo": "numeric"}
    assert labels.values["tempo"] == [120.0, 99.5, None]


def test_cells_with_quotes_line_breaks_and_latin_letters(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(
        'path,mood\n"a, b.mp3","calm\u2028 ""so"""\n"c\nd.mp3",\xe9t\xe9\n'.encode("utf-8")
    )
    assert read_table(tmp_path / "a.csv")["path"] == ["a, b.mp3", "c\nd.mp3"]
    (tmp_path / "b.csv").write_bytes(b"path,mood\na.mp3,\xe9t\xe9\n")
    assert read_table(tmp_path / "b.csv")["mood"] == ["été"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no rows"),
        ("path,a\n", "holds no rows"),
        ("path,a,a\nx,1,2\n", "several columns called 'a'"),
        ("path,a\nx,1,2\n", "row 2 has 3 cells, the header has 2"),
        ("title,a\nx,1\n", "no column that names the files"),
        ("path,split\nx,somewhere\n", "is not the name of a split"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_labels(tmp_path / "a.csv")


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    for name, text in (("a.xlsx", ""), ("a.parquet", "no"), ("a.jsonl", "{"), ("b.jsonl", "[1]")):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match="labels"):
            read_labels(tmp_path / name)
    with pytest.raises(UserError, match="cannot be read"):
        read_labels(tmp_path / "none.csv")


def test_columns_that_were_named_must_be_there(tmp_path: Path) -> None:
    file = write_table(tmp_path / "a.csv")
    with pytest.raises(UserError, match=r"'nothing': is no column .* path, genre, tempo"):
        read_labels(file, groups=("nothing",))
    with pytest.raises(UserError, match="is not a kind"):
        read_labels(file, kinds={"genre": "colour"})
    assert read_labels(file, kinds={"tempo": "multiclass"}).kinds["tempo"] == "multiclass"
    assert "genre" not in read_labels(file, kinds={"genre": "text"}).kinds


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (["a", "b", "", "a"], "multiclass", ["a", "b", None, "a"]),
        (["a;b", "b", "", "a; c ;a"], "multilabel", [["a", "b"], ["b"], None, ["a", "c"]]),
        (["a|b", "b", "n/a"], "multilabel", [["a", "b"], ["b"], None]),
        ([["a", "b"], [], None, ["a"]], "multilabel", [["a", "b"], None, None, ["a"]]),
        (["1", "2.5", "-3e2", "nan"], "numeric", [1.0, 2.5, -300.0, None]),
        ([1, 2, None], "numeric", [1.0, 2.0, None]),
        (["C minor", "Db major", "F#m", "A"], "key", ["C minor", "C# major", "F# minor", "A major"]),
        (["A", "B", "C"], "multiclass", ["A", "B", "C"]),
        (["same", "same"], None, []),
        (["", ""], None, []),
        ([f"a sentence {i}" for i in range(60)], None, []),
    ],
)
def test_columns_are_typed_by_content(column: list, kind: str | None, values: list) -> None:
    got_kind, got, said = typed(column)
    assert got_kind == kind
    assert got == values or kind is None
    assert (kind or "left out") in said


def test_a_separator_can_be_named() -> None:
    assert typed(["a,b", "b"])[0] == "multiclass"
    assert typed(["a,b", "b"], separator=",")[:2] == ("multilabel", [["a", "b"], ["b"]])


def test_keys_have_one_name_each() -> None:
    assert len(set(KEYS)) == 24
    assert [parse_key(key) for key in KEYS] == list(KEYS)
    for text, key in (("D♭ minor", "C# minor"), ("g#min", "Ab minor"), ("Cb", "B major"), ("E-flat maj", None)):
        assert parse_key(text) == key


def test_many_columns_of_0_and_1_are_one_field(tmp_path: Path) -> None:
    names = [f"tag {i}" for i in range(10)]
    lines = [
        "clip_id,mp3_path," + ",".join(names),
        "1,a.mp3," + ",".join("1010000000"),
        "2,b.mp3," + ",".join("0000000001"),
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    labels = read_labels(tmp_path / "a.csv")
    assert labels.values["tags"] == [["tag 0", "tag 2"], ["tag 9"]]
    assert labels.names == ["a.mp3", "b.mp3"]


def test_groups_facts_and_splits_are_no_labels(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "path,Artist,album,playlists,title,split,work,mood\n"
        "a.mp3,Ann; Bob,One,p1;p2,Song,training,w1,x\nb.mp3,Ann,Two,,Other,val,w1,y\n"
    )
    labels = read_labels(tmp_path / "a.csv", groups=("work",))
    assert labels.groups["artist"] == [("Ann", "Bob"), ("Ann",)]
    assert labels.groups["playlists"] == [("p1", "p2"), ()]
    assert labels.groups["work"] == [("w1",), ("w1",)]
    assert labels.facts["title"] == ["Song", "Other"]
    assert labels.splits == ["train", "valid"]
    assert list(labels.kinds) == ["mood"]
    assert labels.fields([0])["mood"].classes == ("x",)


def test_rows_are_joined_by_path_and_then_by_name(tmp_path: Path) -> None:
    folder, beside = tmp_path / "music", tmp_path
    names = ["x/a.mp3", "music/b.mp3", str(folder / "c.mp3"), "d", "old/e.wav", "f", "f.x", "gone.mp3", "./g.mp3"]
    paths = [b"x/a.mp3", b"b.mp3", b"c.mp3", b"deep/d.ogg", b"e.flac", b"f.mp3", b"y/a.mp3", b"g.mp3", b"new.mp3"]
    joined = join_rows(names, paths, folder=folder, beside=beside)
    assert joined.rows == [0, 1, 2, 3, 4, -1, -1, 8, -1]
    assert (joined.by_name, joined.ambiguous) == (2, 1)
    assert joined.unused == [5, 6, 7]
    twice = join_rows(["a"], [b"x/a.mp3", b"y/a.mp3"], folder=folder, beside=beside)
    assert (twice.rows, twice.ambiguous) == ([-1, -1], 2)
    assert join_rows(["\\xff.mp3"], [b"\xff.mp3"], folder=folder, beside=beside).rows == [0]
