"""contramuse stems: what is written, what is left alone, what is told, and a run that was killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from contramuse.audio.decode import decode
from contramuse.audio.stereo import MusicFile, StoredMusic
from contramuse.audio.store import shard_path
from contramuse.catalogue import separate
from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.journal import Journal
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import prepare
from contramuse.catalogue.separate import run as running
from contramuse.catalogue.separate.run import Separation, Summary
from contramuse.errors import LibraryError, StorageError, UserError
from minidatasets import prepared as prepared_dataset
from minidemucs import save_demucs
from minilibrary import write_library
from minisplit import Halves, halves
from music import encode, tones, write

RATE = 8000


def prepared(folder: Path, out: Path) -> Library:
    prepare(folder, out, decoding=Decoding(sample_rate=RATE, workers=1))
    return Library.open(out)


def separate_all(root: Path, separator: Any, names: tuple[str, ...] = ()) -> Summary:
    with Separation(root, separator, names=names) as separation:
        return separation.run(separation.work())


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Two stereo songs at 44.1 kHz, one with a vocals stem of its own; one mono; one mp3."""
    folder = tmp_path / "music"
    write(folder / "a.wav", tones(2.0, 44100, 2, seed=1), 44100)
    write(folder / "b.flac", tones(1.5, 44100, 2, seed=2), 44100)
    write(folder / "stems/b/left.wav", tones(1.5, RATE, 1, seed=3), RATE)
    write(folder / "c.wav", tones(1.2, 11025, 1, seed=4), 11025)
    encode(folder / "d.mp3", tones(1.7, 22050, 2, seed=5), 22050, "mp3")
    return folder


def close(got: np.ndarray, expected: np.ndarray, tolerance: float = 3e-3) -> bool:
    return len(got) == len(expected) and float(np.abs(got / 32768 - expected)[400:-400].max()) < tolerance


def test_tracks_of_a_published_dataset_are_separated_from_their_files(tmp_path: Path, music: Path) -> None:
    """Their ids are of content and path, as the same audio may be there twice."""
    shutil.copy(music / "a.wav", music / "again.wav")
    shutil.rmtree(music / "stems")
    prepared_dataset("folder", music, tmp_path / "lib", ["labels=none"], rate=RATE)
    summary = separate_all(tmp_path / "lib", Halves())
    assert (summary.tracks, summary.from_store, summary.failed) == (5, 0, [])


def test_stems_of_every_track_are_in_the_store(tmp_path: Path, music: Path) -> None:
    library = prepared(music, tmp_path / "lib")
    own = library.stems("left").read(1).copy()
    summary = separate_all(tmp_path / "lib", Halves())
    assert (summary.tracks, summary.from_store, summary.failed) == (4, 0, [])
    assert summary.work.names == ("left", "rest")
    after = Library.open(tmp_path / "lib")
    assert after.fingerprint == library.fingerprint
    assert [after.track(row).stems for row in range(4)] == [("left", "rest")] * 4
    assert np.array_equal(after.stems("left").read(1), own), "a stem's own file goes before"
    for name in ("left", "rest"):
        lengths = after.store.lengths.copy()
        assert np.array_equal(after.stems(name).lengths, lengths)
    for row in (0, 2, 3):
        # at 16 kHz the separator gives half the left channel, and the mix without it
        path = music / after.paths[row]
        both = np.concatenate(list(MusicFile(path, sample_rate=RATE).blocks()), 1)
        left, mix = both[0] / 2, both.mean(0)
        assert close(after.stems("left").read(row), left[: after.store.lengths[row]])
        assert close(after.stems("rest").read(row), (mix - left)[: after.store.lengths[row]])
    assert after.info["separated"] == {"halves 1": 7}


