"""Fetching a dataset's files: what is there is known, what broke off goes on, archives are unpacked once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from contramuse.catalogue.datasets.archives import joined_name, unpack
from contramuse.catalogue.datasets.base import Remote
from contramuse.catalogue.datasets.transfer import digest, transfer
from contramuse.errors import ContramuseError, StorageError, UserError
from contramuse.files import stable_hash, write_json

RECORD = ".downloads.json"

__all__ = ["digest", "fetch_all"]


def fetch_all(
    remotes: Sequence[Remote], root: Path, *, console: Console, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Fetch what is not there yet, and unpack archives; another run goes on where this one ended.

    A file that was fetched, or that lies there and is the published one, is remembered with its size and time in
    ROOT/.downloads.json and not read again; an archive that was unpacked may be deleted. A file that cannot be had does
    not keep the others from being fetched.

    Args:
        remotes: files and archives; the pieces of a cut archive in order.
        root: folder that all of it goes to.
        console: for progress and what was done.
        sleep: waits so many seconds before another attempt.

    Raises:
        ContramuseError: not all could be fetched; the message says what.
        StorageError: the disk is full.
    """
    root.mkdir(parents=True, exist_ok=True)
    record, failures = _Record(root / RECORD), []
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    known = sum(remote.size for remote in remotes)
    size = f", {known / 1e9:,.1f} GB" if known and all(remote.size for remote in remotes) else ""
    console.print(f"download   {len(remotes)} files{size}, into {root}", markup=False)
    with Progress(*columns, console=console, transient=True) as bars:
        for group in _groups(remotes):
            try:
                _fetch_group(group, root, record, bars, sleep)
            except StorageError:
                raise
            except ContramuseError as error:
                failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        listed = "; ".join(f"{error.value}: {error.problem}" for error in failures)
        raise ContramuseError(f"{len(failures)} of {len(remotes)} files could not be fetched ({listed})",
                              name="--download", fix=failures[0].fix)  # fmt: skip


def inside(root: Path, path: str) -> Path:
    """``path`` below ``root``.

    Raises:
        UserError: it leads out of it.
    """
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise UserError("leads out of the folder", name="--download", value=path, fix="Report this reader.")
    return root / parts


def _groups(remotes: Sequence[Remote]) -> list[list[Remote]]:
    """Plain files and whole archives by themselves, the pieces of an archive together."""
    found: dict[str, list[Remote]] = {}
    for remote in remotes:
        found.setdefault(remote.path if remote.unpack is None else joined_name(remote.path), []).append(remote)
    return list(found.values())


def _fetch_group(
    group: list[Remote], root: Path, record: _Record, bars: Progress, sleep: Callable[[float], None]
) -> None:
    into = group[0].unpack
    files = [inside(root, remote.path) for remote in group]
    key = stable_hash([[remote.url, remote.md5, remote.size, into] for remote in group])
    if into is not None and record.unpacked(key, inside(root, into)):
        bars.console.print(f"there      {joined_name(group[0].path)}, unpacked into {into}", markup=False)
        return
    for remote, file in zip(group, files, strict=True):
        _fetch(remote, file, record, bars, sleep)
    if into is None:
        return
    name = joined_name(group[0].path)
    with _Task(bars, f"unpacking {name}") as task:
        out = unpack(files, inside(root, into), progress=task)
    record.note_unpacked(key, {"archive": name, "into": into, "files": out.files, "size": out.size,
                               "sample": out.sample})  # fmt: skip
    held = sum(file.stat().st_size for file in files)
    bars.console.print(f"unpacked   {name} into {into}: {out.files:,} files, {out.size:,} bytes; the archive"
                       f" ({held:,} bytes) may be deleted", markup=False)  # fmt: skip
    if out.replaced:
        bars.console.print(f"replaced   {out.replaced:,} files that had another size", markup=False)
    if out.links:
        bars.console.print(f"left out   {len(out.links):,} symbolic links: {', '.join(out.links[:5])}", markup=False)


def _fetch(remote: Remote, file: Path, record: _Record, bars: Progress, sleep: Callable[[float], None]) -> None:
    if record.complete(remote, file):
        bars.console.print(f"there      {remote.path}", markup=False)
        return
    if file.exists():
        _adopt(remote, file)
        bars.console.print(f"there      {remote.path}, as published", markup=False)
    else:
        with _Task(bars, remote.path) as task:
            transfer(remote, file, progress=task, sleep=sleep)
        bars.console.print(f"fetched    {remote.path}: {file.stat().st_size:,} bytes", markup=False)
    record.note(remote, file)


def _adopt(remote: Remote, file: Path) -> None:
    """A file that somebody else put there is taken if it is the published one, and never touched."""
    size = file.stat().st_size
    wrong = f"{size:,} bytes, published are {remote.size:,}" if remote.size and size != remote.size else ""
    if not wrong and remote.md5 and (found := digest(file, remote.md5)) != remote.md5.lower():
        wrong = f"checksum {found}, published is {remote.md5}"
    if wrong:
        fix = "Move it away to have it fetched."
        raise ContramuseError(f"lies there and is another file ({wrong})", name="--download", value=file, fix=fix)


class _Task:
    """A bar; called with bytes done and, once known, bytes in all."""

    def __init__(self, bars: Progress, name: str) -> None:
        self._bars, self._task = bars, bars.add_task(name, total=None)

    def __enter__(self) -> _Task:
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.remove_task(self._task)

    def __call__(self, done: int, total: int) -> None:
        self._bars.update(self._task, completed=done, total=total or None)


class _Record:
    """What is known of the files that were fetched and the archives that were unpacked, on disk."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}  # none yet, or damaged: files are then looked at again, nothing is lost
        self._files: dict[str, Any] = _mapping(known, "files")
        self._unpacked: dict[str, Any] = _mapping(known, "unpacked")

    def complete(self, remote: Remote, file: Path) -> bool:
        """Is it the file that was once found right, untouched since?"""
        return file.exists() and self._files.get(remote.path) == _state(remote, file)

    def note(self, remote: Remote, file: Path) -> None:
        """It is right."""
        self._files[remote.path] = _state(remote, file)
        self._save()

    def unpacked(self, key: str, folder: Path) -> bool:
        """Was an archive unpacked, and are its files still there?"""
        found = _mapping(self._unpacked, key)
        return "sample" in found and all((folder / str(name)).is_file() for name in found["sample"])

    def note_unpacked(self, key: str, told: dict[str, Any]) -> None:
        """It is unpacked."""
        self._unpacked[key] = told
        self._save()

    def _save(self) -> None:
        write_json(self._file, {"files": self._files, "unpacked": self._unpacked})


def _mapping(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _state(remote: Remote, file: Path) -> dict[str, Any]:
    found = file.stat()
    return {"size": found.st_size, "time": found.st_mtime_ns, "checksum": remote.md5, "url": remote.url}
