"""Archives that are whole, cut, damaged or evil."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
import warnings
from collections import namedtuple
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.datasets import archives
from contramuse.catalogue.datasets.archives import is_archive, joined_name, unpack
from contramuse.errors import ContramuseError, StorageError

FILES = {"a/one.txt": b"one", "a/b/two.bin": bytes(range(256)) * 999, "öß.txt": b"", "three": b"3"}


def zip_of(file, members):
    """``members``: name (or ZipInfo) -> bytes."""
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


def tar_of(file, members, mode="w"):
    """``members``: name -> bytes, or TarInfo -> None."""
    with tarfile.open(file, mode) as archive:
        for name, data in members.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if data is not None:
                info.size = len(data)
            archive.addfile(info, None if data is None else io.BytesIO(data))
    return file


def member(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def opened(file, folder):
    return unpack([file], folder, progress=lambda done, total: None)


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def make(tmp_path, kind, members):
    if kind == "zip":
        return zip_of(tmp_path / "x.zip", members)
    return tar_of(tmp_path / f"x.tar{'.' * bool(kind)}{kind}", members, f"w:{kind}")


@pytest.mark.parametrize("kind", ["zip", "", "gz", "bz2", "xz"])
def test_what_is_in_comes_out(tmp_path, kind):
    done = []
    out = unpack([make(tmp_path, kind, FILES)], tmp_path / "out", progress=lambda *told: done.append(told))
    assert content(tmp_path / "out") == FILES
    assert (out.files, out.size, out.replaced, out.links) == (4, sum(map(len, FILES.values())), 0, [])
    assert set(out.sample) == set(FILES)
    assert done == sorted(done)
    assert all(0 <= one <= total for one, total in done)


@pytest.mark.parametrize("kind", ["zip", "gz"])
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_an_archive_cut_into_pieces_is_read_as_one(tmp_path, kind, size):
    data = make(tmp_path, kind, FILES).read_bytes()
    size = max(size, len(data) // 150)
    parts = []
    for i in range(0, len(data), size):
        parts.append(tmp_path / f"x.{'zip' if kind == 'zip' else 'tar.gz'}.{i // size + 1:03}")
        parts[-1].write_bytes(data[i : i + size])
    unpack(parts, tmp_path / "out", progress=lambda done, total: None)
    assert content(tmp_path / "out") == FILES


STEP = st.sampled_from(["a", "b", "c.mp3", "..", ".", "", "~", "C:", "é", "a b"])
PATHS = st.tuples(st.lists(STEP, min_size=1, max_size=4), st.sampled_from("/\\")).map(lambda p: p[1].join(p[0]))


@settings(max_examples=60, deadline=None)
@given(names=st.lists(PATHS.filter(bool), min_size=1, max_size=5, unique=True), kind=st.sampled_from(["zip", ""]))
def test_whatever_the_names_are_nothing_lands_outside(names, kind):
    with TemporaryDirectory() as place:
        home = Path(place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that come twice
            file = make(home, kind, {name: str(i).encode() for i, name in enumerate(names)})
        before = {path.name for path in home.iterdir()}
        with suppress(ContramuseError):
            opened(file, home / "deep/out")
        assert {path.name for path in home.iterdir()} == before | {"deep"}
        assert [path.name for path in (home / "deep").iterdir()] == ["out"]
        assert ".unpacking" not in os.listdir(home / "deep/out")


def test_names():
    assert joined_name("b/mp3.zip.001") == "b/mp3.zip"
    assert joined_name("raw.2024.tar") == "raw.2024.tar"
    assert all(is_archive(name) for name in ("a.zip", "a.ZIP", "a.tar", "a.tgz", "a.tar.bz2", "a.zip.003"))
    assert not any(is_archive(name) for name in ("a.csv", "a.gz", "a.zip.txt", "zip"))


@pytest.mark.parametrize("kind", ["zip", "", "gz"])
@pytest.mark.parametrize(
    "name", ["../x", "/abs", "a/../../x", "..", "C:/x", "C:x", "\\\\host\\x", "..\\x", "a\\..\\..\\x", "//x"]
)
def test_no_name_leads_out(tmp_path, kind, name):
    file = make(tmp_path, kind, {"good": b"1", name: b"2"})
    with pytest.raises(ContramuseError, match=r"leads out of the folder\. No more"):
        opened(file, tmp_path / "in/out")
    assert {p.name for p in tmp_path.iterdir()} == {file.name, "in"}
    assert set(content(tmp_path / "in")) == (set() if kind == "zip" else {"out/good"})


@pytest.mark.parametrize("target", ["../../etc", "/etc/passwd", "a/../../x", "..", "C:\\x"])
@pytest.mark.parametrize("kind", ["zip", ""])
def test_no_link_leads_out(tmp_path, kind, target):
    if kind == "zip":
        info = ZipInfo("a/link" if target == "../../etc" else "link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file = zip_of(tmp_path / "x.zip", {info: target})
    else:
        file = tar_of(tmp_path / "x.tar", {member("link", tarfile.SYMTYPE, target): None, "link/x": b"evil"})
    with pytest.raises(ContramuseError, match="is a link out of the folder"):
        opened(file, tmp_path / "out")
    assert content(tmp_path / "out") == {}


def test_links_within_are_left_out_and_told_and_what_comes_after_goes_through_none(tmp_path):
    file = tar_of(tmp_path / "x.tar", {member("l", tarfile.SYMTYPE, "a/b"): None, "l/x": b"1", "a/b/y": b"2"})
    out = opened(file, tmp_path / "out")
    assert out.links == ["l"]
    assert content(tmp_path / "out") == {"l/x": b"1", "a/b/y": b"2"}
    assert not (tmp_path / "out/l").is_symlink()


def test_a_hard_link_is_a_copy_and_leads_nowhere_else(tmp_path):
    (tmp_path / "secret").write_text("mine")
    file = tar_of(tmp_path / "x.tar", {"a": b"1", member("b", tarfile.LNKTYPE, "a"): None})
    assert opened(file, tmp_path / "out").size == 2
    assert content(tmp_path / "out") == {"a": b"1", "b": b"1"}
    (tmp_path / "out/planted").symlink_to(tmp_path / "secret")
    for target, why in (("../secret", "leads out"), ("nothing", "not there"), ("planted", "not there")):
        file = tar_of(tmp_path / "x.tar", {member("c", tarfile.LNKTYPE, target): None})
        with pytest.raises(ContramuseError, match=why):
            opened(file, tmp_path / "out")
    assert not (tmp_path / "out/c").exists()


def test_a_link_that_lies_in_the_folder_is_not_followed_out(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out/three").symlink_to(tmp_path / "elsewhere/three")
    for kind in ("zip", "gz"):
        with pytest.raises(ContramuseError, match="by a link that lies there"):
            opened(make(tmp_path, kind, FILES), tmp_path / "out")
    opened(make(tmp_path, "", {"three": b"3"}), tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / "out/three").is_symlink()


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_no_devices(tmp_path, kind):
    with pytest.raises(ContramuseError, match="is a device or a pipe"):
        opened(tar_of(tmp_path / "x.tar", {member("dev", kind): None}), tmp_path / "out")
    info = ZipInfo("dev")
    info.external_attr = (stat.S_IFIFO | 0o777) << 16
    with pytest.raises(ContramuseError, match="is a device or a pipe"):
        opened(zip_of(tmp_path / "x.zip", {info: b""}), tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(archives, "LEAST", 1 << 20)
    file = make(tmp_path, kind, {"zeros": bytes(1 << 24)})
    with pytest.raises(ContramuseError, match="more than 100 times"):
        opened(file, tmp_path / "out")
    assert content(tmp_path / "out") == {}
    monkeypatch.setattr(archives, "LEAST", 1 << 24)
    opened(file, tmp_path / "out")
    monkeypatch.setattr(archives, "MOST_FILES", 2)
    with pytest.raises(ContramuseError, match="more than 100 times"):
        opened(make(tmp_path, kind, FILES), tmp_path / "out")


def test_copies_count(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LEAST", 1 << 22)
    copies = {member(str(i), tarfile.LNKTYPE, "big"): None for i in range(1000)}
    file = tar_of(tmp_path / "x.tar.gz", {"big": bytes(1 << 20), **copies}, "w:gz")
    with pytest.raises(ContramuseError, match="more than 100 times"):
        opened(file, tmp_path / "out")
    assert len(content(tmp_path / "out")) <= 4


@pytest.mark.parametrize("kind", ["zip", "", "gz", "bz2", "xz"])
@pytest.mark.parametrize("fault", ["cut", "turned", "empty"])
def test_a_damaged_archive_is_told(tmp_path, kind, fault):
    file = make(tmp_path, kind, FILES)
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    if fault == "turned":
        data[: middle + 40] = bytes(255 - value for value in data[: middle + 40])
    file.write_bytes({"cut": data[:middle], "turned": data, "empty": b""}[fault])
    with pytest.raises(ContramuseError, match=r"is damaged or no archive|leads out|device|bytes, not"):
        opened(file, tmp_path / "out")
    assert ".unpacking" not in os.listdir(tmp_path / "out")


def test_a_member_without_a_name_is_refused(tmp_path):
    file = zip_of(tmp_path / "x.zip", {"a": b"x"})
    data = file.read_bytes()
    place = data.rindex(b"PK\x01\x02")
    nameless = data[: place + 28] + b"\0\0" + data[place + 30 : place + 46] + data[place + 47 :]
    end = nameless.rindex(b"PK\x05\x06")
    size = int.from_bytes(nameless[end + 12 : end + 16], "little") - 1
    file.write_bytes(nameless[: end + 12] + size.to_bytes(4, "little") + nameless[end + 16 :])
    with pytest.raises(ContramuseError, match="without a name"):
        opened(file, tmp_path / "out")


def test_an_encrypted_zip_is_refused(tmp_path):
    file = zip_of(tmp_path / "x.zip", {"secret": b"x"})
    data = file.read_bytes()
    place = data.rindex(b"PK\x01\x02") + 8
    file.write_bytes(data[:place] + b"\x01" + data[place + 1 :])
    with pytest.raises(ContramuseError, match="is encrypted"):
        opened(file, tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_what_broke_off_goes_on(tmp_path, kind, monkeypatch):
    file = make(tmp_path, kind, FILES)
    copy, calls = shutil.copyfileobj, []

    def interrupted(source, target, length):
        calls.append(source)
        if len(calls) == 2:
            target.write(b"half")
            raise KeyboardInterrupt
        copy(source, target, length)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opened(file, tmp_path / "out")
    assert len(content(tmp_path / "out")) == 1
    (first,) = (p for p in (tmp_path / "out").rglob("*") if p.is_file())
    before = first.stat().st_mtime_ns
    assert opened(file, tmp_path / "out").replaced == 0
    assert content(tmp_path / "out") == FILES
    assert first.stat().st_mtime_ns == before
    (tmp_path / "out/three").write_bytes(b"another size")
    assert opened(file, tmp_path / "out").replaced == 1
    assert content(tmp_path / "out") == FILES


def test_a_disk_without_room_is_told_before(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1000))
    with pytest.raises(StorageError, match=r"needs 255,748 bytes more, 1,000 are free"):
        opened(make(tmp_path, "zip", FILES), tmp_path / "out")
    assert content(tmp_path / "out") == {}


def test_nothing_but_names_and_bytes_is_taken(tmp_path):
    info = tarfile.TarInfo("run.sh")
    info.mode, info.uid, info.mtime = 0o6777, 0, 1
    opened(tar_of(tmp_path / "x.tar", {info: b"echo"}), tmp_path / "out")
    found = (tmp_path / "out/run.sh").stat()
    assert not found.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR | stat.S_IXOTH)
    assert found.st_mtime > 1e9


def test_a_sample_of_many_files_is_spread_evenly(tmp_path):
    out = opened(tar_of(tmp_path / "x.tar", {f"{i:04}": b"" for i in range(1000)}), tmp_path / "out")
    assert 64 <= len(out.sample) <= 128
    steps = [int(b) - int(a) for a, b in zip(out.sample, out.sample[1:], strict=False)]
    assert set(steps) == {8}
