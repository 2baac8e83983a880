"""Delay and reverberation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Complex, Float
from torch import Generator, Tensor

from contramuse.augment.base import Echo, Params, Range, Spectral, uniform, whole
from contramuse.augment.fourier import fall, frequencies
from contramuse.augment.noise_table import SIZE, draw_place, excerpt, table


@dataclass(frozen=True, kw_only=True)
class Delay(Echo):
    """Echoes: x(t) + volume * sum over i = 1..repeats of attenuation^(i - 1) x(t - i d), d rounded to a sample.

    Args:
        p: chance per row.
        milliseconds: range of the delay d.
        step: milliseconds between the delays that can be drawn, from the lowest on; 0 is any delay.
        volume: range of the amplitude of the first echo.
        repeats: lowest and highest number of echoes.
        attenuation: range of the factor from echo to echo.
        sample_rate: Hz.
    """

    sample_rate: int
    milliseconds: Range = (200.0, 450.0)
    step: float = 0.0
    volume: Range = (0.5, 0.5)
    repeats: tuple[int, int] = (1, 1)
    attenuation: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("milliseconds", self.milliseconds, low=0.0)
        self._within("step", self.step, low=0.0)
        self._range("volume", self.volume, low=0.0)
        self._range("repeats", self.repeats, low=0, high=64)
        # Above 1 the echoes would grow.
        self._range("attenuation", self.attenuation, low=0.0, high=1.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        low, high = self.milliseconds
        if self.step > 0:
            delay = low + self.step * whole(n, (0, math.floor((high - low) / self.step)), generator)
        else:
            delay = uniform(n, self.milliseconds, generator)
        return {
            "delay": (delay * (self.sample_rate / 1000.0)).round().to(torch.int64),
            "volume": uniform(n, self.volume, generator),
            "repeats": whole(n, self.repeats, generator),
            "attenuation": uniform(n, self.attenuation, generator),
        }

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        rows, y = x[:, 0], x[:, 0].clone()
        time = torch.arange(rows.shape[1], device=x.device)
        for i in range(1, self.repeats[1] + 1):
            amplitude = params["volume"] * params["attenuation"] ** (i - 1) * (params["repeats"] >= i)
            source = time - i * params["delay"][:, None]
            early = source < 0
            echo = rows.gather(1, source.clamp_(min=0)).masked_fill_(early, 0.0)
            y.addcmul_(echo, amplitude[:, None])
        return y[:, None]


@dataclass(frozen=True, kw_only=True)
class Reverb(Spectral):
    """Reverberation: the dry signal plus a tail of decaying noise, lower and higher than 2.5 kHz decaying apart.

    The three settings are the percentages of SoX's ``reverb``, a Schroeder network of Freeverb's constants; the
    tail takes its times and level from it. With r, h and s the settings as shares of one: a comb of
    c = 31 (0.1 + 0.9 s) ms, feedback g = 1 - 0.7^(1 - r) 0.02^r and damping d = 0.2 + 0.3 h. It starts after c,
    decays by 60 dB within 3 c / -log10(g) below 2.5 kHz, and above that as if g were g (1 - d) / sqrt(1 + d^2).

    Args:
        p: chance per row.
        reverberance: range, percent.
        damping: range of the damping of high frequencies, percent.
        room: range of the room's size, percent.
        wet: amplitude of the tail relative to SoX's; 0 leaves the signal dry.
        seconds: the tail is faded out by then.
        sample_rate: Hz.
    """

    sample_rate: int
    reverberance: Range = (0.0, 100.0)
    damping: Range = (0.0, 100.0)
    room: Range = (0.0, 100.0)
    wet: float = 1.0
    seconds: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("reverberance", self.reverberance), ("damping", self.damping), ("room", self.room)):
            self._range(name, value, low=0.0, high=100.0)
        self._within("wet", self.wet, low=0.0)
        self._within("seconds", self.seconds, low=0.01, high=20.0)

    def ring(self, samples: int) -> int:
        """The length of the tail; what is later than the signal cannot be heard."""
        return min(samples, self._length())

    def _length(self) -> int:
        return round(self.seconds * self.sample_rate)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        feedback = _feedback(uniform(n, self.reverberance, generator))
        damp = 0.2 + 0.003 * uniform(n, self.damping, generator)
        comb = 0.031 * (0.1 + 0.009 * uniform(n, self.room, generator))
        high = feedback * (1.0 - damp) / (1.0 + damp * damp).sqrt()
        # Seconds until -60 dB; eight combs of 0.015 each, whose echoes add in power.
        return {
            "start": comb,
            "decay_low": -3.0 * comb / feedback.log10(),
            "decay_high": -3.0 * comb / high.log10(),
            "level": 0.015 * (8.0 / (1.0 - feedback**2)).sqrt(),
            "place": draw_place(n, generator),
        }

    def impulse(self, params: Params, samples: int) -> Float[Tensor, "b t"]:
        """The tail of each row, without the dry signal."""
        device = params["place"].device
        low, high = _bands(self.sample_rate, device)
        time = torch.arange(samples, device=device) / self.sample_rate
        tail = excerpt(low, params["place"], samples) * _envelope(time, params["decay_low"])
        tail.addcmul_(excerpt(high, params["place"], samples), _envelope(time, params["decay_high"]))
        tail.masked_fill_(time < params["start"][:, None], 0.0)
        tail[:, -max(1, samples // 10) :] *= torch.linspace(1.0, 0.0, max(1, samples // 10), device=device)
        energy = tail.norm(dim=1).clamp(min=1e-12)
        return tail.mul_((self.wet * params["level"] / energy)[:, None])

    def response(self, params: Params, n_fft: int) -> Complex[Tensor, "b bins"]:
        """Complex response of dry signal and tail."""
        tail = self.impulse(params, min(self._length(), n_fft))
        tail[:, 0] += 1.0
        spectrum: Tensor = torch.fft.rfft(tail, n_fft)
        return spectrum


def _feedback(reverberance: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """SoX's feedback: 0.3 at 0 percent, 0.98 at 100, the loss falling exponentially between."""
    start, end = math.log(1 - 0.3), math.log(1 - 0.98)
    return 1.0 - torch.exp(start + (end - start) * reverberance / 100.0)


def _envelope(time: Float[Tensor, " t"], decay: Float[Tensor, " b"]) -> Float[Tensor, "b t"]:
    return torch.exp(time * (-math.log(1000.0) / decay)[:, None])


@lru_cache(maxsize=8)
def _bands(sample_rate: int, device: torch.device) -> tuple[Float[Tensor, " size"], Float[Tensor, " size"]]:
    """The noise table below and above 2.5 kHz."""
    noise = table(device)
    edge = torch.tensor([min(2500.0, sample_rate / 8)], device=device)
    gain = fall(frequencies(SIZE, sample_rate, device), edge, 0.5 * edge)[0]
    low = torch.fft.irfft(torch.fft.rfft(noise) * gain, SIZE)
    return low, noise - low
