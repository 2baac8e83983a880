import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.track import KEYS, LabelField
from contramuse.errors import LibraryError, RecipeError
from contramuse.rows import UNKNOWN, Rows
from contramuse.targets import (
    Any,
    Dice,
    Given,
    InverseFrequency,
    Jaccard,
    Kernel,
    Key,
    Lookup,
    Plugin,
    Product,
    Same,
    Shared,
    Sum,
    Tempo,
)
from contramuse.targets import given as given_module


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


def test_rows_that_are_no_track_are_like_nothing_in_a_given_matrix(tmp_path):
    np.save(tmp_path / "m.npy", np.ones((2, 2), dtype=np.float32))
    target = Given(file=str(tmp_path / "m.npy"))
    assert target(Rows.of(track=[0, UNKNOWN]), Rows.of(track=[1, UNKNOWN])).tolist() == [[1, 0], [0, 0]]


def test_jaccard_of_two_and_three_labels_with_two_in_common():
    rows = tags([1, 1, 0], [1, 1, 1], [0, 0, 0])
    likeness = Jaccard(labels="tags")(rows, rows)
    assert likeness[0, 1] == pytest.approx(2 / 3)
    assert likeness[2].tolist() == [0, 0, 0]


class Tagged:
    """A library of four tracks: tag 0 on all, tag 1 on two, tag 2 on one; the fourth has no tags."""

    def __init__(self, found=((1, 1, 1), (1, 1, 0), (1, 0, 0), (0, 0, 0)), kind="multilabel") -> None:
        self.fields = {"tags": LabelField("tags", kind, ("a", "b", "c"))}
        self._found = np.array(found, dtype=np.float64 if kind == "numeric" else None)

    def labels(self, name):
        return self._found


def test_inverse_frequency_counts_rare_labels_more_and_labels_of_all_nothing():
    learnt = InverseFrequency(labels="tags").learn(Tagged(), np.arange(4))
    assert learnt.weights_.tolist() == pytest.approx([0.0, math.log(3 / 2), math.log(3)])
    rows = tags([1, 1, 1], [1, 1, 0], [1, 0, 0])
    common, both = math.log(3 / 2), 2 * math.log(3 / 2) + math.log(3)
    assert float(learnt(rows, rows)[0, 1]) == pytest.approx(2 * common / both)
    assert learnt(rows, rows)[2].tolist() == [0, 0, 0]
    jaccard = InverseFrequency(labels="tags", measure="jaccard").learn(Tagged(), np.arange(4))
    assert float(jaccard(rows, rows)[0, 1]) == pytest.approx(common / (both - common))


def test_inverse_frequency_of_classes_that_are_numbered():
    learnt = InverseFrequency(labels="tags").learn(Tagged([0, 0, 2, -1], "multiclass"), np.arange(4))
    assert learnt.weights_.tolist() == pytest.approx([math.log(3 / 2), math.log(3), math.log(3)])


@pytest.mark.parametrize(
    ("library", "rows", "problem"),
    [(Tagged(), np.array([3]), "no training track"), (Tagged([0.5] * 4, "numeric"), np.arange(4), "numbers")],
)
def test_inverse_frequency_needs_labels(library, rows, problem):
    with pytest.raises(LibraryError, match=problem):
        InverseFrequency(labels="tags").learn(library, rows)


def test_learning_leaves_the_recipes_target_as_it_was():
    target = InverseFrequency(labels="tags")
    whole = Sum(of=(Same(), target))
    learnt = whole.learn(Tagged(), np.arange(4))
    assert target.weights_ is None
    assert isinstance(learnt, Sum)
    assert learnt.of[1].weights_ is not None
    assert Same().learn(Tagged(), np.arange(4)) == Same()


@settings(max_examples=30, deadline=None)
@given(a=st.floats(30, 300), b=st.floats(30, 300), octaves=st.integers(-2, 2))
def test_tempos_an_octave_apart_are_the_same(a, b, octaves):
    target = Tempo(value="tempo", width=0.2)
    distance = abs(math.log2(a / b)) % 1
    expected = math.exp(-(min(distance, 1 - distance) ** 2) / (2 * 0.2**2))
    assert float(target(numbers(a), numbers(b * 2.0**octaves))) == pytest.approx(expected, abs=1e-4)


def test_half_way_between_two_octaves_is_the_farthest():
    target = Tempo(value="tempo", width=0.1)
    assert float(target(numbers(100.0), numbers(100 * 2**0.5))) == pytest.approx(math.exp(-12.5), abs=1e-7)
    assert target(numbers(math.nan, 0.0, -3.0, 90.0), numbers(90.0)).tolist() == [[0], [0], [0], [1]]


def keys(*names: str) -> Rows:
    hot = torch.tensor([[float(name == key) for key in KEYS] for name in names])
    return Rows.of(track=list(range(len(names))), labels={"key": hot})


def test_keys_on_the_circle_of_fifths():
    rows = keys("C major", "G major", "A minor", "D major", "C minor", "F# major", "unknown")
    near = Key(labels="key")(rows, rows)[0].tolist()
    steps = [0, 1, 1, 4, 9 + 1, 36]  # squared, with the change of mode
    assert near == pytest.approx([math.exp(-s / 2) for s in steps] + [0], abs=1e-6)
    relatives = Key(labels="key", relative=0.0)(rows, rows)
    assert float(relatives[0, 2]) == 1.0


