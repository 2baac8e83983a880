"""What every augmentation keeps: shape, determinism by the generator, rows apart, silence finite, p = 0 is identity."""

import dataclasses
from typing import Any

import pytest
import torch

from contramuse.augment import AUGMENTATIONS, Augmentation, Chain
from contramuse.errors import RecipeError

ROWS, SAMPLES, BANDS, FRAMES = 5, 8000, 32, 60
NEUTRAL: dict[str, dict[str, Any]] = {
    "band_shift": {"bands": (0, 0)},
    "bitcrush": {"bits": (24.0, 24.0)},
    "chorus": {"mix": (0.0, 0.0)},
    "clipping": {"threshold": (0.0, 0.0)},
    "colored_noise": {"snr": (200.0, 200.0)},
    "compression": {"ratio": (1.0, 1.0)},
    "crop": {"share": (1.0, 1.0)},
    "delay": {"volume": (0.0, 0.0)},
    "frequency_mask": {"width": (0.0, 0.0)},
    "equalise": {"decibels": 0.0},
    "feature_mixup": {"alpha": 1e6, "beta": 1e-3},
    "filter": {"shapes": ("low_pass",), "low_pass": (22050.0, 22050.0)},
    "gain": {"decibels": (0.0, 0.0)},
    "mixup": {"alpha": 1e6, "beta": 1e-3},
    "noise": {"snr": (200.0, 200.0)},
    "packet_loss": {"share": (0.0, 0.0)},
    "pitch_shift": {"semitones": (0.0, 0.0)},
    "reverb": {"wet": 0.0},
    "speed": {"speed": (1.0, 1.0)},
    "splice": {"count": (0, 0)},
    "time_mask": {"width": (0.0, 0.0)},
    "time_stretch": {"rate": (1.0, 1.0)},
    "time_warp": {"cut": (29.5 / 60, 29.5 / 60)},
}
NAMES = sorted(AUGMENTATIONS)


def build(name: str, **settings: Any) -> Augmentation:
    kind = AUGMENTATIONS[name]
    if "sample_rate" in {field.name for field in dataclasses.fields(kind)}:
        settings["sample_rate"] = 22050
    return kind(**settings)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(augmentation: Augmentation, rows: int = ROWS) -> torch.Tensor:
    shape = (rows, 1, SAMPLES) if augmentation.stage == "waveform" else (rows, BANDS, FRAMES)
    x = 0.1 * torch.randn(shape, generator=seeded(7))
    if augmentation.stage == "features":
        return x
    time = torch.arange(SAMPLES) / 22050
    fade = (torch.arange(SAMPLES).minimum(SAMPLES - 1 - torch.arange(SAMPLES)) / 800).clamp(max=1)
    hz = torch.tensor([220.0, 333.0, 550.0, 871.0, 1300.0])[:rows, None, None]
    return (0.05 * x + torch.sin(2 * torch.pi * hz * time)) * fade.sin()


@pytest.mark.parametrize("rows", [1, ROWS])
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_type_are_kept(name: str, rows: int) -> None:
    augmentation = build(name)
    x = batch(augmentation, rows)
    before = x.clone()
    y = augmentation.apply(x, augmentation.draw(rows, seeded()))
    assert (y.shape, y.dtype, y.device) == (x.shape, torch.float32, x.device)
    assert y.isfinite().all()
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_decides(name: str) -> None:
    augmentation = build(name, p=0.7)
    x = batch(augmentation)
    first, again = augmentation.draw(ROWS, seeded(3)), augmentation.draw(ROWS, seeded(3))
    assert first.keys() == again.keys()
    for parameter, value in first.items():
        assert value.shape[0] == ROWS
        assert torch.equal(value, again[parameter])
    assert torch.equal(augmentation.apply(x, first), augmentation.apply(x, again))


@pytest.mark.parametrize("name", [name for name in NAMES if "mixup" not in name])
def test_a_row_does_not_hear_its_neighbours(name: str) -> None:
    augmentation = build(name)
    x, params = batch(augmentation), augmentation.draw(ROWS, seeded())
    together = augmentation.apply(x, params)
    for row in range(ROWS):
        own = {parameter: value[row : row + 1] for parameter, value in params.items()}
        torch.testing.assert_close(
            augmentation.apply(x[row : row + 1], own), together[row : row + 1], atol=2e-6, rtol=0
        )


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_are_not_active_are_untouched(name: str) -> None:
    augmentation = build(name, p=0.5)
    x, params = batch(augmentation), augmentation.draw(ROWS, seeded(1))
    assert 0 < params["active"].sum() < ROWS
    y = augmentation.apply(x, params)
    assert torch.equal(y[~params["active"]], x[~params["active"]])


@pytest.mark.parametrize("name", NAMES)
def test_never_is_identity(name: str) -> None:
    augmentation = build(name, p=0.0)
    x = batch(augmentation)
    assert torch.equal(augmentation.apply(x, augmentation.draw(ROWS, seeded())), x)


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_no_strength_is_identity(name: str) -> None:
    augmentation = build(name, **NEUTRAL[name])
    x = batch(augmentation)
    y = augmentation.apply(x, augmentation.draw(ROWS, seeded()))
    torch.testing.assert_close(y, x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_silence_is_finite(name: str) -> None:
    augmentation = build(name)
    x = torch.zeros_like(batch(augmentation))
    assert augmentation.apply(x, augmentation.draw(ROWS, seeded())).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_in_a_chain_as_alone(name: str) -> None:
    augmentation = build(name, p=0.6)
    x, chain = batch(augmentation), Chain((augmentation,))
    params = chain.draw(ROWS, seeded(2))
    own = {parameter[2:]: value for parameter, value in params.items() if parameter.startswith("0.")}
    torch.testing.assert_close(chain.apply(x, params), augmentation.apply(x, own), atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_device_gives_what_the_cpu_gives(name: str) -> None:
    augmentation = build(name)
    x, params = batch(augmentation), augmentation.draw(ROWS, seeded())
    there = augmentation.apply(x.cuda(), params)
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), augmentation.apply(x, params), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_an_error_names_the_setting(name: str) -> None:
    with pytest.raises(RecipeError, match=r"^p: '2': must be between 0 and 1"):
        build(name, p=2)
