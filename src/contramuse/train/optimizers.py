"""Optimisers: which weights decay, LARS, and the learning rate over the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def weight_groups(module: nn.Module, *, weight_decay: float) -> list[dict[str, object]]:
    """The trainable weights of ``module`` in two groups: matrices and kernels, which decay; and the rest.

    The rest are vectors and scalars: biases, the gains and offsets of norms, learned temperatures. They neither decay
    nor, under LARS, have a trust ratio (``adapt``).
    """
    weights = [w for w in module.parameters() if w.requires_grad]
    return [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay, "adapt": "layer"},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0, "adapt": "none"},
    ]


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
                    self._move(weight, group)
        return loss

    def _move(self, weight: Tensor, group: dict[str, float | str]) -> None:
        gradient = weight.grad.add(weight, alpha=float(group["weight_decay"])) if weight.grad is not None else weight
        if group["adapt"] == "layer":
            size, slope = weight.norm(), gradient.norm()
            trust = torch.where((size > 0) & (slope > 0), float(group["eta"]) * size / slope, 1.0)
            gradient = gradient * trust
        velocity = self.state[weight].setdefault("velocity", torch.zeros_like(weight))
        velocity.mul_(group["momentum"]).add_(gradient, alpha=float(group["lr"]))
        weight.sub_(velocity)


def build_optimizer(
    module: nn.Module, *, kind: str, lr: float, weight_decay: float, momentum: float, betas: tuple[float, float]
) -> torch.optim.Optimizer:
    """The optimiser ``kind`` ("adamw", "adam", "sgd", "lars") over the weights of ``module``.

    Adam adds the decay to the gradient, AdamW takes it from the weight (Loshchilov and Hutter 2019). Momentum is read by
    SGD and LARS, betas by the two Adams.
    """
    groups = weight_groups(module, weight_decay=weight_decay)
    for group in groups if kind != "lars" else []:
        group.pop("adapt")
    if kind == "adamw":
        return torch.optim.AdamW(groups, lr=lr, betas=betas)
    if kind == "adam":
        return torch.optim.Adam(groups, lr=lr, betas=betas)
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum)
    return LARS(groups, lr=lr, momentum=momentum)


def rate_at(progress: float, *, kind: str, warmup: float, floor: float = 0.0) -> float:
    """Learning rate as a share of its peak when ``progress`` (0..1) of the run is done.

    It rises linearly over the first ``warmup`` (a share of the run), then stays ("constant") or falls along a half
    cosine to ``floor`` ("cosine").
    """
    if progress < warmup:
        return progress / warmup
    if kind == "constant":
        return 1.0
    rest = min((progress - warmup) / max(1.0 - warmup, 1e-12), 1.0)
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * rest))
