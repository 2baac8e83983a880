"""Archives of others, unpacked with care: nothing lands outside the folder, and a small file does not fill a disk."""

from __future__ import annotations

import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from contramuse.catalogue.datasets.transfer import FULL, Progress, full
from contramuse.errors import ContramuseError, StorageError
from contramuse.files import printable

EXPANSION, LEAST = 100, 1 << 28  # times the archive's size that may come out of it; so many bytes may always
MOST_FILES = 10_000_000
SAMPLE = 64
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, RuntimeError, ValueError)


def joined_name(path: str) -> str:
    """The name of the archive that a file is a piece of: ``mp3.zip.001`` is one of ``mp3.zip``."""
    return re.sub(r"\.\d{3}$", "", path)


def is_archive(name: str) -> bool:
    """Can a file of this name be unpacked?"""
    return joined_name(name).lower().endswith((".zip", *TARS))


@dataclass
class Unpacked:
    """What came out of an archive.

    Args:
        files: that it holds.
        size: of them together, in bytes.
        links: symbolic links within the folder; none is made.
        replaced: files of another size that lay there.
        sample: 64 to 128 of its files, evenly spread, to see later whether they are still there.
    """

    files: int = 0
    size: int = 0
    links: list[str] = field(default_factory=list)
    replaced: int = 0
    sample: list[str] = field(default_factory=list)


class _Member(NamedTuple):
    name: str
    size: int
    kind: Literal["file", "folder", "link", "copy", "other"]
    target: str  # of a link or a copy
    at: int  # bytes of the archive that are behind
    open: Callable[[], IO[bytes] | None]


