"""Two libraries as one: what each row is, what is unknown, what was in both."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from contramuse.audio.activity import Activity
from contramuse.catalogue.joined import Joined, join
from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError
from minilibrary import write_library


def change(library: Library, *, info: dict[str, object] | None = None, **columns: pa.Array) -> Library:
    """The library with other columns (None: without that column) and facts."""
    table = pq.read_table(library.root / "index.parquet")
    for name, values in columns.items():
        name = name.replace("__", ".")
        if name in table.column_names:
            table = table.drop_columns([name])
        if values is not None:
            table = table.append_column(name, values)
    pq.write_table(table, library.root / "index.parquet")
    if info:
        (library.root / "library.json").write_text(json.dumps({**library.info, **info}), encoding="utf-8")
    return Library.open(library.root)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Library, Library]:
    """Twelve tracks without labels and nine with; other fields, stems of the second only."""
    plain = write_library(tmp_path / "plain", tracks=12, seconds=0.5, seed=1)
    plain = change(plain, label__genre=None, label__tags=None, label__tempo=None, info={"fields": []})
    known = write_library(tmp_path / "known", tracks=9, seconds=0.4, seed=2)
    whole = pq.read_table(known.root / "index.parquet")
    stems = [
        [{"name": "bass", "shard": shard, "offset": offset, "samples": 100}] if row % 2 else []
        for row, (shard, offset) in enumerate(zip(whole["shard"].to_pylist(), whole["offset"].to_pylist(), strict=True))
    ]
    names = pa.array([[f"  artist {row % 7} "] for row in range(9)])
    return plain, change(known, stems=pa.array(stems, whole["stems"].type), group__artist=names)


def test_rows_are_the_first_librarys_then_the_seconds(pair: tuple[Library, Library]) -> None:
    plain, known = pair
    both = join(pair)
    assert len(both) == 21
    assert both.ids.tolist() == [*plain.ids.tolist(), *known.ids.tolist()]
    assert (both.sample_rate, both.seed, both.root) == (plain.sample_rate, plain.seed, plain.root)
    assert both.track(12).path == known.track(0).path
    for split in ("train", "valid", "test", "all"):
        assert both.rows(split).tolist() == [*plain.rows(split).tolist(), *(known.rows(split) + 12).tolist()]
    rows, starts = np.array([0, 20, 3, 12]), np.array([-5, 7, 11000, 0])
    alone = [plain.store, known.store, plain.store, known.store]
    expected = [s.gather([r], [t], 300)[0] for s, r, t in zip(alone, [0, 8, 3, 0], starts, strict=True)]
    assert np.array_equal(both.store.gather(rows, starts, 300), expected)
    assert np.array_equal(both.store.read(14, 10, 20), known.store.read(2, 10, 20))
    assert both.store.lengths.tolist() == [*plain.store.lengths.tolist(), *known.store.lengths.tolist()]
    assert join([plain]) is plain


def test_what_a_library_does_not_know_is_unknown(pair: tuple[Library, Library]) -> None:
    both, known = join(pair), pair[1]
    assert both.labels("genre").tolist() == [-1] * 12 + known.labels("genre").tolist()
    assert np.array_equal(both.labels("tags"), np.concatenate([np.zeros((12, 2)), known.labels("tags")]))
    assert np.isnan(both.labels("tempo")[:12]).all()
    assert both.labels("tempo")[12:].tolist() == known.labels("tempo").tolist()
    assert both.track(0).labels == {}
    bass = both.stems("bass")
    assert bass.lengths.tolist() == [0] * 12 + known.stems("bass").lengths.tolist()
    assert np.array_equal(bass.gather([0, 13], [0, 50], 90)[1], known.stems("bass").gather([1], [50], 90)[0])
    assert not bass.read(0).size
    generator = torch.Generator().manual_seed(0)
    starts = Activity(bass).draw_active(np.arange(21), 50, generator=generator)
    assert (starts >= 0).tolist() == (bass.lengths > 0).tolist()
    with pytest.raises(LibraryError, match="drums"):
        both.stems("drums")


def test_artists_of_one_name_are_one_and_other_groups_are_not(pair: tuple[Library, Library]) -> None:
    plain, known = pair
    albums = pa.array([["Best"]] * 9)
    both = join([change(plain, group__album=pa.array([["Best"]] * 12)), change(known, group__album=albums)])
    assert both.groups("artist")[12] == ("Artist 0",)
    assert both.group("artist")[12] == both.group("artist")[0]
    assert len(set(both.group("artist").tolist())) == 7
    assert set(both.groups("album")) == {("Best",), ("Best (library 2)",)}
    assert isinstance(both, Joined)
    assert any("artists are in more than one split" in line for line in both.said)


def test_a_recording_in_two_splits_is_the_test_or_valid_copys(pair: tuple[Library, Library]) -> None:
    """Copies are one row: no leak from train to test, no second negative of itself, the labels of both."""
    plain, known = pair
    ids, splits = known.ids.tolist(), known.column("split")
    ids[0], ids[1], ids[2] = plain.ids[0], plain.ids[2], plain.ids[3]
    splits[0] = "test"  # and train in the first library
    assert (plain.column("split")[2], splits[1]) == ("valid", "train")
    assert (plain.column("split")[3], splits[2]) == ("train", "valid")
    both = join([plain, change(known, id=pa.array(ids), split=pa.array(splits))])
    assert len(both) == 18
    assert len(set(both.ids.tolist())) == 18
    where = {key: both.column("split")[row] for row, key in enumerate(both.ids.tolist())}
    assert [where[key] for key in ids[:3]] == ["test", "valid", "valid"]
    assert not {str(key) for key in ids[:3]} & {both.track(int(row)).id for row in both.rows("train")}
    row = both.ids.tolist().index(ids[1])  # the first library's copy stays and learns the second's labels
    assert row == 1
    assert np.array_equal(both.store.read(row), plain.store.read(2))
    assert both.labels("genre")[row] == known.labels("genre")[1]
    assert both.labels("tempo")[row] == known.labels("tempo")[1]
    assert isinstance(both, Joined)
    assert both.said[0].startswith("3 recordings are in two of the libraries")
    assert both.said[1].startswith(
        "warning: 3 recordings were in two splits (1 in test and train, 2 in valid and train)"
    )
    again = pickle.loads(pickle.dumps(both))
    assert again.fingerprint == both.fingerprint
    assert again.ids.tolist() == both.ids.tolist()


def test_vectors_of_one_library_are_nan_for_the_other(
    pair: tuple[Library, Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = {id(pair[1]): np.arange(18, dtype=np.float32).reshape(9, 2)}

    def vectors(self: Library, name: str) -> np.ndarray:
        if id(self) not in tables:
            raise LibraryError("lacks", name="vectors", value=name, fix="Make them.")
        return tables[id(self)]

    monkeypatch.setattr(Library, "vectors", vectors)
    got = join(pair).vectors("cf")
    assert np.isnan(got[:12]).all()
    assert np.array_equal(got[12:], tables[id(pair[1])])
    tables[id(pair[0])] = np.zeros((12, 3), np.float32)
    with pytest.raises(LibraryError, match="different widths"):
        join(pair).vectors("cf")
    tables.clear()
    with pytest.raises(LibraryError, match="lacks"):
        join(pair).vectors("cf")


def test_fields_that_agree_are_merged_and_others_refused(pair: tuple[Library, Library]) -> None:
    plain, known = pair
    field = {"name": "genre", "kind": "multilabel", "classes": ["calm", "sad"], "source": "x"}
    some = pa.array([["sad", "calm"], None] * 6)
    both = join([change(plain, label__genre=some, info={"fields": [field]}), known])
    assert both.fields["genre"].classes == ("calm", "sad", "lively")
    assert both.labels("genre")[[0, 1, 12, 13]].tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]]
    numeric = {**field, "kind": "numeric", "classes": []}
    bad = change(plain, label__genre=pa.array([1.0] * 12), info={"fields": [numeric]})
    with pytest.raises(LibraryError, match="numeric in one library and multiclass"):
        join([bad, known])


def tagged(
    library: Library, empty: str, cells: list[list[str] | None], absent: list[list[str]] | None = None
) -> Library:
    """The library with a field of tags a and b of ``empty``; ``cells`` and ``absent`` are repeated."""
    times = len(library) // len(cells) + 1
    columns = {"label__tags": pa.array((cells * times)[: len(library)], pa.list_(pa.string()))}
    if absent is not None:
        columns["absent__tags"] = pa.array((absent * times)[: len(library)], pa.list_(pa.string()))
    field = {"name": "tags", "kind": "multilabel", "classes": ["a", "b"], "source": "x", "empty": empty}
    others = [one for one in library.info["fields"] if one["name"] != "tags"]
    return change(library, info={"fields": [*others, field]}, **columns)


def test_what_is_known_of_absent_tags_stays_known(pair: tuple[Library, Library]) -> None:
    plain, known = pair
    none = tagged(plain, "none", [["a"], [], None])
    unknown = tagged(known, "unknown", [["b"], []])
    both = join([none, unknown])
    assert both.fields["tags"].empty == "none"
    assert both.known("tags").tolist() == [True, True, False] * 4 + unknown.known("tags").tolist()
    stated = tagged(known, "stated", [["a"], [], []], [["b"], ["b"], []])
    both = join([none, stated])
    assert both.fields["tags"].empty == "stated"
    told = both.stated("tags")
    assert told is not None
    assert told[:3].tolist() == [[True, True], [True, True], [False, False]]
    assert told[12:15].tolist() == [[True, True], [False, True], [False, False]]
    assert both.known("tags").tolist() == [True, True, False] * 7
    assert np.array_equal(join([stated, none]).stated("tags"), np.concatenate([told[12:], told[:12]]))


def test_copies_are_told_by_their_audio_and_those_within_a_published_split_stay(pair: tuple[Library, Library]) -> None:
    plain, known = pair
    first = [f"sound {row}" for row in range(12)]
    first[5] = first[4]  # a dataset with the same audio twice
    second = [f"other {row}" for row in range(9)]
    second[0], second[1] = first[4], first[7]
    dataset = {"name": "magnatagatune", "split": "pons2017"}
    both = join(
        [change(plain, audio=pa.array(first), info={"dataset": dataset}), change(known, audio=pa.array(second))]
    )
    assert len(both) == 19
    assert len(both.rows("test")) == 0
    assert [both.column("audio").count(name) for name in (first[4], first[7])] == [2, 1]
    assert both.labels("tempo")[[5, 7]].tolist() == known.labels("tempo")[[0, 1]].tolist()
    assert "dataset" not in both.info  # nobody's published split any more
    older = join([change(plain, audio=pa.array(first)), known])
    assert len(set(older.column("audio")[12:])) == 9


def test_libraries_that_do_not_fit_are_refused(pair: tuple[Library, Library], tmp_path: Path) -> None:
    other = write_library(tmp_path / "other", tracks=3, seconds=0.2, sample_rate=16000)
    with pytest.raises(LibraryError, match=r"16000 Hz and .* has 22050 Hz"):
        join([pair[0], other])
    with pytest.raises(LibraryError, match="kind features"):
        join([pair[0], change(pair[1], info={"kind": "features"})])
