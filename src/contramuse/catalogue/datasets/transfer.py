"""One file over HTTP: it goes on where it broke off, tries again, and has its name only when every byte is right."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import ssl
from collections.abc import Callable
from contextlib import closing
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from contramuse import __version__
from contramuse.catalogue.datasets.base import Remote
from contramuse.errors import ContramuseError, StorageError, UserError
from contramuse.files import write_json

ATTEMPTS = 6  # without a gain of ENOUGH bytes between two of them
ENOUGH = 1 << 20
TIMEOUT = 60.0  # seconds without a byte
LONGEST_WAIT = 120.0  # seconds that a server may ask for
BLOCK = 1 << 18
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENAMETOOLONG})

Progress = Callable[[int, int], None]  # bytes that are there, of how many (0: not known)


def digest(file: Path, like: str) -> str:
    """MD5, SHA-1 or SHA-256 of a file, whichever has the length of ``like``, in hexadecimal."""
    found = _hash(like)
    _feed(found, file)
    return str(found.hexdigest())


def transfer(remote: Remote, file: Path, *, progress: Progress, sleep: Callable[[float], None]) -> None:
    """Fetch a file. Until it is whole and right it is called NAME.part; another run goes on with that.

    Args:
        remote: the file.
        file: where it is kept.
        progress: is told how much is there.
        sleep: waits so many seconds before another attempt: 1, 2, 4, 8, 16, or what the server asks for.

    Raises:
        UserError: its address is not http or https.
        ContramuseError: it is not to be had, or what came is another file than published (kept as NAME.wrong).
        StorageError: the disk is full; what is there is kept.
    """
    check_address(remote.url)
    part, failures = _Part(file, remote), 0
    while True:
        before = part.size
        try:
            if not (remote.size and part.size == remote.size):
                _stream(remote, part, progress)
            return part.finish()
        except _BrokenError as error:
            failures = 1 if part.size - before >= ENOUGH else failures + 1
            if failures >= ATTEMPTS:
                fix = "What is there is kept: the same command goes on from it."
                raise ContramuseError(
                    f"broke off {failures} times, the last time at {part.size:,} bytes: {error}",
                    name="--download", value=remote.url, fix=fix,
                ) from error  # fmt: skip
            sleep(max(2.0 ** (failures - 1), min(error.wait, LONGEST_WAIT)))


def check_address(url: str) -> None:
    """Refuse what is not fetched over HTTP.

    Raises:
        UserError: the address is neither http nor https.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        fix = "Only http and https are fetched from."
        raise UserError("is not an address that is fetched from", name="--download", value=url, fix=fix)


