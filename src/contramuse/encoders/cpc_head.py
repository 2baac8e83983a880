"""Contrastive predictive coding: a context read from the first steps of a sequence predicts the steps that follow."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from contramuse.errors import UserError


class Context(nn.Module):
    """A GRU over the steps, and one linear map per predicted step (CLMR v1; Choi et al. 2022, section 3).

    99,072 parameters in the GRU and 66,048 in four maps at 128 and 128.

    Args:
        dim_in: size z of a step.
        dim: size c of the context.
        predictions: number of steps to predict.
        bias: of the linear maps.
    """

    def __init__(self, *, dim_in: int, dim: int, predictions: int, bias: Literal["none", "all"]) -> None:
        super().__init__()
        self.gru = nn.GRU(dim_in, dim, batch_first=True)
        self.predictors = nn.ModuleList(nn.Linear(dim, dim_in, bias=bias == "all") for _ in range(predictions))
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")

    def read(self, z: Float[Tensor, "b s z"]) -> Float[Tensor, "b s c"]:
        """The context after each step."""
        contexts: Tensor = self.gru(z)[0]
        return contexts

    def forward(self, z: Float[Tensor, "b s z"], positions: int) -> Float[Tensor, "b p k z"]:
        """What follows each of the last ``positions`` steps of ``z``, as predicted from all steps up to it."""
        contexts = self.read(z)[:, -positions:]
        return torch.stack([predict(contexts) for predict in self.predictors], dim=2)


class CPC(nn.Module):
    """Predict coming steps of a row's sequence from a context of earlier ones (van den Oord et al. 2018).

    From a start t0 the context reads ``steps`` steps, and ``predictions`` linear maps of it predict the steps after
    them. Compared by the inner product, each true step against the predictions of it for all rows, this is Choi et
    al.'s loss; the "segment" of a row is the number of its prediction.

    In training t0 is drawn once per batch from 0 to S - steps - predictions - 1: S is the number of steps, and the
    very last start is left out where there is another, as in the published code (11 steps: 0, 1 or 2; 9 steps: 0). In
    eval mode t0 is 0.

    Args:
        dim_in: size of a step.
        dim: size of the context: 128 in Choi et al., 256 in CLMR v1.
        steps: number of steps that the context reads before its first prediction; 0: all that leave room for the
            predictions.
        predictions: number of steps to predict: 4 in Choi et al., 20 in CLMR v1.
        positions: number of consecutive steps after each of which all predictions are made: 1 in Choi et al.; with 81
            and ``steps: 1`` it is CLMR v1's window. More than 1 lets "segment" count positions times predictions.
        levels: number of levels of a multi-level encoder; each has a GRU and maps of its own.
        bias: "none" leaves the linear maps without bias, as in CLMR v1.
    """

    takes: ClassVar[Literal["vector", "sequence"]] = "sequence"
    outputs: ClassVar[tuple[str, ...]] = ("target", "prediction")

    def __init__(
        self,
        *,
        dim_in: int,
        dim: int = 128,
        steps: int = 4,
        predictions: int = 4,
        positions: int = 1,
        levels: int = 1,
        bias: Literal["none", "all"] = "all",
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("steps", steps, 0), ("predictions", predictions, 1), ("positions", positions, 1), ("levels", levels, 1),
        ):  # fmt: skip
            if value < least:
                raise UserError(f"must be {least} or more", name=name, value=value, fix="Leave it out for the default.")
        self.dim, self.context_dim = dim_in, dim * levels
        self.steps, self.predictions, self.positions = steps, predictions, positions
        self.levels = nn.ModuleList(
            Context(dim_in=dim_in, dim=dim, predictions=predictions, bias=bias) for _ in range(levels)
        )

    def forward(
        self, h: Float[Tensor, "b *l s z"], generator: torch.Generator | None = None
    ) -> dict[str, Float[Tensor, "b *l k z"]]:
        """The true steps and their predictions.

        Args:
            h: steps of each row, with an axis of levels before them where the encoder has several.
            generator: draws the start; needed in training where there is more than one, ignored in eval mode.

        Returns:
            "target": steps [b (l) k z]; "prediction": what is predicted for the same steps, [b (l) k z]. With
            ``positions`` p above 1 the axis k counts p k pairs, position by position.

        Raises:
            UserError: too few steps, or another number of levels.
        """
        z = self._by_level(h)
        length, start = self._window(z.shape[2], generator)
        first = start + length - self.positions + 1
        targets = torch.stack([z[:, :, first + i : first + i + self.predictions] for i in range(self.positions)], dim=2)
        predictions = torch.stack(
            [level(z[:, i, start : start + length], self.positions) for i, level in enumerate(self.levels)], dim=1
        )
        shape = (*h.shape[:-2], self.positions * self.predictions, h.shape[-1])
        return {"target": targets.reshape(shape), "prediction": predictions.reshape(shape)}

    def represent(self, h: Float[Tensor, "b *l s z"]) -> Float[Tensor, "b c"]:
        """The context averaged over all steps, levels one after another: what CLMR v1 probes."""
        z = self._by_level(h)
        means = [level.read(z[:, i]).mean(dim=1) for i, level in enumerate(self._contexts())]
        return rearrange(torch.stack(means), "l b c -> b (l c)")

    def _contexts(self) -> list[Context]:
        return [level for level in self.levels if isinstance(level, Context)]

    def _by_level(self, h: Float[Tensor, "b *l s z"]) -> Float[Tensor, "b l s z"]:
        z = h.unsqueeze(1) if h.ndim == 3 else h
        if z.shape[1] != len(self.levels):
            raise UserError(
                f"the encoder gives {z.shape[1]} levels",
                name="levels",
                value=len(self.levels),
                fix=f"Write levels: {z.shape[1]} in the head.",
            )
        return z

    def _window(self, available: int, generator: torch.Generator | None) -> tuple[int, int]:
        """Length of what the GRU reads and its start."""
        beyond = self.predictions + self.positions - 1
        steps = self.steps or available - beyond
        starts = available - steps - beyond
        if starts < 0 or steps < 1:
            raise UserError(
                f"it reads {max(steps, 1)} steps and predicts {beyond} more, and the sequence has {available}",
                name="steps" if self.steps else "predictions",
                value=self.steps or self.predictions,
                fix="Take longer crops, or fewer steps or predictions.",
            )
        length = steps + self.positions - 1
        if not self.training or starts < 2:
            return length, 0
        if generator is None:
            raise ValueError("training with a drawn start needs a generator")
        drawn = torch.randint(starts, (), generator=generator, device=generator.device)
        return length, int(drawn)
