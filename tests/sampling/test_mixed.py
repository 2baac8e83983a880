import numpy as np
import pytest
import torch

from contramuse.errors import LibraryError, RecipeError
from contramuse.sampling import Batches, Mixed, generator_for


class Labelled:
    """A library with one multiclass field, as far as the sampler looks at one."""

    def __init__(self, labels: np.ndarray) -> None:
        self._labels, self.ids = labels, np.array([f"{i:05d}" for i in range(len(labels))])

    def labels(self, name: str) -> np.ndarray:
        return self._labels


def library(tracks: int, *, labelled: int) -> Labelled:
    labels = np.arange(tracks) % 10
    labels[labelled:] = -1
    return Labelled(labels)


def epoch(mixed: Mixed, of: Labelled, *, batch: int, seed: int = 0):
    rows = np.arange(len(of.ids))
    return mixed.epoch(of, rows, batch=batch, generator=torch.Generator().manual_seed(seed))


def test_a_twentieth_of_2400_labels_is_120() -> None:
    """Applied once, to the training tracks alone, stratified, and the same at every epoch."""
    of = library(5000, labelled=2400)
    mixed = Mixed(labels="genre", share=0.05)
    chosen = mixed.chosen(of, np.arange(5000))
    assert len(chosen) == 120
    assert np.bincount(of.labels("genre")[chosen]).tolist() == [12] * 10
    facts = mixed.check(of, np.arange(5000), batch=96)
    assert facts["labelled_tracks"] == 120
    assert facts["labelled_ids"] == of.ids[chosen].tolist()  # stored in run.json
    for seed in range(3):
        drawn = epoch(mixed, of, batch=96, seed=seed)
        assert set(drawn.rows[drawn.labelled]) <= set(chosen.tolist())
    assert not np.array_equal(chosen, Mixed(labels="genre", share=0.05, seed=1).chosen(of, np.arange(5000)))


@pytest.mark.parametrize(("part", "count"), [(0.0, 0), (0.25, 8), (0.5, 16), (1.0, 32)])
def test_the_labelled_part_of_a_batch(part: float, count: int) -> None:
    drawn = epoch(Mixed(labels="genre", labelled=part), library(200, labelled=80), batch=32)
    assert (drawn.labelled.sum(1) == count).all()
    assert (drawn.rows[drawn.labelled] < 80).all()


def test_an_epoch_goes_once_through_the_larger_set() -> None:
    drawn = epoch(Mixed(labels="genre", labelled=0.25), library(240, labelled=16), batch=32)
    unlabelled = drawn.rows[~drawn.labelled]
    assert sorted(unlabelled) == list(range(240))  # 10 batches of 24
    assert np.bincount(drawn.rows[drawn.labelled], minlength=16).tolist() == [5] * 16  # 80 draws of 16 tracks


def test_no_share_of_labels_is_self_supervised() -> None:
    drawn = epoch(Mixed(labels="genre", share=0.0), library(100, labelled=50), batch=20)
    assert not drawn.labelled.any()
    assert drawn.rows.shape == (5, 20)


def test_the_share_is_of_the_training_tracks_only() -> None:
    of = library(200, labelled=100)
    watching = Mixed(labels="genre", share=0.05).watching()
    assert len(np.unique(epoch(watching, of, batch=20).rows[:, :10])) == 100
    assert Mixed(labels="genre", share=0.0).watching() == Mixed(labels="genre", share=0.0)


def test_each_process_has_its_share_of_the_labelled() -> None:
    """Else the statistics of a batch normalisation are of labelled rows in one process, of unlabelled in the other."""
    of, mixed = library(200, labelled=80), Mixed(labels="genre", labelled=0.5)
    for process in range(2):
        batches = Batches(mixed, of, np.arange(200), batch=32, seed=0, process=process, processes=2)
        assert batches.next_batch().labelled.sum() == 8


@pytest.mark.parametrize(("part", "batch", "count"), [(0.29, 100, 29), (0.57, 100, 57), (0.1, 48, 4)])
def test_the_labelled_part_is_rounded_down_and_never_one_too_few(part: float, batch: int, count: int) -> None:
    assert Mixed(labels="genre", labelled=part).parts(500, batch=batch) == (count, batch - count)


def test_what_cannot_be_mixed_is_said() -> None:
    with pytest.raises(LibraryError, match="labels"):
        Mixed(labels="genre").check(library(50, labelled=0), np.arange(50), batch=8)
    with pytest.raises(RecipeError, match="share"):
        Mixed(labels="genre", share=1.5)


def test_draws_depend_on_the_generator_alone() -> None:
    of, mixed = library(100, labelled=40), Mixed(labels="genre")
    a, b = (mixed.epoch(of, np.arange(100), batch=10, generator=generator_for(3, "x")) for _ in range(2))
    assert np.array_equal(a.rows, b.rows)
