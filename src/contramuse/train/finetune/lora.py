"""Low-rank adapters: an encoder is tuned by a few numbers that are added to the weights of its linear layers."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from contramuse.errors import UserError
from contramuse.sampling import generator_for


class LowRank(nn.Module):
    """Adds ``alpha / rank * up down`` to the weight of a linear layer (Hu et al. 2021, arXiv:2106.09685, section 4.1).

    The layer computes with the sum, the one that ``merge`` leaves: what is stored answers as what was trained, to the
    bit. ``down`` begins normal with variance 1 / i, ``up`` at 0, so that at first nothing is added.

    Args:
        weight: of the layer, [o i].
        rank: of what is added, at most that of the weight.
        alpha: how much of it is added, over the rank.
        generator: draws the first ``down``.
    """

    def __init__(self, weight: Float[Tensor, "o i"], *, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.scale = alpha / rank
        down = torch.randn(rank, weight.shape[1], generator=generator) * weight.shape[1] ** -0.5
        self.down = nn.Parameter(down.to(weight.device))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank, device=weight.device))

    def forward(self, weight: Float[Tensor, "o i"]) -> Float[Tensor, "o i"]:
        """The weight that the layer computes with."""
        with torch.autocast(weight.device.type, enabled=False):
            return weight + self.scale * (self.up @ self.down)


def adapt(encoder: nn.Module, *, rank: int, alpha: float, seed: int) -> None:
    """Give every linear layer of ``encoder`` an adapter; nothing else of it has a gradient after this.

    Raises:
        UserError: it has no linear layer, or one that is smaller than the rank.
    """
    layers = [(name, layer) for name, layer in encoder.named_modules() if isinstance(layer, nn.Linear)]
    if not layers:
        fix = "Give --encoder full (all weights) or frozen (none); the mel transformer's layers are linear."
        problem = f"needs linear layers, of which a {type(encoder).__name__} has none"
        raise UserError(problem, name="--encoder", value="lora", fix=fix)
    name, least = min(((name, min(layer.weight.shape)) for name, layer in layers), key=lambda pair: pair[1])
    if rank > least:
        fix = f"Give {least} or less: the layer {name} has no more."
        raise UserError("is more than the rank of a weight", name="--rank", value=rank, fix=fix)
    encoder.requires_grad_(False)
    for index, (_, layer) in enumerate(layers):
        draws = generator_for(seed, "adapters", index)
        added = LowRank(layer.weight, rank=rank, alpha=alpha, generator=draws)
        parametrize.register_parametrization(layer, "weight", added)


def adapters(encoder: nn.Module) -> list[LowRank]:
    """What was added to an encoder."""
    return [module for module in encoder.modules() if isinstance(module, LowRank)]


def merge(encoder: nn.Module) -> None:
    """Make each weight the sum with what was added to it; the encoder is then as any other of its kind."""
    for layer in [one for one in encoder.modules() if parametrize.is_parametrized(one, "weight")]:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
