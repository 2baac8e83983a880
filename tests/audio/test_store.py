"""The store against slow loops; shards that were cut off; what does not fit."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.audio.store import ShardWriter, Store, shard_path
from contramuse.errors import LibraryError, StorageError


def build(root: Path, lengths: list[int], shard_bytes: int = 1 << 30) -> tuple[Store, list[np.ndarray]]:
    generator = np.random.default_rng(sum(lengths))
    clips = [generator.integers(-32768, 32768, n).astype(np.int16) for n in lengths]
    writer = ShardWriter(root, shard_bytes=shard_bytes)
    placed = [writer.append(clip) for clip in clips]
    writer.flush()
    writer.close()
    shard, offset = np.array(placed, np.int64).reshape(-1, 2).T
    return Store(root, sample_rate=22050, shard=shard, offset=offset, samples=lengths), clips


def slow_gather(clips: list[np.ndarray], rows: list[int], starts: list[int], length: int) -> np.ndarray:
    out = np.zeros((len(rows), length), np.int16)
    for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
        for t in range(length):
            if 0 <= start + t < len(clips[row]):
                out[i, t] = clips[row][start + t]
    return out


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_gather_equals_a_slow_loop(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=6))
    shard_bytes = data.draw(st.sampled_from([50, 120, 1 << 20]))
    store, clips = build(tmp_path_factory.mktemp("store"), lengths, shard_bytes)
    n = data.draw(st.integers(0, 5))
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=n, max_size=n))
    starts = data.draw(st.lists(st.integers(-70, 70), min_size=n, max_size=n))
    length = data.draw(st.integers(1, 50))
    got = store.gather(rows, starts, length)
    assert got.dtype == np.int16
    assert np.array_equal(got, slow_gather(clips, rows, starts, length))
    for row, clip in enumerate(clips):
        assert np.array_equal(store.read(row), clip)


def test_read_is_a_view_and_slices(tmp_path: Path) -> None:
    store, clips = build(tmp_path, [10, 20])
    assert np.array_equal(store.read(1, 3, 7), clips[1][3:7])
    assert np.array_equal(store.read(1, 15, 99), clips[1][15:])
    assert store.read(0, 12).size == 0
    assert not store.read(0).flags.owndata
    assert (len(store), store.lengths.tolist(), store.sample_rate) == (2, [10, 20], 22050)


def test_shards_roll_over_and_a_long_clip_has_one_to_itself(tmp_path: Path) -> None:
    store, _ = build(tmp_path, [20, 20, 20, 200, 5], shard_bytes=100)
    assert store.shard.tolist() == [0, 0, 1, 2, 3]
    assert store.offset.tolist() == [0, 20, 0, 0, 0]


def test_a_pickled_store_carries_no_audio(tmp_path: Path) -> None:
    store, clips = build(tmp_path, [100_000])
    store.read(0)
    data = pickle.dumps(store)
    assert len(data) < 2000
    assert np.array_equal(pickle.loads(data).read(0), clips[0])


def test_a_half_written_tail_is_cut_off_and_unknown_shards_removed(tmp_path: Path) -> None:
    build(tmp_path, [10, 10])
    with open(shard_path(tmp_path, 0), "ab") as file:
        file.write(b"half a cl")
    shard_path(tmp_path, 1).write_bytes(b"begun")
    writer = ShardWriter(tmp_path, committed={0: 20})
    assert shard_path(tmp_path, 0).stat().st_size == 40
    assert not shard_path(tmp_path, 1).exists()
    assert writer.append(np.arange(3, dtype=np.int16)) == (0, 20)
    writer.close()
    assert np.fromfile(shard_path(tmp_path, 0), "<i2")[20:].tolist() == [0, 1, 2]


def test_lost_audio_is_an_error_that_names_the_shard(tmp_path: Path) -> None:
    store, _ = build(tmp_path, [10, 10])
    os.truncate(shard_path(tmp_path, 0), 30)
    with pytest.raises(LibraryError, match=r"00000\.i16"):
        store.read(1)
    with pytest.raises(LibraryError, match="has 30 bytes where 40"):
        ShardWriter(tmp_path, committed={0: 20})
    shard_path(tmp_path, 0).unlink()
    with pytest.raises(LibraryError, match="cannot be read"):
        Store(tmp_path, sample_rate=1, shard=[0], offset=[0], samples=[5]).read(0)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path)
    writer.append(np.zeros(4, np.int16))

    class Full:
        def write(self, data: memoryview) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None: ...

    writer.close()
    writer._file = Full()  # type: ignore[assignment]
    with pytest.raises(StorageError, match="No space left"):
        writer.append(np.zeros(4, np.int16))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        ShardWriter(tmp_path / "file")
