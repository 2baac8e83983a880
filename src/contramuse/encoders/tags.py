"""Encoders of the tags (genres) that a track has: a set of numbers becomes one vector.

Tags are given as int64 [b k]: numbers from 1, filled up with 0.
"""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from contramuse.encoders.dropout import drop
from contramuse.encoders.heads import EPSILON
from contramuse.errors import UserError


class TagTable(nn.Embedding):
    """One vector per tag; row 0, the padding, starts as zeros.

    Args:
        width: number of tags; 0 behaves as 1.
        dim: size of a tag's vector.
    """

    def __init__(self, *, width: int, dim: int) -> None:
        super().__init__((width or 1) + 1, dim)
        with torch.no_grad():
            self.weight[0] = 0

    @torch.no_grad()
    def load(self, vectors: Float[Tensor, "tags d"]) -> None:
        """Start from word vectors, one row per tag (without a row for the padding).

        Raises:
            UserError: as many tags, or as many numbers, as this table does not have.
        """
        wanted = self.weight.shape[0] - 1, self.weight.shape[1]
        if tuple(vectors.shape) != wanted:
            raise UserError(
                f"there are {wanted[0]} tags of {wanted[1]} numbers",
                name="vectors",
                value=tuple(vectors.shape),
                fix="Make the vectors for the tags of this library, and of the encoder's size.",
            )
        self.weight[1:] = vectors.to(self.weight)


class TagAttention(nn.Module):
    """Self-attention between the tags of a track, summed: the genre encoder of PlaylistContrastive.

    Every tag asks all tags of its row; no residual, no feed-forward layer and no positions; then a linear map, dropout,
    the sum over the tags and layer normalisation. 294,400 parameters with 249 tags and the defaults.

    Args:
        width: number of tags of the library; 0: as many as it has.
        dim: size of a tag's vector and of the encoder's.
        heads: attention heads, each of size ``dim``.
        dropout: chance that an attention weight, and a number of each tag's output, is set to 0 in training.
        padding: "masked" leaves the padding out of the sum; "summed" adds its output too, as the published encoder
            does: a place without a tag then asks as a tag of its own, and adds about the mean of the row's tags, so
            that a track with one tag is the sum of ten things.
    """

    def __init__(
        self,
        *,
        width: int = 0,
        dim: int = 128,
        heads: int = 4,
        dropout: float = 0.1,
        padding: Literal["masked", "summed"] = "masked",
    ) -> None:
        super().__init__()
        self.dim, self.heads, self.dropout, self.padding = dim, heads, dropout, padding
        self.table = TagTable(width=width, dim=dim)
        self.query, self.key, self.value = (nn.Linear(dim, heads * dim, bias=False) for _ in range(3))
        self.out = nn.Linear(heads * dim, dim, bias=False)
        self.norm = nn.LayerNorm(dim, eps=EPSILON)

    def load_vectors(self, vectors: Float[Tensor, "tags d"]) -> None:
        """Start the tags from word vectors; see :meth:`TagTable.load`."""
        self.table.load(vectors)

    def forward(self, x: Int[Tensor, "b k"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """Encode sets of tags; ``generator`` draws the dropout."""
        present, tags = x > 0, self.table(x)
        q, k, v = (
            rearrange(project(tags), "b k (g c) -> b g k c", g=self.heads)
            for project in (self.query, self.key, self.value)
        )
        weights = self._weights(q, k, present)
        mixed = drop(weights, self.dropout, generator, training=self.training) @ v
        asked = drop(
            self.out(rearrange(mixed, "b g k c -> b k (g c)")), self.dropout, generator, training=self.training
        )
        if self.padding == "masked":
            asked = asked * present[:, :, None]
        encoded: Tensor = self.norm(asked.sum(dim=1))
        return encoded

    def _weights(
        self, q: Float[Tensor, "b g k c"], k: Float[Tensor, "b g k c"], present: Bool[Tensor, "b k"]
    ) -> Float[Tensor, "b g k k"]:
        """How much each tag hears of each; equal shares of the padding where a row has no tag."""
        scores = q @ k.transpose(2, 3) * self.dim**-0.5
        return torch.softmax(scores.masked_fill(~present[:, None, None], torch.finfo(scores.dtype).min), dim=3)


class TagMean(nn.Module):
    """The mean of the tags' vectors, mapped; the simpler genre encoder of Ferraro et al. 2021.

    A linear map without bias, the mean over the tags that a row has, dropout, layer normalisation.

    Args:
        width: number of tags of the library; 0: as many as it has.
        dim: size of a tag's vector.
        out: size of the encoder's vector.
        dropout: chance that a number of the mean is set to 0 in training.
    """

    def __init__(self, *, width: int = 0, dim: int = 128, out: int = 128, dropout: float = 0.1) -> None:
        super().__init__()
        self.dim, self.dropout = out, dropout
        self.table = TagTable(width=width, dim=dim)
        self.map = nn.Linear(dim, out, bias=False)
        self.norm = nn.LayerNorm(out, eps=EPSILON)

    def load_vectors(self, vectors: Float[Tensor, "tags d"]) -> None:
        """Start the tags from word vectors; see :meth:`TagTable.load`."""
        self.table.load(vectors)

    def forward(self, x: Int[Tensor, "b k"], generator: torch.Generator | None = None) -> Float[Tensor, "b h"]:
        """Encode sets of tags; ``generator`` draws the dropout."""
        present = (x > 0)[:, :, None]
        mean = (self.table(x) * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
        encoded: Tensor = self.norm(drop(self.map(mean), self.dropout, generator, training=self.training))
        return encoded
