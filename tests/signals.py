"""Signals whose measures are known, and their measures."""

import torch
from torch import Tensor

RATE = 22050
LONG = 59049


def tone(hz: float, samples: int = LONG, rate: int = RATE) -> Tensor:
    """A sine of amplitude 1, [1 1 t]."""
    time = torch.arange(samples, dtype=torch.float64) / rate
    return torch.sin(2 * torch.pi * hz * time).float()[None, None]


def clicks(places: list[int], samples: int = LONG) -> Tensor:
    """Unit impulses at the samples given, [1 1 t]."""
    x = torch.zeros(1, 1, samples)
    x[..., places] = 1.0
    return x


def noise(rows: int = 1, samples: int = LONG, seed: int = 0) -> Tensor:
    """White noise of deviation 0.1, [b 1 t]."""
    return 0.1 * torch.randn(rows, 1, samples, generator=torch.Generator().manual_seed(seed))


def music(rows: int = 1, samples: int = LONG, seed: int = 0) -> Tensor:
    """Decaying chords over quiet noise, faded in and out, [b 1 t]."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(samples) / RATE
    x = 0.01 * torch.randn(rows, samples, generator=generator)
    for _ in range(6):
        hz = 110 * 2 ** (torch.randint(0, 36, (rows, 1), generator=generator) / 12)
        start = torch.rand(rows, 1, generator=generator) * samples / RATE * 0.7
        x += 0.2 * torch.sin(2 * torch.pi * hz * time) * (time > start) * torch.exp(-3 * (time - start).clamp(min=0))
    fade = (torch.minimum(time, time.flip(0)) / 0.15).clamp(max=1.0)
    return (x * (0.5 - 0.5 * torch.cos(torch.pi * fade)))[:, None]


def middle(x: Tensor, share: float = 0.5) -> Tensor:
    """The middle part of the signals."""
    edge = round(x.shape[-1] * (1 - share) / 2)
    return x[..., edge : x.shape[-1] - edge]


def rms(x: Tensor) -> float:
    """Root of the mean square."""
    return x.double().square().mean().sqrt().item()


def decibels(after: Tensor, before: Tensor) -> float:
    """Change of level."""
    return float(20 * torch.log10(torch.tensor(rms(after) / rms(before))))


def peak_hz(x: Tensor, rate: int = RATE) -> float:
    """Frequency of the strongest partial, by a windowed transform eight times as long as the signal."""
    x = x.flatten().double()
    size = 8 * len(x)
    spectrum = torch.fft.rfft(x * torch.hann_window(len(x), dtype=torch.float64), size).abs()
    return spectrum.argmax().item() * rate / size
