import pytest
import torch

from contramuse.augment.mask import FrequencyMask, TimeMask
from contramuse.errors import RecipeError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_stripe_has_its_share() -> None:
    x = torch.rand(400, 40, 100, generator=seeded()) + 1
    time = TimeMask(count=(1, 1), width=(0.1, 0.3), fill="zero")
    hidden = time.apply(x, time.draw(400, seeded())) == 0
    assert (hidden.all(1) == hidden.any(1)).all(), "whole frames"
    width = hidden[:, 0].sum(1)
    assert width.min() == 10
    assert width.max() == 30
    assert width.float().mean().item() == pytest.approx(20, abs=1)
    assert (hidden[:, 0].int().diff(dim=1) == 1).sum(1).max() <= 1, "one stripe"
    assert hidden[:, 0, 0].any()
    assert hidden[:, 0, -1].any()


def test_bands_are_hidden_whole() -> None:
    x = torch.rand(200, 64, 30, generator=seeded()) + 1
    bands = FrequencyMask(count=(2, 2), width=(0.25, 0.25), fill="zero")
    hidden = bands.apply(x, bands.draw(200, seeded())) == 0
    assert (hidden.all(2) == hidden.any(2)).all()
    share = hidden[:, :, 0].float().mean(1)
    assert share.min() >= 0.25
    assert share.max() <= 0.5


@pytest.mark.parametrize("kind", [TimeMask, FrequencyMask])
def test_whole_widths_are_equally_likely(kind: type[TimeMask]) -> None:
    mask = kind(count=(1, 1), width=(1.0, 9.0), unit="whole", fill="zero")
    x = torch.ones(9000, 98, 98) if kind is TimeMask else torch.ones(9000, 64, 1)
    x = x[:, :1] if kind is TimeMask else x
    hidden = (mask.apply(x, mask.draw(9000, seeded())) == 0).sum((1, 2))
    counts = torch.bincount(hidden, minlength=10)
    assert counts[0] == 0
    assert len(counts) == 10
    assert counts[1:].min() > 850
    assert counts[1:].max() < 1150


def test_a_whole_stripe_is_at_most_the_row() -> None:
    mask = TimeMask(count=(1, 1), width=(9.0, 9.0), unit="whole", fill="zero")
    assert not mask.apply(torch.ones(3, 4, 5), mask.draw(3, seeded())).any()


def test_number_of_stripes() -> None:
    assert set(TimeMask(count=(0, 3)).draw(500, seeded())["count"].tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("fill", ["mean", "min", "zero"])
def test_filling(fill: str) -> None:
    x = torch.randn(3, 8, 50, generator=seeded()) - 5
    mask = TimeMask(count=(1, 1), width=(0.2, 0.2), fill=fill)
    y = mask.apply(x, mask.draw(3, seeded()))
    expected = {"mean": x.mean((1, 2)), "min": x.amin((1, 2)), "zero": torch.zeros(3)}[fill]
    for row in range(3):
        changed = y[row][y[row] != x[row]]
        torch.testing.assert_close(changed, expected[row].expand_as(changed))


def test_no_width_changes_nothing() -> None:
    x = torch.randn(3, 8, 50, generator=seeded())
    for kind in (TimeMask, FrequencyMask):
        mask = kind(width=(0.0, 0.0))
        assert torch.equal(mask.apply(x, mask.draw(3, seeded())), x)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^width"):
        TimeMask(width=(0.1, 1.5))
    with pytest.raises(RecipeError, match=r"^width.*whole numbers"):
        TimeMask(width=(0.5, 3.0), unit="whole")
    with pytest.raises(RecipeError, match=r"^count"):
        FrequencyMask(count=(3, 1))
