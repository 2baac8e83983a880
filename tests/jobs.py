"""Jobs for worker processes: some hang, some crash. A spawned process imports them by name."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from contramuse.catalogue.decoding import FileTask, decode_file


def job(payload: Any) -> tuple[dict[str, Any], bytes]:
    """Do what the payload says."""
    if payload == "hang":
        time.sleep(600)
    if payload == "spin":
        while True:
            pass
    if payload == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if payload == "exit":
        os._exit(3)
    if payload == "raise":
        raise ValueError("odd file")
    if payload == "memory":
        bytearray(64 << 30)
    if payload == "noise":
        os.write(2, b"native noise\n")
    return {"payload": payload, "pid": os.getpid()}, b"\x01" * (100_000 if payload == "large" else 0)


def decode_or_hang(task: FileTask) -> tuple[dict[str, Any], bytes | memoryview]:
    """The real job, but files called hang... hang and files called crash... crash."""
    name = os.path.basename(task.path)
    if name.startswith(b"hang"):
        time.sleep(600)
    if name.startswith(b"crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    return decode_file(task)


def slow_decode(task: FileTask) -> tuple[dict[str, Any], bytes | memoryview]:
    """The real job, slowly enough to be killed in the middle."""
    time.sleep(0.05)
    return decode_file(task)
