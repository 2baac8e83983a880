import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.errors import LibraryError, UserError
from contramuse.sampling import Alone, Batches, generator_for

NO_LIBRARY = None  # Alone looks at rows only


def stream(rows: int, *, batch: int, seed: int = 0, process: int = 0, processes: int = 1) -> Batches:
    chosen = np.arange(rows) * 3 + 1
    return Batches(Alone(), NO_LIBRARY, chosen, batch=batch, seed=seed, process=process, processes=processes)


@given(rows=st.integers(2, 40), batch=st.integers(1, 40), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_an_epoch_has_every_track_at_most_once_and_only_whole_batches(rows: int, batch: int, seed: int) -> None:
    if batch > rows:
        return
    batches = stream(rows, batch=batch, seed=seed)
    epoch = np.concatenate([batches.next_batch().rows for _ in range(rows // batch)])
    assert len(epoch) == rows // batch * batch == len(set(epoch))
    assert set(epoch) <= set(np.arange(rows) * 3 + 1)


def test_epochs_differ_and_seeds_differ() -> None:
    a = stream(12, batch=12)
    first, second = a.next_batch().rows, a.next_batch().rows
    assert sorted(first) == sorted(second)
    assert list(first) != list(second)
    assert list(first) == list(stream(12, batch=12).next_batch().rows)
    assert list(first) != list(stream(12, batch=12, seed=1).next_batch().rows)


def test_what_an_epoch_leaves_out_changes() -> None:
    batches = stream(5, batch=4)
    left_out = {next(iter(set(np.arange(5) * 3 + 1) - set(batches.next_batch().rows.tolist()))) for _ in range(30)}
    assert len(left_out) == 5


@given(position=st.integers(0, 25), rows=st.integers(4, 17))
@settings(max_examples=40, deadline=None)
def test_resumes_in_the_middle_of_an_epoch(position: int, rows: int) -> None:
    whole = stream(rows, batch=4, seed=3)
    for _ in range(position):
        whole.next_batch()
    again = stream(rows, batch=4, seed=3)
    again.load_state_dict(whole.state_dict())
    assert again.number == position
    for _ in range(10):
        np.testing.assert_array_equal(whole.next_batch().rows, again.next_batch().rows)


def test_processes_share_the_batch_of_one() -> None:
    alone = stream(20, batch=6)
    parts = [stream(20, batch=6, process=p, processes=3) for p in range(3)]
    for _ in range(8):
        every = np.stack([p.next_batch().rows for p in parts])  # [process draw]
        np.testing.assert_array_equal(alone.next_batch().rows, every.T.reshape(-1))


def test_fewer_tracks_than_a_batch() -> None:
    with pytest.raises(LibraryError, match=r"train.batch: '48': .* 5 tracks .*train.batch=5"):
        stream(5, batch=48)


def test_a_batch_that_processes_cannot_share() -> None:
    with pytest.raises(UserError, match=r"train.batch: '10': .* 4 processes.*train.batch=8"):
        stream(20, batch=10, processes=4)


@pytest.mark.parametrize("other", [{"rows": 21, "batch": 4}, {"rows": 20, "batch": 5}])
def test_refuses_the_state_of_another_stream(other: dict[str, int]) -> None:
    rows, batch = other["rows"], other["batch"]
    with pytest.raises(LibraryError, match="the run was started with"):
        stream(rows, batch=batch).load_state_dict(stream(20, batch=4).state_dict())


def test_generators_depend_on_seed_and_purpose_alone() -> None:
    draw = lambda *purpose: torch.rand(4, generator=generator_for(*purpose)).tolist()  # noqa: E731
    torch.manual_seed(1)
    first = draw(0, "crop", "audio", 7)
    torch.manual_seed(2)
    assert draw(0, "crop", "audio", 7) == first
    different = [draw(1, "crop", "audio", 7), draw(0, "augment", "audio", 7), draw(0, "crop", "audio", 8)]
    assert all(other != first for other in different)