class _BrokenError(Exception):
    """Another attempt may help.

    Args:
        why: in words.
        wait: seconds that the server asks for, 0 if it does not.
    """

    def __init__(self, why: str, *, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class _Part:
    """NAME.part, its checksum so far, and in NAME.part.json which version of the remote file it is of."""

    def __init__(self, file: Path, remote: Remote) -> None:
        self.file, self.remote = file, remote
        self.path = file.with_name(f"{file.name}.part")
        self._about = file.with_name(f"{file.name}.part.json")
        self._hash = _hash(remote.md5)
        file.parent.mkdir(parents=True, exist_ok=True)
        self.size = self.path.stat().st_size if self.path.exists() else 0
        self._version = self._known()
        if remote.size and self.size > remote.size:
            self.start_over()
        elif self.size:
            _feed(self._hash, self.path)

    def _known(self) -> str:
        try:
            about = json.loads(self._about.read_text(encoding="utf-8"))
            return str(about["version"]) if about["url"] == self.remote.url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""  # written by nobody or half: then the server is not asked whether its file is still the same

    def headers(self) -> dict[str, str]:
        """Of a request for what lacks.

        Without a checksum and without the server's word two versions could be joined, and nobody would see it: then all
        of it is asked for.
        """
        if not self.remote.md5 and not self._version:
            self.start_over()
        if not self.size:
            return {}
        return {"Range": f"bytes={self.size}-"} | ({"If-Range": self._version} if self._version else {})

    def start_over(self) -> None:
        """Forget what is there."""
        self.path.unlink(missing_ok=True)
        self.size, self._hash, self._version = 0, _hash(self.remote.md5), ""

    def of(self, headers: Message) -> None:
        """Note the version that the server sends; a weak tag is not one of bytes."""
        tag = headers.get("ETag", "")
        self._version = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
        write_json(self._about, {"url": self.remote.url, "version": self._version})

    def finish(self) -> None:
        """Give the file its name, if it is what was published.

        Raises:
            ContramuseError: it is not; it is kept as NAME.wrong.
        """
        found, wanted = self._hash.hexdigest(), self.remote.md5.lower()
        self._about.unlink(missing_ok=True)
        if (self.remote.size and self.size != self.remote.size) or (wanted and found != wanted):
            aside = self.file.with_name(f"{self.file.name}.wrong")
            os.replace(self.path, aside)
            published = f"{self.remote.size:,} bytes, " if self.remote.size else ""
            raise ContramuseError(
                f"sent another file than published: {self.size:,} bytes, checksum {found}; "
                f"published are {published}checksum {wanted or 'not known'}",
                name="--download", value=self.remote.url,
                fix=f"It is kept as {aside}; run the command again to fetch it anew, or fetch it by hand.",
            )  # fmt: skip
        with open(self.path, "ab") as stream:
            os.fsync(stream.fileno())
        os.replace(self.path, self.file)

    def append(self, answer: IO[bytes], progress: Progress, total: int) -> None:
        """Take all that comes."""
        with open(self.path, "ab", buffering=0) as stream:
            while (block := _read(answer)) and not 0 < self.remote.size < self.size:
                try:
                    left = memoryview(block)
                    while left:
                        left = left[stream.write(left) :]
                except OSError as error:
                    raise full(self.path, error) from error
                self._hash.update(block)
                self.size += len(block)
                progress(self.size, total)


def _read(answer: IO[bytes]) -> bytes:
    try:
        return answer.read(BLOCK)
    except (OSError, HTTPException) as error:
        raise _BrokenError(f"the connection broke ({error or type(error).__name__})") from error


def _stream(remote: Remote, part: _Part, progress: Progress) -> None:
    """Fetch what lacks of a part.

    Raises:
        _BrokenError: not all of it came.
    """
    answer = _open(remote, part)
    if answer is None:
        return
    with closing(answer):
        if answer.status == 206 and _range(answer.headers)[0] != part.size:
            part.start_over()
            raise _BrokenError("another part of the file came than was asked for")
        if answer.status != 206 and part.size:
            part.start_over()
        length = _number(answer.headers.get("Content-Length", ""))
        total = part.size + length if length else remote.size
        _check_answer(remote, part, answer.headers, total)
        if not part.size:
            part.of(answer.headers)
        part.append(answer, progress, total)
    if part.size < total:
        raise _BrokenError(f"{part.size:,} of {total:,} bytes came")


def _check_answer(remote: Remote, part: _Part, headers: Message, total: int) -> None:
    page = headers.get_content_type() == "text/html" and not remote.path.endswith((".html", ".htm"))
    if page or (remote.size and total != remote.size):
        sent = "a web page" if page else f"a file of {total:,} bytes"
        published = f"; published are {remote.size:,} bytes" if remote.size else ""
        fix = f"It may have moved: look for it in a browser and put it at {part.file}."
        raise ContramuseError(f"sends {sent}{published}", name="--download", value=remote.url, fix=fix)
    free, lacking = shutil.disk_usage(part.path.parent).free, total - part.size
    if free < lacking:
        raise StorageError(f"needs {lacking:,} bytes more, {free:,} are free", name="--root", value=part.path.parent,
                           fix="Free some space, then run the same command: it goes on.")  # fmt: skip


def _opener() -> OpenerDirector:
    """Opens addresses over HTTP, and follows redirects to HTTP only: no file:, ftp: or data:."""
    director = OpenerDirector()
    for handler in (ProxyHandler(), UnknownHandler(), HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(),
                    HTTPErrorProcessor(), _Redirects()):  # fmt: skip
        director.add_handler(handler)
    return director


class _Redirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(remote: Remote, part: _Part) -> Any:
    """The answer to a request for what lacks; None where nothing lacks."""
    headers = {"User-Agent": f"contramuse/{__version__}"} | part.headers()
    try:
        return _opener().open(Request(remote.url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        with closing(error):
            return _refused(remote, part, error)
    except (URLError, OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            fix = "Set SSL_CERT_FILE to this machine's certificates, or fetch it by hand."
            raise ContramuseError(f"cannot be trusted ({reason.verify_message})", name="--download", value=remote.url,
                                  fix=fix) from error  # fmt: skip
        raise _BrokenError(f"no answer ({reason})") from error


def _refused(remote: Remote, part: _Part, error: HTTPError) -> None:
    """Nothing more lacks, or another attempt, or none."""
    if error.code == 416 and part.size:
        if _range(error.headers)[1] == part.size:
            return
        part.start_over()
        raise _BrokenError("what is there is no beginning of the file")
    if error.code in AGAIN:
        raise _BrokenError(f"status {error.code}", wait=_number(error.headers.get("Retry-After", "")))
    raise ContramuseError(f"is not to be had (status {error.code} {error.reason})", name="--download",
                          value=remote.url, fix=f"Fetch it by hand and put it at {part.file}.")  # fmt: skip


def _range(headers: Message) -> tuple[int, int]:
    """First byte and length of the file from ``bytes 5-9/10`` or ``bytes */10``; -1 where there is none."""
    place, _, length = headers.get("Content-Range", "").removeprefix("bytes").strip().partition("/")
    first = place.partition("-")[0]
    return int(first) if first.isdecimal() else -1, int(length) if length.isdecimal() else -1


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def full(path: Path, error: OSError) -> StorageError:
    """The error of a disk that takes no more."""
    fix = "Free some space, then run the same command: it goes on."
    return StorageError(f"cannot be written ({error.strerror or error})", name="file", value=path, fix=fix)


def _hash(like: str) -> Any:
    name = {40: "sha1", 64: "sha256"}.get(len(like), "md5")
    return hashlib.new(name, usedforsecurity=False)


def _feed(into: Any, file: Path) -> None:
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            into.update(block)
