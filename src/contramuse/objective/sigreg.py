"""LeJEPA: pull the views of a track together, and keep embeddings distributed like an isotropic Gaussian."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from contramuse.errors import RecipeError
from contramuse.objective.base import Objective, check_above_0, positives
from contramuse.sampling import generator_for


class SIGReg(Objective, nn.Module):
    """Sketched isotropic Gaussian regularisation (LeJEPA, Balestriero and LeCun 2025, arXiv 2511.08544).

    Its similarity is ``euclidean``. For each query, (1 - weight) x - sum_j P_ij S_ij, its squared distance to its
    positives. For the embeddings Z [n d] of all views and processes together, weight x the mean over random directions
    a of the unit sphere of the statistic of Epps and Pulley (1983), which is small where Z a is distributed as N(0, 1):

        n x integral over t from -reach to reach of |(1/n) sum_i exp(i t Z_i a) - exp(-t^2/2)|^2 exp(-t^2/2) dt

    by the trapezoid rule, with ``knots`` points on [0, reach]: the integrand is even. The paper takes 17 points on
    [-5, 5]; its published code, and the default here, 17 on [0, 3]. There each view is tested alone, and the pull is
    the mean over dimensions of the squared distance to the mean of V views: ``{kind: euclidean, over: mean,
    temperature: 4}`` is that for V = 2, and 2 V / (V - 1) in general.

    Directions are drawn anew at every step, from the seed and the number of steps, the same in every process.

    Args:
        weight: lambda, 0 to 1; the paper recommends 0.01 to 0.1, its code has 0.02.
        slices: directions drawn at a step.
        knots: points of the integral.
        reach: where the integral ends.
        seed: of the directions.
    """

    steps: Tensor

    def __init__(
        self, *, weight: float = 0.05, slices: int = 256, knots: int = 17, reach: float = 3.0, seed: int = 0
    ) -> None:
        super().__init__()
        if not 0 <= weight <= 1:
            raise RecipeError("is a share", name="weight", value=weight, fix="The paper recommends 0.01 to 0.1.")
        check_above_0("slices", slices, "The paper has 256.")
        check_above_0("reach", reach, "The published code has 3.")
        if knots < 2:
            raise RecipeError("an integral needs 2 or more", name="knots", value=knots, fix="The paper has 17.")
        self.weight, self.slices, self.knots, self.reach, self.seed = weight, slices, knots, reach, seed
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def per_row(
        self,
        s: Float[Tensor, "q k"],
        t: Float[Tensor, "q k"],
        c: Bool[Tensor, "q k"],
        track: Int[Tensor, " q"] | None = None,
    ) -> tuple[Float[Tensor, " q"], Bool[Tensor, " q"]]:
        """See ``Objective.per_row``."""
        wanted, counts = positives(t.to(s.dtype), c)
        return -(1 - self.weight) * (wanted * s).sum(1) * counts, counts

    def regularise(self, z: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
        """The statistic, its mean over directions; in training the next call has other directions."""
        generator = generator_for(self.seed, "slices", int(self.steps))
        directions = torch.randn(z.shape[1], self.slices, generator=generator).to(z)
        if self.training:
            self.steps += 1
        t = torch.linspace(0, self.reach, self.knots, dtype=z.dtype, device=z.device)
        normal = torch.exp(-t.square() / 2)
        angles = (z @ (directions / directions.norm(dim=0)))[..., None] * t  # [n slices knots]
        gap = (angles.cos().mean(0) - normal).square() + angles.sin().mean(0).square()
        return self.weight * len(z) * 2 * torch.trapezoid(gap * normal, t, dim=-1).mean()
