"""What every frontend keeps: [b 1 t] -> [b bands frames], rows apart, float32, finite on silence, exportable."""

import inspect

import pytest
import torch
from torch import nn

from contramuse.audio.frontend import FRONTENDS

NAMES = sorted(FRONTENDS)


def build(name: str) -> nn.Module:
    needs_rate = "sample_rate" in inspect.signature(FRONTENDS[name]).parameters
    return FRONTENDS[name](sample_rate=16000) if needs_rate else FRONTENDS[name]()


@pytest.mark.parametrize("samples", [2000, 5001])
@pytest.mark.parametrize("name", NAMES)
def test_shape_is_as_stated(name: str, samples: int) -> None:
    frontend = build(name)
    y = frontend(torch.randn(3, 1, samples, generator=torch.Generator().manual_seed(0)))
    assert y.shape == (3, frontend.bands, frontend.frames(samples))
    assert y.dtype == torch.float32
    assert y.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_row_does_not_hear_its_neighbours(name: str) -> None:
    frontend, x = build(name), torch.randn(3, 1, 4000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(frontend(x)[1:2], frontend(x[1:2]))


@pytest.mark.parametrize("name", NAMES)
def test_silence_is_finite(name: str) -> None:
    assert build(name)(torch.zeros(1, 1, 4000)).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_keyword_only_and_weights_none(name: str) -> None:
    parameters = list(inspect.signature(FRONTENDS[name]).parameters.values())
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters if parameter.name != "self")
    assert build(name).state_dict() == {}


@pytest.mark.parametrize("name", NAMES)
def test_exports(name: str) -> None:
    frontend, x = build(name), torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.export.export(frontend, (x,)).module()(x), frontend(x))
