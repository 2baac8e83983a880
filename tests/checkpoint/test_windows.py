"""Cutting and pooling against a slow version that has the whole track in memory."""

import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.checkpoint.windows import cut, pooled, prefetch
from contramuse.errors import DecodeError


def slow_starts(total, window, hop):
    """The rule of the module's docstring, word for word."""
    if total == 0:
        return []
    if total < window:
        return [0]
    starts = [s for s in range(0, total, hop) if s + window <= total]
    if total - (starts[-1] + window) >= hop / 2:
        starts.append(total - window)
    return starts


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 30), st.integers(1, 45))
def test_windows_are_those_of_the_rule_however_the_stream_is_cut_into_blocks(lengths, window, hop):
    track = np.arange(1, sum(lengths) + 1, dtype=np.float32)
    blocks = np.split(track, np.cumsum(lengths)[:-1]) if lengths else []
    found = [(start, samples.copy()) for start, samples in cut(blocks, window=window, hop=hop)]
    assert [start for start, _ in found] == slow_starts(len(track), window, hop)
    padded = np.pad(track, (0, window))
    for start, samples in found:
        np.testing.assert_array_equal(samples, padded[start : start + window])


def test_a_long_stream_is_held_one_window_and_one_block_at_a_time():
    block = np.zeros(1000, np.float32)
    longest = 0
    for _, samples in cut((block for _ in range(2000)), window=700, hop=5000):
        longest = max(longest, samples.base.size)
    assert longest <= 1700


def mean_and_peak(x, places):
    return torch.stack([x[:, 0].mean(1), x[:, 0].amax(1)], dim=1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=7), st.integers(1, 9))
def test_pooling_is_the_mean_over_windows_and_batches_do_not_mix_tracks(lengths, batch):
    rng = np.random.default_rng(sum(lengths))
    tracks = [rng.standard_normal(n).astype(np.float32) for n in lengths]
    sources = [lambda t=t: iter(np.array_split(t, 3)) for t in tracks]
    results = list(pooled(mean_and_peak, sources, window=7, hop=4, batch=batch, keep=True))
    assert [r.index for r in results] == list(range(len(tracks)))
    for track, result in zip(tracks, results, strict=True):
        if not len(track):
            assert result.vector is None
            assert result.failure == "no audio in it"
            continue
        padded = np.pad(track, (0, 7))
        cuts = np.stack([padded[s : s + 7] for s in slow_starts(len(track), 7, 4)])
        wanted = np.stack([cuts.mean(1), cuts.max(1)], 1)
        np.testing.assert_allclose(result.windows, wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(result.vector, wanted.mean(0), rtol=1e-5, atol=1e-6)
        assert (result.count, result.samples) == (len(cuts), len(track))


def test_windows_are_told_which_track_they_are_of_and_their_number_in_it():
    seen = []

    def note(x, places):
        seen.extend(zip(places, x[:, 0, 0].tolist(), strict=True))
        return x[:, 0]

    sources = [lambda k=k: iter([np.arange(12, dtype=np.float32) + 100 * k]) for k in range(3)]
    assert len(list(pooled(note, sources, window=4, hop=4, batch=5))) == 3
    assert seen == [((track, number), 100 * track + 4 * number) for track in range(3) for number in range(3)]


def test_a_track_that_fails_leaves_its_neighbours_alone():
    good = np.ones(20, np.float32)

    def breaks():
        yield good
        raise DecodeError("breaks off", name="file", value="x", fix="Replace it.")

    results = list(
        pooled(mean_and_peak, [lambda: iter([good]), breaks, lambda: iter([2 * good])], window=5, hop=5, batch=3)
    )
    assert [r.failure for r in results] == ["", "breaks off", ""]
    assert results[1].vector is None
    np.testing.assert_array_equal(results[2].vector, [2, 2])


def test_a_vector_that_is_not_finite_is_a_failure():
    (result,) = pooled(
        lambda x, places: x[:, 0] * float("nan"), [lambda: iter([np.ones(4, np.float32)])], window=4, hop=4, batch=1
    )
    assert result.vector is None
    assert "not finite" in result.failure


def test_an_unforeseen_error_of_the_reader_is_raised_not_swallowed():
    def wrong():
        yield np.ones(4, np.float32)
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(pooled(mean_and_peak, [wrong], window=4, hop=4, batch=1))


def test_the_reader_stays_a_bounded_way_ahead_and_ends_with_its_consumer():
    made = []
    before = threading.active_count()
    items = prefetch((made.append(i) or i for i in range(10_000)), depth=4)
    assert next(items) == 0
    time.sleep(0.05)
    assert len(made) <= 7
    items.close()
    assert threading.active_count() == before
