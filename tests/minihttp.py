"""A web server that misbehaves as it is told: for tests of downloads, on this machine alone."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch


@dataclass
class Served:
    """A file of the server and its faults.

    Args:
        data: its bytes.
        breaks: after how many bytes of each answer the connection is cut, one number an answer; then it holds.
        statuses: of the first answers, such as 500.
        ranges: "kept", "ignored" (the whole file comes), or "shifted" (another part than was asked for).
        etag: of the file, "" for none.
        claims: Content-Length that is told instead of the true one; -1 for none.
        headers: that come with every answer.
    """

    data: bytes = b""
    breaks: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: str = "kept"
    etag: str = ""
    claims: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """Files by path ("/a.txt"), and what was asked for."""

    url: str
    files: dict[str, Served]
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(path for path, _ in self.asked)


@contextmanager
def serving(files: dict[str, Served]) -> Iterator[Server]:
    """A server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            told.asked.append((self.path, wanted))
            if self.path not in files:
                return self.send_error(404)
            _answer(self, files[self.path], wanted)
            return None

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    told = Server(f"http://127.0.0.1:{httpd.server_port}", files)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with patch.dict(os.environ, {"no_proxy": "*", "NO_PROXY": "*"}):
            yield told
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def _answer(handler: BaseHTTPRequestHandler, served: Served, wanted: str | None) -> None:
    if served.statuses:
        handler.send_response(served.statuses.pop(0))
        handler.send_header("Content-Length", "0")
        _close(handler, served)
        return
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and served.ranges != "ignored" else 0
    if handler.headers.get("If-Range", served.etag) != served.etag:
        start = 0
    if start and start >= len(served.data):
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(served.data)}")
        handler.send_header("Content-Length", "0")
        _close(handler, served)
        return
    handler.send_response(206 if start else 200)
    shown = start + 1 if served.ranges == "shifted" else start
    if start:
        handler.send_header("Content-Range", f"bytes {shown}-{len(served.data) - 1}/{len(served.data)}")
    body = served.data[start:]
    if served.claims >= 0:
        handler.send_header("Content-Length", str(served.claims or len(body)))
    _close(handler, served)
    handler.wfile.write(body[: served.breaks.pop(0)] if served.breaks else body)


def _close(handler: BaseHTTPRequestHandler, served: Served) -> None:
    if served.etag:
        handler.send_header("ETag", served.etag)
    for name, value in served.headers.items():
        handler.send_header(name, value)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
