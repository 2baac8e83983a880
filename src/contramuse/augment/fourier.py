"""Small pieces that the effects in the frequency domain share."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

_SIZES: list[int] = sorted({2**a * 3**b * 5**c for a in range(4, 27) for b in range(4) for c in range(4)})


@lru_cache(maxsize=256)
def good_size(samples: int) -> int:
    """A length >= ``samples`` that is fast to transform: factors 2, 3 and 5, or a power of two where it is near."""
    size = next(size for size in _SIZES if size >= samples)
    power = 1 << (samples - 1).bit_length()
    return power if power < 1.1 * size else size


@lru_cache(maxsize=16)
def frequencies(n_fft: int, sample_rate: int, device: torch.device) -> Float[Tensor, " bins"]:
    """Frequency of each bin of a real transform, Hz."""
    return torch.arange(n_fft // 2 + 1, device=device) * (sample_rate / n_fft)


def fall(hz: Float[Tensor, " bins"], edge: Float[Tensor, " b"], width: Float[Tensor, " b"]) -> Float[Tensor, "b bins"]:
    """1 below ``edge`` - ``width`` (Hz), 1/2 at the edge, 0 above their sum; with two continuous derivatives.

    Smooth, so that the impulse response is short: it has decayed by 60 dB after about 3 / width seconds.
    """
    v = (hz - edge[:, None]).div_(width[:, None]).clamp_(-1.0, 1.0)
    square = v * v
    # 1/2 - 15/16 v + 5/8 v^3 - 3/16 v^5, by Horner.
    return square.mul(-3 / 16).add_(5 / 8).mul_(square).sub_(15 / 16).mul_(v).add_(0.5)


@lru_cache(maxsize=16)
def chunk_rows(samples: int, device: torch.device) -> int:
    """Rows to process at once: on a CPU so few that they stay in its cache, on a device all."""
    return max(1, 2**20 // samples) if device.type == "cpu" else 2**31