def test_run_again_and_prepared_again_keep_what_is_there(tmp_path: Path, music: Path) -> None:
    prepared(music, tmp_path / "lib")
    separate_all(tmp_path / "lib", Halves(), ("rest",))
    before = Library.open(tmp_path / "lib")
    rest = [before.stems("rest").read(row).copy() for row in range(4)]
    size = shard_path(tmp_path / "lib", 0).stat().st_size
    summary = separate_all(tmp_path / "lib", Halves(), ("rest",))
    assert (summary.tracks, summary.work.kept, summary.work.size) == (0, 4, 0)
    write(music / "e.wav", tones(1.1, RATE, 1, seed=6), RATE)
    write(music / "stems/c/rest.wav", tones(1.2, RATE, 1, seed=7), RATE)
    (music / "d.mp3").unlink()
    after = prepared(music, tmp_path / "lib")
    assert [after.track(row).stems for row in range(4)] == [("rest",), ("left", "rest"), ("rest",), ()]
    assert [np.array_equal(after.stems("rest").read(row), rest[row]) for row in range(3)] == [True, True, False]
    assert shard_path(tmp_path / "lib", 0).stat().st_size > size
    own = after.stems("rest").read(2).copy()
    other = separate_all(tmp_path / "lib", Halves(number=2))
    assert other.tracks == 4
    again = Library.open(tmp_path / "lib")
    assert again.info["separated"] == {"halves 2": 6}
    assert np.array_equal(again.stems("rest").read(2), own)
    assert np.array_equal(again.stems("left").read(1), after.stems("left").read(1))


def test_files_that_are_gone_or_changed_are_taken_from_the_store(tmp_path: Path, music: Path) -> None:
    library = prepared(music, tmp_path / "lib")
    (music / "a.wav").unlink()
    write(music / "b.flac", tones(1.5, 44100, 2, seed=99), 44100)
    summary = separate_all(tmp_path / "lib", Halves())
    assert (summary.tracks, summary.from_store) == (4, 2)
    after = Library.open(tmp_path / "lib")
    mono = library.store.read(0) / 32768
    assert close(after.stems("left").read(0), mono / 2)
    assert close(after.stems("rest").read(0), mono / 2)
    stored = np.concatenate(list(StoredMusic(library.store, 0, sample_rate=RATE).blocks()), 1)
    assert np.array_equal(stored[0], stored[1])
    assert np.abs(stored[0] - mono).max() < 1e-4


def test_what_fails_is_told_and_tried_again(tmp_path: Path, music: Path, run: Any, monkeypatch: Any) -> None:
    prepared(music, tmp_path / "lib")
    monkeypatch.setitem(separate.SEPARATORS, "demucs", lambda weights, device: Halves(fails_at=1.4))
    status, out, err = run("stems", tmp_path / "lib", "--stems", "rest")
    assert status == 0, err
    assert "separated  1 tracks" in out
    assert "failed     3" in out
    assert "a.wav: out of memory" in out
    assert "to do      rest of 4 tracks" in err
    monkeypatch.setitem(separate.SEPARATORS, "demucs", lambda weights, device: Halves(fails_at=1.3))
    status, out, err = run("stems", tmp_path / "lib", "--stems", "rest")
    assert (status, "none of 3 tracks could be separated" in err) == (1, True)
    monkeypatch.setitem(separate.SEPARATORS, "demucs", lambda weights, device: Halves())
    status, out, err = run("stems", tmp_path / "lib", "--stems", "rest", "--stems", "left")
    assert "separated  4 tracks" in out
    assert "0 tracks have them" in err
    assert run("stems", tmp_path / "lib", "--stems", "drums")[0] == 2
    assert run("stems", tmp_path / "lib", "--model", "ears")[0] == 2
    assert run("stems", tmp_path / "lib", "--device", "abacus")[0] == 2
    assert run("stems", tmp_path / "none")[0] == 2


def test_no_weights_are_fetched_for_what_is_no_library(tmp_path: Path, run: Any, monkeypatch: Any) -> None:
    def fetch(weights: Path | None, device: torch.device) -> Any:
        raise AssertionError("weights were asked for")

    monkeypatch.setitem(separate.SEPARATORS, "demucs", fetch)
    write_library(tmp_path / "bare", tracks=2, seconds=0.2)
    for folder, told in (("none", "is not a finished library"), ("bare", "has no journal")):
        status, _, err = run("stems", tmp_path / folder)
        assert status == 2
        assert told in err


