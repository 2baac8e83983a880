import pytest
import torch

from contramuse.augment import AUGMENTATIONS, PRESETS, Augmentation, Chain, Params
from contramuse.augment.cut import Reverse
from contramuse.augment.filters import Filter
from contramuse.augment.level import Gain, Polarity
from contramuse.augment.mask import FrequencyMask, TimeMask
from contramuse.augment.mix import FeatureMixup, Mixup
from contramuse.augment.pitch import PitchShift
from contramuse.augment.space import Delay, Reverb
from signals import RATE, music, noise, rms


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_by_one(chain: Chain, x: torch.Tensor, params: Params) -> torch.Tensor:
    for i, augmentation in enumerate(chain.augmentations):
        own = {name[len(f"{i}.") :]: value for name, value in params.items() if name.startswith(f"{i}.")}
        own["active"] = own["active"] & params["active"]
        x = one_by_one(augmentation, x, own) if isinstance(augmentation, Chain) else augmentation.apply(x, own)
    return x


LINEAR: tuple[Augmentation, ...] = (
    Polarity(p=0.5),
    Gain(p=0.5),
    Filter(p=0.5, sample_rate=RATE),
    Delay(p=0.5, sample_rate=RATE),
    Reverb(p=0.5, sample_rate=RATE),
    Filter(p=0.5, sample_rate=RATE, shapes=("band_stop",)),
)


@pytest.mark.parametrize(
    "augmentations",
    [
        LINEAR,
        (*LINEAR[:4], Reverse(p=0.5), *LINEAR[4:]),
        (*LINEAR[:3], PitchShift(p=0.5, sample_rate=RATE), *LINEAR[3:]),
        (*LINEAR[:3], Mixup(p=0.3), *LINEAR[3:]),
        (*LINEAR[:2], Chain(LINEAR[2:], p=0.5), Gain(p=0.5)),
        PRESETS["clmr"](RATE),
    ],
)
def test_fused_is_one_by_one(augmentations: tuple[Augmentation, ...]) -> None:
    x, chain = music(24), Chain(augmentations)
    params = chain.draw(24, seeded())
    difference = chain.apply(x, params) - one_by_one(chain, x, params)
    # The chain cuts what rings beyond the ends once, one by one after each effect; the ends of this music are faded,
    # but not those of its echoes.
    assert difference[..., 3500:-3500].abs().max() < 3e-6
    assert rms(difference) < 0.002 * rms(x)


def test_fused_is_one_by_one_with_noise_between() -> None:
    x, chain = music(24), Chain(PRESETS["semisupcon"](RATE, severity=4))
    params = chain.draw(24, seeded())
    assert rms(chain.apply(x, params) - one_by_one(chain, x, params)) < 0.001 * rms(x)


def test_fused_differs_at_the_ends_only() -> None:
    x, chain = noise(24), Chain(LINEAR)
    params = chain.draw(24, seeded())
    difference = chain.apply(x, params) - one_by_one(chain, x, params)
    assert rms(difference) < 0.02 * rms(x)


def test_the_batch_given_is_left_as_it_is() -> None:
    x, chain = noise(8), Chain(PRESETS["clmr"](RATE))
    before = x.clone()
    chain.apply(x, chain.draw(8, seeded()))
    assert torch.equal(x, before)


def test_chance_of_the_whole_chain() -> None:
    chain = Chain((Polarity(),), p=0.3)
    params = chain.draw(10_000, seeded())
    changed = (chain.apply(torch.ones(10_000, 1, 2), params) < 0)[:, 0, 0]
    assert torch.equal(changed, params["active"])
    assert changed.float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_an_empty_chain_changes_nothing() -> None:
    x, chain = noise(2), Chain(())
    assert torch.equal(chain.apply(x, chain.draw(2, seeded())), x)


def test_only_the_generator_given_is_used() -> None:
    chain = Chain(PRESETS["clmr"](RATE))
    state = torch.get_rng_state()
    first, again = chain.draw(8, seeded(1)), chain.draw(8, seeded(1))
    x = noise(8)
    assert torch.equal(chain.apply(x, first), chain.apply(x, again))
    assert not torch.equal(chain.apply(x, first), chain.apply(x, chain.draw(8, seeded(2))))
    assert torch.equal(torch.get_rng_state(), state)


def test_autocast_and_training_mode_do_not_matter() -> None:
    x, chain = music(12), Chain(PRESETS["semisupcon"](RATE))
    params = chain.draw(12, seeded())
    expected = chain.apply(x.detach(), params)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = chain.apply(x, params)
    assert under.dtype == torch.float32
    assert not under.requires_grad
    assert torch.equal(under, expected)


def test_a_batch_of_features() -> None:
    x, chain = torch.rand(6, 40, 80, generator=seeded()), Chain((TimeMask(), FrequencyMask(p=0.5), FeatureMixup(p=0.5)))
    params = chain.draw(6, seeded())
    assert torch.equal(chain.apply(x, params), one_by_one(chain, x, params))


@pytest.mark.parametrize("kind", ["band_shift", "feature_mixup", "frequency_mask", "time_mask", "time_warp"])
def test_gradients_flow_through_changes_of_features(kind: str) -> None:
    """All of these are homogeneous, f(a x) = a f(x), so by Euler x . grad(v . f) = v . f(x): a front end can learn."""
    generator = torch.Generator().manual_seed(4)
    chain = Chain(tuple(AUGMENTATIONS[kind](p=p) for p in (1.0, 0.5)))
    leaf = torch.randn(6, 64, 98, generator=generator).requires_grad_()
    v = torch.randn(6, 64, 98, generator=generator)
    changed = chain.apply(leaf * 1.0, chain.draw(6, generator))
    (v * changed).sum().backward()
    assert not torch.equal(changed, leaf)
    assert float((leaf.grad * leaf).sum()) == pytest.approx(float((v * changed).sum()), rel=1e-3)


def test_nothing_to_do_lets_the_gradient_through() -> None:
    leaf = torch.randn(3, 4, 5).requires_grad_()
    chain = Chain(())
    chain.apply(leaf, chain.draw(3, torch.Generator().manual_seed(0))).sum().backward()
    assert torch.equal(leaf.grad, torch.ones(3, 4, 5))
