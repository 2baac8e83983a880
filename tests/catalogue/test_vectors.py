import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contramuse.catalogue.vectors import ClassVectors, read_class_vectors, stored_vectors, write_vectors
from contramuse.errors import LibraryError, UserError
from listlibrary import write_lists


@pytest.fixture
def library(tmp_path):
    styles = ["jazz", "rock", "folk", "jazz", None]
    return write_lists(tmp_path / "library", groups={"artist": [["x"]] * 5}, labels={"style": ("multiclass", styles)})


def some(tracks=5, dim=3):
    vectors = np.random.default_rng(0).normal(size=(tracks, dim)).astype(np.float32)
    vectors[[1, 3]] = np.nan
    return vectors


def test_round_trip(library):
    file = write_vectors(library, "cf", some(), provenance={"by": "test"})
    assert file == library.root / "vectors" / "cf.parquet"
    np.testing.assert_array_equal(library.vectors("cf"), some())
    assert library.vectors("cf").dtype == np.float32
    assert pq.read_table(file)["id"].to_pylist() == [library.ids[i] for i in (0, 2, 4)]
    about = json.loads((library.root / "vectors" / "cf.json").read_text())
    assert (about["dim"], about["tracks"], about["by"], about["library_fingerprint"]) == (3, 3, "test", "lists")
    assert [one["name"] for one in stored_vectors(library.root)] == ["cf"]


def test_vectors_of_classes_are_kept_and_replaced(library):
    classes = ClassVectors((("style", "rock"), ("style", "jazz"), ("mood", "calm")), np.eye(3, dtype=np.float32))
    write_vectors(library, "genre", some(), provenance={}, classes=classes)
    kept = read_class_vectors(library, "genre", field="style")
    np.testing.assert_array_equal(kept, [[0, 0, 0], [0, 1, 0], [1, 0, 0]])  # folk has none, jazz, rock
    with pytest.raises(LibraryError, match="no vectors of the classes of tags"):
        read_class_vectors(library, "genre", field="tags")
    write_vectors(library, "genre", some(), provenance={})
    with pytest.raises(LibraryError, match="no such class vectors"):
        read_class_vectors(library, "genre", field="style")


def test_a_library_that_has_changed_keeps_the_vectors_of_its_tracks(library, tmp_path):
    """Vectors are joined by id: tracks that are new have none."""
    write_vectors(library, "cf", some(), provenance={})
    grown = write_lists(library.root, groups={"artist": [["x"]] * 7})
    found = grown.vectors("cf")
    np.testing.assert_array_equal(found[:5], some())
    assert np.isnan(found[5:]).all()


def test_vectors_of_any_program_are_read(library):
    (library.root / "vectors").mkdir()
    table = pa.table({"id": [str(library.ids[2])], "vector": [[1.0, 2.0]]})
    pq.write_table(table, library.root / "vectors" / "mine.parquet")
    np.testing.assert_array_equal(library.vectors("mine")[2], [1, 2])
    assert np.isnan(library.vectors("mine")[[0, 1, 3, 4]]).all()


def test_no_track_has_a_vector(library):
    write_vectors(library, "cf", np.full((5, 4), np.nan, np.float32), provenance={})
    assert library.vectors("cf").shape == (5, 4)


def test_no_such_vectors(library):
    with pytest.raises(LibraryError, match=r"no such vectors.*It has: none.*vectors cf"):
        library.vectors("cf")


def test_damaged_vectors(library):
    (library.root / "vectors").mkdir()
    (library.root / "vectors" / "cf.parquet").write_bytes(b"nothing")
    with pytest.raises(LibraryError, match="is damaged"):
        library.vectors("cf")


@pytest.mark.parametrize("name", ["", "../cf", "a b", ".cf"])
def test_names_that_are_no_files(library, name):
    with pytest.raises(UserError, match="is no name for vectors"):
        write_vectors(library, name, some(), provenance={})
