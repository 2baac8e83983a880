"""The queue holds the last keys, whatever came before them, and a checkpoint holds the queue."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.errors import RecipeError
from contramuse.queue import Queue


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 9), counts=st.lists(st.integers(1, 12), max_size=6))
def test_holds_the_last_keys(size: int, counts: list[int]) -> None:
    queue, every = Queue(size), []
    assert not queue.filled
    for count in counts:
        tracks = torch.arange(len(every), len(every) + count)
        queue.add(tracks[:, None].float().expand(-1, 3), tracks)
        every += tracks.tolist()
        keys, track = queue.content()
        assert sorted(track.tolist()) == every[-size:]
        assert torch.equal(keys, track[:, None].float().expand(-1, 3))


def test_goes_on_from_a_checkpoint() -> None:
    one, other = Queue(4), Queue(4)
    one.add(torch.randn(3, 2), torch.tensor([5, 6, 7]))
    other.load_state_dict(one.state_dict())
    for queue in (one, other):
        queue.add(torch.ones(2, 2), torch.tensor([8, 9]))
    assert all(torch.equal(a, b) for a, b in zip(one.content(), other.content(), strict=True))
    assert sorted(other.content()[1].tolist()) == [6, 7, 8, 9]


def test_a_checkpoint_from_before_the_first_batch() -> None:
    queue = Queue(4)
    queue.load_state_dict(Queue(4).state_dict())
    assert not queue.filled


def test_a_size_below_1_is_refused() -> None:
    with pytest.raises(RecipeError, match="queue: '-1'"):
        Queue(-1)
