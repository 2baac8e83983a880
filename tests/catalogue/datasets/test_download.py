"""Downloads from a server that breaks off, lies, refuses and sends other files."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections import namedtuple
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from rich.console import Console

from contramuse.catalogue.datasets import Remote, transfer
from contramuse.catalogue.datasets.download import digest, fetch_all
from contramuse.errors import ContramuseError, StorageError, UserError
from minihttp import Served, serving

DATA = np.random.default_rng(0).integers(0, 256, 700_000, dtype=np.uint8).tobytes()
MD5, SHA = hashlib.md5(DATA).hexdigest(), hashlib.sha256(DATA).hexdigest()


def remote(server, *, md5=MD5, size=len(DATA), path="a.bin", unpack=None, url="/a.bin"):
    return Remote(f"{server.url}{url}", path, md5=md5, size=size, unpack=unpack)


def fetch(*remotes, root):
    """Returns (what was said, seconds that were waited)."""
    said, waited = io.StringIO(), []
    fetch_all(remotes, root, console=Console(file=said, width=200), sleep=waited.append)
    return said.getvalue().strip(), waited


def names(root):
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


def zipped(files):
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize("sum_", [MD5, MD5.upper(), hashlib.sha1(DATA).hexdigest(), SHA, ""])
def test_a_file_comes_whole(tmp_path, sum_):
    with serving({"/a.bin": Served(DATA)}) as server:
        said, waited = fetch(remote(server, md5=sum_), root=tmp_path / "new")
    assert (tmp_path / "new/a.bin").read_bytes() == DATA
    assert names(tmp_path / "new") == ["a.bin"]
    assert waited == []
    assert "fetched    a.bin: 700,000 bytes" in said


def test_it_goes_on_where_it_broke_off(tmp_path):
    served = Served(DATA, breaks=[300_000, 200_000], etag='"one"')
    with serving({"/a.bin": served}) as server:
        _, waited = fetch(remote(server), root=tmp_path)
        assert [wanted for _, wanted in server.asked] == [None, "bytes=300000-", "bytes=500000-"]
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert waited == [1.0, 2.0]


def test_another_run_goes_on_with_what_the_first_kept(tmp_path):
    served = Served(DATA, breaks=[100_000] * 6, etag='"one"')
    with serving({"/a.bin": served}) as server:
        with pytest.raises(ContramuseError, match=r"broke off 6 times, .*600,000 bytes"):
            fetch(remote(server), root=tmp_path)
        assert names(tmp_path) == ["a.bin.part", "a.bin.part.json"]
        fetch(remote(server), root=tmp_path)
        assert server.asked[-1] == ("/a.bin", "bytes=600000-")
    assert (tmp_path / "a.bin").read_bytes() == DATA


@pytest.mark.parametrize("ranges", ["ignored", "shifted"])
def test_a_server_that_knows_no_ranges(tmp_path, ranges):
    with serving({"/a.bin": Served(DATA, breaks=[300_000], ranges=ranges)}) as server:
        fetch(remote(server), root=tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_file_that_changes_between_two_pieces_starts_over(tmp_path):
    served = Served(DATA[::-1], breaks=[300_000] * 6, etag='"old"')
    with serving({"/a.bin": served}) as server:
        one = remote(server, md5="", size=0)
        served.breaks = [300_000, *[0] * 6]
        with pytest.raises(ContramuseError, match="broke off"):
            fetch(one, root=tmp_path)
        served.data, served.breaks, served.etag = DATA, [], '"new"'
        fetch(one, root=tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_without_a_checksum_and_a_version_pieces_are_not_joined(tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"of another version")
    with serving({"/a.bin": Served(DATA)}) as server:
        fetch(remote(server, md5=""), root=tmp_path)
        assert server.asked == [("/a.bin", None)]
        (tmp_path / "a.bin").unlink()
        server.files["/a.bin"].breaks = [300_000]
        fetch(remote(server, md5="", size=0), root=tmp_path)
        assert server.asked == [("/a.bin", None)] * 3
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_part_that_is_whole_needs_only_its_name(tmp_path):
    (tmp_path / "a.bin.part").write_bytes(DATA)
    with serving({"/a.bin": Served(DATA)}) as server:
        fetch(remote(server), root=tmp_path)
        assert server.asked == []
        (tmp_path / "a.bin").rename(tmp_path / "a.bin.part")
        fetch(remote(server, size=0), root=tmp_path)  # the server says 416
        assert server.asked == [("/a.bin", "bytes=700000-")]
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_part_that_is_too_long_starts_over(tmp_path):
    (tmp_path / "a.bin.part").write_bytes(DATA + b"more")
    with serving({"/a.bin": Served(DATA)}) as server:
        fetch(remote(server, size=0), root=tmp_path)
        assert [wanted for _, wanted in server.asked] == ["bytes=700004-", None]
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_server_that_is_busy_is_asked_again_when_it_says(tmp_path):
    served = Served(DATA, statuses=[500, 503, 429], headers={"Retry-After": "7"})
    with serving({"/a.bin": served}) as server:
        _, waited = fetch(remote(server), root=tmp_path)
    assert waited == [7, 7, 7]
    served = Served(DATA, statuses=[500] * 3, headers={"Retry-After": "99999"})
    with serving({"/b.bin": served}) as server:
        _, waited = fetch(remote(server, path="b.bin", url="/b.bin"), root=tmp_path)
    assert waited == [120, 120, 120]


def test_a_server_that_is_always_busy_ends_it(tmp_path):
    with serving({"/a.bin": Served(DATA, statuses=[500] * 20)}) as server:
        with pytest.raises(ContramuseError, match=r"broke off 6 times.*status 500.*goes on"):
            fetch(remote(server), root=tmp_path)
        assert server.counts()["/a.bin"] == 6
    assert names(tmp_path) == []


def test_one_that_is_not_there_is_told_and_the_others_come(tmp_path):
    with serving({"/a.bin": Served(DATA)}) as server:
        lost, other = (remote(server, path=f"{name}.bin", url=f"/{name}.bin") for name in ("lost", "gone"))
        with pytest.raises(ContramuseError, match=r"lost\.bin.*status 404.*by hand.*lost\.bin"):
            fetch(lost, remote(server), root=tmp_path)
        assert server.counts()["/lost.bin"] == 1
        with pytest.raises(ContramuseError, match=r"2 of 3 files.*lost.*404.*gone.*404"):
            fetch(lost, remote(server), other, root=tmp_path)
    assert names(tmp_path) == ["a.bin"]


def test_wrong_bytes_are_kept_aside_and_told(tmp_path):
    served = Served(DATA[::-1])
    with serving({"/a.bin": served}) as server:
        with pytest.raises(ContramuseError, match=rf"another file than published.*{MD5}.*a\.bin\.wrong"):
            fetch(remote(server), root=tmp_path)
        assert names(tmp_path) == ["a.bin.wrong"]
        served.data = DATA
        fetch(remote(server), root=tmp_path)
    assert names(tmp_path) == ["a.bin", "a.bin.wrong"]


@pytest.mark.parametrize("claims", [len(DATA) - 5, len(DATA) + 5])
def test_a_length_that_is_not_the_published_one_is_told_at_once(tmp_path, claims):
    with (
        serving({"/a.bin": Served(DATA, claims=claims)}) as server,
        pytest.raises(ContramuseError, match=rf"sends a file of {claims:,} bytes; published are 700,000"),
    ):
        fetch(remote(server), root=tmp_path)
    assert names(tmp_path) == []


def test_a_length_that_is_a_lie_is_found_by_asking_for_the_rest(tmp_path):
    """The connection ends too early; the rest is asked for, and there is none: the file is whole."""
    with serving({"/a.bin": Served(DATA, claims=len(DATA) + 5)}) as server:
        fetch(remote(server, size=0), root=tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_no_length_at_all(tmp_path):
    with serving({"/a.bin": Served(DATA, claims=-1, breaks=[400_000])}) as server:
        with pytest.raises(ContramuseError, match="another file"):  # an end without a length looks like the end
            fetch(remote(server, size=0), root=tmp_path)
        fetch(remote(server), root=tmp_path)
    with serving({"/a.bin": Served(DATA + DATA, claims=-1)}) as server:
        with pytest.raises(ContramuseError, match="another file"):
            fetch(remote(server, path="b.bin"), root=tmp_path)
        assert (tmp_path / "b.bin.wrong").stat().st_size <= len(DATA) + transfer.BLOCK


def test_a_page_that_says_sorry_is_no_file(tmp_path):
    with (
        serving({"/a.bin": Served(b"<html>log in</html>", headers={"Content-Type": "text/html"})}) as server,
        pytest.raises(ContramuseError, match="sends a web page"),
    ):
        fetch(remote(server, md5="", size=0), root=tmp_path)


def test_only_http_is_fetched_from_and_redirected_to(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    for url in (secret.as_uri(), "ftp://host/a", "data:,a"):
        with pytest.raises(UserError, match="not an address"):
            fetch(Remote(url, "a.bin"), root=tmp_path / "root")
    for url in (secret.as_uri(), "ftp://127.0.0.1/a"):
        files = {"/a.bin": Served(statuses=[302] * 9, headers={"Location": url})}
        with serving(files) as server, pytest.raises(ContramuseError, match=r"not an address|302 .* not allowed"):
            fetch(remote(server), root=tmp_path / "root")
        assert names(tmp_path / "root") == []
    files = {"/a.bin": Served(statuses=[302], headers={"Location": "/b.bin"}), "/b.bin": Served(DATA)}
    with serving(files) as server:
        fetch(remote(server), root=tmp_path / "root")
    assert names(tmp_path / "root") == ["a.bin"]


@pytest.mark.parametrize("path", ["../a.bin", "/a.bin", "x/../../a.bin", "x\\a.bin"])
def test_a_reader_whose_path_leaves_the_root_is_refused(tmp_path, path):
    with serving({"/a.bin": Served(DATA)}) as server, pytest.raises(UserError, match="leads out"):
        fetch(remote(server, path=path), root=tmp_path / "root")


def test_a_second_run_reads_nothing_again(tmp_path, monkeypatch):
    with serving({"/a.bin": Served(DATA)}) as server:
        fetch(remote(server), root=tmp_path)
        monkeypatch.setattr("contramuse.catalogue.datasets.download.digest", lambda *_: pytest.fail("was read"))
        said, _ = fetch(remote(server), root=tmp_path)
        assert "there      a.bin" in said
        assert server.counts()["/a.bin"] == 1


@pytest.mark.parametrize("record", ["", "[]", '{"files": [], "unpacked": 3}', '{"files": {"a.bin": 1}}'])
def test_a_record_that_is_damaged_costs_a_look(tmp_path, record):
    (tmp_path / ".downloads.json").write_text(record)
    (tmp_path / "a.bin").write_bytes(DATA)
    with serving({}) as server:
        assert "as published" in fetch(remote(server), root=tmp_path)[0]


def test_a_file_that_lies_there_is_looked_at_once_and_never_overwritten(tmp_path):
    (tmp_path / "a.bin").write_bytes(DATA)
    with serving({}) as server:
        assert "as published" in fetch(remote(server), root=tmp_path)[0]
        assert "as published" not in fetch(remote(server), root=tmp_path)[0]
        (tmp_path / "a.bin").write_bytes(DATA[::-1])
        with pytest.raises(ContramuseError, match=r"lies there and is another file \(checksum"):
            fetch(remote(server), root=tmp_path)
        (tmp_path / "a.bin").write_bytes(b"half")
        with pytest.raises(ContramuseError, match=r"4 bytes, published are 700,000.*Move it away"):
            fetch(remote(server), root=tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == b"half"


def test_a_disk_without_room_is_told_before(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1000))
    with serving({"/a.bin": Served(DATA)}) as server, pytest.raises(StorageError, match=r"700,000 bytes.*1,000 are"):
        fetch(remote(server), root=tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_is_told(tmp_path):
    (tmp_path / "a.bin.part").symlink_to("/dev/full")
    with serving({"/a.bin": Served(DATA)}) as server, pytest.raises(StorageError, match=r"No space left.*it goes on"):
        fetch(remote(server, path="a.bin"), remote(server, path="b.bin"), root=tmp_path)
    assert not (tmp_path / "b.bin").exists()


def test_ctrl_c_keeps_what_is_there(tmp_path, monkeypatch):
    read, calls = transfer._read, []

    def interrupted(answer):
        calls.append(answer)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return read(answer)

    with serving({"/a.bin": Served(DATA, etag='"one"')}) as server:
        with monkeypatch.context() as patch:
            patch.setattr(transfer, "_read", interrupted)
            with pytest.raises(KeyboardInterrupt):
                fetch(remote(server), root=tmp_path)
        size = (tmp_path / "a.bin.part").stat().st_size
        assert size > 0
        fetch(remote(server), root=tmp_path)
        assert server.asked[-1] == ("/a.bin", f"bytes={size}-")
    assert digest(tmp_path / "a.bin", SHA) == SHA


def test_a_cut_archive_is_unpacked_once_and_may_be_deleted(tmp_path):
    data = zipped({f"{i % 3}/song {i}.mp3": DATA[i * 100 : i * 100 + 5000] for i in range(200)})
    pieces = [data[:400_000], data[400_000:800_000], data[800_000:]]
    with serving({f"/mp3.zip.00{i}": Served(piece) for i, piece in enumerate(pieces, 1)}) as server:
        remotes = [
            remote(server, md5=hashlib.md5(piece).hexdigest(), size=len(piece), path=f"mp3.zip.00{i}",
                   url=f"/mp3.zip.00{i}", unpack="mp3")
            for i, piece in enumerate(pieces, 1)
        ]  # fmt: skip
        said, _ = fetch(*remotes, root=tmp_path)
        assert "unpacked   mp3.zip into mp3: 200 files, 1,000,000 bytes" in said
        assert (tmp_path / "mp3/1/song 7.mp3").read_bytes() == DATA[700:5700]
        for one in remotes:
            (tmp_path / one.path).unlink()
        said, _ = fetch(*remotes, root=tmp_path)
        assert said.splitlines()[1:] == ["there      mp3.zip, unpacked into mp3"]
        assert len(server.asked) == 3
        shutil.rmtree(tmp_path / "mp3/1")
        fetch(*remotes, root=tmp_path)
    assert len(list(tmp_path.glob("mp3/*/*"))) == 200
    assert len(json.loads((tmp_path / ".downloads.json").read_text())["unpacked"]) == 1


def test_an_archive_that_is_evil_is_refused_and_the_other_file_comes(tmp_path):
    data = zipped({"good.txt": b"x", "../bad.txt": b"y"})
    with serving({"/a.zip": Served(data), "/a.bin": Served(DATA)}) as server:
        evil = remote(server, md5="", size=0, path="a.zip", url="/a.zip", unpack="in")
        with pytest.raises(ContramuseError, match=r"\.\./bad\.txt.*leads out of the folder"):
            fetch(evil, remote(server), root=tmp_path / "root")
    assert names(tmp_path) == ["root"]
    assert names(tmp_path / "root") == ["a.bin", "a.zip", "in"]
    assert list((tmp_path / "root/in").iterdir()) == []
