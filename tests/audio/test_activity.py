"""Windows that sound: levels against slow loops, draws that are exact at the edge of silence and uniform."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.audio.activity import NOWHERE, Activity
from contramuse.audio.store import ShardWriter, Store

RATE = 200  # a hop of 20 samples


def store_of(root: Path, clips: list[np.ndarray]) -> Store:
    writer = ShardWriter(root)
    placed = [writer.append(clip.astype(np.int16)) for clip in clips]
    writer.flush()
    writer.close()
    shard, offset = np.array(placed, np.int64).reshape(-1, 2).T
    return Store(root, sample_rate=RATE, shard=shard, offset=offset, samples=[len(c) for c in clips])


def slow_level(clip: np.ndarray, start: int, length: int) -> float:
    return sum(abs(int(clip[t])) / 32768 for t in range(start, start + length) if 0 <= t < len(clip)) / length


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bursts(rng: np.random.Generator, length: int) -> np.ndarray:
    clip = rng.integers(-32768, 32768, length) * (rng.random(length) < 0.5)
    for start in range(0, length, 30):
        if rng.random() < 0.6:
            clip[start : start + 30] = 0
    return clip.astype(np.int16)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_draws_are_the_active_windows_of_a_slow_loop(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    clips = [bursts(rng, data.draw(st.integers(0, 200))) for _ in range(data.draw(st.integers(1, 4)))]
    length, threshold = data.draw(st.integers(1, 90)), data.draw(st.sampled_from([0.0, 0.01, 0.1, 0.3]))
    activity = Activity(store_of(tmp_path_factory.mktemp("store"), clips))
    rows = np.array(data.draw(st.lists(st.integers(0, len(clips) - 1), max_size=6)), np.int64)
    starts = activity.draw_active(rows, length, threshold=threshold, generator=generator())
    for row, start in zip(rows.tolist(), starts.tolist(), strict=True):
        clip = clips[row]
        grid = range(0, max(0, len(clip) - length) + 1, activity.hop)
        levels = [slow_level(clip, begin, length) for begin in grid]
        if start == NOWHERE:
            assert max(levels) <= threshold + 1e-12
        else:
            assert start in grid
            assert slow_level(clip, start, length) > threshold - 1e-12
    drawn = starts != NOWHERE
    assert activity.active(rows[drawn], starts[drawn], length, threshold=threshold).all()
    assert np.array_equal(activity.somewhere(rows, length, threshold=threshold), drawn)
    assert activity.mean_level(rows, starts, length) == pytest.approx(
        [slow_level(clips[row], start, length) for row, start in zip(rows, starts, strict=True)]
    )


def test_draws_are_uniform_over_active_windows_and_repeat_with_their_seed(tmp_path: Path) -> None:
    clip = np.zeros(1000, np.int64)
    clip[300:700] = 3000
    activity = Activity(store_of(tmp_path, [clip]))
    rows = np.zeros(4000, np.int64)
    starts = activity.draw_active(rows, 30, generator=generator(1))
    values, counts = np.unique(starts, return_counts=True)
    assert values.tolist() == list(range(280, 681, 20))  # all that hold 10 samples or more of the sound
    assert counts.min() > 0.6 * 4000 / len(values)
    assert counts.max() < 1.4 * 4000 / len(values)
    assert np.array_equal(starts, activity.draw_active(rows, 30, generator=generator(1)))
    assert not np.array_equal(starts, activity.draw_active(rows, 30, generator=generator(2)))


def test_the_loudest_sample_and_windows_beyond_the_row(tmp_path: Path) -> None:
    activity = Activity(store_of(tmp_path, [np.full(30, -32768), np.zeros(0)]))
    assert activity.mean_level([0, 0, 0, 1], [0, 20, -5, 0], 20).tolist() == [1.0, 0.5, 0.75, 0.0]
    assert activity.draw_active([0, 1], 100, generator=generator()).tolist() == [0, NOWHERE]
    assert activity.draw_active(np.zeros(0, np.int64), 10, generator=generator()).shape == (0,)


def test_sums_are_kept_beside_the_library_and_not_needed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    store = store_of(tmp_path, [bursts(rng, 5000), bursts(rng, 77)])
    first = Activity(store).draw_active([0, 1], 40, generator=generator())
    (kept,) = (tmp_path / "activity").iterdir()
    assert kept.stat().st_size == 16 + 4 * (250 + 4)
    again = pickle.loads(pickle.dumps(Activity(store)))
    assert np.array_equal(again.draw_active([0, 1], 40, generator=generator()), first)
    kept.write_bytes(b"cut")
    assert np.array_equal(Activity(store).draw_active([0, 1], 40, generator=generator()), first)
    shutil.rmtree(tmp_path / "activity")
    (tmp_path / "activity").write_bytes(b"")  # no folder can be made here
    assert np.array_equal(Activity(store).draw_active([0, 1], 40, generator=generator()), first)


def test_sums_of_audio_that_was_replaced_in_its_place_are_computed_anew(tmp_path: Path) -> None:
    """A changed file of the same length may come to lie where the old one lay."""
    loud, silent = np.full(300, 3000), np.zeros(300, np.int64)
    for clips, expected in (([loud, silent], [True, False]), ([silent, loud], [False, True])):
        store = store_of(tmp_path, clips)
        os.utime(tmp_path / "shards/00000.i16", ns=(0, 10**9 * (1 + expected[0])))
        assert Activity(store).somewhere([0, 1], 40).tolist() == expected
