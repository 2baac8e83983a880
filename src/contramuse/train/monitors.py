"""What is watched while training: numbers that say what embeddings are worth, and collapse said in words."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

NEIGHBOURS = 5
"""Neighbours that ``knn_agreement`` looks at."""


def top1(s: Float[Tensor, "q k"], t: Float[Tensor, "q k"], c: Bool[Tensor, "q k"]) -> tuple[int, int]:
    """(hits, queries): how many queries that have a positive find one as their most similar candidate."""
    has = ((t > 0) & c).any(1)
    best = s.masked_fill(~c, float("-inf")).argmax(1)
    hits = t[torch.arange(len(t), device=t.device), best] > 0
    return int((hits & has).sum()), int(has.sum())


def alignment(z: Float[Tensor, "b d"], track: Int[Tensor, " b"]) -> float:
    """Mean squared distance of unit vectors over pairs of rows of one track; 0 is perfect, 2 is chance.

    Wang and Isola 2020, section 4.1, with alpha = 2. NaN where no track has two rows.
    """
    pairs = torch.triu(track[:, None] == track[None, :], diagonal=1)
    return float(_squared_distances(z)[pairs].mean())


def uniformity(z: Float[Tensor, "b d"], track: Int[Tensor, " b"]) -> float:
    """Log of the mean of exp(-2 |x - y|^2) of unit vectors over pairs of different tracks; lower is more spread.

    Wang and Isola 2020, section 4.1, with t = 2: 0 when all are one point, near -4 on the whole of a high sphere.
    """
    pairs = torch.triu(track[:, None] != track[None, :], diagonal=1)
    found = _squared_distances(z)[pairs]
    return float((-2 * found).logsumexp(0) - math.log(len(found))) if len(found) else math.nan


def effective_rank(x: Float[Tensor, "b h"]) -> float:
    """exp of the entropy of the singular values as shares of their sum (Roy and Vetterli 2007); 1 to min(b, h).

    The matrix is not centred: a constant output has rank 1.
    """
    values = torch.linalg.svdvals(x.double())
    total = values.sum()
    if not total > 0:
        return 0.0
    share = values / total
    return float(torch.exp(-(share * share.clamp(min=1e-300).log()).sum()))


def spread(z: Float[Tensor, "b d"]) -> float:
    """Standard deviation of unit vectors about their mean, over all dimensions: 0 all alike, 1 no direction shared."""
    unit = functional.normalize(z.double(), dim=1)
    return float((unit - unit.mean(0)).square().sum(1).mean().sqrt())


def knn_agreement(h: Float[Tensor, "n h"], labels: Float[Tensor, "n c"], *, neighbours: int = NEIGHBOURS) -> float:
    """Mean over tracks of how alike the labels of a track and of its nearest other tracks are (Dice; 1 is the same).

    With one class per track it is the share of neighbours of the same class. Nearness is the cosine; tracks without a
    label are left out. NaN where fewer than two tracks have a label.
    """
    known = labels.sum(1) > 0
    h, labels = functional.normalize(h[known], dim=1), labels[known]
    if len(h) < 2:
        return math.nan
    alike = (h @ h.T).fill_diagonal_(float("-inf"))
    nearest = alike.topk(min(neighbours, len(h) - 1), dim=1).indices
    return float(_dice(labels).gather(1, nearest).mean())


def chance_agreement(labels: Float[Tensor, "n c"]) -> float:
    """What ``knn_agreement`` would be with neighbours drawn at random."""
    labels = labels[labels.sum(1) > 0]
    if len(labels) < 2:
        return math.nan
    dice = _dice(labels)
    return float((dice.sum() - dice.trace()) / (len(labels) * (len(labels) - 1)))


def collapse(*, spread: float, rank: float, dim: int) -> str | None:
    """A collapse of the embeddings in words, or None.

    Args:
        spread: see ``spread``.
        rank: effective rank of the embeddings.
        dim: their size.
    """
    if spread < 0.02:
        return (
            f"collapse: all embeddings point the same way (their spread is {spread:.3f} of at most 1). If it stays "
            "so after some hundred steps, lower the learning rate or the temperature, or use a larger batch."
        )
    if rank < 1.2 and dim > 2:
        return (
            f"collapse: the {dim} dimensions of the embeddings carry {rank:.2f}. "
            "Lower the learning rate, or use a larger batch or head."
        )
    return None


def _dice(labels: Tensor) -> Tensor:
    sizes = labels.sum(1)
    return 2 * (labels @ labels.T) / (sizes[:, None] + sizes[None, :])


def _squared_distances(z: Tensor) -> Tensor:
    unit = functional.normalize(z.double(), dim=1)
    return (2 - 2 * (unit @ unit.T)).clamp(min=0)
