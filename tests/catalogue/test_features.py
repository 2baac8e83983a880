"""Libraries of stored features: what is kept to the number, and what is refused."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from contramuse.audio.features import FeatureStore
from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.joined import join
from contramuse.catalogue.ledger import entries
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import LabelSource, Summary, prepare
from contramuse.errors import LibraryError, UserError

FRAMES = Decoding(sample_rate=62, frame_rate=62.5, workers=1)


def mel(seed: int, frames: int, bands: int = 48) -> np.ndarray:
    """Decibels as Melon's, float32 [f n]."""
    return np.random.default_rng(seed).uniform(-100, 40, (bands, frames)).astype(np.float32)


def save(path: Path, array: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return array


class Trap:
    """Unpickling it would write a file."""

    def __reduce__(self) -> tuple[object, ...]:
        return (open, ("trapped", "w"))


@pytest.fixture(scope="module")
def melon(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """Songs in the layout of Melon's archives, and files that are none."""
    root = tmp_path_factory.mktemp("melon")
    mels = {f"arena_mel/{i // 1000}/{i}.npy": mel(i, 100 + i % 7) for i in (3, 999, 1000, 707_988)}
    for path, array in mels.items():
        save(root / path, array)
    save(root / "arena_mel/1/1001.npy", mel(1, 120)[None])  # an axis of length 1 before
    mels["arena_mel/1/1001.npy"] = mel(1, 120)
    save(root / "double.npy", mel(2, 90).astype(np.float64))
    mels["double.npy"] = mel(2, 90)
    save(root / "bad/flat.npy", np.zeros(48 * 90, np.float32))
    save(root / "bad/turned.npy", mel(3, 90).T)
    save(root / "bad/short.npy", mel(4, 10))
    save(root / "bad/same.npy", np.full((48, 90), -100, np.float32))
    save(root / "bad/nan.npy", np.where(mel(5, 90) > 39, np.nan, 0))
    save(root / "bad/infinite.npy", np.where(mel(5, 90) > 39, np.inf, 0))
    save(root / "bad/large.npy", 1e6 + mel(5, 90))
    save(root / "bad/complex.npy", mel(5, 90).astype(np.complex64))
    save(root / "bad/empty.npy", np.zeros((48, 0), np.float32))
    np.save(root / "bad/objects.npy", np.array([Trap()], object))
    (root / "bad/pickle.npy").write_bytes(pickle.dumps(Trap()))
    (root / "bad/nothing.npy").write_bytes(b"")
    whole = (root / "arena_mel/0/3.npy").read_bytes()
    (root / "bad/cut.npy").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(root / "bad/zip.npy", "w") as archive:
        archive.writestr("x", "y")
    save(root / "twin.npy", mels["double.npy"])
    (root / "song.mp3").write_bytes(b"ID3")
    return root, mels


@pytest.fixture(scope="module")
def prepared(
    melon: tuple[Path, dict[str, np.ndarray]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Summary]:
    labels = melon[0] / "labels.csv"
    labels.write_text("file,genre\n3,GN0101\n999,GN0102\n1000,GN0101\n")
    out = tmp_path_factory.mktemp("library") / "lib"
    return out, prepare(melon[0], out, decoding=FRAMES, labels=LabelSource(labels))


def test_every_array_is_stored_to_a_thirtieth_of_a_decibel(
    melon: tuple[Path, dict[str, np.ndarray]], prepared: tuple[Path, Summary]
) -> None:
    library = Library.open(prepared[0])
    assert (library.info["kind"], library.info["bands"], library.info["frame_rate"]) == ("features", 48, 62.5)
    assert library.sample_rate == 62
    assert sorted(library.paths) == sorted(melon[1])
    assert isinstance(library.store, FeatureStore)
    for row, path in enumerate(library.paths):
        expected = melon[1][path]
        got = library.store.read(row)
        assert (got.dtype, got.shape) == (np.float16, expected.shape)
        assert np.array_equal(got, expected.astype(np.float16))
        assert np.abs(got.astype(np.float32) - expected).max() < 1 / 30
        assert library.store.lengths[row] == expected.shape[1]
        assert library.track(row).seconds == pytest.approx(expected.shape[1] / 62.5)
    assert library.track(library.paths.index("arena_mel/0/3.npy")).labels == {"genre": "GN0101"}
    assert set(library.column("split")) <= {"train", "valid", "test"}
    assert [path.name for path in (prepared[0] / "shards").iterdir()] == ["00000.f16"]


def test_gather_is_a_slow_loop(melon: tuple[Path, dict[str, np.ndarray]], prepared: tuple[Path, Summary]) -> None:
    library = Library.open(prepared[0])
    rows, starts = np.array([0, 3, 1, 1]), np.array([5, -3, 60, 500])
    got = library.store.gather(rows, starts, 50)
    assert (got.dtype, got.shape) == (np.float32, (4, 48, 50))
    for crop, row, start in zip(got, rows, starts, strict=True):
        whole = melon[1][library.paths[row]].astype(np.float16).astype(np.float32)
        for n in range(50):
            inside = 0 <= start + n < whole.shape[1]
            assert np.array_equal(crop[:, n], whole[:, start + n] if inside else np.full(48, whole.min()))
    again = pickle.loads(pickle.dumps(library.store))
    assert np.array_equal(again.gather(rows, starts, 50), got)
    assert library.store.read(0, 7, 3).shape == (48, 0)
    assert library.store.gather(rows[:0], starts[:0], 50).shape == (0, 48, 50)


def test_what_is_no_such_array_is_told_and_nothing_is_unpickled(prepared: tuple[Path, Summary]) -> None:
    ledger = {entry["path"]: entry for entry in entries(prepared[0])}
    notes = {path.removeprefix("bad/"): entry["note"] for path, entry in ledger.items() if path.startswith("bad/")}
    assert all(ledger[f"bad/{name}"]["verdict"] == "failed" for name in notes if name not in ("short.npy", "same.npy"))
    assert ledger["bad/short.npy"]["verdict"] == "too short"
    assert ledger["bad/same.npy"]["verdict"] == "silent"
    assert notes["flat.npy"] == "has the shape (4320,), not [bands, frames]"
    assert notes["turned.npy"] == "has 90 bands, the library has 48"
    assert notes["nan.npy"] == notes["infinite.npy"] == "holds numbers that are not finite"
    assert notes["large.npy"].startswith("holds numbers beyond 65504")
    assert notes["complex.npy"] == "holds complex64, no real numbers"
    assert notes["objects.npy"] == notes["pickle.npy"] == "holds Python objects, which are not opened"
    assert notes["zip.npy"] == "is an archive of arrays"
    assert all(notes[name] for name in ("empty.npy", "nothing.npy", "cut.npy"))
    assert not Path("trapped").exists()
    assert "song.mp3" not in ledger
    assert {ledger["twin.npy"]["verdict"], ledger["double.npy"]["verdict"]} == {"ok", "duplicate"}
    assert prepared[1].verdicts["ok"] == 6


def test_run_again_does_nothing_and_other_bands_or_rates_are_refused(
    melon: tuple[Path, dict[str, np.ndarray]], prepared: tuple[Path, Summary]
) -> None:
    before = (prepared[0] / "shards/00000.f16").read_bytes()
    summary = prepare(melon[0], prepared[0], decoding=FRAMES)
    assert summary.decoded == 0
    assert (prepared[0] / "shards/00000.f16").read_bytes() == before
    for bad in (Decoding(sample_rate=62, frame_rate=62.5, bands=40), Decoding(sample_rate=62, frame_rate=60.0)):
        with pytest.raises(UserError, match="this library was prepared with"):
            prepare(melon[0], prepared[0], decoding=bad)
    with pytest.raises(UserError, match="rate"):
        prepare(melon[0], prepared[0], decoding=Decoding(sample_rate=22050))


def test_the_command_and_libraries_that_cannot_be_joined(
    melon: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, run: object
) -> None:
    status, out, err = run("prepare", melon[0] / "arena_mel", "-o", tmp_path / "lib", "--features", "--workers", 1)  # type: ignore[operator]
    assert status == 0, err
    assert "5 ok" in out
    library = Library.open(tmp_path / "lib")
    wide = tmp_path / "wide"
    save(wide / "a.npy", mel(0, 90, bands=64))
    status, _, err = run("prepare", wide, "-o", tmp_path / "lib64", "--features", "--workers", 1)  # type: ignore[operator]
    assert status == 0, err
    assert Library.open(tmp_path / "lib64").info["bands"] == 64
    with pytest.raises(LibraryError, match="bands 64"):
        join([library, Library.open(tmp_path / "lib64")])
    both = join([library, library])
    assert len(both) == len(library)
    assert np.array_equal(both.store.gather([1], [4], 20), library.store.gather([1], [4], 20))
    (tmp_path / "none").mkdir()
    (tmp_path / "none/x.txt").write_text("")
    status, _, err = run("prepare", tmp_path / "none", "-o", tmp_path / "lib2", "--features")  # type: ignore[operator]
    assert (status, "holds no .npy files" in err) == (2, True)
    assert json.loads((tmp_path / "lib/library.json").read_text())["sample_rate"] == 62
