"""A small token-masked vision transformer on patches of a log-mel spectrogram: the default encoder.

The features are cut into patches of ``patch[0]`` bands by ``patch[1]`` frames. In training a share of each row's
patches, drawn per row, is dropped before the patch embedding and never computed: two crops of a track under two
different maskings are the two views (as in masked contrastive learning of music, Yonay et al. 2025), so that the
masking is both the augmentation and the speed. In eval mode every patch is seen.
"""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float, Int, Num
from torch import Tensor, nn
from torch.nn import functional as F

from contramuse.encoders.dense import Dense, attention
from contramuse.encoders.sequence import SequenceEncoder
from contramuse.errors import UserError
from contramuse.gather import total, world_size

SIZES: dict[str, tuple[int, int, int, float]] = {"Ti": (192, 12, 3, 0.75), "S": (384, 12, 6, 0.9)}
"""Name -> (dim, depth, heads, share of tokens dropped in training)."""


class Standardise(nn.Module):
    """Subtract each band's mean and divide by its deviation, both averaged over the first batches of training.

    The averages are cumulative, over the rows of all processes, and stop changing after ``batches`` training
    batches, and the same ones are used in training and in eval mode: unlike batch normalisation a row never depends
    on its neighbours, and the encoder that was trained is the one that is kept. Raw log-mels have means of -5 to
    -12 and deviations of 2 to 4; without this the first steps only learn that.

    Args:
        bands: number of bands f.
        batches: training batches after which the statistics are kept.
    """

    def __init__(self, *, bands: int, batches: int = 200) -> None:
        super().__init__()
        self.batches = batches
        self.mean: Tensor
        self.square: Tensor
        self.seen: Tensor
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("square", torch.ones(bands))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Float[Tensor, "b f n"]) -> Float[Tensor, "b f n"]:
        """Standardise ``x``."""
        if self.training:
            self._see(x)
        deviation = (self.square - self.mean**2).clamp_min(1e-4).sqrt()
        return (x - self.mean[:, None]) / deviation[:, None]

    @torch.no_grad()
    def _see(self, x: Tensor) -> None:
        x = x.float()
        share = torch.where(self.seen < self.batches, 1 / (self.seen + 1), 0.0).to(x.dtype)
        # Every process has as many rows, so the mean over all of them is the mean of the processes' means.
        mean, square = total(torch.stack([x.mean(dim=(0, 2)), x.square().mean(dim=(0, 2))])) / world_size()
        self.mean.lerp_(mean, share)
        self.square.lerp_(square, share)
        self.seen += 1


