"""What systems hear: the windows of embed, the same audio for all, computed once and kept."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from contramuse.errors import EmbeddingsError
from contramuse.probes import hearing as module
from contramuse.probes.baselines import library_statistics
from contramuse.probes.changes import CORRUPTIONS, FACTORS
from contramuse.probes.hearing import CLEAN, Ear, Excerpts, Hearing, Version, hear, hearing_of
from contramuse.probes.run import System
from contramuse.probes.systems import MEL, MFCC, RANDOM
from minilibrary import write_library
from minimodel import embedded_library

NOISE = Version(CORRUPTIONS["noise"], 0.0)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"), tracks=20, seconds=3.4)


@pytest.fixture(scope="module")
def given(library, tmp_path_factory):
    return embedded_library(library, tmp_path_factory.mktemp("model"), seed=7)


def quiet(message):
    pass


def named(*names):
    roles = dict.fromkeys((RANDOM, MFCC, MEL), "baseline")
    return [System(name, roles.get(name, "model"), np.zeros((1, 1), np.float32)) for name in names]


def test_a_whole_track_as_it_is_has_the_vector_that_embed_gives(library, given, tmp_path):
    hearing = hearing_of(named("tiny", RANDOM, MFCC, MEL), [given], sample_rate=22050, seed=0)
    rows = np.arange(4, 10)
    heard = hear(hearing, Excerpts(library, rows, 60.0), [CLEAN], folder=tmp_path, progress=quiet)
    place = [given.ids.tolist().index(i) for i in library.ids[rows]]
    np.testing.assert_allclose(heard["tiny"][CLEAN.key], given.vectors[place], atol=2e-6)
    mfcc, mel = library_statistics(library.store, progress=lambda done, n: None)
    np.testing.assert_allclose(heard[MFCC][CLEAN.key], mfcc[rows], atol=1e-4)
    np.testing.assert_allclose(heard[MEL][CLEAN.key], mel[rows], atol=1e-4)
    assert np.abs(heard[RANDOM][CLEAN.key] - heard["tiny"][CLEAN.key]).max() > 1e-2


def listening():
    """An ear that keeps what it heard."""
    kept = []

    def one(signals):
        kept.extend(signals)
        return np.array([[len(x), np.abs(x).sum()] for x in signals], np.float32)

    return kept, one


def test_all_ears_hear_the_same_audio_whatever_the_block(library, tmp_path, monkeypatch):
    first, second, third = listening(), listening(), listening()
    rows = np.arange(11)
    together = Hearing(
        {"a": Ear("a", first[1]), "b": Ear("b", second[1])}, {"a": ("a", slice(None)), "b": ("b", slice(None))}
    )
    hear(together, Excerpts(library, rows, 2.0), [NOISE], folder=tmp_path / "1", progress=quiet)
    monkeypatch.setattr(module, "BLOCK", 3)
    alone = Hearing({"c": Ear("c", third[1])}, {"c": ("c", slice(None))})
    hear(alone, Excerpts(library, rows[5:], 2.0), [NOISE], folder=tmp_path / "2", progress=quiet)
    assert len(first[0]) == len(second[0]) == 11
    for a, b in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(a, b)
    for a, c in zip(first[0][5:], third[0], strict=True):
        np.testing.assert_array_equal(a, c)


def test_what_is_done_is_kept_and_what_was_broken_off_goes_on(library, tmp_path):
    kept, ear = listening()
    versions = [CLEAN, NOISE, Version(CORRUPTIONS["gain"], -10.0)]

    def run(seed=0, rows=np.arange(5), key="a"):
        before = len(kept)
        found = hear(
            Hearing({"a": Ear(key, ear)}, {"a": ("a", slice(0, 1)), "also a": ("a", slice(1, 2))}),
            Excerpts(library, rows, 2.0, seed), versions, folder=tmp_path, progress=quiet,
        )  # fmt: skip
        return found, len(kept) - before

    first, heard = run()
    assert heard == 15
    again, heard = run()
    assert heard == 0
    next(iter(sorted(tmp_path.glob("*.npy")))).unlink()
    mended, heard = run()
    assert heard == 5
    for found in (again, mended):
        for system, by_version in first.items():
            for key, vectors in by_version.items():
                np.testing.assert_array_equal(found[system][key], vectors)
    assert [run(seed=1)[1], run(rows=np.arange(6))[1], run(key="b")[1]] == [15, 18, 15]
    assert first["a"][CLEAN.key].shape == (5, 1)


def test_offsets_take_another_place_where_there_is_room(library):
    excerpts = Excerpts(library, np.arange(3), 2.0)
    moved = Version(FACTORS["time offset"], 0.5)
    x, y = excerpts.signal(1), excerpts.signal(1, moved)
    np.testing.assert_array_equal(x[11025:], y[:-11025])
    assert excerpts.fits(0.7).all()
    assert not excerpts.fits(0.71).any()
    np.testing.assert_array_equal(excerpts.signal(1, Version(FACTORS["time offset"], 2.0)), x)


def test_a_share_is_taken_from_the_middle(library):
    x = Excerpts(library, np.arange(1), 60.0, share=0.5).signal(0)
    whole = library.store.read(0, 0, int(library.store.lengths[0])) / np.float32(32768)
    start = (len(whole) - len(x)) // 2
    assert len(x) == len(whole) // 2
    np.testing.assert_array_equal(x, whole[start : start + len(x)])


def test_embeddings_of_a_model_that_is_gone_are_named(library):
    metas = [{"model_path": None}, {"model_path": "/nowhere"}, {"model_path": "/m", "preprocessing": {"corrupt": []}}]
    without = [SimpleNamespace(meta=meta) for meta in metas]
    systems = [dataclasses.replace(one, given=i % 3) for i, one in enumerate(named("a", "b", "c", MFCC))]
    hearing = hearing_of(systems, without, sample_rate=22050, seed=0)
    assert [name for name, _ in hearing.deaf] == ["a", "b", "c"]
    assert hearing.deaf[2][1] == "its embeddings are of corrupted windows already"
    assert list(hearing.columns) == [MFCC]


def test_where_nothing_can_hear_it_is_an_error_and_no_empty_table(library, tmp_path):
    deaf = Hearing({}, {}, [("theirs", "its model is not at hand")])
    with pytest.raises(EmbeddingsError, match=r"theirs: its model is not at hand.*leave this part out"):
        hear(deaf, Excerpts(library, np.arange(2), 1.0), [CLEAN], folder=tmp_path, progress=quiet)
