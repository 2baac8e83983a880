import librosa
import numpy as np
import pytest
import torch

from contramuse.audio.frontend import FRONTENDS, LogMel, Waveform
from contramuse.errors import RecipeError


def noise(rows: int = 2, samples: int = 22050) -> torch.Tensor:
    x = torch.randn(rows, 1, samples, generator=torch.Generator().manual_seed(0)) * 0.1
    return x + 0.3 * torch.sin(torch.arange(samples) * (2 * torch.pi * 440 / 22050))


SETTINGS = [
    {"sample_rate": 22050},
    {"sample_rate": 16000, "n_fft": 512, "hop": 256, "n_mels": 96, "scale": "htk", "norm": "none", "power": 1.0},
    {"sample_rate": 44100, "n_fft": 2048, "hop": 441, "n_mels": 64, "f_min": 30.0, "f_max": 11000.0, "scale": "htk"},
    {"sample_rate": 22050, "n_fft": 1024, "hop": 512, "n_mels": 48, "center": "none", "norm": "none"},
    {"sample_rate": 8000, "n_fft": 400, "hop": 160, "n_mels": 40, "center": "zero", "power": 1.0},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_equals_librosa(settings: dict) -> None:
    x = noise()
    ours = LogMel(**settings, compress="none")(x).numpy()
    s = {
        "f_min": 0.0,
        "f_max": None,
        "scale": "slaney",
        "norm": "slaney",
        "power": 2.0,
        "center": "reflect",
        "hop": 256,
    } | settings
    s = {"n_fft": 1024, "n_mels": 128} | s
    theirs = librosa.feature.melspectrogram(
        y=x.squeeze(1).numpy(),
        sr=s["sample_rate"],
        n_fft=s["n_fft"],
        hop_length=s["hop"],
        n_mels=s["n_mels"],
        fmin=s["f_min"],
        fmax=s["f_max"],
        htk=s["scale"] == "htk",
        norm="slaney" if s["norm"] == "slaney" else None,
        power=s["power"],
        center=s["center"] != "none",
        pad_mode="constant" if s["center"] == "zero" else "reflect",
    )
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7 * theirs.max())


def test_decibels_and_logarithm_equal_librosa() -> None:
    x = noise()
    mel = LogMel(sample_rate=22050, compress="none")(x).numpy()
    db = LogMel(sample_rate=22050, compress="db", floor=1e-10)(x).numpy()
    np.testing.assert_allclose(db, librosa.power_to_db(mel, top_db=None), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        LogMel(sample_rate=22050)(x).numpy(), np.log(np.maximum(mel, 1e-5)), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        LogMel(sample_rate=22050, compress="power", exponent=0.5)(x).numpy(), mel**0.5, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("samples", [4096, 5000, 22051])
def test_says_how_many_frames(settings: dict, samples: int) -> None:
    frontend = LogMel(**settings)
    assert frontend(noise(1, samples)).shape == (1, frontend.bands, frontend.frames(samples))


@pytest.mark.parametrize("center", ["reflect", "zero", "none"])
def test_silence_is_finite(center: str) -> None:
    for compress in ("log", "db", "power", "none"):
        y = LogMel(sample_rate=22050, compress=compress, center=center)(torch.zeros(1, 1, 4096))
        assert torch.isfinite(y).all()


def test_stays_float32_under_autocast() -> None:
    frontend, x = LogMel(sample_rate=22050), noise()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = frontend(x)
    assert under.dtype == torch.float32
    assert torch.equal(under, frontend(x))


def test_nothing_is_saved_with_the_weights() -> None:
    assert LogMel(sample_rate=22050).state_dict() == {}


@pytest.mark.parametrize("center", ["reflect", "none"])
def test_exports_with_free_batch(center: str) -> None:
    frontend, x = LogMel(sample_rate=22050, center=center), noise()
    program = torch.export.export(frontend, (x,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
    torch.testing.assert_close(program.module()(noise(5)), frontend(noise(5)))


@pytest.mark.parametrize("bad", [{"f_max": 12000.0}, {"f_min": 500.0, "f_max": 400.0}, {"hop": 0}, {"floor": 0.0}])
def test_refuses_impossible_settings(bad: dict) -> None:
    with pytest.raises(RecipeError, match=rf"^{next(iter(bad))}: "):
        LogMel(sample_rate=22050, **bad)


def test_table() -> None:
    assert FRONTENDS["waveform"] is Waveform
    assert FRONTENDS["log_mel"] is LogMel
