"""What every frontend keeps: [b 1 t] -> [b bands frames], rows apart, float32, finite on silence, exportable."""

import inspect

import pytest
import torch
from torch import nn

from contramuse.audio.frontend import FRONTENDS
from contramuse.errors import RecipeError

NAMES = sorted(FRONTENDS.keys() - {"stored"})
LEARNED = {"sinc_net"}


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
def test_settings_are_keyword_only_and_only_weights_are_stored(name: str) -> None:
    parameters = list(inspect.signature(FRONTENDS[name]).parameters.values())
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters if parameter.name != "self")
    frontend = build(name)
    assert frontend.state_dict().keys() == dict(frontend.named_parameters()).keys()
    assert (name in LEARNED) == bool(frontend.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_exports(name: str) -> None:
    frontend, x = build(name), torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.export.export(frontend, (x,)).module()(x), frontend(x))


@pytest.mark.parametrize("shape", [(3, 48, 100), (3, 301), (3, 7)])
def test_what_is_stored_goes_on_as_it_is(shape: tuple[int, ...]) -> None:
    frontend = FRONTENDS["stored"](bands=48 if len(shape) == 3 else 0)
    x = torch.randn(shape) if len(shape) == 3 or shape[1] > 7 else torch.randint(250, shape)
    assert frontend(x) is x
    assert frontend.frames(100) == 100
    assert frontend.state_dict() == {}
    torch.testing.assert_close(torch.export.export(frontend, (x,)).module()(x), x)


def test_stored_features_of_other_bands_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"^bands: '96': is not the number of bands that are stored \(48\)"):
        FRONTENDS["stored"](bands=96)(torch.zeros(1, 48, 5))


@pytest.mark.parametrize(
    ("name", "settings", "refused"),
    [
        ("choi_mel", {"std": 0.0}, "std"),
        ("cola_mel", {"clip": -1.0}, "clip"),
        ("cqt", {"n_bins": 120}, "n_bins"),
        ("cqt", {"per_octave": 0}, "per_octave"),
        ("spectrogram", {"hop": 0}, "hop"),
        ("short_chunk_mel", {"f_max": 9000.0}, "f_max"),
    ],
)
def test_an_error_names_the_setting(name: str, settings: dict, refused: str) -> None:
    with pytest.raises(RecipeError, match=rf"^{refused}: "):
        FRONTENDS[name](sample_rate=16000, **settings)


def test_a_crop_too_short_for_a_frame_is_refused() -> None:
    with pytest.raises(RecipeError, match="399 samples"):
        FRONTENDS["cola_mel"](sample_rate=16000)(torch.zeros(1, 1, 399))
