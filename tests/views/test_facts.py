import pytest
import torch

from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError
from contramuse.rows import Rows
from contramuse.views import Facts, multi_hot
from minilibrary import GENRES, write_library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_library(tmp_path_factory.mktemp("library"), tracks=6, seconds=2.0, sample_rate=1000)


def test_facts_tell_artists_labels_and_values(library: Library) -> None:
    told = Facts(library, fields=["genre", "tags", "tempo"]).told(Rows.of(track=[3, 0]))
    assert told.ids["artist"].tolist() == [3, 0]
    assert told.ids["album"].tolist() == [-1, -1]
    assert told.ids["genre"].tolist() == [1, 0]
    assert told.labels["genre"].tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert told.labels["tags"].tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert told.values["tempo"].tolist() == [[63.0], [60.0]]
    assert len(GENRES) == told.labels["genre"].shape[1]


def test_a_field_that_the_library_lacks(library: Library) -> None:
    with pytest.raises(LibraryError, match="mood"):
        Facts(library, fields=["mood"])


def test_unknown_classes_are_rows_of_zeros() -> None:
    assert multi_hot(torch.tensor([1, -1]), classes=2).tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_hidden_labels_are_not_told(library: Library) -> None:
    told = Facts(library, fields=["genre", "tags", "tempo"]).told(Rows.of(track=[3, 3], labelled=[1, 0]))
    assert told.labels["genre"].tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert told.ids["genre"].tolist() == [1, -1]
    assert told.ids["artist"].tolist() == [3, 3]  # a fact, not a label
    assert told.labels["tags"][1].sum() == 0
    assert told.values["tempo"][1].isnan().all()


def test_rows_that_are_no_track_keep_what_they_say(library: Library) -> None:
    classes = Rows.of(track=[-1, -1], labels={"genre": torch.eye(2)})
    told = Facts(library, fields=["genre", "tempo"]).told(classes)
    assert told.labels["genre"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert told.ids["artist"].tolist() == told.ids["genre"].tolist() == [-1, -1]
    assert told.values["tempo"].isnan().all()
