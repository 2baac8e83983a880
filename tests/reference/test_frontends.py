"""Frontends of published systems against slow numpy (or librosa), each test named after the section it checks."""

import librosa
import numpy as np
import pytest
import torch

from contramuse.audio.frontend import FRONTENDS

RATE = 16000


def music(samples: int = 8000) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(samples)
    time = np.arange(samples) / RATE
    return (0.02 * noise + 0.4 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.sin(2 * np.pi * 3000 * time)).astype(
        np.float32
    )


def seen(kind: str, x: np.ndarray, **settings: object) -> np.ndarray:
    return FRONTENDS[kind](sample_rate=RATE, **settings)(torch.from_numpy(x)[None, None])[0].numpy()


def frames(x: np.ndarray, size: int, hop: int) -> np.ndarray:
    return np.stack([x[i : i + size] for i in range(0, len(x) - size + 1, hop)])


def htk_triangles(bands: int, n_fft: int, low: float, high: float, *, over_mels: bool) -> np.ndarray:
    """One band and one bin at a time; the slopes are straight over mels (TensorFlow) or hertz (torchaudio, HTK)."""

    def mel(hz: float) -> float:
        return 2595 * np.log10(1 + hz / 700)

    edges = np.linspace(mel(low), mel(high), bands + 2)
    if not over_mels:
        edges = 700 * (10 ** (edges / 2595) - 1)
    weights = np.zeros((bands, n_fft // 2 + 1))
    for band in range(bands):
        left, centre, right = edges[band : band + 3]
        for i in range(0 if not over_mels else 1, n_fft // 2 + 1):
            place = mel(i * RATE / n_fft) if over_mels else i * RATE / n_fft
            if left < place <= centre:
                weights[band, i] = (place - left) / (centre - left)
            elif centre < place < right:
                weights[band, i] = (right - place) / (right - centre)
    return weights


def choi_energy(x: np.ndarray) -> np.ndarray:
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    spectra = np.fft.rfft(frames(np.pad(x.astype(np.float64), 256, mode="reflect"), 512, 256) * window)
    return htk_triangles(96, 512, 0, 8000, over_mels=False) @ (np.abs(spectra) ** 2).T


@pytest.mark.parametrize(("samples", "expected"), [(48_000, 188), (464_000, 1813)])
def test_b_a_choi_mel_has_188_and_1813_frames(samples: int, expected: int) -> None:
    frontend = FRONTENDS["choi_mel"](sample_rate=RATE)
    assert frontend(torch.randn(1, 1, samples)).shape == (1, 96, expected)
    assert frontend.frames(samples) == expected


def test_b_1_5_choi_mel() -> None:
    mel = choi_energy(music())
    np.testing.assert_allclose(seen("choi_mel", music(), compress="none"), mel, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(seen("choi_mel", music()), np.log(np.maximum(mel, 1e-5)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        seen("choi_mel", music(), compress="log1p"), np.log10(1 + 10 * mel), rtol=1e-3, atol=1e-4
    )


def test_b_1_5_the_seed_standardises_an_energy() -> None:
    """A sine of 440 Hz at half scale reaches some 17,000, because the logarithm was lost."""
    x = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / RATE).astype(np.float32)
    constants = {"mean": 0.1533010751863198, "std": 0.17129572356836764}
    peak = seen("choi_mel", x, compress="none", **constants).max()
    assert peak == pytest.approx((choi_energy(x).max() - constants["mean"]) / constants["std"], rel=1e-3)
    assert peak == pytest.approx(17_000, rel=0.1)


def test_b_1_5_spectrogram_is_divided_by_the_energy_of_its_window() -> None:
    x, window = music(), 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    spectra = np.fft.rfft(frames(np.pad(x.astype(np.float64), 256, mode="reflect"), 512, 256) * window)
    expected = (np.abs(spectra) ** 2 / np.sum(window**2)).T
    np.testing.assert_allclose(seen("spectrogram", x, compress="none"), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("rate", "settings"), [(16000, {}), (22050, {"n_bins": 60, "hop": 512})])
def test_b_1_5_pseudo_cqt_is_librosas(rate: int, settings: dict) -> None:
    x = music(30_000)
    ours = FRONTENDS["cqt"](sample_rate=rate, compress="none", **settings)(torch.from_numpy(x)[None, None])[0]
    theirs = librosa.pseudo_cqt(
        x, sr=rate, hop_length=settings.get("hop", 256), n_bins=settings.get("n_bins", 84), tuning=0.0, sparsity=0.0
    )
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=2e-3, atol=2e-4 * theirs.max())


@pytest.mark.parametrize(("samples", "expected"), [(16_000, 98), (64_000, 398), (465_600, 2908), (480_000, 2998)])
def test_b_a_cola_mel_has_98_to_2998_frames(samples: int, expected: int) -> None:
    frontend = FRONTENDS["cola_mel"](sample_rate=RATE)
    assert frontend(torch.randn(1, 1, samples)).shape == (1, 64, expected)
    assert frontend.frames(samples) == expected


def cola(x: np.ndarray) -> np.ndarray:
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectra = np.abs(np.fft.rfft(frames(x.astype(np.float64), 400, 160) * window, 1024))
    mel = htk_triangles(64, 1024, 60, 7800, over_mels=True) @ spectra.T
    return np.log(np.clip(mel, 1e-5, 1e8))


def test_b_3_2_cola_mel() -> None:
    x = music()
    np.testing.assert_allclose(seen("cola_mel", x, level="as_is"), cola(x), atol=2e-3)
    unit = x / np.sqrt(max(np.sum(x.astype(np.float64) ** 2), 1e-9))
    np.testing.assert_allclose(seen("cola_mel", x), cola(unit), atol=2e-3)


def test_b_3_2_a_crop_as_loud_as_its_clip_sees_what_it_sees_in_the_clip() -> None:
    clip = np.tile(music(16_000), 20)
    whole = seen("cola_mel", clip)[:, :98]
    np.testing.assert_allclose(seen("cola_mel", clip[:16_000], clip=20.0), whole, atol=2e-3)
    assert np.abs(seen("cola_mel", clip[:16_000]) - whole).mean() == pytest.approx(np.log(20) / 2, abs=0.05)


def test_b_3_4_silence_is_log_1e_5() -> None:
    np.testing.assert_allclose(seen("cola_mel", np.zeros(16_000, np.float32)), np.log(1e-5), rtol=1e-6)


def slaney_triangles(bands: int, n_fft: int) -> np.ndarray:
    """Slaney's scale: 200/3 Hz per mel up to 1 kHz, above it 27 mels per factor of 6.4; each band of area one."""

    def hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    edges = [hertz(mel) for mel in np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), bands + 2)]
    weights = np.zeros((bands, n_fft // 2 + 1))
    for band in range(bands):
        left, centre, right = edges[band : band + 3]
        for i in range(n_fft // 2 + 1):
            hz = i * RATE / n_fft
            rise, fall = (hz - left) / (centre - left), (right - hz) / (right - centre)
            weights[band, i] = max(0.0, min(rise, fall)) * 2 / (right - left)
    return weights


def melon_decibels(x: np.ndarray) -> np.ndarray:
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 511)
    spectra = np.abs(np.fft.rfft(frames(np.pad(x.astype(np.float64), 256), 512, 256) * window)) ** 2
    return 2 * 10 * np.log10(np.maximum(slaney_triangles(48, 512) @ spectra.T, 1e-10))


def test_b_2_3_melon_mel() -> None:
    x, decibels = music(), melon_decibels(music())
    np.testing.assert_allclose(seen("melon_mel", x, transform="none"), decibels, atol=0.02)
    np.testing.assert_allclose(seen("melon_mel", x), np.log10(0.01 + 10 ** (decibels / 20)), atol=1e-3)


def test_b_2_3_thirty_seconds_are_1876_frames() -> None:
    frontend = FRONTENDS["melon_mel"](sample_rate=RATE)
    assert frontend.frames(480_000) == 1876
    assert frontend(torch.zeros(1, 1, 480_000)).shape == (1, 48, 1876)


def test_b_2_3_stored_decibels_become_what_the_audio_gives() -> None:
    decibels = torch.from_numpy(melon_decibels(music())).float()[None]
    stored = FRONTENDS["stored"](bands=48, transform="melon")(decibels)[0].numpy()
    np.testing.assert_allclose(stored, seen("melon_mel", music()), atol=1e-3)
    assert FRONTENDS["stored"](bands=1, transform="melon")(torch.full((1, 1, 1), -200.0)).item() == pytest.approx(-2.0)


@pytest.mark.parametrize("f_max", [None, 6000.0])
def test_a_1_5_short_chunk_mel(f_max: float | None) -> None:
    x = music()
    mel = htk_triangles(128, 512, 0, f_max or 8000, over_mels=False)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    spectra = np.abs(np.fft.rfft(frames(np.pad(x.astype(np.float64), 256, mode="reflect"), 512, 256) * window)) ** 2
    expected = 10 * np.log10(np.maximum(mel @ spectra.T, 1e-10))
    np.testing.assert_allclose(seen("short_chunk_mel", x, f_max=f_max), expected, atol=0.01)
