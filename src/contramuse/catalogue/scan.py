"""Finding the files of a folder that look like audio, by name or by content.

Names are bytes throughout, so any name will do. Files are yielded as they are met: memory grows with the folders that
wait to be entered, not with the files. Links are followed, every folder is entered once however many links lead to it,
and what is no regular file (a pipe, a device) is never opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from contramuse.audio.sniff import HEAD_BYTES, audio_format, named_like_audio, other_format
from contramuse.catalogue.journal import Seen


def scan(
    folder: bytes,
    *,
    first_visit: Callable[[int, int], bool],
    leave_out: bytes,
    wanted: Callable[[bytes], bool] | None = None,
) -> Iterator[Seen]:
    """Files under ``folder`` that look like audio, and folders and files that look so and cannot be read.

    Args:
        folder: where to begin.
        first_visit: given device and inode of a folder, whether it is met for the first time.
        leave_out: a folder that is not entered (the library itself).
        wanted: files of another kind than audio are wanted: by their name.
    """
    waiting = [b""]
    skipped = _identity(leave_out)
    while waiting:
        relative = waiting.pop()
        absolute = os.path.join(folder, relative)
        try:
            identity = _identity(absolute)
            if identity == skipped or identity is None or not first_visit(*identity):
                continue
            with os.scandir(absolute) as entries:
                for entry in entries:
                    path = os.path.join(relative, entry.name)
                    if _is_folder(entry):
                        waiting.append(path)
                    elif (found := _look(entry, path, wanted)) is not None:
                        yield found
        except OSError as error:
            yield Seen(relative or b".", problem=f"the folder cannot be read ({error.strerror})")


def _identity(path: bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _look(entry: os.DirEntry[bytes], path: bytes, wanted: Callable[[bytes], bool] | None) -> Seen | None:
    """The file if it looks like audio (or is wanted by its name), None if it does not."""
    named = (wanted or named_like_audio)(entry.name)
    try:
        status = entry.stat()
    except OSError as error:
        return Seen(path, problem=f"cannot be read ({error.strerror}; a broken link?)") if named else None
    if not stat.S_ISREG(status.st_mode):
        return None
    seen = Seen(path, status.st_size, status.st_mtime_ns, status.st_ino)
    if wanted is not None:
        return seen if named else None
    if named and not entry.name.startswith(b"._"):
        return seen
    try:
        head = read_head(entry.path)
    except OSError:
        return seen if named else None
    if named:  # "._name.mp3" is what macOS leaves beside files on foreign disks
        return None if other_format(head) == "a macOS resource fork" else seen
    return seen if audio_format(head) else None


def read_head(path: bytes) -> bytes:
    """The first bytes of a file."""
    with open(path, "rb", buffering=0) as file:
        return file.read(HEAD_BYTES)
