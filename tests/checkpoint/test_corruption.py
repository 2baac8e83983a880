"""Corrupted windows: what is written, what is drawn for each window, and what the model makes of it."""

import numpy as np
import pytest
import torch

from contramuse.augment import CORRUPTIONS, PRESETS, Chain
from contramuse.checkpoint.corruption import Corruption
from contramuse.checkpoint.model import load
from contramuse.errors import UserError
from minimodel import make_model

RATE = 22050


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(make_model(tmp_path_factory.mktemp("models") / "model"))


def tracks(count, *, windows=3):
    """Rising tones in a little noise."""
    rng, t = np.random.default_rng(count), np.arange(windows * 33075) / RATE
    chirps = [0.2 * np.sin(2 * np.pi * (200 + 100 * i + 800 * (t % 1.5)) * t) for i in range(count)]
    return {f"track {i}": (x + 0.02 * rng.standard_normal(len(t))).astype(np.float32) for i, x in enumerate(chirps)}


def embedded(model, music, *, corrupt, batch=16):
    corruption = Corruption(corrupt, sample_rate=RATE) if corrupt else None
    names = list(music)
    sources = [lambda samples=samples: iter([samples]) for samples in music.values()]
    found = model.embed_sources(
        sources, hop=1.5, batch=batch, keep="windows", corruption=corruption, identify=lambda index: names[index]
    )
    return {names[result.index]: result.windows for result in found}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_of_the_study_changes_vectors(model, name):
    if name == "mp3":
        pytest.importorskip("av")
    music = tracks(1)
    changed = embedded(model, music, corrupt=[name])["track 0"]
    assert np.isfinite(changed).all()
    assert not np.allclose(changed, embedded(model, music, corrupt=[])["track 0"], atol=1e-4)


def test_a_window_is_corrupted_the_same_way_whatever_the_batch_the_order_and_the_neighbours(model):
    corrupt = ["semisupcon severity=4", "{kind: time_mask, p: 0.5}"]
    music = tracks(5)
    wanted = embedded(model, music, corrupt=corrupt, batch=4)
    backwards = dict(reversed(music.items()))
    for found in (
        embedded(model, music, corrupt=corrupt, batch=1),
        embedded(model, backwards, corrupt=corrupt, batch=7),
        embedded(model, {"track 3": music["track 3"]}, corrupt=corrupt),
    ):
        for name, windows in found.items():
            np.testing.assert_allclose(windows, wanted[name], atol=1e-4)


def test_windows_of_a_track_and_tracks_draw_for_themselves(model):
    same = np.tile(0.1 * np.random.default_rng(0).standard_normal(33075).astype(np.float32), 3)
    found = embedded(model, {"one": same, "other": same}, corrupt=["pitch_shift p=1"])
    rows = np.concatenate([found["one"], found["other"]])
    apart = np.abs(rows[:, None] - rows[None]).max(-1)
    assert (apart[~np.eye(6, dtype=bool)] > 1e-4).all()


def test_what_a_window_gets_is_drawn_from_the_track_and_the_number(model):
    """The same as the frontend and encoder make of the chain's own output, drawn by hand."""
    from contramuse.sampling import generator_for

    music = tracks(2)
    chain = Chain(PRESETS["semisupcon"](RATE, severity=3.0))
    found = embedded(model, music, corrupt=["semisupcon severity=3"])
    for name, samples in music.items():
        for number in range(3):
            x = torch.from_numpy(samples[None, None, number * 33075 : (number + 1) * 33075])
            changed = chain.apply(x, chain.draw(1, generator_for(0, "corruption", name, number)))
            wanted = model.represent(changed)[0].numpy()
            np.testing.assert_allclose(found[name][number], wanted, atol=1e-4)


def test_severity_0_and_a_chance_of_0_change_nothing(model):
    music = tracks(2)
    clean = embedded(model, music, corrupt=[])
    for corrupt in (["semisupcon severity=0"], ["bitcrush p=0", "{kind: time_mask, p: 0}"]):
        for name, windows in embedded(model, music, corrupt=corrupt).items():
            np.testing.assert_array_equal(windows, clean[name])


def test_several_are_applied_in_order(model):
    music = tracks(1, windows=1)
    apart = [
        embedded(model, music, corrupt=order)["track 0"] for order in (["reverse", "reverb"], ["reverb", "reverse"])
    ]
    assert not np.allclose(*apart, atol=1e-4)
    again = embedded(model, music, corrupt=["[reverse, reverb]"])["track 0"]
    np.testing.assert_array_equal(again, apart[0])


def test_a_bare_name_is_the_corruption_of_the_study_and_settings_make_it_the_augmentation():
    assert Corruption(["bitcrush"], sample_rate=RATE).steps == [{"kind": "corruption", "name": "bitcrush"}]
    (step,) = Corruption(["bitcrush bits=[6.0, 7.0]"], sample_rate=RATE).steps
    assert (step["kind"], step["bits"]) == ("bitcrush", [6.0, 7.0])
    assert str(Corruption(["semisupcon severity=3", "mp3"], sample_rate=RATE)) == "semisupcon severity=3.0, mp3"


def test_what_was_stored_can_be_read_again():
    first = Corruption(["clmr", "reverse"], sample_rate=RATE)
    assert Corruption(first.steps, sample_rate=RATE).steps == first.steps


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("mp4", "Did you mean 'mp3'.*time_stretch, splice, reverb, chorus, distortion, compression, reverse, bitcrush"),
        ("", "Corruptions: time_stretch"),
        ("semisupcon severity=9", "between 0 and 8"),
        ("semisupcon severity", "'severity' is no setting"),
        ("semisupcon sever=3", "severity"),
        ("semisupcon severity='", "cannot be read"),
        ("{kind: gain", "cannot be read"),
        ("mixup p=1", "mixes tracks"),
        ("[{kind: feature_mixup}]", "mixes tracks"),
    ],
)
def test_what_cannot_be_applied_is_told(written, told):
    with pytest.raises(UserError, match=told) as caught:
        Corruption([written], sample_rate=RATE)
    assert caught.value.name == "--corrupt"
