from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError, RecipeError
from contramuse.rows import Rows
from contramuse.sampling import generator_for
from contramuse.views import Crop, Facts, multi_hot, samples_of
from minilibrary import GENRES, write_library

RATE = 1000


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_library(tmp_path_factory.mktemp("library"), tracks=6, seconds=2.0, sample_rate=RATE)


def test_clmr_crop_has_59049_samples() -> None:
    assert samples_of(2.678, sample_rate=22050) == 59049


@given(samples=st.integers(0, 10_000_000), rate=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]))
@settings(max_examples=200)
def test_seconds_written_as_decimals_give_the_samples_that_were_meant(samples: int, rate: int) -> None:
    assert samples_of(float(Fraction(samples, rate)), sample_rate=rate) == samples


def test_0_29_seconds_at_100_hz() -> None:
    assert int(0.29 * 100) == 28
    assert samples_of(0.29, sample_rate=100) == 29


@given(
    lengths=st.lists(st.integers(0, 500), min_size=1, max_size=6),
    count=st.integers(1, 4),
    rule=st.sampled_from(["independent", "adjacent"]),
    gap=st.sampled_from([0.0, 0.01]),
    seed=st.integers(0, 99),
)
@settings(max_examples=120, deadline=None)
def test_crops_lie_within_their_tracks(lengths: list[int], count: int, rule: str, gap: float, seed: int) -> None:
    crop = Crop(seconds=0.05, count=count, rule=rule, gap=gap if rule == "adjacent" else 0.0)
    starts = crop.starts(np.array(lengths), sample_rate=RATE, generator=generator_for(seed, "test"))
    assert starts.shape == (count, len(lengths))
    assert (starts >= 0).all()
    for of_track, length in zip(starts.T, lengths, strict=True):
        if rule == "adjacent":
            assert (np.diff(of_track) == 50 + int(1000 * crop.gap)).all()
        if length >= crop.span(RATE):
            assert of_track.max() + 50 <= length
        else:
            assert of_track[0] == 0


def test_every_start_is_as_likely() -> None:
    crop = Crop(seconds=0.05, count=8000)
    starts = crop.starts(np.array([54]), sample_rate=RATE, generator=generator_for(0, "test"))
    counts = np.bincount(starts[:, 0])
    assert len(counts) == 5  # 0, 1, 2, 3 and 4 = 54 - 50: the last start is one of them
    assert counts.min() > 1600 - 5 * 36
    assert counts.max() < 1600 + 5 * 36


def test_crops_are_what_the_tracks_hold(library: Library) -> None:
    rows = np.array([4, 1, 3])
    x, who = Crop(seconds=0.1, count=2).take(library, rows, generator_for(0, "test"))
    assert x.shape == (6, 1, 100)
    assert x.dtype == torch.int16
    assert who.ids["track"].tolist() == [4, 1, 3, 4, 1, 3]
    assert who.ids["view"].tolist() == who.ids["segment"].tolist() == [0, 0, 0, 1, 1, 1]
    assert who.ids["group"].tolist() == who.ids["track"].tolist()
    assert not who.silent.any()
    for crop, track, start in zip(x[:, 0], who.ids["track"].tolist(), who.ids["start"].tolist(), strict=True):
        np.testing.assert_array_equal(crop.numpy(), library.store.read(track, start, start + 100))


def test_the_same_generator_gives_the_same_crops(library: Library) -> None:
    rows, crop = np.arange(6), Crop(seconds=0.1)
    first, again = (crop.take(library, rows, generator_for(5, "x"))[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, crop.take(library, rows, generator_for(6, "x"))[0])


def test_short_tracks_are_padded_or_skipped(library: Library) -> None:
    rows = np.arange(6)
    x, who = Crop(seconds=2.5).take(library, rows, generator_for(0, "test"))
    assert (x[:, :, 2000:] == 0).all()
    assert (x[:, :, :2000] != 0).any(dim=2).all()
    assert Crop(seconds=2.5).usable(library, rows).all()
    assert not Crop(seconds=2.5, short="skip").usable(library, rows).any()
    assert Crop(seconds=2.0, short="skip").usable(library, rows).all()
    far = Crop(seconds=1.1, rule="adjacent", short="skip")
    assert not far.usable(library, rows).any()
    _, who = Crop(seconds=1.5, rule="adjacent", gap=1.0).take(library, rows, generator_for(0, "test"))
    assert who.silent.tolist() == [False] * 6 + [True] * 6  # the second crop lies behind the end


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"seconds": 0.0}, "seconds"), ({"seconds": 1.0, "count": 0}, "count"), ({"seconds": 1.0, "gap": 0.5}, "gap")],
)
def test_wrong_settings(wrong: dict[str, float], name: str) -> None:
    with pytest.raises(RecipeError, match=f"^{name}: "):
        Crop(**wrong)


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
