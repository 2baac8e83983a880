import pytest
import torch

from contramuse.augment.chorus import Chorus
from contramuse.errors import RecipeError
from signals import LONG, RATE, clicks, music


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_depth_it_is_one_echo() -> None:
    chorus = Chorus(sample_rate=RATE, depth=(0.0, 0.0), mix=(0.4, 0.4), milliseconds=10.0)
    y = chorus.apply(clicks([1000]), chorus.draw(1, seeded()))[0, 0]
    assert y[1000].item() == pytest.approx(0.6)
    assert y[1220:1222].tolist() == pytest.approx([0.2, 0.2], abs=1e-4)  # at 220.5 samples


def test_the_delay_is_that_of_a_loop() -> None:
    x, chorus = music(3), Chorus(sample_rate=RATE, rate=(5.0, 5.0), depth=(1.0, 1.0), mix=(1.0, 1.0))
    params = chorus.draw(3, seeded())
    y = chorus.apply(x, params)
    for row in range(3):
        for t in range(500, LONG, 997):
            swing = torch.sin(2 * torch.pi * params["rate"][row] * t / RATE + params["phase"][row])
            delay = max(1.0, 7.0 + 10.0 * float(swing)) * RATE / 1000
            whole, part = int(t - delay // 1), delay % 1
            expected = (1 - part) * x[row, 0, whole] + part * x[row, 0, whole - 1]
            assert y[row, 0, t].item() == pytest.approx(float(expected), abs=3e-3)


def test_rows_swing_apart() -> None:
    assert Chorus(sample_rate=RATE).draw(50, seeded())["phase"].std() > 1


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^depth"):
        Chorus(sample_rate=RATE, depth=(0.0, 2.0))
