"""Published chains and effects: each test is named after the section that it checks."""

import pytest
import torch

from contramuse.augment import AUGMENTATIONS, CORRUPTIONS, PRESETS, Chain
from contramuse.augment.mix import FeatureMixup
from signals import RATE, decibels, music, peak_hz, tone


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def applied(chain: tuple, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    whole = Chain(chain)
    return whole.apply(x, whole.draw(len(x), seeded(seed)))


def test_a_1_11_clmr_v1_has_no_noise_and_quieter_echoes() -> None:
    chain = PRESETS["clmr_v1"](RATE)
    assert [type(one).__name__ for one in chain] == ["Polarity", "Gain", "Filter", "Delay", "PitchShift", "Reverb"]
    assert [one.p for one in chain] == [0.8, 0.3, 0.8, 0.3, 0.6, 0.6]
    params = Chain(chain).draw(5000, seeded())
    torch.testing.assert_close(params["3.volume"], torch.full((5000,), 0.2))
    assert (1200 * params["4.ratio"].log2()).abs().max().item() == pytest.approx(700, abs=5)


@pytest.mark.parametrize(
    ("severity", "snr", "semitones", "p"),
    [
        (1, (6, 60), 2, 0.4),
        (2, (3, 30), 4, 0.8),
        (3, (2, 20), 6, 1.0),
        (4, (1.5, 15), 8, 1.0),
        (5, (1.2, 12), 10, 1.0),
    ],
)
def test_a_2_5_severities(severity: float, snr: tuple, semitones: float, p: float) -> None:
    (whole,) = PRESETS["semisupcon"](RATE, severity=severity)
    by_name = {type(one).__name__: one for one in whole.augmentations}
    assert whole.p == pytest.approx(p)
    assert by_name["ColoredNoise"].snr == pytest.approx(snr)
    assert by_name["PitchShift"].semitones == pytest.approx((-semitones, semitones))


def test_a_2_5_the_nine_corruptions_have_fixed_parameters() -> None:
    built = {name: PRESETS["corruption"](RATE, name=name) for name in CORRUPTIONS}
    assert len(built) == 9
    assert all(one.p == 1.0 for chain in built.values() for one in chain)
    expected = {
        "time_stretch": {"rate": (0.7, 1.3)},
        "splice": {"count": (8, 8), "milliseconds": (0.0, 100.0)},
        "chorus": {"rate": (5.0, 5.0), "depth": (1.0, 1.0), "mix": (1.0, 1.0)},
        "distortion": {"drive": (9.0, 9.0)},
        "compression": {"threshold": (-30.0, -30.0), "ratio": (5.0, 5.0)},
        "bitcrush": {"bits": (4.0, 4.0)},
        "mp3": {"codec": "mp3", "quality": (9.0, 9.0)},
    }
    for name, settings in expected.items():
        assert {key: getattr(built[name][0], key) for key in settings} == settings


def test_a_2_5_reverb_is_freeverbs_largest_room() -> None:
    """Dry at 6 dB; 60 dB of decay in 3 c / -log10(0.98) = 10.6 s."""
    x = torch.zeros(1, 1, 6 * RATE)
    x[..., 0] = 1.0
    y = applied(PRESETS["corruption"](RATE, name="reverb"), x)
    assert y[0, 0, 0].item() == pytest.approx(2.0, abs=0.01)
    fall = decibels(y[..., RATE : 2 * RATE], y[..., 4 * RATE : 5 * RATE])
    assert fall == pytest.approx(3 * 60 / 10.6, abs=2.5)


def test_b_a_speed_of_1_2_is_528_hertz_and_pitch_of_200_cents_494() -> None:
    """64,000 samples of 440 Hz at 16 kHz, as SoX would with ``rate`` after its effects."""
    x = tone(440.0, 64_000, 16_000)
    speed = AUGMENTATIONS["speed"](sample_rate=16_000, speed=(1.2, 1.2))
    y = speed.apply(x, speed.draw(1, seeded()))
    assert int((y.abs() > 1e-3).nonzero().max()) == pytest.approx(53_333, abs=5)
    assert peak_hz(y[..., :53_000], 16_000) == pytest.approx(528.0, abs=0.2)
    pitch = AUGMENTATIONS["pitch_shift"](sample_rate=16_000, semitones=(2.0, 2.0))
    y = pitch.apply(x, pitch.draw(1, seeded()))
    assert y.shape == x.shape
    assert peak_hz(y, 16_000) == pytest.approx(493.9, abs=0.5)


def test_b_1_6_choi_changes_pitch_and_speed_of_every_row() -> None:
    chain = PRESETS["choi"](16_000)
    params = Chain(chain).draw(4000, seeded())
    cents, speed = 1200 * params["0.ratio"].log2(), params["1.ratio"]
    assert params["0.active"].all()
    assert params["1.active"].all()
    assert (cents.min().item(), cents.max().item()) == pytest.approx((-200, 200), abs=1)
    assert (speed.min().item(), speed.max().item()) == pytest.approx((0.8, 1.2), abs=1e-3)
    x = tone(440.0, 48_000, 16_000).repeat(6, 1, 1)
    y = Chain(chain).apply(x, params | {name: value[:6] for name, value in params.items()})
    for row in range(6):
        # The end of a faster row is mirrored: what comes before is judged.
        hz = peak_hz(y[row, :, :38_000], 16_000)
        assert hz == pytest.approx(440 * float(params["0.ratio"][row] * speed[row]), rel=4e-3)


def test_b_3_4_masks_shift_and_warp() -> None:
    chain = PRESETS["s3t"](fill="zero")
    assert [type(one).__name__ for one in chain] == ["TimeMask", "FrequencyMask", "BandShift", "TimeWarp"]
    assert [one.p for one in chain] == [0.5, 0.5, 0.4, 0.4]
    params = Chain(chain).draw(20_000, seeded())
    for i, stripes, width in ((0, range(1, 10), 9), (1, range(1, 5), 11)):
        assert set(params[f"{i}.count"].tolist()) == set(stripes)
        assert set(params[f"{i}.width"].flatten().tolist()) == set(range(1, width + 1))
    assert set(params["2.bands"].tolist()) == set(range(-9, 0))
    assert set((params["3.cut"] * 98).floor().int().tolist()) == set(range(38, 58))


@pytest.mark.parametrize(("alpha", "mean"), [(7.0, 0.778), (5.0, 0.714)])
def test_b_2_4_mixup_keeps_most_of_the_row(alpha: float, mean: float) -> None:
    mixup = FeatureMixup(alpha=alpha, beta=2.0)
    x = torch.randn(5000, 2, 3, generator=seeded(4))
    params = mixup.draw(5000, seeded())
    weight = params["weight"][:, None, None]
    assert weight.mean().item() == pytest.approx(mean, abs=0.006)
    torch.testing.assert_close(mixup.apply(x, params), weight * x + (1 - weight) * x[params["partner"]])


@pytest.mark.parametrize("name", ["clmr", "clmr_v1", "choi"])
def test_a_1_4_chains_keep_the_length_and_change_rows(name: str) -> None:
    x = music(8, 16_000)
    y = applied(PRESETS[name](RATE), x)
    assert y.shape == x.shape
    assert (y != x).any((1, 2)).sum() >= 7
