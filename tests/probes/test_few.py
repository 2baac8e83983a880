"""Few labels: how many are drawn, that the curve rises, and that few labels do not choose the strongest penalty."""

import json

import numpy as np
import pytest

from contramuse.errors import UserError
from contramuse.probes import Settings
from contramuse.probes.few import Amount, Few, run_few
from contramuse.probes.selection import choose, pick
from contramuse.probes.table import few_tables
from contramuse.probes.tasks import library_tasks
from memorylibrary import Library, N, embedded, knowing


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path)


@pytest.mark.parametrize("k", [1, 5, 100])
def test_k_tracks_of_each_class_are_drawn(library, k):
    (task,) = library_tasks(library, np.arange(N), ["genre"])
    drawn = Amount(shots=k).draw(task, np.arange(80), seed=0)
    counts = np.bincount(task.y[:80], minlength=3)
    assert np.bincount(task.y[drawn], minlength=3).tolist() == np.minimum(counts, k).tolist()
    assert len(np.unique(drawn)) == len(drawn)
    assert drawn.max() < 80
    if k == 5:
        assert drawn.tolist() == Amount(shots=k).draw(task, np.arange(80), seed=0).tolist()
        assert drawn.tolist() != Amount(shots=k).draw(task, np.arange(80), seed=1).tolist()


def test_a_track_of_several_tags_counts_for_all_of_them(library):
    (task,) = library_tasks(library, np.arange(N), ["tags"])
    drawn = Amount(shots=4).draw(task, np.arange(N), seed=0)
    counts = task.y[drawn].sum(axis=0)
    assert (counts >= 4).all()
    assert len(drawn) < 20


def test_a_share_is_that_share_and_at_least_one_track(library):
    (task,) = library_tasks(library, np.arange(N), ["genre"])
    assert len(Amount(share=0.1).draw(task, np.arange(80), seed=0)) == 8
    assert len(Amount(share=0.001).draw(task, np.arange(80), seed=0)) >= 1
    assert Amount(share=1.0).draw(task, np.arange(80), seed=0).tolist() == list(range(80))


def test_a_curve_for_every_field_probe_and_system(library, tmp_path):
    x = knowing(library) + 0.3 * np.random.default_rng(0).normal(size=(N, 16))
    settings = Few(
        probe=Settings(tasks=("genre", "tempo"), baselines=(), protocol="split"), shares=(0.1, 1.0), shots=(1, 10),
        draws=3, resamples=100,
    )  # fmt: skip
    other = embedded(tmp_path, np.random.default_rng(1).normal(size=(N, 4)), "noise")
    part = run_few(embedded(tmp_path, x), library=library, against=[other], settings=settings)
    json.dumps(part, allow_nan=False)
    assert [(one["field"], one["metric"], one["probe"]) for one in part] == [
        ("genre", "accuracy", "linear"), ("genre", "accuracy", "prototype"), ("tempo", "r2", "linear"),
    ]  # fmt: skip
    genre = [p for p in part[0]["points"] if p["system"] == "e"]
    assert [(p["share"], p["shots"]) for p in genre] == [(0.1, None), (1.0, None), (None, 1), (None, 10)]
    assert [p["draws"] for p in genre] == [3, 1, 3, 3]
    assert [p["labels"] for p in genre][1:] == [100, 6, pytest.approx(48, abs=5)]
    assert all(len(p["draw_values"]) == p["draws"] and p["low"] <= p["value"] <= p["high"] for p in genre)
    assert genre[2]["value"] < genre[3]["value"] <= genre[1]["value"] + 0.1
    assert {g["against"] for g in part[0]["differences"]} == {"noise"}
    assert next(g for g in part[0]["differences"] if g["share"] == 1)["verdict"] == "better"
    assert len(list(few_tables(part))) == 3
    assert [p["shots"] for p in part[2]["points"] if p["system"] == "e"] == [None, None]


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"shots": (0,)}, {"shares": (2.0,)}, {"probes": ("deep",)}])
def test_impossible_amounts_are_refused(wrong):
    with pytest.raises(UserError):
        Few(**wrong)


def test_where_labels_are_few_the_strongest_penalty_is_not_chosen():
    """By the loss it was: every answer of a weaker one is too sure of itself, although more of them are right."""
    rng = np.random.default_rng(0)
    centres = 0.5 * rng.normal(size=(12, 200))

    def drawn(per_class):
        y = np.repeat(np.arange(12), per_class)
        return (centres[y] + rng.normal(size=(len(y), 200))).astype(np.float64), y

    train, valid, test = drawn(5), drawn(3), drawn(30)
    fitted, strength = choose("linear", kind="multiclass", classes=12, train=train, valid=valid, seed=0)
    assert strength >= 0.1
    assert (fitted.predict(test[0]).argmax(axis=1) == test[1]).mean() > 0.5


def test_equal_settings_give_way_to_the_usual_one():
    grid = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    flat = [(0.5, loss) for loss in (1.0, 1.1, 1.2, 1.3, 1.4, 1.5)]
    assert pick(grid, flat, tracks=20, kind="multiclass", usual=1.0) == 4
    known = [(0.5, 1), (0.5, 1), (0.5, 1), (0.9, 1), (0.5, 1), (0.5, 1)]
    assert pick(grid, known, tracks=1000, kind="multiclass", usual=1.0) == 3
    assert pick(grid, [(0.3, 1)] * 5 + [(0.31, 1)], tracks=50, kind="multilabel", usual=1.0) == 5
