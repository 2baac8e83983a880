from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.library import Library
from contramuse.errors import RecipeError
from contramuse.rows import Rows
from contramuse.sampling import Drawn, generator_for
from contramuse.views import Chance, Crop, samples_of
from minilibrary import write_library

RATE = 1000


def seen(crop: Crop, library: Library, rows: np.ndarray, seed: int = 0, views: dict[str, Rows] | None = None):
    chance = Chance(own=generator_for(seed, "own"), shared=generator_for(seed, "shared"))
    return crop.take(library, Drawn.alone(rows), chance, views or {})


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
        assert of_track.max() <= max(length - 50, 0)
        if length < crop.span(RATE):
            assert of_track[0] == 0
        elif rule == "adjacent":
            assert (np.diff(of_track) == 50 + int(1000 * crop.gap)).all()


def test_every_start_is_as_likely() -> None:
    crop = Crop(seconds=0.05, count=8000)
    starts = crop.starts(np.array([54]), sample_rate=RATE, generator=generator_for(0, "test"))
    counts = np.bincount(starts[:, 0])
    assert len(counts) == 5  # 0, 1, 2, 3 and 4 = 54 - 50: the last start is one of them
    assert counts.min() > 1600 - 5 * 36
    assert counts.max() < 1600 + 5 * 36


def test_crops_are_what_the_tracks_hold(library: Library) -> None:
    rows = np.array([4, 1, 3])
    x, who = seen(Crop(seconds=0.1, count=2), library, rows)
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
    first, again = (seen(crop, library, rows, 5)[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, seen(crop, library, rows, 6)[0])


def test_short_tracks_are_padded_or_skipped(library: Library) -> None:
    rows = np.arange(6)
    x, who = seen(Crop(seconds=2.5), library, rows)
    assert (x[:, :, 2000:] == 0).all()
    assert (x[:, :, :2000] != 0).any(dim=2).all()
    assert Crop(seconds=2.5).usable(library, rows).all()
    assert not Crop(seconds=2.5, short="skip").usable(library, rows).any()
    assert Crop(seconds=2.0, short="skip").usable(library, rows).all()
    far = Crop(seconds=1.1, rule="adjacent", short="skip")
    assert not far.usable(library, rows).any()
    _, who = seen(Crop(seconds=1.5, rule="adjacent", gap=1.0), library, rows)
    assert who.ids["start"].tolist() == [0] * 6 + [500] * 6  # as far away as it can be, and not behind the end
    assert not who.silent.any()


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"seconds": 0.0}, "seconds"), ({"seconds": 1.0, "count": 0}, "count"), ({"seconds": 1.0, "gap": 0.5}, "gap")],
)
def test_wrong_settings(wrong: dict[str, float], name: str) -> None:
    with pytest.raises(RecipeError, match=f"^{name}: "):
        Crop(**wrong)


@pytest.mark.parametrize("rule", ["same", "apart", "independent"])
def test_a_gap_that_a_recipe_brings_along_is_taken_away_by_saying_0(rule: str) -> None:
    with pytest.raises(RecipeError, match="gap=0 with any other rule"):
        Crop(seconds=1.0, count=1, rule=rule, of="anchor", gap=0.5)  # type: ignore[arg-type]
    Crop(seconds=1.0, count=1, rule=rule, of="anchor", gap=0.0)  # type: ignore[arg-type]


RULES = ["same", "adjacent", "apart", "near", "around"]


@given(
    rule=st.sampled_from(RULES), length=st.integers(100, 4000), seed=st.integers(0, 9), gap=st.sampled_from([0.0, 0.05])
)
@settings(max_examples=150, deadline=None)
def test_tied_crops_keep_their_rule_and_stay_inside(rule: str, length: int, seed: int, gap: float) -> None:
    crop = Crop(seconds=0.1, count=1, rule=rule, of="anchor", gap=gap if rule == "adjacent" else 0.0, within=0.3)
    lengths = np.full(200, length)
    generator = generator_for(seed, "tied")
    anchors = (torch.rand(200, generator=generator) * (length - 99)).long().numpy()
    starts = crop.tied(anchors, lengths, sample_rate=RATE, generator=generator)
    distance = np.abs(starts - anchors)
    assert (starts >= 0).all()
    assert (starts <= length - 100).all()
    before, after = anchors, length - 100 - anchors
    if rule == "same":
        assert (distance == 0).all()
    elif rule == "adjacent":
        step = 100 + int(gap * 1000)
        assert (distance == step)[np.maximum(before, after) >= step].all()
    elif rule == "apart":
        assert (distance >= 100)[np.maximum(before, after) >= 100].all()
    elif rule == "near":
        room = np.maximum(before, after) >= 100
        assert ((distance >= 100) & (distance <= 300))[room].all()
    else:
        assert (distance <= 300).all()


def test_crops_apart_lie_on_either_side_with_equal_chance() -> None:
    crop = Crop(seconds=0.1, count=1, rule="apart", of="anchor")
    anchors, lengths = np.full(20_000, 300), np.full(20_000, 2000)
    starts = crop.tied(anchors, lengths, sample_rate=RATE, generator=generator_for(0, "apart"))
    before = starts < 300
    assert abs(before.mean() - 0.5) < 0.015
    assert starts[before].min() == 0
    assert starts[before].max() == 200
    assert starts[~before].min() == 400
    assert starts[~before].max() == 1900


def test_crops_near_are_uniform_over_both_sides() -> None:
    """Spec B 2.4: candidates within 10 s that do not overlap, each as likely."""
    crop = Crop(seconds=0.1, count=1, rule="near", of="anchor", within=0.2)
    anchors, lengths = np.full(30_000, 150), np.full(30_000, 2000)
    starts = crop.tied(anchors, lengths, sample_rate=RATE, generator=generator_for(0, "near"))
    counts = np.bincount(starts, minlength=351)
    possible = np.r_[0:51, 250:351]
    assert counts[np.setdiff1d(np.arange(len(counts)), possible)].sum() == 0
    assert counts[possible].min() > 30_000 / len(possible) * 0.6


def test_crops_are_tied_to_those_of_another_view(library: Library) -> None:
    rows = np.arange(6)
    anchor = seen(Crop(seconds=0.2, count=1), library, rows)
    tied = Crop(seconds=0.2, count=1, rule="same", of="anchor")
    x, who = seen(tied, library, rows, seed=4, views={"anchor": anchor[1]})
    assert torch.equal(x, anchor[0])
    assert torch.equal(who.ids["start"], anchor[1].ids["start"])
    with pytest.raises(RecipeError, match="count"):
        seen(Crop(seconds=0.2, count=2, rule="same", of="anchor"), library, rows, views={"anchor": anchor[1]})


def test_the_group_and_whether_labels_may_be_seen_come_from_the_sampler(library: Library) -> None:
    drawn = Drawn(rows=np.array([3, 1]), group=np.array([7, 7]), labelled=np.array([True, False]))
    chance = Chance(own=generator_for(0, "own"), shared=generator_for(0, "shared"))
    _, who = Crop(seconds=0.1, count=2).take(library, drawn, chance, {})
    assert who.ids["group"].tolist() == [7] * 4
    assert who.ids["labelled"].tolist() == [1, 0, 1, 0]
