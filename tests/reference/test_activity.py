"""MSCOL's rule of silence: mean |x| over the window's own samples, not normalised, above 0.01."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from contramuse.audio.activity import NOWHERE, Activity
from contramuse.audio.store import ShardWriter, Store


def activity_of(root: Path, clip: np.ndarray) -> Activity:
    writer = ShardWriter(root)
    writer.append(clip.astype(np.int16))
    writer.close()
    return Activity(Store(root, sample_rate=200, shard=[0], offset=[0], samples=[len(clip)]))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_b_3_3_a_source_is_active_above_a_mean_of_a_hundredth_to_the_sample(tmp_path: Path) -> None:
    """One sample more than the threshold allows makes a window active, whichever side of a hop it lies on."""
    length = 50  # two hops and a half
    clip = np.zeros(120, np.int64)
    clip[10:60] = 0.01 * 32768  # floor: 327 of 327.68
    activity = activity_of(tmp_path / "quiet", clip)  # a hop is 20 samples
    assert not activity.active([0], [10], length).any()
    assert (activity.draw_active([0], length, generator=generator()) == NOWHERE).all()
    clip[59] = 32768 - 1
    activity = activity_of(tmp_path / "louder", clip)
    assert activity.active([0], [10], length).all()
    starts = activity.draw_active(np.zeros(200, np.int64), length, generator=generator())
    assert set(starts.tolist()) == {20, 40}, "windows that begin on the grid and hold the loud sample"


def test_b_4_3_the_window_of_a_chunk_does_not_drift(tmp_path: Path) -> None:
    """Each window is judged by its own samples: the seventh as the first, where 80 ms of drift per window were."""
    length = 392
    clip = np.zeros(7 * length)
    loud = [0, 2, 3, 6]
    for k in loud:
        clip[k * length : (k + 1) * length] = 400
    activity = activity_of(tmp_path, clip)
    starts = np.arange(7) * length
    assert np.flatnonzero(activity.active(np.zeros(7, int), starts, length)).tolist() == loud
    assert activity.mean_level(np.zeros(7, int), starts, length)[loud].tolist() == [400 / 32768] * 4
