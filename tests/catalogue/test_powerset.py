"""CLMR's subsets: a share of every set of labels, and at least one of each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contramuse.catalogue.powerset import powerset_share
from contramuse.errors import UserError


@given(st.integers(0, 10_000), st.integers(1, 120), st.floats(0.01, 1.0))
def test_against_a_loop(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, 3)) < 0.4).astype(np.float32)
    taken = powerset_share(labels, share=share, seed=seed)
    sets: dict[tuple[float, ...], list[int]] = {}
    for i, row in enumerate(labels.tolist()):
        sets.setdefault(tuple(row), []).append(i)
    for key, members in sets.items():
        wanted = max(1, int(len(members) * share + 1e-9)) if any(key) else 0
        assert taken[members].sum() == wanted
    np.testing.assert_array_equal(taken, powerset_share(labels, share=share, seed=seed))


def test_classes_by_number_and_unlabelled_tracks() -> None:
    labels = np.array([0] * 10 + [1] * 5 + [-1] * 5)
    taken = powerset_share(labels, share=0.2, seed=0)
    assert [taken[:10].sum(), taken[10:15].sum(), taken[15:].sum()] == [2, 1, 0]
    assert not powerset_share(np.full(3, -1), share=0.5, seed=0).any()
    assert (powerset_share(labels, share=1.0, seed=0) == (labels >= 0)).all()


@pytest.mark.parametrize("share", [0.0, 1.1, -0.5])
def test_no_share(share: float) -> None:
    with pytest.raises(UserError, match="is no share"):
        powerset_share(np.zeros(3, np.int64), share=share, seed=0)
