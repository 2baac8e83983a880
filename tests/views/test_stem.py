import numpy as np
import pytest
import torch

from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError, RecipeError
from contramuse.rows import Rows
from contramuse.sampling import Drawn, generator_for
from contramuse.views import Chance, Crop, Stem
from minilibrary import write_library

RATE = 1000
STEMS = ("bass", "drums")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    root = tmp_path_factory.mktemp("library")
    return write_library(root, tracks=12, seconds=4.0, sample_rate=RATE, stems="bass drums")


def seen(stem: Stem, library: Library, rows: np.ndarray, *, number: int = 0, process: int = 0, views=None):
    chance = Chance(own=generator_for(0, number, process), shared=generator_for(0, "shared", number))
    return stem.take(library, Drawn.alone(rows), chance, views or {})


def test_one_source_for_a_whole_batch_in_every_process(library: Library) -> None:
    """Spec B 3.4: every batch has one source only, so the kind of source is no shortcut."""
    stem, rows, found = Stem(seconds=0.5, stems=STEMS), np.arange(1, 12), set()
    for number in range(20):
        sources = [seen(stem, library, rows, number=number, process=p)[1].ids["source"] for p in (0, 1)]
        assert torch.equal(*sources)
        assert len(sources[0].unique()) == 1
        found.add(int(sources[0][0]))
    assert found == {0, 1}
    _, who = seen(Stem(seconds=0.5, stems=STEMS, per="row"), library, np.arange(1, 12).repeat(5))
    assert len(who.ids["source"].unique()) == 2


def test_active_stretches_are_heard(library: Library) -> None:
    stem = Stem(seconds=0.5, stems=("bass",))
    x, who = seen(stem, library, np.arange(12).repeat(20))
    assert who.silent.tolist() == (who.ids["track"] == 0).tolist()  # the first track has no such stem
    level = x.float().abs().mean((1, 2)) / 32768
    assert (level[~who.silent] > 0.01).all()
    assert (x[who.silent] == 0).all()
    assert (who.ids["start"] < 2000).all()  # the second half is silent


@pytest.mark.parametrize("when", ["any", "either"])
def test_a_source_is_absent_exactly_where_its_own_window_is_silent(library: Library, when: str) -> None:
    for number in range(6):
        x, who = seen(Stem(seconds=0.5, stems=("bass",), when=when), library, np.arange(12).repeat(20), number=number)
        level = x.float().abs().mean((1, 2)) / 32768
        assert torch.equal(who.silent, level <= 0.01)


def test_either_takes_both_kinds_of_batches(library: Library) -> None:
    stem, kinds = Stem(seconds=0.5, stems=("bass",), when="either"), set()
    for number in range(20):
        _, who = seen(stem, library, np.arange(1, 12).repeat(10), number=number)
        kinds.add(bool(who.silent.any()))
    assert kinds == {True, False}


def test_stretches_beside_another_view(library: Library) -> None:
    rows = np.arange(1, 12)
    chance = Chance(own=generator_for(1, "own"), shared=generator_for(1, "shared"))
    _, mix = Crop(seconds=0.5, count=1).take(library, Drawn.alone(rows), chance, {})
    same = Stem(seconds=0.5, stems=("bass",), when="any", of="mix")
    assert torch.equal(seen(same, library, rows, views={"mix": mix})[1].ids["start"], mix.ids["start"])
    around = Stem(seconds=0.5, stems=("bass",), when="any", of="mix", rule="around", within=0.2)
    _, who = seen(around, library, rows, views={"mix": mix})
    assert ((who.ids["start"] - mix.ids["start"]).abs() <= 200).all()
    assert not torch.equal(who.ids["start"], mix.ids["start"])


def test_tracks_without_any_of_the_stems_are_left_out(library: Library) -> None:
    usable = Stem(seconds=0.5, stems=STEMS).usable(library, np.arange(12))
    assert usable.tolist() == [False] + [True] * 11


def test_a_stem_that_no_track_has(library: Library) -> None:
    with pytest.raises(LibraryError, match="vocals"):
        Stem(seconds=0.5, stems=("vocals",)).usable(library, np.arange(12))


@pytest.mark.parametrize(
    ("wrong", "name"), [({"stems": ()}, "stems"), ({"seconds": 0.0}, "seconds"), ({"of": "mix"}, "when")]
)
def test_wrong_settings(wrong: dict, name: str) -> None:
    with pytest.raises(RecipeError, match=f"^{name}: "):
        Stem(**{"seconds": 0.5, "stems": ("bass",), **wrong})


def test_rows_say_who_they_are(library: Library) -> None:
    _, who = seen(Stem(seconds=0.5, stems=("bass",)), library, np.array([4, 2]))
    assert isinstance(who, Rows)
    assert who.ids["track"].tolist() == who.ids["group"].tolist() == [4, 2]
