from typing import Any

import pytest
import torch
from jaxtyping import TypeCheckError

from contramuse.augment import AUGMENTATIONS, CORRUPTIONS, PRESETS, Chain
from contramuse.augment.space import Delay
from contramuse.errors import RecipeError
from contramuse.recipe import recipe_schema
from signals import RATE, music


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_clmr_has_the_published_order_chances_and_ranges() -> None:
    chain = PRESETS["clmr"](RATE)
    names = [type(augmentation).__name__ for augmentation in chain]
    assert names == ["Polarity", "Noise", "Gain", "Filter", "Delay", "PitchShift", "Reverb"]
    assert [augmentation.p for augmentation in chain] == [0.8, 0.01, 0.3, 0.8, 0.3, 0.6, 0.6]
    params = Chain(chain).draw(20_000, seeded())
    assert params["0.active"].float().mean().item() == pytest.approx(0.8, abs=0.01)
    assert params["1.ratio"].min() >= 1e-4 * 0.999
    assert params["1.ratio"].max() <= 1e-2 * 1.001
    delays = sorted(set(params["4.delay"].tolist()))
    assert delays == pytest.approx([ms * RATE / 1000 for ms in range(200, 451, 50)], abs=0.6)
    cents = 1200 * params["5.ratio"].log2()
    assert cents.min().item() == pytest.approx(-700, abs=2)
    assert cents.max().item() == pytest.approx(700, abs=2)


@pytest.mark.parametrize("severity", [0.5, 1.0, 2.0, 4.0, 8.0])
def test_semisupcon_follows_severity(severity: float) -> None:
    s = severity / 2
    (whole,) = PRESETS["semisupcon"](RATE, severity=severity)
    assert isinstance(whole, Chain)
    assert whole.p == min(1.0, 0.8 * s)
    *_, delay = whole.augmentations
    assert [a.p for a in whole.augmentations] == pytest.approx(
        [
            min(0.7, 0.4 * s),
            min(0.8, 0.6 * s),
            min(0.8, 0.6 * s),
            min(0.6, 0.3 * s),
            min(0.75, 0.6 * s),
            0.6 * min(1, s),
        ]
    )
    params = whole.draw(5000, seeded())
    assert params["0.decibels"].max() <= 5 * s
    snr = -20 * params["2.ratio"].log10()
    assert snr.min().item() == pytest.approx(3 / s, abs=0.05 / s)
    assert snr.max().item() == pytest.approx(30 / s, abs=0.05 / s)
    assert isinstance(delay, Delay)
    assert params["5.repeats"].min() >= 1
    assert params["5.attenuation"].max() <= 1.0
    assert whole.apply(music(8), whole.draw(8, seeded())).isfinite().all()


def test_no_severity_changes_nothing() -> None:
    x, chain = music(4), Chain(PRESETS["semisupcon"](RATE, severity=0))
    assert torch.equal(chain.apply(x, chain.draw(4, seeded())), x)


@pytest.mark.parametrize("severity", [-1.0, 9.0])
def test_an_impossible_severity_is_refused(severity: float) -> None:
    with pytest.raises(RecipeError, match=r"^severity"):
        PRESETS["semisupcon"](RATE, severity=severity)


@pytest.mark.parametrize("rate", [4000, 8000, 16000, 44100])
@pytest.mark.parametrize("name", sorted(PRESETS.keys() - {"corruption", "s3t"}))
def test_presets_at_other_rates(name: str, rate: int) -> None:
    chain = Chain(PRESETS[name](rate))
    y = chain.apply(music(6, 2 * rate), chain.draw(6, seeded()))
    assert y.isfinite().all()


@pytest.mark.parametrize("rate", [8000, 22050])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions(name: str, rate: int) -> None:
    x, chain = music(3, rate), Chain(PRESETS["corruption"](rate, name=name))
    y = chain.apply(x, chain.draw(3, seeded()))
    assert y.shape == x.shape
    assert y.isfinite().all()
    assert ((y - x).abs().amax((1, 2)) > 0.01).sum() >= 2, "a tempo may be 1"


def test_an_unknown_corruption_is_refused() -> None:
    with pytest.raises((RecipeError, TypeCheckError), match="wow"):
        PRESETS["corruption"](RATE, name="wow")


@pytest.mark.parametrize("fill", ["min", "zero"])
@pytest.mark.parametrize("frames", [98, 61, 300])
def test_s3t_on_log_mels(fill: str, frames: int) -> None:
    x = torch.randn(64, 64, frames, generator=seeded()) - 8
    chain = Chain(PRESETS["s3t"](fill=fill))
    y = chain.apply(x, chain.draw(64, seeded(1)))
    assert y.shape == x.shape
    assert y.isfinite().all()
    assert bool((y == 0).any()) == (fill == "zero")
    assert (y.amin((1, 2)) >= x.amin((1, 2)) - 1e-5).all()


def test_every_preset_can_be_written_in_a_recipe() -> None:
    kinds = {form["properties"]["kind"]["const"] for form in _augmentation_schema()["anyOf"] if "properties" in form}
    assert kinds >= PRESETS.keys() | AUGMENTATIONS.keys()


def _augmentation_schema() -> dict[str, Any]:
    schema: dict[str, Any] = recipe_schema()["$defs"]["Augmentation"]
    return schema
