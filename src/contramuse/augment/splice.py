"""Effects that lose time: cuts that close up, and packets that never arrive."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Params, Range, uniform, whole
from contramuse.augment.noise_table import draw_place, white


@dataclass(frozen=True, kw_only=True)
class Splice(Augmentation):
    """SpliceOut (Jain et al., 2021): pieces are cut out and the ends joined; the row ends in as much silence.

    Args:
        p: chance per row.
        count: lowest and highest number of cuts.
        milliseconds: range of a piece's length; pieces that together leave less than half of the row are shortened.
        fade: milliseconds over which one side of a cut fades into the other.
        sample_rate: Hz.
    """

    sample_rate: int
    count: tuple[int, int] = (8, 8)
    milliseconds: Range = (0.0, 100.0)
    fade: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("count", self.count, low=0, high=100)
        self._range("milliseconds", self.milliseconds, low=0.0, high=10_000.0)
        self._within("fade", self.fade, low=0.0, high=100.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        low, high = self.milliseconds
        most = max(1, self.count[1])
        return {
            "count": whole(n, self.count, generator),
            "seconds": (low + (high - low) * torch.rand(n, most, generator=generator)) / 1000.0,
            "place": torch.rand(n, most, generator=generator),
        }

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        rows, samples = x[:, 0], x.shape[-1]
        counted = torch.arange(params["seconds"].shape[1], device=x.device) < params["count"][:, None]
        length = params["seconds"] * self.sample_rate * counted
        length = length * (samples / 2 / length.sum(1, keepdim=True).clamp(min=samples / 2))
        length = length.round().to(torch.int64)
        kept = samples - length.sum(1, keepdim=True)
        # Places in the output, in order: before the i-th, the pieces 0 to i - 1 have gone.
        cut = (params["place"] * kept).to(torch.int64).sort(1).values
        gone = torch.nn.functional.pad(length.cumsum(1), (1, 0))
        time = torch.arange(samples, device=x.device).expand(len(x), -1).contiguous()
        passed = torch.searchsorted(cut, time, right=True)
        y = rows.gather(1, (time + gone.gather(1, passed)).clamp_(max=samples - 1))
        if self.fade > 0:
            last = (passed - 1).clamp(min=0)
            since = time - cut.gather(1, last)
            width = max(1, round(self.fade * self.sample_rate / 1000.0))
            fading = (passed > 0) & (since < width)
            before = rows.gather(1, (time + gone.gather(1, last)).clamp_(max=samples - 1))
            y = torch.where(fading, torch.lerp(before, y, (since + 0.5).clamp_(0, width) / width), y)
        return y.masked_fill_(time >= kept, 0.0)[:, None]


@dataclass(frozen=True, kw_only=True)
class PacketLoss(Augmentation):
    """Packets of the row are lost, each for itself; silence stands in their place.

    Args:
        p: chance per row.
        share: range of the chance that a packet of the row is lost.
        milliseconds: of a packet.
        sample_rate: Hz.
    """

    sample_rate: int
    share: Range = (0.05, 0.3)
    milliseconds: float = 20.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._range("share", self.share, low=0.0, high=1.0)
        self._within("milliseconds", self.milliseconds, low=0.1, high=10_000.0)

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"share": uniform(n, self.share, generator), "place": draw_place(n, generator)}

    def _apply(self, x: Float[Tensor, "b 1 t"], params: Params) -> Float[Tensor, "b 1 t"]:
        packet = max(1, round(self.milliseconds * self.sample_rate / 1000.0))
        count = -(-x.shape[-1] // packet)
        # The table is Gaussian: below its quantile lies the share.
        lost = white(params["place"], count) < torch.special.ndtri(params["share"])[:, None]
        return x.masked_fill(lost.repeat_interleave(packet, dim=1)[:, None, : x.shape[-1]], 0.0)
