"""Library: opens without audio libraries, says what it lacks, and notices files of different runs."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError
from minilibrary import write_library

BLOCKED = """
import sys
for name in ("soundfile", "soxr", "av", "mutagen", "faiss"):
    sys.modules[name] = None
from contramuse.catalogue.library import Library
library = Library.open(sys.argv[1])
print(len(library), library.store.gather([0, 1], [0, 5], 10).shape, library.labels("genre")[:2].tolist())
"""


def test_a_machine_without_audio_libraries_reads_a_library(tmp_path: Path) -> None:
    write_library(tmp_path, tracks=6, seconds=0.5)
    done = subprocess.run([sys.executable, "-c", BLOCKED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "6 (2, 10) [0, 1]", done.stderr


def test_labels_groups_and_rows(tmp_path: Path) -> None:
    library = write_library(tmp_path, tracks=6, seconds=0.5)
    assert library.rows("train").tolist() == [0, 1, 3, 4]
    assert library.rows("all").tolist() == list(range(6))
    assert library.labels("tags").shape == (6, 2)
    assert library.labels("tempo").tolist() == [60.0, 61, 62, 63, 64, 65]
    assert library.group("artist").tolist() == [0, 1, 2, 3, 4, 0]
    assert library.group("album").tolist() == [-1] * 6
    again = pickle.loads(pickle.dumps(library))
    assert again.fingerprint == library.fingerprint
    assert np.array_equal(again.store.read(3), library.store.read(3))


def test_what_is_lacking_is_named_with_what_there_is(tmp_path: Path) -> None:
    library = write_library(tmp_path, tracks=3, seconds=0.5)
    for ask, match in (
        (lambda: library.labels("mood"), r"'mood'.*genre, tags, tempo"),
        (lambda: library.rows("dev"), r"'dev'.*train, valid, test, all"),
        (lambda: library.groups("label"), r"'label'.*artist, album"),
        (lambda: library.column("x"), r"'x'.*id, path"),
        (lambda: library.stems("bass"), r"'bass'.*none"),
    ):
        with pytest.raises(LibraryError, match=match):
            ask()


def test_damage_is_told(tmp_path: Path) -> None:
    write_library(tmp_path, tracks=3, seconds=0.5)
    info = json.loads((tmp_path / "library.json").read_text())
    (tmp_path / "library.json").write_text(json.dumps(info | {"format": 99}))
    with pytest.raises(LibraryError, match="later version"):
        Library.open(tmp_path)
    (tmp_path / "library.json").write_text("{")
    with pytest.raises(LibraryError, match="is damaged"):
        Library.open(tmp_path)
    (tmp_path / "library.json").write_text(json.dumps(info))
    (tmp_path / "index.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(LibraryError, match="is damaged"):
        Library.open(tmp_path)
    (tmp_path / "index.parquet").unlink()
    with pytest.raises(LibraryError, match="not a finished library"):
        Library.open(tmp_path)
