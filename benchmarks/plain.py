"""The peer of three benchmarks: SampleCNN as its paper's table lists the layers, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)
SAMPLES = 59049


class PlainSampleCNN(nn.Module):
    """Conv1d, BatchNorm1d, ReLU, MaxPool1d, eleven blocks: [b 1 59049] -> [b 512]."""

    def __init__(self) -> None:
        super().__init__()
        self.sequential = nn.Sequential()
        for block, channels in enumerate(CHANNELS):
            before = CHANNELS[block - 1] if block else 1
            stride, padding = (1, 1) if block else (3, 0)
            layers = [nn.Conv1d(before, channels, 3, stride, padding), nn.BatchNorm1d(channels), nn.ReLU()]
            if 0 < block < 10:
                layers.append(nn.MaxPool1d(3, 3))
            self.sequential.append(nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        return self.sequential(x).flatten(1)


def waves(rows: int, samples: int, seed: int) -> Tensor:
    """Rows of coloured noise with a few tones each, within [-1, 1]: the cost does not depend on them."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(samples) / 22050
    pitches = 110 * 2 ** (torch.rand(rows, 3, 1, generator=generator) * 4)
    tones = torch.sin(2 * torch.pi * pitches * time).mean(dim=1)
    noise = torch.randn(rows, samples, generator=generator)
    return (0.5 * tones + 0.1 * noise)[:, None].clamp(-1, 1)


def nt_xent(z: Tensor, temperature: float = 0.5) -> Tensor:
    """The rows are pairs of views: 0 with 1, 2 with 3, ..."""
    z = F.normalize(z.float(), dim=1)
    similar = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(similar, torch.arange(len(z)) ^ 1)
