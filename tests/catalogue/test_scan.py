"""The scan: any name, any nesting, links in circles, names that lie, and what cannot be read."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from contramuse.catalogue.journal import Journal, Seen
from contramuse.catalogue.scan import scan
from contramuse.errors import UserError
from music import encode, tones, write

NAMES = [
    b"a.mp3",
    b"-rf.wav",
    b"a\nb.flac",
    b"\xff\xfe.ogg",
    "été ♫/ü.m4a".encode(),
    b" .mp3",
    b"x/y/z/..wav",
    b"a;b,c.mp3",
]


def look(folder: Path, leave_out: Path | None = None) -> dict[bytes, Seen]:
    visited: set[tuple[int, int]] = set()

    def first(device: int, inode: int) -> bool:
        new = (device, inode) not in visited
        visited.add((device, inode))
        return new

    found = list(scan(os.fsencode(folder), first_visit=first, leave_out=os.fsencode(leave_out or folder / "none")))
    assert len({seen.path for seen in found}) == len(found)
    return {seen.path: seen for seen in found}


def test_any_name_is_found(tmp_path: Path) -> None:
    for name in NAMES:
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"12")
    found = look(tmp_path)
    assert set(found) == set(NAMES)
    assert all(seen.size == 2 and seen.inode and not seen.problem for seen in found.values())


def test_content_counts_where_the_name_says_nothing(tmp_path: Path) -> None:
    x = tones(1.0, 22050)
    write(tmp_path / "a.wav", x, 22050).rename(tmp_path / "song")
    encode(tmp_path / "b.mp3", x, 22050, "mp3").rename(tmp_path / "b.mp3.part")
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "._a.mp3").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    (tmp_path / "._b.mp3").write_bytes(b"something else")
    (tmp_path / "empty.mp3").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.mp3")
    assert set(look(tmp_path)) == {b"song", b"b.mp3.part", b"empty.mp3", b"._b.mp3"}


def test_links_in_circles_end_and_no_folder_is_entered_twice(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/x.mp3").write_bytes(b"1")
    (tmp_path / "a/b/up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "y.mp3").symlink_to("a/b/x.mp3")
    (tmp_path / "broken.mp3").symlink_to("nowhere.mp3")
    found = look(tmp_path)
    assert {path.split(b"/")[-1] for path in found} == {b"x.mp3", b"y.mp3", b"broken.mp3"}
    assert "broken link" in found[b"broken.mp3"].problem


def test_the_library_itself_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "library/shards").mkdir(parents=True)
    (tmp_path / "library/shards/a.mp3").write_bytes(b"1")
    (tmp_path / "a.mp3").write_bytes(b"1")
    assert set(look(tmp_path, tmp_path / "library")) == {b"a.mp3"}


def test_a_folder_that_cannot_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "a.mp3").write_bytes(b"1")
    real = os.scandir

    def refusing(path: bytes):
        if path.endswith(b"secret"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = look(tmp_path)
    assert found[b"secret"].problem == "the folder cannot be read (Permission denied)"
    assert b"a.mp3" in found


SETTINGS = {"rate": 22050}


def test_the_journal_notices_added_changed_and_removed_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SETTINGS)

    def see(**files: int) -> dict[str, int]:
        journal.begin_scan()
        journal.saw(Seen(name.encode(), size, 1, 1) for name, size in files.items())
        return journal.end_scan()

    assert see(a=1, b=1) == {"added": 2, "changed": 0, "unchanged": 0, "removed": 0}
    facts = dict.fromkeys(("id", "audio", "note", "decoder", "source_rate", "channels"), "x")
    facts |= {"verdict": "ok", "seconds": 1.0, "damaged_seconds": 0.0, "tags": {}}
    journal.done(b"a", facts, (0, 0, 10))
    assert [path for path, _ in journal.waiting()] == [b"b"]
    assert see(a=1, b=1, c=1) == {"added": 1, "changed": 0, "unchanged": 2, "removed": 0}
    assert see(a=2, c=1) == {"added": 0, "changed": 1, "unchanged": 1, "removed": 1}
    assert [path for path, _ in journal.waiting()] == [b"a", b"c"]
    journal.done(b"a", facts, (0, 10, 10))
    assert see(c=1)["removed"] == 1
    assert see(a=2, c=1) == {"added": 1, "changed": 0, "unchanged": 1, "removed": 0}  # it came back: not decoded again
    assert [path for path, _ in journal.waiting()] == [b"c"]
    assert journal.committed() == {0: 20}
    assert [row["path"] for row in journal.files()] == [b"a"]
    journal.close()


def test_a_library_has_one_run_at_a_time_and_one_rate(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SETTINGS)
    with pytest.raises(UserError, match="another run is at work"):
        Journal(tmp_path, SETTINGS)
    journal.close()
    with pytest.raises(UserError, match="was prepared with rate = 22050"):
        Journal(tmp_path, {"rate": 16000})


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SETTINGS)

    def most_memory(count: int) -> int:
        tracemalloc.start()
        journal.begin_scan()
        journal.saw(Seen(b"folder/%09d.mp3" % i, 1, 1, i) for i in range(count))
        journal.end_scan()
        assert sum(1 for _ in journal.waiting()) == count
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    most_memory(10)
    assert most_memory(8000) < most_memory(2000) + 500_000
    journal.close()
