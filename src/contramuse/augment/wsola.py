"""Waveform-similarity overlap-add: other time and pitch for every row of a batch, by reading it in overlapping grains.

Each grain of the output reads the input at the row's own step. Where a grain starts is searched near its nominal
place, so that it continues the waveform of the grain before as closely as possible (Verhelst and Roelands, 1993). The
search goes from grain to grain, for all rows together; the reading is then one gather.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contramuse.augment.fourier import chunk_rows, good_size


@dataclass(frozen=True, kw_only=True)
class Grains:
    """Sizes of the grains, in samples.

    Args:
        hop: from grain to grain in the output.
        overlap: over which one grain fades into the next.
        search: nominal starts may be moved by half of it to either side.
    """

    hop: int
    overlap: int
    search: int

    @staticmethod
    def of(sample_rate: int) -> Grains:
        """SoX's sizes: grains of 82 ms, 12 ms of overlap, a search over at least 14.68 ms."""
        overlap = max(2, round(0.012 * sample_rate))
        # So that overlap and search together are quick to transform.
        width = good_size(overlap + max(2, round(0.01468 * sample_rate)))
        return Grains(
            hop=max(4, round(0.082 * sample_rate) - overlap),
            overlap=overlap,
            search=width - overlap,
        )


def starts(
    x: Float[Tensor, "b t"], *, ratio: Float[Tensor, " b"], rate: Float[Tensor, " b"], grains: Grains
) -> Int64[Tensor, "b k"]:
    """Where each grain begins in the input.

    Args:
        x: signals.
        ratio: input samples per output sample inside a grain (2 = an octave up).
        rate: input samples per output sample from grain to grain (2 = twice as fast).
        grains: sizes.

    Returns:
        One start per grain and row; a grain whose nominal place is past the end of the input starts at the last place.
    """
    samples, device = x.shape[1], x.device
    count = -(-samples // grains.hop)
    width = grains.overlap + grains.search
    place = torch.arange(count, device=device) * grains.hop
    # The last grains are cut at the end of the output: only what they still show must be within the input.
    shown = (samples - place).clamp(max=grains.hop + grains.overlap)
    last = (samples - shown * ratio[:, None]).clamp(min=0).to(torch.int64)
    # The middle of a grain, not its start, is where the time should be right.
    lead = ((ratio - rate) * (grains.hop + grains.overlap) / 2)[:, None]
    nominal = place * rate[:, None] - lead
    lowest = (nominal - grains.search // 2).round().to(torch.int64)
    lowest = lowest.clamp(min=0).minimum((last - grains.search + 1).clamp(min=0))
    onward = (grains.hop * ratio).round().to(torch.int64)

    span = torch.arange(width, device=device)
    index = (lowest[:, :, None] + span).clamp_(max=samples - 1).flatten(1)
    window = x.gather(1, index).view(-1, count, width)
    spectrum = torch.fft.rfft(window)
    energy = window.square_().cumsum_(2)
    power = energy[..., grains.overlap - 1 : -1].clone()
    power[..., 1:] -= energy[..., : grains.search - 1]
    begin = torch.zeros_like(lowest[:, 0])
    found = [begin]
    for k in range(1, count):
        index = ((begin + onward)[:, None] + span[: grains.overlap]).clamp_(max=samples - 1)
        template = torch.fft.rfft(x.gather(1, index), width)
        match = torch.fft.irfft(spectrum[:, k] * template.conj(), width)[:, : grains.search]
        # The least squared difference to the waveform that would have come next.
        begin = lowest[:, k] + torch.add(power[:, k], match, alpha=-2.0).argmin(1)
        found.append(begin)
    return torch.stack(found, 1)


def read(
    x: Float[Tensor, "b t"], begin: Int64[Tensor, "b k"], *, ratio: Float[Tensor, " b"], grains: Grains
) -> Float[Tensor, "b t"]:
    """Read the grains at ``ratio`` input samples per output sample and overlap them.

    Between samples a cubic B-spline is read, so ``x`` must hold its coefficients (see `spline_gain`).

    Args:
        x: spline coefficients.
        begin: starts of the grains, from `starts`.
        ratio: see `starts`.
        grains: sizes.

    Returns:
        Signals of the length of ``x``.
    """
    rows = chunk_rows(2 * x.shape[1], x.device)
    y = torch.empty_like(x)
    for i in range(0, x.shape[0], rows):
        part = slice(i, i + rows)
        y[part] = _read(x[part], begin[part], ratio[part], grains)
    return y


Beyond = Literal["silence", "mirror"]


def read_at(x: Float[Tensor, "b t"], *, ratio: Float[Tensor, " b"], beyond: Beyond) -> Float[Tensor, "b t"]:
    """Read the rows from front to back at ``ratio`` input samples per output sample.

    Args:
        x: spline coefficients.
        ratio: at most 4.
        beyond: what is read past the end: "silence", or the "mirror" image of the row.

    Returns:
        Signals of the length of ``x``.
    """
    rows = chunk_rows(2 * x.shape[1], x.device)
    parts = [slice(i, i + rows) for i in range(0, x.shape[0], rows)]
    return torch.cat([_read_at(x[part], ratio[part], beyond) for part in parts])


def spline_gain(hz: Float[Tensor, " bins"], sample_rate: int) -> Float[Tensor, " bins"]:
    """Gain that turns a signal into coefficients of the cubic B-spline through its samples."""
    return 3.0 / (2.0 + torch.cos(2 * torch.pi / sample_rate * hz))


def _read_at(x: Float[Tensor, "b t"], ratio: Float[Tensor, " b"], beyond: Beyond) -> Float[Tensor, "b t"]:
    # Places in steps of 2^-24 sample, as whole numbers: float32 loses the fraction of a sample far into a row.
    samples, step = x.shape[1], (ratio * 2.0**24).to(torch.int64)[:, None]
    place = torch.arange(samples, device=x.device) * step
    floor = place >> 24
    u = (place & (2**24 - 1)).to(x.dtype).mul_(2.0**-24)
    length = int(floor[:, -1].max()) + 1
    if beyond == "mirror":
        around = torch.arange(-1, length + 2, device=x.device).remainder_(max(1, 2 * (samples - 1)))
        longer = x[:, around.minimum(2 * (samples - 1) - around).clamp_(min=0)]
    else:
        longer = torch.nn.functional.pad(x, (1, max(0, length + 2 - samples)))
    y = torch.zeros_like(x)
    for tap, weight in enumerate(_weights(u)):
        y.addcmul_(longer[:, tap : tap + length].gather(1, floor), weight)
    return y if beyond == "mirror" else y.masked_fill_(place > (samples - 1) << 24, 0.0)


def _weights(u: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"], ...]:
    """Weights of the four coefficients around a place that is ``u`` after the second."""
    v = 1.0 - u
    return v**3 / 6, (3 * u**3 - 6 * u**2 + 4) / 6, (3 * v**3 - 6 * v**2 + 4) / 6, u**3 / 6


def _read(
    x: Float[Tensor, "b t"], begin: Int64[Tensor, "b k"], ratio: Float[Tensor, " b"], grains: Grains
) -> Float[Tensor, "b t"]:
    samples, hop, overlap = x.shape[1], grains.hop, grains.overlap
    # Relative to its grain's start, so that float32 holds the fraction of a sample well.
    place = torch.arange(hop + overlap, device=x.device) * ratio[:, None]
    floor = place.floor()
    u = (place - floor)[:, None]
    reach = int(floor.max()) + 4
    padded = torch.nn.functional.pad(x, (1, reach))
    index = (begin[:, :, None] + floor.to(torch.int64)[:, None]).flatten(1)
    weights = _weights(u)
    length = samples + reach - 3
    shape = (x.shape[0], begin.shape[1], hop + overlap)
    y = padded[:, :length].gather(1, index).view(shape).mul_(weights[0])
    for tap in (1, 2, 3):
        y.addcmul_(padded[:, tap : tap + length].gather(1, index).view(shape), weights[tap])
    fade = (torch.arange(overlap, device=x.device) + 0.5) / overlap
    if begin.shape[1] > 1:
        y[:, 1:, :overlap] = torch.lerp(y[:, :-1, hop:], y[:, 1:, :overlap], fade)
    return y[:, :, :hop].flatten(1)[:, :samples]
