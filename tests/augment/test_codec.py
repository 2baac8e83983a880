import numpy as np
import pytest
import torch

from contramuse.augment import codec
from contramuse.augment.codec import Codec
from contramuse.errors import RecipeError
from signals import RATE, decibels, music

KINDS = [
    {"codec": "mp3", "bitrate": (64.0, 64.0)},
    {"codec": "mp3", "quality": (9.0, 9.0)},
    {"codec": "aac", "bitrate": (64.0, 64.0)},
    {"codec": "opus", "bitrate": (64.0, 64.0)},
    {"codec": "vorbis", "quality": (5.0, 5.0)},
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coded(x: torch.Tensor, rate: int = RATE, **settings: object) -> torch.Tensor:
    augmentation = Codec(sample_rate=rate, **settings)
    return augmentation.apply(x, augmentation.draw(len(x), seeded()))


@pytest.mark.parametrize("rate", [16000, 22050, 11025, 4000])
@pytest.mark.parametrize("settings", KINDS, ids=lambda s: "-".join(map(str, s.values())))
def test_the_row_stays_in_place(settings: dict, rate: int) -> None:
    x = music(2, 20_001)
    y = coded(x, rate, **settings)
    assert y.shape == x.shape
    size = 2 * x.shape[-1]
    match = torch.fft.irfft(torch.fft.rfft(y, size) * torch.fft.rfft(x, size).conj(), size)
    assert match.argmax(2).flatten().tolist() == [0, 0]
    assert decibels(y - x, x) < -6
    assert (y != x).any()


def test_a_lower_rate_loses_more() -> None:
    x = music(2, 22_050)
    losses = [decibels(coded(x, bitrate=(rate, rate)) - x, x) for rate in (24.0, 48.0, 128.0)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1] + 3


def test_each_row_has_its_own_rate() -> None:
    x = music(1, 11_025).repeat(2, 1, 1)
    y = coded(x, bitrate=(16.0, 128.0))
    assert not torch.equal(y[0], y[1])


@pytest.mark.parametrize(("samples", "given", "wanted"), [(5000, 22050, 24000), (5001, 48000, 22050), (37, 4000, 7350)])
def test_resampling_there_and_back(samples: int, given: int, wanted: int) -> None:
    x = np.hanning(samples).astype(np.float32)
    there = codec._resampled(x, given, wanted)
    assert len(there) == -(-samples * wanted // given)
    np.testing.assert_allclose(codec._resampled(there, wanted, given)[:samples], x, atol=2e-3)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"codec": "opus", "quality": (1.0, 2.0)}, "quality"),
        ({"codec": "vorbis", "bitrate": (32.0, 64.0)}, "bitrate"),
        ({"codec": "mp3", "bitrate": (32.0, 64.0), "quality": (1.0, 2.0)}, "quality"),
        ({"codec": "mp3", "quality": (1.0, 12.0)}, "quality"),
        ({"codec": "aac", "bitrate": (1.0, 64.0)}, "bitrate"),
    ],
)
def test_impossible_settings_are_named(settings: dict, named: str) -> None:
    with pytest.raises(RecipeError, match=rf"^{named}: "):
        Codec(sample_rate=RATE, **settings)


def test_a_missing_encoder_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(codec.KINDS, "aac", codec._Kind("libnowhere", "aac", bitrate=(8.0, 320.0)))
    codec._coding_rate.cache_clear()
    with pytest.raises(RecipeError, match=r"^codec: 'aac': has no encoder in this build of PyAV \(libnowhere\)"):
        Codec(sample_rate=RATE, codec="aac")
    codec._coding_rate.cache_clear()
