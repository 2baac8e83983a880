"""A run that was killed goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from contramuse.audio.decode import decode
from contramuse.audio.store import shard_path
from contramuse.catalogue import decoding
from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import prepare
from music import tones, write

RATE = 8000
FILES = 60
RUN = """
import sys
from contramuse.catalogue import decoding
from contramuse.catalogue.prepare import prepare
from jobs import slow_decode
if __name__ == "__main__":
    decoding.COMMIT_SECONDS = 0.1
    prepare(sys.argv[1], sys.argv[2], decoding=decoding.Decoding(sample_rate=8000, workers=2), job=slow_decode)
"""


def start(folder: Path, out: Path, script: Path) -> subprocess.Popen[bytes]:
    tests = str(Path(__file__).parents[1])
    script.write_text(RUN)
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(out)], env={**os.environ, "PYTHONPATH": tests}
    )


def wait_for_audio(out: Path, process: subprocess.Popen[bytes], size: int) -> None:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if shard_path(out, 0).exists() and shard_path(out, 0).stat().st_size > size:
            return
        time.sleep(0.02)


def test_killed_twice_and_whole_in_the_end(tmp_path: Path) -> None:
    folder, out = tmp_path / "music", tmp_path / "lib"
    for i in range(FILES):
        write(folder / f"{i:02d}.wav", tones(1.1, RATE, 1, seed=i), RATE)
    for round_number in (1, 2):
        process = start(folder, out, tmp_path / "run.py")
        wait_for_audio(out, process, 100_000 * round_number)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    with open(shard_path(out, 0), "ab") as file:
        file.write(b"half a sample and no more")
    summary = prepare(folder, out, decoding=Decoding(sample_rate=RATE, workers=1))
    assert 0 < summary.decoded < FILES
    assert summary.verdicts == {"ok": FILES}
    library = Library.open(out)
    assert len(library) == FILES
    for row, path in enumerate(library.paths):
        assert np.array_equal(library.store.read(row), decode(folder / path, sample_rate=RATE).samples)
    assert shard_path(out, 0).stat().st_size == 2 * int(library.store.lengths.sum())
    assert prepare(folder, out, decoding=Decoding(sample_rate=RATE)).decoded == 0
    assert decoding.COMMIT_SECONDS > 1
