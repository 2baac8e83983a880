import json

import numpy as np
import pytest

from contramuse.catalogue.playlists import first_of, library_lists, read_lists
from contramuse.errors import LibraryError
from listlibrary import write_lists


@pytest.fixture
def library(tmp_path):
    groups = {"playlists": [["b", "a"], [], ["b"], ["b", "b"]], "artist": [["x", "y"], ["y"], [], ["x"]]}
    labels = {"style": ("multiclass", ["jazz", None, "rock", "jazz"]), "tempo": ("numeric", [1.0, 2.0, 3.0, 4.0])}
    return write_lists(tmp_path / "library", groups=groups, labels=labels)


def test_members_of_groups(library):
    lists = library_lists(library, "playlists")
    assert lists.names == ("a", "b")
    assert [lists[i].tolist() for i in range(2)] == [[0], [0, 2, 3]]
    assert lists.numbers.tolist() == [0, 1, 1, 1]
    names, rows, numbers = library.members("artist")
    assert names == ["x", "y"]
    assert list(zip(rows.tolist(), numbers.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 1), (3, 0)]


def test_within_keeps_the_lists_and_drops_the_tracks(library):
    lists = library_lists(library, "playlists").within(np.array([2, 3]))
    assert [lists[i].tolist() for i in range(2)] == [[], [2, 3]]


def test_first_group_and_class(library):
    assert first_of(library, "artist").tolist() == [0, 1, -1, 0]
    assert first_of(library, "style").tolist() == [0, -1, 1, 0]
    with pytest.raises(LibraryError, match="gives no track one class"):
        first_of(library, "tempo")


def test_numbers_make_no_lists(library):
    with pytest.raises(LibraryError, match="field of numbers"):
        library_lists(library, "tempo")


@pytest.mark.parametrize(
    "content",
    [
        [{"id": "p1", "tracks": ["artist/000.wav", "002", "000003"]}, {"name": "none", "songs": ["missing.mp3"]}],
        {"p1": ["artist/000.wav", "artist/002.wav", "000003"], "none": ["missing.mp3"]},
    ],
)
def test_playlists_from_json_by_path_file_name_or_id(library, tmp_path, content):
    file = tmp_path / "lists.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    lists = read_lists(file, library)
    assert lists.names == ("p1", "none")
    assert lists[0].tolist() == [0, 2, 3]
    assert lists[1].tolist() == []
    assert lists.unknown == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense", "is no JSON"), ("[]", "holds no playlists"), ("3", "holds no playlists"),
        ('[{"tracks": ["x"]}]', "names 1 tracks, none of which"), ('[{"tracks": "x"}]', "holds no playlists"),
    ],
)  # fmt: skip
def test_files_that_are_no_playlists(library, tmp_path, content, message):
    file = tmp_path / "lists.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(LibraryError, match=message):
        read_lists(file, library)
    with pytest.raises(LibraryError, match="cannot be read"):
        read_lists(tmp_path / "missing.json", library)
