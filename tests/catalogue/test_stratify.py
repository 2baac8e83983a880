import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.stratify import stratified_parts, stratified_share, stratified_splits
from contramuse.errors import UserError


def tags(n, c, *, seed=0, chance=0.15):
    return (np.random.default_rng(seed).random((n, c)) < chance).astype(np.float32)


def test_s_2_a_share_of_005_of_2400_labels_is_120():
    assert stratified_share(tags(2400, 20, chance=0.9), share=0.05, seed=0).sum() == 120
    assert stratified_share(np.arange(2400) % 7, share=0.05, seed=0).sum() == 120


@given(n=st.integers(0, 120), c=st.integers(1, 6), share=st.floats(0, 1), seed=st.integers(0, 99), single=st.booleans())
@settings(max_examples=80, deadline=None)
def test_the_count_is_exact_and_unlabelled_rows_are_never_taken(n, c, share, seed, single):
    generator = np.random.default_rng(seed)
    labels = generator.integers(-1, c, n) if single else tags(n, c, seed=seed, chance=0.3)
    labelled = labels >= 0 if single else labels.any(axis=1)
    taken = stratified_share(labels, share=share, seed=seed)
    assert taken.sum() == round(share * labelled.sum())
    assert not taken[~labelled].any()


def test_every_class_has_its_share():
    labels = np.repeat(np.arange(4), [400, 200, 100, 20])
    taken = stratified_share(labels, share=0.25, seed=3)
    assert np.bincount(labels[taken]).tolist() == [100, 50, 25, 5]


def test_every_tag_has_its_share():
    labels = tags(1000, 12, chance=0.1)
    taken = stratified_share(labels, share=0.1, seed=1)
    np.testing.assert_allclose(labels[taken].sum(axis=0), labels.sum(axis=0) * 0.1, atol=2)


def test_numbers_are_shared_by_their_size():
    values = np.append(np.random.default_rng(0).normal(size=1000), np.full(50, np.nan))
    taken = stratified_share(values, share=0.2, seed=0)
    assert taken.sum() == 200
    assert not taken[1000:].any()
    for low, high in ((0, 0.1), (0.45, 0.55), (0.9, 1)):
        inside = (values >= np.nanquantile(values, low)) & (values <= np.nanquantile(values, high))
        assert taken[inside].mean() == pytest.approx(0.2, abs=0.07)


def test_the_seed_decides():
    labels = tags(300, 5)
    first, again, other = (stratified_share(labels, share=0.5, seed=seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_no_share(share):
    with pytest.raises(UserError, match="from 0 to 1"):
        stratified_share(np.zeros(3, np.int64), share=share, seed=0)


def test_b_2_3_splits_of_80_10_and_10_percent_with_labels_alike():
    labels = tags(2000, 30, chance=0.05)
    splits = np.array(stratified_splits(labels, seed=0))
    assert [int((splits == name).sum()) for name in ("train", "valid", "test")] == [1600, 200, 200]
    for name, share in (("train", 0.8), ("valid", 0.1), ("test", 0.1)):
        np.testing.assert_allclose(labels[splits == name].sum(axis=0), labels.sum(axis=0) * share, atol=3)


@given(n=st.integers(0, 80), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_parts_are_as_large_as_their_shares(n, seed):
    shares = (0.6, 0.3, 0.1)
    parts = stratified_parts(tags(n, 4, seed=seed), shares=shares, seed=seed)
    sizes = np.bincount(parts, minlength=3)
    assert sizes.sum() == n
    assert all(abs(size - n * share) < 1 for size, share in zip(sizes, shares, strict=True))


def test_shares_that_do_not_sum_to_one():
    with pytest.raises(UserError, match="do not sum to 1"):
        stratified_parts(np.zeros(3, np.int64), shares=(0.5, 0.4), seed=0)
