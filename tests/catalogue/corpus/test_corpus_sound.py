"""Rendering, mixing and the truth that is measured on the sound."""

from pathlib import Path

import numpy as np
import pytest

from contramuse.catalogue.corpus import render
from contramuse.catalogue.corpus.compose import Note, Part, compose
from contramuse.catalogue.corpus.mix import STEMS, mix
from contramuse.catalogue.corpus.plan import plan_corpus
from contramuse.catalogue.corpus.playlists import playlists
from contramuse.catalogue.corpus.render import CachedTones, default_soundfont, render_part
from contramuse.catalogue.corpus.soundfont import SoundFont
from contramuse.catalogue.corpus.truth import AROUSAL, VALENCE, Truth, causes, mood, truth
from contramuse.catalogue.corpus.write import make_track
from contramuse.errors import MissingDependencyError

RATE = 22050
PLANS = plan_corpus(tracks=96, seconds=12.0, seed=3)


class Steady:
    """Another synthesizer: a constant, so that levels can be read off."""

    def tone(self, program: int, *, key: int, bank: int, velocity: int, seconds: float, sample_rate: int) -> np.ndarray:
        return np.ones(round(seconds * sample_rate), np.float32)


def part(notes: tuple[Note, ...], instrument: str = "piano") -> Part:
    return Part(player="keys", instrument=instrument, stem="other", level=0.0, notes=notes)


def test_velocity_is_squared_and_a_release_falls_by_60_db() -> None:
    sound = render_part(part((Note(0.5, 1.0, 60, 64),)), Steady(), seconds=3.0, sample_rate=1000)
    assert not sound[:500].any()
    assert sound[500:1500] == pytest.approx((64 / 127) ** 2)
    # A piano's release lasts 0.4 s: half of it is 30 dB.
    assert 20 * np.log10(sound[1700] / sound[1499]) == pytest.approx(-30, abs=0.5)
    assert not sound[1900:].any()


def test_notes_add_up_and_are_cut_at_the_end() -> None:
    notes = (Note(0.0, 5.0, 60, 127), Note(0.0, 5.0, 64, 127), Note(9.0, 1.0, 64, 127))
    assert render_part(part(notes), Steady(), seconds=2.0, sample_rate=100) == pytest.approx(2.0)


def test_a_closed_hat_silences_an_open_one() -> None:
    notes = (Note(0.0, 0.1, 46, 127), Note(0.5, 0.1, 42, 127))
    sound = render_part(part(notes, "standard kit"), Steady(), seconds=4.0, sample_rate=1000)
    assert sound[250] == 1
    assert sound[1000] == 1
    assert sound[2600] == 0


def test_soft_tones_are_darker_and_caching_changes_nothing(soundfont: Path) -> None:
    tones = CachedTones(SoundFont(soundfont), samples=1)
    asked = {"key": 84, "bank": 0, "seconds": 0.5, "sample_rate": RATE}
    soft, loud = tones.tone(0, velocity=40, **asked), tones.tone(0, velocity=120, **asked)
    assert soft.std() < loud.std()
    assert np.array_equal(soft, CachedTones(SoundFont(soundfont)).tone(0, velocity=40, **asked))
    assert np.array_equal(soft, tones.tone(0, velocity=40, **asked))


def test_without_pretty_midi_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"contramuse\[corpus\].*--soundfont"):
        default_soundfont()


def test_stems_sum_to_the_mix_without_clipping_or_silence(soundfont: Path) -> None:
    tones = CachedTones(SoundFont(soundfont))
    for plan in PLANS[::12]:
        mixed, found = make_track(plan, tones, sample_rate=RATE)
        assert mixed.stereo.shape == (2, 12 * RATE)
        assert mixed.stereo.dtype == np.float32
        assert set(mixed.stems) == set(STEMS)
        total = np.sum([wave.astype(np.float64) for wave in mixed.stems.values()], axis=0)
        assert np.abs(total - mixed.stereo.mean(0)).max() < 0.5 / 32768
        # Stems are whole 16-bit numbers, so a 16-bit file keeps them.
        assert all(np.array_equal(wave * 32768, np.round(wave * 32768)) for wave in mixed.stems.values())
        assert 0.05 < np.abs(mixed.stereo).max() < 0.82
        frames = mixed.stereo.mean(0)[: 11 * RATE].reshape(11, -1)
        assert (frames.std(1) > 1e-3).all()
        assert abs(mixed.stereo[:, -1]).max() < 1e-3
        assert (found.stems["vocals"] == -np.inf) == (not mixed.stems["vocals"].any())


