import subprocess
import sys

import pytest

from contramuse.encoders import memory

SCRIPT = "from contramuse.encoders.memory import keep_freed_memory as keep; print(keep())"


def run(**environment):
    import os

    clean = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=clean | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the GNU C library's allocator")
def test_the_environment_wins():
    assert "MALLOC_TRIM_THRESHOLD_" in run(MALLOC_TRIM_THRESHOLD_="100000")


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert "darwin" in memory.keep_freed_memory()


def test_another_c_library(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(memory.sys, "platform", "linux")
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(memory.ctypes, "CDLL", absent)
    assert "left alone" in memory.keep_freed_memory()
