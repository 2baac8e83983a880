import pytest
import torch

from contramuse.augment.mix import FeatureMixup, Mixup
from contramuse.errors import RecipeError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("alpha", "beta"), [(7.0, 2.0), (5.0, 2.0), (0.4, 0.4)])
def test_weights_are_beta(alpha: float, beta: float) -> None:
    weight = Mixup(alpha=alpha, beta=beta).draw(50_000, seeded())["weight"]
    mean = alpha / (alpha + beta)
    assert weight.mean().item() == pytest.approx(mean, abs=0.01)
    assert weight.var().item() == pytest.approx(mean * (1 - mean) / (alpha + beta + 1), rel=0.03)


@pytest.mark.parametrize("kind", [Mixup, FeatureMixup])
def test_each_row_is_mixed_with_its_partner(kind: type[Mixup]) -> None:
    x, mixup = torch.eye(16)[:, None], kind(p=0.5)
    params = mixup.draw(16, seeded())
    y = mixup.apply(x, params)[:, 0]
    assert 0 < params["active"].sum() < 16
    assert sorted(params["partner"].tolist()) == list(range(16))
    for row in range(16):
        expected = torch.zeros(16)
        weight = params["weight"][row] if params["active"][row] else 1.0
        expected[row] += weight
        expected[params["partner"][row]] += 1 - weight
        torch.testing.assert_close(y[row], expected)


@pytest.mark.parametrize("rows", [2, 3, 16, 200])
def test_no_row_is_its_own_partner(rows: int) -> None:
    for seed in range(20):
        partner = Mixup().draw(rows, seeded(seed))["partner"]
        assert sorted(partner.tolist()) == list(range(rows))
        assert not (partner == torch.arange(rows)).any()


def test_partners_are_drawn_evenly() -> None:
    partners = torch.stack([Mixup().draw(5, seeded(seed))["partner"] for seed in range(2000)])
    counts = torch.stack([(partners == k).sum(0) for k in range(5)])
    assert counts.diag().sum() == 0
    assert counts[~torch.eye(5, dtype=torch.bool)].min() > 400


def test_one_row_alone_stays_as_it_is() -> None:
    x = torch.randn(1, 1, 50)
    torch.testing.assert_close(Mixup().apply(x, Mixup().draw(1, seeded())), x)


def test_stages() -> None:
    assert (Mixup.stage, FeatureMixup.stage) == ("waveform", "features")


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^alpha"):
        Mixup(alpha=0.0)
