"""What validation looks at while a classifier learns."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor

from contramuse.train.finetune.data import LabelledData
from contramuse.train.finetune.labels import Labels, Scale, loss_of
from contramuse.train.finetune.module import Classifier
from contramuse.train.finetune.scoring import aggregate, primary, rescaled
from contramuse.train.finetune.settings import Settings


class Look:
    """Loss over the fixed windows of the validation tracks, and the metric of their aggregated answers.

    The windows of a frozen encoder are embedded once.

    Args:
        labels: of the library.
        scale: of its numbers.
        settings: of the run.
    """

    def __init__(self, labels: Labels, scale: Scale, settings: Settings) -> None:
        self._labels, self._scale, self._settings = labels, scale, settings
        self._kept: list[tuple[Tensor, Tensor, NDArray[np.int64]]] | None = None
        self.seconds = 0.0
        self.warning: str | None = None

    def look(self, trainer: Trainer, module: Classifier, data: LabelledData) -> dict[str, float]:
        """The numbers of now, by name; empty without validation tracks. ``valid_error`` is 1 - the metric."""
        began, was_training = time.perf_counter(), module.training
        if not len(data.valid_rows):
            return {}
        module.eval()
        try:
            with torch.no_grad(), trainer.precision_plugin.forward_context():
                found = self._measure(module, data)
        finally:
            module.train(was_training)
        self.seconds = time.perf_counter() - began
        return found

    def _measure(self, module: Classifier, data: LabelledData) -> dict[str, float]:
        parts = self._kept or [
            (module.represent(batch, purpose="validation").float(), batch.y, batch.rows)
            for batch in (one.to(module.device) for one in data.fixed_windows())
        ]
        if self._settings.encoder == "frozen":
            self._kept = parts
        h, y = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
        rows = np.concatenate([part[2] for part in parts])
        loss = float(loss_of(module.head(h), y, kind=self._labels.loss))
        tracks, first = np.unique(rows, return_index=True)
        answers = [
            aggregate(some, module.head, rule=self._settings.aggregate, loss=self._labels.loss)
            for some in torch.tensor_split(h, torch.from_numpy(np.sort(first)[1:]))
        ]
        scores = torch.stack(answers).double().cpu().numpy()
        tracks = rows[np.sort(first)]
        labels = self._labels.tasks(tracks)
        metric, value = primary(labels, rescaled(scores, self._scale), metric=self._settings.metric)
        found = {"valid_loss": loss, f"valid_{metric}": value, "valid_error": 1 - value}
        return {name: number for name, number in found.items() if not math.isnan(number)}
