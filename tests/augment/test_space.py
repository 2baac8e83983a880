import math
import statistics

import pytest
import torch

from contramuse.augment.space import Delay, Reverb
from contramuse.errors import RecipeError
from signals import LONG, RATE, clicks, decibels, music, noise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("milliseconds", [1.0, 200.0, 333.3, 450.0])
def test_delay_is_in_milliseconds(milliseconds: float) -> None:
    delay = Delay(sample_rate=RATE, milliseconds=(milliseconds, milliseconds), volume=(0.4, 0.4))
    y = delay.apply(clicks([1000]), delay.draw(1, seeded()))[0, 0]
    place = 1000 + round(milliseconds * RATE / 1000)
    assert y.nonzero().flatten().tolist() == [1000, place]
    assert y[1000] == 1.0
    assert y[place].item() == pytest.approx(0.4)


def test_echoes_follow_one_another() -> None:
    delay = Delay(
        sample_rate=1000, milliseconds=(10.0, 10.0), volume=(0.8, 0.8), repeats=(3, 3), attenuation=(0.5, 0.5)
    )
    y = delay.apply(clicks([5], 60), delay.draw(1, seeded()))[0, 0]
    assert y[[5, 15, 25, 35, 45]].tolist() == pytest.approx([1.0, 0.8, 0.4, 0.2, 0.0])


def test_delays_on_a_grid() -> None:
    delay = Delay(sample_rate=20_000, milliseconds=(200.0, 450.0), step=50.0).draw(2000, seeded())["delay"]
    assert sorted(set(delay.tolist())) == [4000, 5000, 6000, 7000, 8000, 9000]


def test_no_volume_and_no_wet_change_nothing() -> None:
    x = noise(2)
    delay, reverb = Delay(sample_rate=RATE, volume=(0.0, 0.0)), Reverb(sample_rate=RATE, wet=0.0)
    assert torch.equal(delay.apply(x, delay.draw(2, seeded())), x)
    torch.testing.assert_close(reverb.apply(x, reverb.draw(2, seeded())), x, atol=1e-6, rtol=0)


def reverb(reverberance: float, damping: float, room: float, seconds: float = 2.5) -> Reverb:
    return Reverb(
        sample_rate=RATE,
        reverberance=(reverberance, reverberance),
        damping=(damping, damping),
        room=(room, room),
        seconds=seconds,
    )


def decay_seconds(tail: torch.Tensor) -> float:
    """Time to -60 dB, from -5 to -25 dB of Schroeder's backward integral."""
    energy = tail.double().square().flip(0).cumsum(0).flip(0)
    level = 10 * torch.log10(energy / energy[0] + 1e-12)
    first, last = (level > -5).sum().item(), (level > -25).sum().item()
    return (last - first) / RATE * 3


@pytest.mark.parametrize(("reverberance", "room"), [(30.0, 50.0), (50.0, 50.0), (60.0, 100.0)])
def test_reverb_decays_as_its_settings_say(reverberance: float, room: float) -> None:
    augmentation = reverb(reverberance, 50.0, room)
    params = augmentation.draw(12, seeded())
    y = augmentation.apply(clicks([0]).repeat(12, 1, 1), params)[:, 0]
    comb = 0.031 * (0.1 + 0.9 * room / 100)
    feedback = 1 - 0.7 ** (1 - reverberance / 100) * 0.02 ** (reverberance / 100)
    expected = -3 * comb / math.log10(feedback)
    assert params["decay_low"].tolist() == pytest.approx([expected] * 12, rel=1e-4)
    spectrum = torch.fft.rfft(y[:, 1:])
    spectrum[:, round(1500 * LONG / RATE) :] = 0
    tails = torch.fft.irfft(spectrum)[:, round(comb * RATE) + 50 :]
    assert statistics.median(decay_seconds(tail) for tail in tails) == pytest.approx(expected, rel=0.05)


def test_damping_shortens_the_high_frequencies() -> None:
    def high(damping: float) -> float:
        augmentation = reverb(60.0, damping, 100.0)
        y = augmentation.apply(clicks([0]), augmentation.draw(1, seeded()))[0, 0, 1:]
        spectrum = torch.fft.rfft(y)
        spectrum[: round(5000 * LONG / RATE)] = 0
        return decay_seconds(torch.fft.irfft(spectrum)[1000:])

    assert high(100.0) < 0.7 * high(0.0)


def test_reverb_starts_late_and_has_the_level_of_its_feedback() -> None:
    augmentation = reverb(50.0, 50.0, 100.0)
    y = augmentation.apply(clicks([0]), augmentation.draw(1, seeded()))[0, 0]
    start = round(0.031 * RATE)
    assert y[0].item() == pytest.approx(1.0, abs=1e-4)
    assert y[1 : start - 1].abs().max() < 1e-5
    feedback = 1 - math.sqrt(0.7 * 0.02)
    assert y[1:].square().sum().sqrt().item() == pytest.approx(0.015 * math.sqrt(8 / (1 - feedback**2)), rel=1e-3)


def test_reverb_is_the_convolution_with_its_impulse_response() -> None:
    augmentation, x = reverb(50.0, 50.0, 50.0, seconds=0.1), music(1, 6000)
    params = augmentation.draw(1, seeded())
    tail = augmentation.impulse(params, round(0.1 * RATE))[0].double()
    slow = x[0, 0].double().clone()
    for i in tail.nonzero().flatten().tolist():
        slow[i:] += tail[i] * x[0, 0, : 6000 - i].double()
    torch.testing.assert_close(augmentation.apply(x, params)[0, 0], slow.float(), atol=1e-5, rtol=1e-4)


def test_later_sound_does_not_come_before_earlier_sound() -> None:
    augmentation = reverb(90.0, 0.0, 100.0, seconds=0.75)
    x = torch.zeros(1, 1, LONG)
    x[..., -5000:] = noise(1, 5000)
    y = augmentation.apply(x, augmentation.draw(1, seeded()))
    assert y[..., : LONG - 5000].abs().max() < 1e-5
    assert decibels(y, x) > 0


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^attenuation.*1\.2"):
        Delay(sample_rate=RATE, attenuation=(0.8, 1.2))
    with pytest.raises(RecipeError, match=r"^room.*101"):
        Reverb(sample_rate=RATE, room=(0.0, 101.0))
