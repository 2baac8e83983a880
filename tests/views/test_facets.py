from typing import ClassVar

import numpy as np
import pytest
import torch

from contramuse.catalogue.track import LabelField
from contramuse.errors import LibraryError, RecipeError
from contramuse.rows import Rows
from contramuse.sampling import Drawn, generator_for
from contramuse.views import Again, Chance, Classes, Tags, Vector


class Small:
    """A library of four tracks, as far as these views look at one."""

    fields: ClassVar = {
        "tags": LabelField("tags", "multilabel", ("a", "b", "c")),
        "genre": LabelField("genre", "multiclass", ("x", "y")),
        "tempo": LabelField("tempo", "numeric"),
    }

    def labels(self, name: str) -> np.ndarray:
        return {
            "tags": np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], np.float32),
            "genre": np.array([1, -1, 0, 0]),
            "tempo": np.array([60.0, 70.0, np.nan, 90.0]),
        }[name]

    def vectors(self, name: str) -> np.ndarray:
        return np.array([[1, 2], [np.nan, np.nan], [3, 4], [5, 6]], np.float32)


LIBRARY = Small()
CHANCE = Chance(own=generator_for(0, "own"), shared=generator_for(0, "shared"))
ROWS = np.arange(4)


def taken(take, rows=ROWS, seen=None):
    return take.take(LIBRARY, Drawn.alone(np.asarray(rows)), CHANCE, seen or {})


def test_vectors_and_what_becomes_of_unknown_ones() -> None:
    x, who = taken(Vector(name="cf", missing="silent"))
    assert x.tolist() == [[1, 2], [0, 0], [3, 4], [5, 6]]
    assert who.silent.tolist() == [False, True, False, False]
    assert Vector(name="cf").usable(LIBRARY, ROWS).tolist() == [True, False, True, True]
    assert Vector(name="cf", missing="silent").usable(LIBRARY, ROWS).all()
    assert Vector(name="cf").width(LIBRARY) == 2


def test_tags_count_from_one_and_are_padded_with_zeros() -> None:
    x, who = taken(Tags(labels="tags", most=4))
    assert x.tolist() == [[1, 3, 0, 0], [0, 0, 0, 0], [1, 2, 3, 0], [2, 0, 0, 0]]
    assert who.silent.tolist() == [False, True, False, False]
    assert taken(Tags(labels="tags", most=2))[0].tolist() == [[1, 3], [0, 0], [1, 2], [2, 0]]
    assert taken(Tags(labels="genre", most=2))[0].tolist() == [[2, 0], [0, 0], [1, 0], [1, 0]]
    assert Tags(labels="tags").usable(LIBRARY, ROWS).tolist() == [True, False, True, True]
    assert Tags(labels="tags").width(LIBRARY) == 3
    assert Tags(labels="tags").fields() == {"tags"}


def test_tags_of_a_track_whose_labels_must_not_be_seen_are_silent() -> None:
    drawn = Drawn(rows=ROWS, group=ROWS, labelled=np.array([True, True, False, True]))
    x, who = Tags(labels="tags", missing="silent").take(LIBRARY, drawn, CHANCE, {})
    assert x[:, 0].tolist() == [1, 0, 0, 2]
    assert who.silent.tolist() == [False, True, True, False]


def test_tags_of_a_numeric_field_are_refused() -> None:
    with pytest.raises(LibraryError, match="tempo"):
        taken(Tags(labels="tempo"))
    with pytest.raises(RecipeError, match="most"):
        Tags(labels="tags", most=0)


def test_classes_are_rows_that_are_no_track() -> None:
    x, who = taken(Classes(labels="tags"))
    assert x.tolist() == [[0], [1], [2]]
    assert who.ids["track"].tolist() == [-1, -1, -1]
    assert who.ids["shared"].tolist() == [1, 1, 1]
    assert torch.equal(who.labels["tags"], torch.eye(3))
    with pytest.raises(LibraryError, match="tempo"):
        taken(Classes(labels="tempo"))


def test_again_has_the_rows_of_the_other_view() -> None:
    other = Rows.of(track=[3, 1], view=[0, 0])
    x, who = taken(Again(of="audio"), rows=[3, 1], seen={"audio": other})
    assert x.shape == (2, 0)
    assert who.ids["track"].tolist() == [3, 1]
    assert Again(of="audio").per_track == 0
    assert Again(of="audio").after == "audio"
