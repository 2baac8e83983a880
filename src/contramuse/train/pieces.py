"""Gradient caching: the gradient of one large batch with the memory of a part of it.

Contrastive losses compare all rows of a batch, so a batch that does not fit cannot be halved without losing negatives.
But the loss needs the embeddings only: each piece goes through its tower without keeping activations, the loss is
taken over all embeddings, and in the backward pass each piece goes through once more (Gao et al. 2021, "Scaling Deep
Contrastive Learning Batch Size under Memory Limited Setup"). Non-reentrant checkpointing of each piece is just that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from contramuse.encoders.tower import Output, Tower


def in_pieces(
    tower: Tower, features: Tensor, *, pieces: int, generator: Callable[[int], torch.Generator]
) -> tuple[Tensor, dict[str, Output]]:
    """``tower.compare(features)``, ``pieces`` parts of the rows one after another.

    The value and the gradient are those of the whole where rows do not depend on one another; batch normalisation
    takes its statistics over a piece, and counts them once.

    Args:
        tower: goes over the features.
        features: [b ...].
        pieces: number of parts; 1: everything at once, and activations are kept.
        generator: makes the generator of a part, anew for its second pass.
    """
    if pieces == 1:
        return tower.compare(features, generator(0))
    parts = []
    for number, part in enumerate(features.tensor_split(min(pieces, len(features)))):

        def through(x: Tensor, number: int = number) -> tuple[Tensor, dict[str, Output]]:
            return tower.compare(x, generator(number))

        parts.append(checkpoint(through, part, use_reentrant=False, context_fn=lambda: _contexts(tower)))
    h = torch.cat([part for part, _ in parts])
    named = parts[0][1]
    return h, {n: Output(torch.cat([o[n].z for _, o in parts]), output.axes) for n, output in named.items()}


def _contexts(tower: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _again(tower, _buffers(tower))


@contextmanager
def _again(tower: nn.Module, before: Mapping[str, Tensor]) -> Iterator[None]:
    """The second pass finds the buffers as the first did, and does not count a batch's statistics once more."""
    after = _buffers(tower)
    _restore(tower, before)
    try:
        yield
    finally:  # the second pass is left by an exception as soon as everything has been made that is needed
        _restore(tower, after)


def _buffers(tower: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in tower.named_buffers()}


def _restore(tower: nn.Module, values: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, buffer in tower.named_buffers():
            buffer.copy_(values[name])
