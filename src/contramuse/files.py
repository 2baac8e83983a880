"""Files written to a temporary name and moved into place, their names on a screen, and hashes of what they hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from contramuse.errors import StorageError, UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and move it into place.

    On any error the temporary file is removed and ``path`` keeps its old content.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"cannot be written ({error.strerror or error})",
            name="file",
            value=path,
            fix="Free some space or choose another output folder; the previous content, if any, is kept.",
        ) from error
    finally:
        if temporary.exists():
            temporary.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False) + "\n", encoding="utf-8")


def check_output(path: Path, *, name: str) -> None:
    """Make sure that everything can be written under ``path``; Parquet's own reader and writer need UTF-8.

    Raises:
        UserError: its name is not UTF-8.
    """
    try:
        os.fsencode(path.absolute()).decode()
    except UnicodeDecodeError as error:
        fix = "Choose an output folder with a name in UTF-8; the names of music files may be anything."
        raise UserError("is a name that is not UTF-8", name=name, value=printable(str(path)), fix=fix) from error


def printable(name: str) -> str:
    r"""A file's name on one line: line feeds, other control characters and undecodable bytes as ``\n`` and ``\xNN``."""
    if name.isprintable():
        return name
    return "".join(
        c if c.isprintable() else os.fsencode(c).decode("utf-8", "backslashreplace")
        if "\udc80" <= c <= "\udcff" else c.encode("unicode_escape").decode()
        for c in name
    )  # fmt: skip


def told_apart(paths: Sequence[Path]) -> dict[Path, str]:
    """A short name for every path: its last part, or the folder above it that tells it from others of that name."""
    whole = {path: path.resolve().parts for path in paths}
    tails = {}
    for path, parts in whole.items():
        rest = [other for other in whole.values() if other != parts]
        n = next((n for n in range(1, len(parts)) if all(other[-n:] != parts[-n:] for other in rest)), len(parts))
        tails[path] = parts[-n:]
    short = [tail[0] for tail in tails.values()]
    return {path: tail[0] if short.count(tail[0]) == 1 else "/".join(tail) for path, tail in tails.items()}


def stable_hash(value: Any, length: int = 16) -> str:
    """First ``length`` hexadecimal digits of the SHA-256 of ``value`` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def sha256(file: BinaryIO) -> str:
    """64 hexadecimal digits of the SHA-256 of an open file from where it stands, read a megabyte at a time."""
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
