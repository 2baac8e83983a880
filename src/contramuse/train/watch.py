"""Looks at fixed validation views every so often, and says what it sees."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.nn import functional

from contramuse.gather import gather, total, world_size
from contramuse.strategy import Compared, Contrast
from contramuse.train import monitors
from contramuse.train.data import MusicData
from contramuse.train.module import Contrastive
from contramuse.train.parts import contrast_names, each_loss, is_small, taken_apart
from contramuse.train.pictures import Pictures, draw
from contramuse.views import multi_hot

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library


class Watch:
    """Validation loss and its parts, top-1, alignment, uniformity, effective rank, neighbours' labels, and collapse in
    words; and a picture of what the contrasts want and get on the first of the fixed batches.

    Args:
        library: for the labels.
        tower: name of the tower that becomes the model; its representations are those that are looked at.
    """

    def __init__(self, library: Library, *, tower: str) -> None:
        self._tower = tower
        self._labels = _labels(library)
        self.seconds = 0.0
        self.warning: str | None = None
        self._shown: dict[str, tuple[Contrast, Compared]] = {}
        self._pictures: Pictures | None = None

    def look(self, trainer: Trainer, module: Contrastive, data: MusicData) -> dict[str, float]:
        """The numbers of now, by name; empty where the validation split has too few tracks to compare."""
        began, was_training = time.perf_counter(), module.training
        module.eval()
        try:
            with torch.no_grad(), trainer.precision_plugin.forward_context():
                found = self._measure(module, data)
        finally:
            module.train(was_training)
        if trainer.is_global_zero and found and self._shown:
            self._pictures = self._pictures or Pictures(Path(trainer.default_root_dir) / "pictures")
            step = trainer.global_step
            self._pictures.add(draw(self._shown, step=step), step=step, loggers=trainer.loggers)
        self._shown = {}
        self.seconds = time.perf_counter() - began
        return found

    def _measure(self, module: Contrastive, data: MusicData) -> dict[str, float]:
        losses, hits, queries = [], 0, 0
        parts: dict[str, list[Tensor]] = {}
        shown: dict[str, tuple[Contrast, Compared]] = {}
        names = contrast_names(module.strategy)
        z: list[Tensor] = []
        h: list[Tensor] = []
        tracks: list[Tensor] = []
        device = module.device
        for batch in data.fixed_views():
            seen = module.see(batch.to(device), purpose="validation")
            each = [total(loss) / world_size() for loss in module.strategy.losses(seen.z, seen.rows)]
            losses.append(module.strategy.weighted(each))
            apart = each_loss(module.strategy, each) | taken_apart(module.strategy, seen.z, seen.rows)
            for name, part in apart.items():
                parts.setdefault(f"valid_{name}", []).append(part)
            for name, contrast in zip(names, module.strategy.each(), strict=True):
                if is_small(contrast, seen.z):
                    compared = contrast.compared(seen.z, seen.rows)
                    shown.setdefault(name, (contrast, compared))
                    hit, asked = monitors.top1(compared.s, compared.t, compared.c)
                    hits, queries = hits + hit, queries + asked
            for view in (v for v in batch.views if module.tower_of[v] == self._tower):
                h.append(gather(seen.h[view]))
                projected = seen.z.get(view)
                if projected is None or len(projected) != len(seen.h[view]):
                    projected = seen.h[view]  # several heads, or vectors per step: no one projection
                z.append(gather(projected))
                tracks.append(gather(batch.views[view][1].ids["track"].to(device)[:, None])[:, 0])
        if not losses or not h:
            return {}
        self._shown = shown
        counts = total(torch.tensor([hits, queries], device=device)).tolist()
        return {
            "valid_loss": float(torch.stack(losses).mean()),
            **({"valid_top1": counts[0] / counts[1]} if counts[1] else {}),
            **{name: float(torch.stack(some).mean()) for name, some in parts.items()},
            **_known(self._describe(torch.cat(z).cpu(), torch.cat(h).cpu(), torch.cat(tracks).cpu())),
        }

    def _describe(self, z: Tensor, h: Tensor, track: Tensor) -> dict[str, float]:
        found = {
            "alignment": monitors.alignment(z, track),
            "uniformity": monitors.uniformity(z, track),
            "spread": monitors.spread(z),
            "effective_rank": monitors.effective_rank(h),
        }
        rank = monitors.effective_rank(functional.normalize(z.double(), dim=1))
        self.warning = monitors.collapse(spread=found["spread"], rank=rank, dim=z.shape[1])
        unique, position = torch.unique(track, return_inverse=True)
        mean = torch.zeros(len(unique), h.shape[1]).index_add_(0, position, functional.normalize(h, dim=1))
        for name, labels in self._labels.items():
            found[f"knn_{name}"] = monitors.knn_agreement(mean, labels[unique])
            found[f"chance_{name}"] = monitors.chance_agreement(labels[unique])
        return found


def _known(numbers: dict[str, float]) -> dict[str, float]:
    """Those that could be told: there is no alignment of tracks with one crop, nor of labels that nobody gave."""
    return {name: number for name, number in numbers.items() if not math.isnan(number)}


def _labels(library: Library) -> dict[str, Tensor]:
    """Fields with classes -> float32 [n c]."""
    found = {}
    for name, field in library.fields.items():
        if field.kind == "numeric":
            continue
        labels = torch.from_numpy(np.array(library.labels(name)))
        found[name] = labels if field.kind == "multilabel" else multi_hot(labels, classes=len(field.classes))
    return found
