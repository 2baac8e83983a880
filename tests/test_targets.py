import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.errors import RecipeError
from contramuse.rows import UNKNOWN, Rows
from contramuse.targets import Any, Dice, Given, Kernel, Product, Same, Shared


def numbers(*values: float) -> Rows:
    return Rows.of(track=list(range(len(values))), values={"tempo": torch.tensor(values)[:, None]})


def tags(*rows: list[int]) -> Rows:
    return Rows.of(track=list(range(len(rows))), labels={"tags": torch.tensor(rows).float()})


def test_same_ids_are_alike_and_unknown_ones_are_like_nothing():
    rows = Rows.of(artist=[3, 3, UNKNOWN, UNKNOWN])
    assert Same(by="artist")(rows, rows).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_an_id_that_the_rows_lack_is_named_with_those_there_are():
    with pytest.raises(RecipeError, match=r"'playlist'.*artist"):
        Same(by="playlist")(Rows.of(artist=[1]), Rows.of(artist=[1]))


def test_shared_counts_labels_and_unlabelled_rows_share_none():
    rows = tags([1, 1, 0], [1, 1, 1], [0, 0, 0])
    assert Shared(labels="tags", at_least=2)(rows, rows).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_dice_of_two_and_three_labels_with_two_in_common():
    rows = tags([1, 1, 0], [1, 1, 1], [0, 0, 0])
    likeness = Dice(labels="tags")(rows, rows)
    assert likeness[0, 1] == pytest.approx(4 / 5)
    assert likeness[2].tolist() == [0, 0, 0]


@settings(max_examples=30, deadline=None)
@given(a=st.floats(-50, 50), b=st.floats(-50, 50), width=st.floats(0.5, 20))
def test_linear_kernel_is_a_gaussian_of_the_distance(a, b, width):
    got = float(Kernel(value="tempo", width=width)(numbers(a), numbers(b)))
    assert got == pytest.approx(math.exp(-((a - b) ** 2) / (2 * width**2)), rel=1e-3, abs=1e-6)


def test_circular_kernel_goes_the_shorter_way_round():
    kernel = Kernel(value="tempo", width=1.0, metric="circular", period=12.0)
    assert float(kernel(numbers(11.0), numbers(0.0))) == pytest.approx(math.exp(-0.5), rel=1e-5)
    assert float(kernel(numbers(-1.0), numbers(23.0))) == pytest.approx(1.0)


def test_unknown_numbers_are_like_nothing():
    assert Kernel(value="tempo", width=1.0)(numbers(math.nan, 1.0), numbers(1.0, math.nan)).tolist() == [[0, 0], [1, 0]]


def test_given_matrix_is_looked_up_by_track(tmp_path):
    matrix = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.save(tmp_path / "m.npy", matrix)
    q, k = Rows.of(track=[3, 0]), Rows.of(track=[1, 2, 3])
    assert Given(file=str(tmp_path / "m.npy"))(q, k).tolist() == matrix[[3, 0]][:, [1, 2, 3]].tolist()


def test_given_matrix_too_small_is_refused_with_the_track(tmp_path):
    np.save(tmp_path / "m.npy", np.zeros((2, 2), dtype=np.float32))
    with pytest.raises(RecipeError, match="no row for track 5"):
        Given(file=str(tmp_path / "m.npy"))(Rows.of(track=[5]), Rows.of(track=[0]))


def test_given_file_with_code_in_it_is_never_run(tmp_path):
    np.save(tmp_path / "m.npy", np.array([[print]], dtype=object), allow_pickle=True)
    with pytest.raises(RecipeError, match="cannot be read"):
        Given(file=str(tmp_path / "m.npy"))(Rows.of(track=[0]), Rows.of(track=[0]))


def test_any_is_the_largest_and_product_the_product():
    rows = tags([1, 1, 0], [1, 0, 0])
    dice, same = Dice(labels="tags"), Same()
    assert torch.equal(Any(of=(same, dice))(rows, rows), torch.maximum(same(rows, rows), dice(rows, rows)))
    assert torch.equal(Product(of=(same, dice))(rows, rows), same(rows, rows) * dice(rows, rows))
    assert Any(of=(same, dice)).fields() == {"tags"}


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Shared(labels="x", at_least=0), "at_least"),
        (lambda: Kernel(value="x", width=0.0), "width"),
        (lambda: Kernel(value="x", width=1.0, metric="circular"), "period"),
    ],
)
def test_impossible_settings_are_refused_by_name(make, name):
    with pytest.raises(RecipeError, match=name):
        make()
