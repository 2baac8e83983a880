"""Equaliser and band shift: what they do to log-mels of signals."""

import math

import numpy as np
import pytest
import torch

from contramuse.audio.frontend import LogMel
from contramuse.augment import AUGMENTATIONS
from contramuse.augment.spectral import BandShift, Equalise, TimeWarp


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("unit", "decibel"), [("log", math.log(10) / 10), ("db", 1.0)])
def test_without_waves_the_equaliser_is_a_gain(unit, decibel):
    augmentation = Equalise(decibels=6.0, waves=0, unit=unit)
    x = torch.randn(4, 32, 20, generator=seeded(1))
    params = augmentation.draw(4, seeded())
    change = augmentation.apply(x, params) - x
    assert torch.allclose(change, (params["amplitudes"] * decibel)[:, :, None].expand_as(x), atol=1e-5)


def test_a_gain_of_the_waveform_is_that_of_the_equaliser():
    frontend = LogMel(sample_rate=22050, floor=1e-10)
    x = torch.randn(1, 1, 22050, generator=seeded(2))
    louder = frontend(x * 10 ** (6 / 20))
    augmentation = Equalise(decibels=1.0, waves=0)
    params = {"active": torch.ones(1, dtype=torch.bool), "amplitudes": torch.tensor([[6.0]])}
    assert torch.allclose(augmentation.apply(frontend(x), params), louder, atol=1e-3)


def test_the_curve_is_smooth_the_same_in_every_frame_and_as_large_as_said():
    augmentation = Equalise(decibels=4.0, waves=3, unit="db")
    curves = augmentation.apply(torch.zeros(4000, 64, 2), augmentation.draw(4000, seeded()))
    assert torch.equal(curves[:, :, 0], curves[:, :, 1])
    assert curves[:, :, 0].diff(dim=1).abs().mean() < 0.5
    level = curves[:, :, 0].mean(1)
    assert float(level.std()) == pytest.approx(4.0, rel=0.06)


def test_bands_move_and_the_outermost_is_repeated():
    x = torch.arange(8.0)[None, :, None].expand(2, 8, 3).contiguous()
    params = {"active": torch.ones(2, dtype=torch.bool), "bands": torch.tensor([2, -3])}
    moved = BandShift(bands=(-3, 3)).apply(x, params)
    assert moved[0, :, 0].tolist() == [0, 0, 0, 1, 2, 3, 4, 5]
    assert moved[1, :, 0].tolist() == [3, 4, 5, 6, 7, 7, 7, 7]


def test_a_tone_moves_by_the_drawn_bands():
    frontend = LogMel(sample_rate=22050)
    tone = torch.sin(2 * torch.pi * 2000 * torch.arange(22050) / 22050)[None, None]
    features = frontend(tone.repeat(50, 1, 1))
    augmentation = BandShift(bands=(-4, 4))
    params = augmentation.draw(50, seeded())
    peaks = augmentation.apply(features, params).mean(2).argmax(1)
    assert torch.equal(peaks - features.mean(2).argmax(1), params["bands"])
    assert set(params["bands"].tolist()) == set(range(-4, 5))


@pytest.mark.parametrize("kind", ["equalise", "band_shift"])
def test_they_work_on_features(kind):
    assert AUGMENTATIONS[kind].stage == "features"


@pytest.mark.parametrize(("fill", "value"), [("min", -7.0), ("zero", 0.0)])
def test_what_moves_in_is_silent_or_zero(fill, value):
    x = torch.arange(8.0)[None, :, None].expand(2, 8, 3) - 7
    params = {"active": torch.ones(2, dtype=torch.bool), "bands": torch.tensor([2, -3])}
    moved = BandShift(bands=(-3, 3), fill=fill).apply(x, params)
    assert moved[0, :, 0].tolist() == [value, value, -7, -6, -5, -4, -3, -2]
    assert moved[1, :, 0].tolist() == [-4, -3, -2, -1, 0, value, value, value]


@pytest.mark.parametrize("frames", [98, 61, 5])
def test_a_warp_is_two_interpolations(frames):
    x = torch.randn(40, 3, frames, generator=seeded(3))
    warp = TimeWarp(cut=(0.2, 0.9))
    params = warp.draw(40, seeded())
    y, half = warp.apply(x, params), frames // 2
    for row in range(40):
        cut = min(int(params["cut"][row] * frames), frames - 2)
        places = np.concatenate([np.linspace(0, cut, half), np.linspace(cut + 1, frames - 1, frames - half)])
        for band in range(3):
            expected = np.interp(places, np.arange(frames), x[row, band].numpy())
            np.testing.assert_allclose(y[row, band].numpy(), expected, atol=2e-4)


def test_few_frames_stay_as_they_are():
    x = torch.randn(2, 3, 3)
    assert torch.equal(TimeWarp().apply(x, TimeWarp().draw(2, seeded())), x)
