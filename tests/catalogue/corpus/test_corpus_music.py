"""Styles, plans and notes: what the tables promise and what the composer keeps."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.corpus.compose import Song, compose
from contramuse.catalogue.corpus.instruments import DRUMS, INSTRUMENTS, KITS
from contramuse.catalogue.corpus.patterns import STEPS, Clock, Hit, read
from contramuse.catalogue.corpus.plan import plan_artists, plan_corpus
from contramuse.catalogue.corpus.styles import STYLES
from contramuse.catalogue.corpus.theory import SCALES, Chord, key_name, voicing

PLANS = plan_corpus(tracks=240, seconds=30.0, seed=0)


def test_the_tables_are_rich_enough() -> None:
    assert len(STYLES) >= 10
    assert len({one.program for one in INSTRUMENTS.values()}) >= 24
    assert len(KITS) >= 4
    assert {style.metre for style in STYLES.values()} == {"4/4", "3/4", "6/8"}


@pytest.mark.parametrize("name", list(STYLES))
def test_a_style_is_written_without_mistakes(name: str) -> None:
    style = STYLES[name]
    steps = STEPS[style.metre]
    assert set(style.modes) <= set(SCALES)
    assert style.tempo[1] / style.tempo[0] > 1.4
    for role in style.roles.values():
        assert set(role.instruments) <= set(INSTRUMENTS)
        assert role.patterns or role.kind in ("pad", "counter")
        for pattern in role.patterns:
            assert len(pattern) == steps
            allowed = {"bass": "R358a.-", "arpeggio": "1234.-"}.get(role.kind, "Xxo.-")
            assert set(pattern) <= set(allowed)
    for groove in style.drums:
        assert set(groove) <= set(DRUMS)
        assert all(len(pattern) == steps and set(pattern) <= set("Xxo.") for pattern in groove.values())
    assert bool(style.drums) == (style.kits is not None)
    assert set(style.kits or {}) <= set(KITS)
    for progression in style.major + style.minor:
        assert all(1 <= int(degree) <= 7 for degree in progression.split())


def test_no_two_styles_share_a_groove_or_a_bass_line() -> None:
    for attribute in ("drums", "bass"):
        seen = Counter(
            repr([dict(sorted(groove.items())) for groove in style.drums]) if attribute == "drums"
            else repr((style.metre, style.roles["bass"].patterns))
            for style in STYLES.values()
            if attribute == "bass" or style.drums
        )  # fmt: skip
        assert max(seen.values()) == 1


def test_every_instrument_is_played_by_some_style_and_many_by_several() -> None:
    players = Counter(
        name
        for style in STYLES.values()
        for name in {name for role in style.roles.values() for name in role.instruments}
    )
    assert set(players) == set(INSTRUMENTS)
    assert sum(count >= 2 for count in players.values()) >= 0.7 * len(players)


def test_patterns_are_read_with_lengths_and_gaps() -> None:
    assert read("X-.x....") == (Hit(0, 2, 3, "X"), Hit(3, 1, 5, "x"))
    assert read("--x.") == (Hit(2, 1, 2, "x"),)
    assert read("....") == ()


def test_the_clock_swings_only_the_second_half_of_a_unit() -> None:
    straight = Clock(metre="4/4", tempo=120, swing=0.5, unit=4)
    swung = Clock(metre="4/4", tempo=120, swing=2 / 3, unit=4)
    assert straight.bar == pytest.approx(2.0)
    assert [straight.time(1, step) for step in (0, 2, 4)] == pytest.approx([2.0, 2.25, 2.5])
    assert [swung.time(0, step) for step in (0, 2, 4, 6)] == pytest.approx([0, 1 / 3, 0.5, 0.5 + 1 / 3])
    assert Clock(metre="6/8", tempo=60, swing=0.5, unit=4).bar == pytest.approx(2.0)


@given(root=st.integers(0, 6), tonic=st.integers(0, 11), mode=st.sampled_from(sorted(SCALES)), size=st.integers(2, 5))
def test_a_voicing_holds_the_chord_close_to_its_centre(root: int, tonic: int, mode: str, size: int) -> None:
    keys = voicing(Chord(root=root, size=size), tonic=tonic, mode=mode, centre=60)
    scale = {(tonic + step) % 12 for step in SCALES[mode]}
    assert {key % 12 for key in keys} <= scale
    assert (tonic + SCALES[mode][root]) % 12 in {key % 12 for key in keys}
    assert all(abs(key - 60) <= 6 for key in keys)


def test_plans_do_not_depend_on_how_many_follow() -> None:
    assert plan_corpus(tracks=40, seconds=30.0, seed=0) == PLANS[:40]
    assert plan_corpus(tracks=40, seconds=30.0, seed=1) != PLANS[:40]


def test_styles_keys_and_artists_are_balanced() -> None:
    styles = Counter(plan.style for plan in PLANS)
    assert len(styles) == len(STYLES)
    assert min(styles.values()) >= 12
    assert max(Counter(plan.tonic for plan in PLANS).values()) == 20
    artists = plan_artists(528, seed=0)
    assert len({artist.name for artist in artists}) == 528
    assert all(artist.styles[0] != artist.styles[1] for artist in artists)
    assert all(len({p.artist for p in PLANS if p.style == style}) >= 3 for style in STYLES)


def test_an_artist_has_a_sound_of_its_own() -> None:
    by_artist: dict[str, list[float]] = {}
    for plan in PLANS:
        by_artist.setdefault(plan.artist, []).append(plan.room)
    within = np.mean([np.std(rooms) for rooms in by_artist.values()])
    assert within < 0.3 * np.std([plan.room for plan in PLANS])


def test_factors_are_independent_enough_to_be_told_apart() -> None:
    """Key and energy do not tell the style; tempo and mode leave most of their variance within the styles."""
    style = np.array([plan.style for plan in PLANS])

    def explained(values: np.ndarray) -> float:
        means = {name: values[style == name].mean() for name in STYLES}
        return float(np.var([means[name] for name in style]) / values.var())

    assert explained(np.array([plan.tonic for plan in PLANS], float)) < 0.12
    assert explained(np.array([plan.energy for plan in PLANS])) < 0.25
    assert explained(np.array([SCALES[plan.mode][2] for plan in PLANS], float)) < 0.30
    assert explained(np.log([plan.tempo for plan in PLANS])) < 0.65


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    """Every sixth track: all styles among them."""
    return [compose(plan) for plan in PLANS[::6]]


def test_composing_twice_gives_the_same_notes(songs: list[Song]) -> None:
    assert [compose(song.plan).parts for song in songs[:5]] == [song.parts for song in songs[:5]]


def test_notes_stay_in_the_key_in_range_and_in_time(songs: list[Song]) -> None:
    for song in songs:
        scale = {(song.plan.tonic + step) % 12 for step in SCALES[song.plan.mode]}
        end = song.form.bars * song.clock.bar
        for part in song.parts:
            assert all(0 <= note.start < end + 0.1 and note.seconds > 0 for note in part.notes)
            assert all(1 <= note.velocity <= 127 for note in part.notes)
            if part.instrument in KITS:
                continue
            outside = sum(note.key % 12 not in scale for note in part.notes)
            # Bass lines approach a chord by half a tone; power chords have a pure fifth; nothing else leaves the key.
            assert outside <= (0.35 * len(part.notes) if part.stem == "bass" else 0), (song.plan.style, part.player)
            assert all(20 <= note.key <= 108 for note in part.notes)


def test_the_form_fills_the_time_with_contrast_and_ends_on_the_tonic(songs: list[Song]) -> None:
    for song in songs:
        sections = song.form.sections
        assert sections[0].kind == "intro"
        assert sections[-1].kind == "end"
        assert [s.first for s in sections[1:]] == [s.first + s.bars for s in sections[:-1]]
        assert sections[-1].first + 1 == song.form.bars
        assert len({section.players for section in sections}) >= 2
        assert song.form.chords[-1].root == 0
        assert abs(song.form.bars * song.clock.bar - song.plan.seconds) < song.clock.bar


@settings(max_examples=25, deadline=None)
@given(seconds=st.sampled_from([5.0, 12.0, 47.0, 200.0]), number=st.integers(0, 11), seed=st.integers(0, 5))
def test_any_length_gives_a_whole_arrangement(seconds: float, number: int, seed: int) -> None:
    plan = plan_corpus(tracks=96, seconds=seconds, seed=seed)[8 * number]
    song = compose(plan)
    starts = [note.start for part in song.parts for note in part.notes]
    assert min(starts) < max(1.0, song.clock.bar)
    assert max(starts) > seconds - 2.1 * song.clock.bar
    assert song.form.sections[0].kind == "intro"


def test_key_names() -> None:
    assert key_name(3, "dorian") == "Eb minor"
    assert key_name(0, "mixolydian") == "C major"