class Block(nn.Module):
    """Pre-norm self-attention and MLP, each added to its input.

    Args:
        dim: width of a token.
        heads: attention heads; divides ``dim``.
        expand: width of the MLP over ``dim``.
    """

    def __init__(self, *, dim: int, heads: int, expand: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = Dense(dim, 3 * dim), Dense(dim, dim)
        self.up, self.down = Dense(dim, int(dim * expand)), Dense(int(dim * expand), dim)

    def forward(self, x: Float[Tensor, "b n h"]) -> Float[Tensor, "b n h"]:
        """One layer over the tokens of each row."""
        q, k, v = rearrange(self.qkv(self.norm1(x)), "b n (three g c) -> three b g n c", three=3, g=self.heads)
        x = x + self.out(rearrange(attention(q, k, v), "b g n c -> b n (g c)"))
        result: Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return result


def sinusoids(positions: Num[Tensor, " n"], dim: int) -> Float[Tensor, "n h"]:
    """Sines and cosines of ``positions``, wavelengths from 2 pi to 20,000 pi (Vaswani et al. 2017, section 3.5)."""
    rates = 10_000 ** -(torch.arange(dim // 2, dtype=torch.float32, device=positions.device) / (dim // 2))
    angles = positions.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class MelTransformer(SequenceEncoder):
    """Patches of features, of which training drops a share, through a transformer; the mean over tokens.

    Any number of frames: those after the last whole patch are not seen, and fewer than one patch is padded with the
    bands' means. Positions are fixed two-dimensional sinusoids (half the width for the band, half for the time), so
    a longer input than trained on needs nothing new.

    Args:
        bands: number of bands f of the features (given by the frontend).
        size: "Ti" (192 wide, 12 layers, 3 heads, 0.75 dropped) or "S" (384, 12, 6, 0.9); what follows overrides it.
        patch: bands and frames of a patch; the bands of a patch divide ``bands``.
        dim, depth, heads: width, layers, attention heads.
        expand: width of each layer's MLP over ``dim``.
        drop: share of a row's tokens that training drops; at least one token stays.
        standardise: "bands" standardises each band by statistics of the first training batches; "none" does not.
        segment: frames of a segment, where heads read a sequence (within a track, CPC): each segment is encoded by
            itself, so that none knows of the next.

    Raises:
        UserError: a patch does not divide the bands, the width does not fit the heads, or a segment is shorter than a
            patch.
    """

    axes = ("segment",)

    def __init__(
        self,
        *,
        bands: int,
        size: Literal["Ti", "S"] = "Ti",
        patch: tuple[int, int] = (16, 16),
        dim: int | None = None,
        depth: int | None = None,
        heads: int | None = None,
        expand: float = 4.0,
        drop: float | None = None,
        standardise: Literal["bands", "none"] = "bands",
        segment: int = 128,
    ) -> None:
        super().__init__()
        default = SIZES[size]
        self.dim = self.step_dim = dim or default[0]
        self.segment = segment
        heads = heads or default[2]
        self.drop = default[3] if drop is None else drop
        self.bands, self.patch = bands, (patch[0], patch[1])
        self._check(heads)
        self.standardise = Standardise(bands=bands) if standardise == "bands" else nn.Identity()
        self.embed = Dense(patch[0] * patch[1], self.dim)
        self.blocks = nn.ModuleList(Block(dim=self.dim, heads=heads, expand=expand) for _ in range(depth or default[1]))
        self.norm = nn.LayerNorm(self.dim)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def _check(self, heads: int) -> None:
        if self.bands % self.patch[0] or min(self.patch) < 1:
            raise UserError(
                f"a patch of {self.patch[0]} bands does not divide {self.bands} bands",
                name="patch",
                value=list(self.patch),
                fix="Choose a patch height that divides the frontend's n_mels, such as 16 for 128.",
            )
        if self.dim % heads or self.dim % 4:
            raise UserError(
                f"the width does not split into {heads} heads, or not by 4",
                name="dim",
                value=self.dim,
                fix="Choose a multiple of 4 and of the number of heads.",
            )
        if not 0 <= self.drop < 1:
            raise UserError("a share is 0 or more and below 1", name="drop", value=self.drop, fix="Write 0.75.")
        if self.segment < self.patch[1]:
            fix = f"Write {self.patch[1]} or more."
            raise UserError("a segment is shorter than a patch", name="segment", value=self.segment, fix=fix)

    def forward(self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """The mean token of each row.

        Args:
            x: features.
            generator: draws which tokens are kept; needed in training when ``drop`` is above 0, ignored in eval mode.
        """
        x = self.standardise(x)
        if x.shape[2] < self.patch[1]:
            x = F.pad(x, (0, self.patch[1] - x.shape[2]))
        height, width = self.bands // self.patch[0], x.shape[2] // self.patch[1]
        x = x[:, :, : width * self.patch[1]]
        places = self._places(height, width, x.device)
        if self.training and self.drop > 0:
            kept = self._draw(len(x), height * width, generator).to(x.device)
            x = self._gather(x, kept, width)
            places = places[kept]
        else:
            x = rearrange(x, "b (i p) (j q) -> b (i j) (p q)", p=self.patch[0], q=self.patch[1])
        x = self.embed(x)
        x = x + places.to(x.dtype)
        for block in self.blocks:
            x = block(x)
        mean: Tensor = self.norm(x).mean(dim=1)
        return mean

    def sequence(
        self, x: Float[Tensor, "b f n"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b segment h"]:
        """The mean token of each segment of ``segment`` frames; frames after the last whole one are not seen.

        An input shorter than that is one segment.

        Args:
            x: features.
            generator: as for ``forward``; tokens are dropped in each segment.
        """
        count = max(1, x.shape[2] // self.segment)
        parts = rearrange(x[:, :, : count * self.segment], "b f (s n) -> (b s) f n", s=count)
        steps: Tensor = rearrange(self(parts, generator), "(b s) h -> b s h", s=count)
        return steps

    def _places(self, height: int, width: int, device: torch.device) -> Float[Tensor, "tokens h"]:
        half = self.dim // 2
        bands = sinusoids(torch.arange(height, device=device), half)[:, None].expand(-1, width, -1)
        times = sinusoids(torch.arange(width, device=device), half)[None].expand(height, -1, -1)
        return torch.cat([bands, times], dim=2).reshape(height * width, self.dim)

    def _draw(self, rows: int, tokens: int, generator: torch.Generator | None) -> Int[Tensor, "b kept"]:
        """Which tokens each row keeps, drawn per row."""
        if generator is None:
            raise ValueError("training with dropped tokens needs a generator")
        kept = max(1, round(tokens * (1 - self.drop)))
        order = torch.rand(rows, tokens, generator=generator, device=generator.device)
        return order.topk(kept, dim=1).indices

    def _gather(self, x: Tensor, kept: Int[Tensor, "b kept"], width: int) -> Float[Tensor, "b kept pq"]:
        """The kept patches alone: what is dropped is not even copied."""
        grid = rearrange(x, "b (i p) (j q) -> b i p j q", p=self.patch[0], q=self.patch[1])
        rows = torch.arange(len(x), device=x.device)[:, None]
        return grid[rows, kept // width, :, kept % width].flatten(2)