def test_what_cannot_be_separated_is_refused_before_the_start(tmp_path: Path, music: Path, monkeypatch: Any) -> None:
    write_library(tmp_path / "bare", tracks=2, seconds=0.2)
    with pytest.raises(LibraryError, match="has no journal"):
        Separation(tmp_path / "bare", Halves())
    library = prepared(music, tmp_path / "lib")
    with pytest.raises(UserError, match=r"'drums'.*gives: left, rest"):
        Separation(tmp_path / "lib", Halves(), names=("drums",))
    used = SimpleNamespace(total=1, used=1, free=100_000)
    with Separation(tmp_path / "lib", Halves()) as separation:
        with pytest.raises(UserError, match="another run is at work"):
            Separation(tmp_path / "lib", Halves()).__enter__()
        work = separation.work()
        expected = 2 * (2 * int(library.store.lengths.sum()) - int(library.store.lengths[1]))
        assert (work.size, work.kept, len(work.rows)) == (expected, 0, 4)
        monkeypatch.setattr(running.shutil, "disk_usage", lambda root: used)
        with pytest.raises(StorageError, match=r"the stems need 0\.0 GB and the disk has 0\.0 GB"):
            separation.work()
    shutil.copytree(tmp_path / "lib/shards", tmp_path / "kept")
    (tmp_path / "lib/work/journal.sqlite").unlink()
    Journal(tmp_path / "lib", {}).close()
    with pytest.raises(LibraryError, match="journal is of another library"):
        separate_all(tmp_path / "lib", Halves())
    assert (tmp_path / "lib/shards/00000.i16").read_bytes() == (tmp_path / "kept/00000.i16").read_bytes()


def test_long_tracks_go_piece_by_piece(tmp_path: Path, monkeypatch: Any) -> None:
    """Pieces, spooled files and a rate of its own: the stems are as those of one piece."""
    write(tmp_path / "music/long.wav", tones(9.0, 11025, 2, seed=1), 11025)
    prepared(tmp_path / "music", tmp_path / "whole")
    separate_all(tmp_path / "whole", Halves())
    monkeypatch.setattr(running, "SPOOLED_BYTES", 1000)
    shorter = lambda *a, **k: separate.separated(*a, **k, piece_seconds=2.0, overlap_seconds=0.5)  # noqa: E731
    monkeypatch.setattr(running, "separated", shorter)
    prepared(tmp_path / "music", tmp_path / "pieces")
    told: list[float] = []
    with Separation(tmp_path / "pieces", Halves()) as separation:
        separation.run(separation.work(), advance=told.append)
    assert len(told) == 6
    assert sum(told) == pytest.approx(9.0, abs=0.01)
    for name in ("left", "rest"):
        one, many = (Library.open(tmp_path / root).stems(name).read(0) for root in ("whole", "pieces"))
        assert np.abs(one.astype(int) - many).max() <= 1


RUN = """
import sys
from pathlib import Path
from contramuse.catalogue.separate.run import Separation
from minisplit import Halves
with Separation(Path(sys.argv[1]), Halves(pause=0.05)) as separation:
    separation.run(separation.work())
"""


def test_killed_and_whole_in_the_end(tmp_path: Path) -> None:
    folder, out, count = tmp_path / "music", tmp_path / "lib", 30
    for i in range(count):
        write(folder / f"{i:02d}.wav", tones(1.1, RATE, 1, seed=i), RATE)
    library = prepared(folder, out)
    size = shard_path(out, 0).stat().st_size
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", RUN, str(out)], env=environment)
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end and shard_path(out, 0).stat().st_size < size + 150_000:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with open(shard_path(out, 0), "ab") as file:
        file.write(b"half a stem")
    assert len(Library.open(out)) == count  # still whole, without stems
    assert Library.open(out).track(0).stems == ()
    summary = separate_all(out, Halves())
    assert 0 < summary.tracks < count
    assert summary.work.kept == count - summary.tracks
    after = Library.open(out)
    for row, path in enumerate(after.paths):
        mix = decode(folder / path, sample_rate=RATE).samples
        assert np.array_equal(after.store.read(row), mix)
        assert np.array_equal(library.store.read(row), mix)
        assert close(after.stems("left").read(row), mix / 65536, 1e-2)
    assert shard_path(out, 0).stat().st_size == size + 2 * 2 * int(after.store.lengths.sum())


def test_demucs_through_the_command(tmp_path: Path, run: Any) -> None:
    """A small model of the true class with random weights, from a folder as demucs keeps them."""
    pytest.importorskip("demucs")
    write(tmp_path / "music/a.wav", tones(2.5, 22050, 2, seed=1), 22050)
    prepared(tmp_path / "music", tmp_path / "lib")
    weights = save_demucs(tmp_path / "weights")
    status, out, err = run(
        "stems", tmp_path / "lib", "--weights", weights, "--stems", "bass, vocals", "--device", "cpu"
    )
    assert status == 0, err
    assert "separated  1 tracks" in out
    library = Library.open(tmp_path / "lib")
    assert library.track(0).stems == ("bass", "vocals")
    assert np.abs(library.stems("bass").read(0)).max() > 30
    assert halves(torch.zeros(2, 3)).shape == (2, 2, 3)