def test_every_key_has_its_relative_and_its_fifths_at_one_step():
    rows = keys(*KEYS)
    near = (Key(labels="key")(rows, rows) - math.exp(-0.5)).abs() < 1e-6
    for i, key in enumerate(KEYS):
        minor, tonic = divmod(i, 12)
        relative = (tonic + 3) % 12 if minor else 12 + (tonic + 9) % 12
        neighbours = {relative, 12 * minor + (tonic + 7) % 12, 12 * minor + (tonic + 5) % 12}
        assert set(near[i].nonzero()[:, 0].tolist()) == neighbours, key


def test_the_mirex_scheme_is_the_key_score_in_its_better_direction():
    key_score = pytest.importorskip("mir_eval.key").weighted_score
    rows = keys(*KEYS)
    near = Key(labels="key", scheme="mirex")(rows, rows)
    for i, a in enumerate(KEYS):
        for j, b in enumerate(KEYS):
            assert float(near[i, j]) == pytest.approx(max(key_score(a, b), key_score(b, a))), (a, b)


def test_a_field_that_holds_no_keys_is_refused():
    rows = tags([1, 0, 0])
    with pytest.raises(RecipeError, match=r"'tags'.*3 classes"):
        Key(labels="tags")(rows, rows)


def test_a_lookup_is_the_mean_over_pairs_of_labels(tmp_path):
    table = np.arange(9, dtype=np.float64).reshape(3, 3)
    np.save(tmp_path / "m.npy", table)
    target = Lookup(labels="tags", file=str(tmp_path / "m.npy"))
    assert target(tags([0, 0, 1]), tags([0, 1, 0])).tolist() == [[7]]
    assert target(tags([1, 0, 1]), tags([0, 1, 1])).tolist() == [[(1 + 2 + 7 + 8) / 4]]
    assert target(tags([0, 0, 0]), tags([0, 1, 1])).tolist() == [[0]]
    with pytest.raises(RecipeError, match="3 x 3"):
        target(tags([1, 0]), tags([1, 0]))


def plugin(monkeypatch, function) -> Plugin:
    monkeypatch.setattr(given_module, "_installed", lambda name: function)
    return Plugin(name="mine", reads=("tags",))


def test_a_plugin_that_no_package_offers_is_named_with_those_there_are():
    given_module._installed.cache_clear()
    with pytest.raises(RecipeError, match=r"'no_such_metric'.*Installed"):
        Plugin(name="no_such_metric").learn(Tagged(), np.arange(4))


def test_a_plugin_of_an_installed_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    package = tmp_path / "melodies-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: melodies\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[contramuse.targets]\nmelody = melodies:alike\nlost = melodies:gone\n")
    (tmp_path / "melodies.py").write_text(
        "def alike(q, k):\n    return 0.5 * (q.ids['track'][:, None] == k.ids['track'])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    given_module._installed.cache_clear()
    rows = Rows.of(track=[3, 4])
    assert Plugin(name="melody").learn(Tagged(), np.arange(4))(rows, rows).tolist() == [[0.5, 0], [0, 0.5]]
    with pytest.raises(RecipeError, match=r"'lost'.*cannot be imported from melodies:gone"):
        Plugin(name="lost").learn(Tagged(), np.arange(4))
    with pytest.raises(RecipeError, match=r"Installed:.*lost, melody"):
        Plugin(name="malady").learn(Tagged(), np.arange(4))
    given_module._installed.cache_clear()


def test_a_plugins_numbers_are_checked(monkeypatch):
    rows = tags([1, 0, 0], [0, 1, 0])
    double = plugin(monkeypatch, lambda q, k: torch.full((len(q), len(k)), 0.5, dtype=torch.float64))
    assert double(rows, rows).dtype == torch.float32
    assert double.fields() == {"tags"}
    with pytest.raises(RecipeError, match="shape"):
        plugin(monkeypatch, lambda q, k: torch.zeros(len(q)))(rows, rows)
    with pytest.raises(RecipeError, match="NaN"):
        plugin(monkeypatch, lambda q, k: torch.full((len(q), len(k)), torch.nan))(rows, rows)


def test_a_sum_weighs_several_fields():
    rows = tags([1, 1, 0], [1, 0, 0])
    dice, same = Dice(labels="tags"), Same()
    expected = 0.5 * same(rows, rows) + 2 * dice(rows, rows)
    assert torch.allclose(Sum(of=(same, dice), weights=(0.5, 2.0))(rows, rows), expected)
    assert torch.allclose(Sum(of=(same, dice))(rows, rows), same(rows, rows) + dice(rows, rows))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Shared(labels="x", at_least=0), "at_least"),
        (lambda: Kernel(value="x", width=0.0), "width"),
        (lambda: Kernel(value="x", width=1.0, metric="circular"), "period"),
        (lambda: Tempo(value="x", width=-1.0), "width"),
        (lambda: Key(labels="x", relative=-1.0), "relative"),
        (lambda: Any(of=()), "of"),
        (lambda: Sum(of=(Same(),), weights=(1.0, 2.0)), "weights"),
        (lambda: Sum(of=(Same(),), weights=(-1.0,)), "weights"),
    ],
)
def test_impossible_settings_are_refused_by_name(make, name):
    with pytest.raises(RecipeError, match=name):
        make()
