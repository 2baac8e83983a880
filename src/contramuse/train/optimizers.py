"""Optimisers: which weights decay, LARS, and the learning rate over the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from contramuse.recipe import settings


def weight_groups(module: nn.Module, *, weight_decay: float) -> list[dict[str, object]]:
    """The trainable weights of ``module`` in two groups: matrices and kernels, which decay; and the rest.

    The rest are vectors and scalars: biases, the gains and offsets of norms, learned temperatures. They neither decay
    nor, under LARS, have a trust ratio (``adapt``).
    """
    return _two_groups([w for w in module.parameters() if w.requires_grad], weight_decay)


def _two_groups(weights: list[nn.Parameter], weight_decay: float) -> list[dict[str, object]]:
    return [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay, "adapt": "layer"},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0, "adapt": "none"},
    ]


def layered_groups(
    encoder: nn.Module, rest: nn.Module, *, weight_decay: float, layer_decay: float
) -> list[dict[str, object]]:
    """Groups whose rate falls from the head down to the input (Clark et al. 2020; Bao et al. 2022, BEiT).

    ``share`` is the group's share of the learning rate: 1 for ``rest``, layer_decay for what follows the encoder's
    blocks, layer_decay^2 for the last block, and so on; what stands before the blocks has the least. The blocks are
    those of the longest list of modules in the encoder.

    Args:
        encoder: its weights are graded.
        rest: everything else that is trained (the head).
        weight_decay: of matrices and kernels.
        layer_decay: factor from one block to the one before it, above 0 and at most 1.
    """
    graded = [(layer_decay ** (1 + back), weights) for back, weights in enumerate(reversed(depths(encoder)))]
    groups = []
    for share, weights in [(1.0, list(rest.parameters())), *graded]:
        trained = [w for w in weights if w.requires_grad]
        groups += [{**group, "share": share} for group in _two_groups(trained, weight_decay) if group["params"]]
    return groups


def depths(encoder: nn.Module) -> list[list[nn.Parameter]]:
    """The weights of an encoder from its input to its output: before the blocks, each block, after the blocks."""
    lists = [m for m in encoder.modules() if isinstance(m, (nn.Sequential, nn.ModuleList))]
    blocks = max(lists, key=_blocks_of, default=None)
    if blocks is None or not _blocks_of(blocks):
        return [list(encoder.parameters())]
    inner = [list(block.parameters()) for block in blocks.children() if any(True for _ in block.parameters())]
    known = {id(w) for weights in inner for w in weights}
    first, seen = id(inner[0][0]), False
    before, after = list[nn.Parameter](), list[nn.Parameter]()
    for weight in encoder.parameters():
        seen = seen or id(weight) == first
        if id(weight) not in known:
            (after if seen else before).append(weight)
    return [weights for weights in (before, *inner, after) if weights]


def _blocks_of(modules: nn.Module) -> int:
    return sum(any(True for _ in block.parameters()) for block in modules.children())


class LARS(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling (You et al. 2017, as SimCLR uses it: Chen et al. 2020, appendix B).

        g <- g + weight_decay w;  trust = eta |w| / |g|, or 1 if either norm is 0, or in a group with ``adapt`` "none"
        v <- momentum v + lr trust g;  w <- w - v

    Args:
        params: weights or groups of weights.
        lr: learning rate.
        momentum: share of the last step that is kept.
        weight_decay: decay, added to the gradient before the trust ratio.
        eta: trust coefficient.
    """

    def __init__(
        self,
        params: Iterable[dict[str, object]],
        *,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        eta: float = 0.001,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "eta": eta, "adapt": "layer"}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; ``closure`` computes loss and gradients again where a trainer wants it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)
        return loss

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, float | str]) -> None:
        gradient = gradient.add(weight, alpha=float(group["weight_decay"]))
        if group["adapt"] == "layer":
            size, slope = weight.norm(), gradient.norm()
            trust = torch.where((size > 0) & (slope > 0), float(group["eta"]) * size / slope, 1.0)
            gradient = gradient * trust
        velocity = self.state[weight].setdefault("velocity", torch.zeros_like(weight))
        velocity.mul_(group["momentum"]).add_(gradient, alpha=float(group["lr"]))
        weight.sub_(velocity)


def build_optimizer(module: nn.Module, wanted: settings.Optimizer) -> torch.optim.Optimizer:
    """The optimiser that a recipe wants, over the weights of ``module``.

    Adam adds the decay to the gradient, AdamW takes it from the weight (Loshchilov and Hutter 2019).
    """
    return optimizer_over(weight_groups(module, weight_decay=wanted.weight_decay), wanted)


def optimizer_over(groups: list[dict[str, object]], wanted: settings.Optimizer) -> torch.optim.Optimizer:
    """The optimiser over groups of weights."""
    if isinstance(wanted, settings.LARS):
        return LARS(groups, lr=wanted.lr, momentum=wanted.momentum, eta=wanted.trust)
    for group in groups:
        group.pop("adapt")
    if isinstance(wanted, settings.AdamW):
        return torch.optim.AdamW(groups, lr=wanted.lr, betas=wanted.betas)
    if isinstance(wanted, settings.Adam):
        return torch.optim.Adam(groups, lr=wanted.lr, betas=wanted.betas)
    assert isinstance(wanted, settings.SGD), wanted
    return torch.optim.SGD(groups, lr=wanted.lr, momentum=wanted.momentum, nesterov=wanted.momentum_kind == "nesterov")


def rate_at(progress: float, wanted: settings.Schedule) -> float:
    """Learning rate as a share of its peak when ``progress`` (0..1) of the run is done.

    It rises linearly over the first share ``warmup`` of the run, then stays (constant; plateau, whose reductions come
    on top), falls at given shares of the run (steps) or along half a cosine to ``floor`` (cosine).
    """
    if progress < wanted.warmup:
        return progress / wanted.warmup
    if isinstance(wanted, settings.Steps):
        return float(wanted.factor ** sum(progress >= share for share in wanted.at))
    if not isinstance(wanted, settings.Cosine):
        return 1.0
    rest = min((progress - wanted.warmup) / max(1.0 - wanted.warmup, 1e-12), 1.0)
    return wanted.floor + (1.0 - wanted.floor) * 0.5 * (1.0 + math.cos(math.pi * rest))