def unpack(parts: Sequence[Path], folder: Path, *, progress: Progress) -> Unpacked:
    """Unpack a zip or tar (gz, bz2, xz) archive.

    A file appears under its name when it is whole, and one that is there with its size is not written again: what broke
    off goes on. Only names and bytes are taken: no owner, mode or time.

    Args:
        parts: the archive, or the pieces that it was cut into, in order; they are read as one, not copied.
        folder: that it is unpacked into.
        progress: is told how many bytes of the archive are done.

    Raises:
        ContramuseError: a name or link leads out of the folder, a member is a device, the archive is damaged or
            encrypted, or more than 100 times its size (and 256 MiB) would come out of it.
        StorageError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole, name = sum(part.stat().st_size for part in parts), joined_name(str(parts[0]))
    unpacking = _Unpacking(folder.resolve(), name, whole)
    with ExitStack() as stack:
        stream = stack.enter_context(io.BufferedReader(_Joined(parts), 1 << 20))
        stack.callback(unpacking.temporary.unlink, missing_ok=True)
        try:
            for member in _of_zip(stream, unpacking) if name.lower().endswith(".zip") else _of_tar(stream):
                unpacking.take(member)
                progress(min(member.at, whole), whole)
        except (*DAMAGED, OSError) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise full(folder, error) from error
            raise unpacking.refused(f"is damaged or no archive ({str(error) or type(error).__name__})") from error
    return unpacking.out


class _Unpacking:
    """Takes the members of an archive into a folder that none may leave."""

    def __init__(self, folder: Path, archive: str, whole: int) -> None:
        self.folder, self._archive, self._whole = folder, archive, whole
        self.temporary = folder / ".unpacking"
        self.out = Unpacked()
        self._within: set[Path] = set()
        self._every = 1

    def take(self, member: _Member) -> None:
        """Put one where it belongs."""
        path = self.inside(member.name)
        if member.kind == "other":
            raise self.refused("is a device or a pipe", member.name)
        if member.kind == "link":
            self._check_link(member)
            self.out.links.append(printable(member.name))
        elif member.kind == "folder":
            self._check_within(path, member.name)
            path.mkdir(parents=True, exist_ok=True)
        else:
            self._check_within(path.parent, member.name)
            self._write(member, path)
            self._remember(path)

    def _write(self, member: _Member, path: Path) -> None:
        origin = self.inside(member.target) if member.kind == "copy" else None
        size = member.size if origin is None else size_of(origin)
        if size is None or (origin is not None and origin.resolve() != origin):
            raise self.refused("is a copy of a file that is not there", member.name)
        self.out.files += 1
        self.out.size += size
        self.check_limit(self.out.size, self.out.files)
        there = size_of(path)
        if there == size:
            return
        self.out.replaced += there is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        source = member.open() if origin is None else origin.open("rb")
        if source is None:
            raise self.refused("has no content", member.name)
        with source, open(self.temporary, "wb") as stream:
            shutil.copyfileobj(source, stream, 1 << 20)
            written = stream.tell()
        if written != size:
            raise self.refused(f"has {written:,} bytes, not {size:,}", member.name)
        os.replace(self.temporary, path)

    def _remember(self, path: Path) -> None:
        if self.out.files % self._every == 0:
            self.out.sample.append(path.relative_to(self.folder).as_posix())
        if len(self.out.sample) == 2 * SAMPLE:
            self.out.sample, self._every = self.out.sample[1::2], 2 * self._every

    def inside(self, name: str) -> Path:
        r"""Where a member goes; both ``/`` and ``\`` part folders, so that a name means the same everywhere."""
        if not name:
            raise self.refused("holds a member without a name")
        steps = [step for step in name.replace("\\", "/").split("/") if step not in ("", ".")]
        if name.startswith(("/", "\\")) or re.match("[A-Za-z]:", name) or ".." in steps or "\0" in name:
            raise self.refused("leads out of the folder", name)
        return self.folder.joinpath(*steps)

    def _check_link(self, member: _Member) -> None:
        target = member.target.replace("\\", "/")
        where = os.path.normpath(os.path.join(os.path.dirname(member.name), target))
        if target.startswith("/") or re.match("[A-Za-z]:", target) or where.split("/")[0] == "..":
            raise self.refused(f"is a link out of the folder, to {printable(target)!r}", member.name)

    def _check_within(self, folder: Path, name: str) -> None:
        """No link that already lies there leads out."""
        if folder not in self._within:
            if not folder.resolve().is_relative_to(self.folder):
                raise self.refused("leads out of the folder by a link that lies there", name)
            self._within.add(folder)

    def check_limit(self, size: int, files: int) -> None:
        """A small archive may not fill a disk."""
        if size > max(EXPANSION * self._whole, LEAST) or files > MOST_FILES:
            raise self.refused(f"would unpack to more than {EXPANSION} times its {self._whole:,} bytes")

    def refused(self, problem: str, member: str = "") -> ContramuseError:
        """The error of an archive, or of one member."""
        problem = f"holds {printable(member)!r}, which {problem}" if member else problem
        fix = "No more of it is unpacked: fetch it again, and if that does not help do not trust its source."
        return ContramuseError(problem, name="archive", value=self._archive, fix=fix)


def size_of(path: Path) -> int | None:
    """Size of a regular file in bytes, None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _of_zip(stream: IO[bytes], unpacking: _Unpacking) -> Iterator[_Member]:
    """The members; all names and sizes are looked at before the first is given."""
    archive = zipfile.ZipFile(stream)
    infos, needed = archive.infolist(), 0
    for info in infos:
        needed += info.file_size - (size_of(unpacking.inside(info.filename)) or 0)
        if info.flag_bits & 1:
            raise unpacking.refused("is encrypted", info.filename)
    unpacking.check_limit(sum(info.file_size for info in infos), len(infos))
    if needed > (free := shutil.disk_usage(unpacking.folder).free):
        raise StorageError(f"needs {needed:,} bytes more, {free:,} are free", name="--root", value=unpacking.folder,
                           fix="Free some space, then run the same command: it goes on.")  # fmt: skip
    behind = 0
    for info in infos:
        kind = _kind(info)
        target = archive.read(info).decode("utf-8", "replace") if kind == "link" and info.file_size < 4096 else ""
        behind += info.compress_size
        yield _Member(info.filename, info.file_size, kind, target, behind, partial(archive.open, info))


def _kind(info: zipfile.ZipInfo) -> Any:
    if info.is_dir():
        return "folder"
    mode = stat.S_IFMT(info.external_attr >> 16)
    return {0: "file", stat.S_IFREG: "file", stat.S_IFLNK: "link"}.get(mode, "other")


def _of_tar(stream: IO[bytes]) -> Iterator[_Member]:
    with tarfile.open(fileobj=stream, mode="r:*") as archive:
        for info in archive:
            kind: Any = next(
                (kind for kind, is_one in (("folder", info.isdir()), ("file", info.isreg()), ("link", info.issym()),
                                           ("copy", info.islnk())) if is_one), "other",
            )  # fmt: skip
            yield _Member(info.name, info.size, kind, info.linkname, stream.tell(), partial(archive.extractfile, info))


class _Joined(io.RawIOBase):
    """Files one after another, read as one."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._files = [io.FileIO(part) for part in parts]
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        self._starts = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._starts[-1]}[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        if self._place >= self._starts[-1]:
            return 0
        which = next(i for i in range(len(self._files)) if self._place < self._starts[i + 1])
        self._files[which].seek(self._place - self._starts[which])
        view = memoryview(buffer)[: self._starts[which + 1] - self._place]
        count: int = self._files[which].readinto(view) or 0
        self._place += count
        return count

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()
