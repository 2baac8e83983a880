"""The MLP probe: one hidden layer, stopped by the validation tracks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import Self

from contramuse.probes.estimators import ABSENT, Kind, Probe, Scores, X, Y

LOOK, PATIENCE = 4, 5
"""Steps between looks at the validation loss (a quarter of a pass, where that is more), and looks without a fall before
the end."""
PASSES = 20
"""Passes over the tracks, where that is more than ``steps``."""
MANY, SLOWER = 20, 3
"""Steps a pass from which on the learning rate is divided: there are then enough of them."""
LEAST = 0.005
"""Relative fall of the validation loss that counts as one."""


class MLP(Probe):
    """Linear, ReLU, linear; AdamW on shuffled batches; float32.

    ``fit`` runs for ``steps``; ``fit_until`` keeps the weights of the smallest validation loss.

    Args:
        kind: of the target.
        classes: c, outputs (1 for numeric).
        seed: of the first weights and the order of the tracks.
        hidden: units.
        lr: learning rate of AdamW; a third of it where there are many tracks.
        weight_decay: of AdamW.
        batch: tracks per step.
        steps: largest number of steps, if that is not less than 20 passes over the tracks.
    """

    def __init__(
        self,
        *,
        kind: Kind,
        classes: int,
        seed: int = 0,
        hidden: int = 512,
        lr: float = 3e-3,
        weight_decay: float = 1e-2,
        batch: int = 256,
        steps: int = 200,
    ) -> None:
        self.kind, self.classes, self.seed = kind, classes, seed
        self.hidden, self.lr, self.weight_decay = hidden, lr, weight_decay
        self.batch, self.steps = batch, steps

    def fit(self, x: X, y: Y) -> Self:
        """Learn for ``steps`` steps."""
        return self._run(x, y, None)

    def fit_until(self, x: X, y: Y, valid_x: X, valid_y: Y) -> Self:
        """Learn from ``x``, ``y`` until the loss on ``valid_x``, ``valid_y`` stops falling; sets ``steps_``."""
        return self._run(x, y, (valid_x, valid_y))

    def _run(self, x: X, y: Y, valid: tuple[X, Y] | None) -> Self:
        generator = torch.Generator().manual_seed(self.seed)
        self.offset_, self.scale_ = (
            (float(np.mean(y)), float(np.std(y)) or 1.0) if self.kind == "numeric" else (0.0, 1.0)
        )
        self._present = self._seen(y)
        self.weights_ = self._first(x.shape[1], generator)
        inputs, target = torch.as_tensor(x, dtype=torch.float32), self._target(y)
        seen = None if valid is None else (torch.as_tensor(valid[0], dtype=torch.float32), self._target(valid[1]))
        lr = self.lr / (SLOWER if len(inputs) // self.batch >= MANY else 1)
        optimizer = torch.optim.AdamW(self.weights_, lr=lr, weight_decay=self.weight_decay, fused=True)
        best, kept, waited = float("inf"), self.weights_, 0
        self.steps_ = max(self.steps, PASSES * (len(inputs) // self.batch))
        look = max(LOOK, len(inputs) // self.batch // 4)
        for step, rows in enumerate(self._batches(len(inputs), generator, steps=self.steps_), start=1):
            value = self._loss(self._forward(inputs[rows]), target[rows])
            for weight, gradient in zip(self.weights_, torch.autograd.grad(value, self.weights_), strict=True):
                weight.grad = gradient
            optimizer.step()
            if seen is None or step % look:
                continue
            with torch.no_grad():
                now = float(self._loss(self._forward(seen[0]), seen[1]))
            waited += 1
            if now < best * (1 - LEAST):
                best, waited, self.steps_ = now, 0, step
                kept = [weight.detach().clone() for weight in self.weights_]
            if waited == PATIENCE:
                break
        self.weights_ = self.weights_ if seen is None else kept
        return self

    def _batches(self, n: int, generator: torch.Generator, *, steps: int) -> Iterator[Tensor]:
        """Positions of ``steps`` batches, from one shuffled pass after another."""
        done = 0
        while True:
            order = torch.randperm(n, generator=generator)
            for start in range(0, n, self.batch):
                if done == steps:
                    return
                done += 1
                yield order[start : start + self.batch]

    def predict(self, x: X) -> Scores:
        """Scores [n c] of ``x`` [n h]."""
        with torch.no_grad():
            z = self._forward(torch.as_tensor(x, dtype=torch.float32))
            if self.kind == "multiclass":
                z = F.log_softmax(z, dim=1).clamp(min=ABSENT)
        return np.asarray(z.double().numpy() * self.scale_ + self.offset_)

    def _first(self, width: int, generator: torch.Generator) -> list[Tensor]:
        def drawn(rows: int, columns: int) -> Tensor:
            weight = torch.randn(rows, columns, generator=generator)
            return weight.mul_((2 / columns) ** 0.5)

        first, last = drawn(self.hidden, width), drawn(self.classes, self.hidden).mul_(0.1)
        weights = [first, torch.zeros(self.hidden), last, torch.zeros(self.classes)]
        return [weight.requires_grad_() for weight in weights]

    def _forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(F.linear(x, self.weights_[0], self.weights_[1]))
        z = F.linear(hidden, self.weights_[2], self.weights_[3])
        return z if self._present is None else z.masked_fill(~self._present, ABSENT)

    def _loss(self, z: Tensor, target: Tensor) -> Tensor:
        if self.kind == "multiclass":
            return F.cross_entropy(z, target)
        if self.kind == "multilabel":
            stated = ~target.isnan()
            if not stated.all():  # a tag is learnt from the tracks of which it is stated
                z, target = z[stated], target[stated]
            return F.binary_cross_entropy_with_logits(z, target)
        return F.mse_loss(z, target)

    def _target(self, y: Y) -> Tensor:
        if self.kind == "multiclass":
            return torch.as_tensor(y, dtype=torch.int64)
        if self.kind == "multilabel":
            return torch.as_tensor(y, dtype=torch.float32)
        scaled: NDArray[np.float64] = (np.asarray(y, dtype=np.float64) - self.offset_) / self.scale_
        return torch.as_tensor(scaled[:, None], dtype=torch.float32)

    def _seen(self, y: Y) -> Tensor | None:
        if self.kind != "multiclass":
            return None
        return torch.as_tensor(np.bincount(y, minlength=self.classes) > 0)
