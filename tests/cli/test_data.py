"""``contramuse data``: the list, the page of a dataset, what is there, and a dataset fetched, unpacked and prepared."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import ClassVar, Literal
from zipfile import ZipFile

import pytest

from contramuse.catalogue.datasets import DATASETS, About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.library import Library
from contramuse.cli.data import chosen
from minidatasets import tone
from minihttp import Served, serving


@dataclass(frozen=True, kw_only=True)
class Toy(Dataset):
    """Three songs of [two] genres.

    Args:
        split: "one" or "two": which song tests.
        share: of nothing in particular.
    """

    about: ClassVar = About(
        "Toy [songs]", "https://toy.example", "In songs.zip, at home.", "CC0 (all).", "Nobody, 2020"
    )
    server: ClassVar = ""
    songs: ClassVar = b""

    split: Literal["one", "two"] = "one"
    share: float = 0.5

    @property
    def split_name(self) -> str:
        return f"split {self.split}"

    def needed(self) -> tuple[Needed, ...]:
        return (
            Needed("list.csv|lists/list.csv", "songs", "https://toy.example/list.csv"),
            Needed("songs", "the music", "Ask Nobody for it.", kind="audio"),
        )

    def published(self) -> dict[str, int]:
        return {"train": 2, "test": 1} if self.split == "one" else {"train": 1, "test": 2}

    def remote(self) -> tuple[Remote, ...]:
        sum_ = hashlib.sha256(self.songs).hexdigest()
        return (
            Remote(f"{self.server}/list.csv", "list.csv"),
            Remote(f"{self.server}/songs.zip", "songs.zip", md5=sum_, size=len(self.songs), unpack="songs"),
        )

    def read(self, root) -> Reading:
        rows = csv.reader(self.table(root, "list.csv|lists/list.csv", what="the list").read_text().splitlines())
        entries = [Entry(f"songs/{path}", split, {"genre": genre}) for path, split, genre in rows]
        return Reading((Field("genre", "multiclass", ("rock", "jazz")),), entries, {"hidden": ["x"] * 9}, ["a line"])


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(DATASETS, "toy", Toy)


@pytest.mark.parametrize("width", [80, 140])
def test_the_list_fits_the_screen(run, monkeypatch, toy, width):
    monkeypatch.setenv("COLUMNS", str(width))
    status, out, _ = run("data", "--list")
    assert status == 0
    assert run("data")[1] == out
    assert all(len(line) <= width for line in out.splitlines())
    assert all(f" {name} " in out for name in DATASETS)
    assert ("choices" in out) == (width == 140)
    line = next(line for line in out.splitlines() if line.startswith(" toy "))
    assert "CC0 ..." in line
    assert line.split()[-1] == "yes"


def test_the_page_marks_defaults_and_what_is_chosen(run, monkeypatch, toy):
    monkeypatch.setenv("COLUMNS", "100")
    status, out, _ = run("data", "toy", "split=two")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert status == 0
    assert "toy: Toy [songs]" in lines
    assert "split split two" in lines
    assert "published train 1, test 2" in lines
    assert "one (default) train 2, test 1" in lines
    assert "* two train 1, test 2" in lines
    assert "* 0.5 (a number, default)" in lines
    assert "needed list.csv (or lists/list.csv): songs; https://toy.example/list.csv" in lines
    assert "in here" not in out


def test_fetched_unpacked_and_prepared_in_one_command(run, monkeypatch, toy, tmp_path):
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        for i in range(3):
            archive.write(tone(tmp_path / f"{i}.mp3", seed=i), f"{i}.mp3")
    monkeypatch.setattr(Toy, "songs", stream.getvalue())
    listed = b"0.mp3,train,rock\n1.mp3,train,jazz\n2.mp3,test,jazz\n"
    root, library = tmp_path / "root", tmp_path / "library"
    with serving({"/list.csv": Served(listed), "/songs.zip": Served(Toy.songs)}) as server:
        monkeypatch.setattr(Toy, "server", server.url)
        command = ("data", "toy", "--root", root, "--download", "-o", library, "--rate", 8000, "--workers", 1)
        status, out, err = run(*command)
        assert status == 0, err
        assert "unpacked   songs.zip into songs: 3 files" in err
        assert run(*command)[0] == 0
        assert server.counts() == {"/list.csv": 1, "/songs.zip": 1}
    assert len(Library.open(library)) == 3
    assert Library.open(library).fields["genre"].classes == ("rock", "jazz")
    assert "toy: split one" in out
    assert "left out   9: hidden: x, x, x, x, x, ..." in out
    assert "not as published" not in out
    (root / "songs/1.mp3").unlink()
    status, out, err = run("data", "toy", "split=two", "--root", root, "--check")
    assert status == 1
    assert "missing    1 audio files: songs/1.mp3" in out
    assert [line.split() for line in out.splitlines() if "not as published" in line] == [
        ["train", "1", "2", "1", "not", "as", "published"], ["test", "2", "1", "1", "not", "as", "published"],
    ]  # fmt: skip
    assert "1 of 3 items are missing" in err
    assert run("data", "toy", "--root", root, "--check", "--max-missing", 0.5)[0] == 0
    assert run("data", "toy", "--root", root, "--table", tmp_path / "table.parquet")[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ty"], r"NAME: 'ty': is no dataset that is known. Did you mean 'toy'?"),
        (["toy", "split=tow"], r"Did you mean 'two'?"),
        (["toy", "splitt=two"], r"toy.splitt"),
        (["Toy"], r"Did you mean 'toy'?"),
        (["toy", "splitt=two"], r"Known: split, share. `contramuse data toy` shows the choices."),
        (["toy", "two"], r"choices: 'two': is not key=value. Write e.g. split=...; `contramuse data toy` shows"),
        (["toy", "--root", ".", "--check", "-o", "library"], r"--check: makes no library"),
        (["toy", "--root", ".", "--table", "tags.csv"], r"--table: 'tags.csv': is written as Parquet"),
        (["toy", "--check"], r"--root: is needed. Give the folder that holds Toy [songs]."),
        (["toy", "--root", "."], r"--out: is needed"),
        (["toy", "--root", "nowhere", "--check"], r"is not a folder"),
        (["toy", "--root", ".", "--check"], r"Missing: list.csv or lists/list.csv (songs: https://toy.example/list.csv)"),
        (["folder", "--root", ".", "--download"], r"has nothing that may be fetched"),
    ],
)  # fmt: skip
def test_mistakes_are_told(run, monkeypatch, toy, tmp_path, words, told):
    monkeypatch.chdir(tmp_path)
    status, _, err = run("data", *words)
    assert status == 2
    assert told in err


@pytest.mark.parametrize("text", [",", "#", "'", "- ", "", "1", "no"])
def test_a_choice_of_text_is_taken_as_it_stands(text):
    assert chosen("csv", [f"separator={text}"]) == DATASETS["csv"](separator=text)


def test_a_dataset_that_cannot_be_fetched_is_told(run, monkeypatch, toy, tmp_path):
    with serving({}) as server:
        monkeypatch.setattr(Toy, "server", server.url)
        status, _, err = run("data", "toy", "--root", tmp_path, "--download")
    assert status == 1
    assert "2 of 2 files could not be fetched" in err
    assert "status 404" in err


def test_an_interrupted_command_says_so(run, monkeypatch, toy, tmp_path):
    def interrupted(self, root):
        raise KeyboardInterrupt

    monkeypatch.setattr(Toy, "read", interrupted)
    (tmp_path / "list.csv").write_text("")
    status, _, err = run("data", "toy", "--root", tmp_path, "--check")
    assert status == 130
    assert "interrupted; run the same command again to go on" in err