def test_the_same_track_sounds_the_same_whatever_was_rendered_before(soundfont: Path) -> None:
    used = CachedTones(SoundFont(soundfont))
    make_track(PLANS[4], used, sample_rate=RATE)
    first, _ = make_track(PLANS[5], used, sample_rate=RATE)
    again, _ = make_track(PLANS[5], CachedTones(SoundFont(soundfont)), sample_rate=RATE)
    assert np.array_equal(first.stereo, again.stereo)


def test_only_audible_instruments_are_in_the_truth() -> None:
    song = compose(next(plan for plan in PLANS if plan.style == "ballad" and len(plan.players) >= 4))
    length = 12 * RATE
    noise = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    quiet = np.zeros(length, np.float32)
    quiet[:100] = noise[:100]  # 5 ms of it
    sounds = {one.player: quiet if i == 0 else noise for i, one in enumerate(song.parts)}
    mixed = mix(song, sounds, sample_rate=RATE)
    assert mixed.shares[song.parts[0].player] < 0.05
    assert all(mixed.shares[one.player] > 0.9 for one in song.parts[1:])


def test_the_mood_is_the_weighted_mean_of_its_causes() -> None:
    assert sum(AROUSAL.values()) == pytest.approx(1)
    assert sum(VALENCE.values()) == pytest.approx(1)
    names = set(AROUSAL) | set(VALENCE)
    assert mood(AROUSAL, dict.fromkeys(names, 0.0)) == -1
    assert mood(VALENCE, dict.fromkeys(names, 1.0)) == 1
    assert mood(AROUSAL, dict.fromkeys(names, 0.0) | {"tempo": 1.0}) == pytest.approx(2 * AROUSAL["tempo"] - 1)


def test_each_cause_moves_as_it_is_described(soundfont: Path) -> None:
    song = compose(PLANS[0])
    tones = CachedTones(SoundFont(soundfont))
    mixed, found = make_track(PLANS[0], tones, sample_rate=RATE)
    reasons = causes(song, mixed)
    assert found.causes == reasons
    assert all(0 <= value <= 1 for value in reasons.values())
    loudness = 20 * np.log10(np.sqrt(np.mean(mixed.stereo.astype(np.float64) ** 2)))
    assert reasons["loudness"] == pytest.approx(np.clip((loudness + 26) / 13, 0, 1), abs=1e-3)
    assert reasons["tempo"] == pytest.approx(min(1, np.log(song.plan.tempo / 55) / np.log(180 / 55)))
    assert found == truth(song, mixed)
    assert {"major", "minor"} & set(found.tags)
    assert ("vocal" in found.tags) != ("instrumental" in found.tags)


def test_playlists_hold_neighbours_and_not_too_much_of_one_artist() -> None:
    rng = np.random.default_rng(0)
    truths = [
        Truth(genre="ab"[i % 2], instruments=(), tags=(), key="C major", tempo=float(rng.uniform(60, 180)),
              arousal=float(rng.uniform(-1, 1)), valence=float(rng.uniform(-1, 1)), causes={}, stems={})
        for i in range(96)
    ]  # fmt: skip
    artists = [str(i // 8) for i in range(96)]
    lists = playlists(truths, artists, seed=0)
    assert lists == playlists(truths, artists, seed=0)
    assert len({one.id for one in lists}) == len(lists) == 12
    spread = np.std([t.arousal for t in truths])
    for one in lists:
        assert len(set(one.tracks)) == len(one.tracks) == 12
        assert max(sum(artists[i] == name for i in one.tracks) for name in set(artists)) <= 3
        assert np.std([truths[i].arousal for i in one.tracks]) < spread
    assert len({i for one in lists for i in one.tracks}) > 0.6 * 96
