"""Fetching a dataset's files: with checksums, going on where it broke off, and unpacked with care."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from contramuse.catalogue.datasets.base import Remote


def digest(file: Path, like: str) -> str:
    """MD5 or SHA-256 of a file, whichever has the length of ``like``, in hexadecimal."""
    found = hashlib.sha256() if len(like) == 64 else hashlib.md5(usedforsecurity=False)
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def fetch_all(remotes: Sequence[Remote], root: Path, *, console: Console) -> None:
    """Fetch what is not there yet."""
    raise NotImplementedError
