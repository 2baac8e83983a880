"""Any model as an encoder of MTEB, whose audio benchmark (MAEB) then scores it; needs ``mteb`` only where that runs.

import mteb
from contramuse.probes.maeb import MaebModel

results = mteb.evaluate(MaebModel("RUN"), mteb.get_tasks(modalities=["audio"], exclusive_modality_filter=True))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from contramuse.checkpoint.model import Model, array_source, load
from contramuse.checkpoint.windows import Source
from contramuse.errors import MissingDependencyError, UserError

Batch = Mapping[str, Any]
"""A batch as MTEB's loaders give it: "audio" holds items with "array", [t] or [c t], and "sampling_rate", Hz."""

BATCH = 16


class MaebModel:
    """A model in the form of MTEB's ``EncoderProtocol``.

    Each clip, of any length and rate, is averaged to mono, resampled by soxr and embedded as ``contramuse embed`` does:
    the mean over the model's windows.

    Args:
        model: a model, its folder, a run's folder, or a hub id.
        name: as ``organisation/name``, under which MTEB keeps results; made of the recipe and the model's hash by
            default.
        device: "cpu", "cuda", ...
        window: seconds per window; the model's by default.
        hop: seconds from window to window; the model's by default.

    Raises:
        ModelFileError: the model cannot be loaded.
    """

    def __init__(
        self,
        model: Model | str | Path,
        *,
        name: str | None = None,
        device: str = "cpu",
        window: float | None = None,
        hop: float | None = None,
    ) -> None:
        self.model = (load(model) if isinstance(model, (str, Path)) else model).to(device)
        self.name = name or f"contramuse/{self.model.info['recipe'].get('name', 'model')}-{self.model.model_hash[:8]}"
        self.window, self.hop = window, hop

    def encode(
        self,
        inputs: Iterable[Batch],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        prompt_type: Any = None,
        **kwargs: Any,
    ) -> Float[np.ndarray, "n h"]:
        """The vectors of all clips, float32 [n h], in order.

        Args:
            inputs: batches.
            task_metadata, hf_split, hf_subset, prompt_type: of the task; audio is embedded in the same way for all.
            kwargs: MTEB's settings; ``batch_size`` is taken as windows per forward pass.

        Raises:
            UserError: a batch holds no audio (this model reads nothing else), or a clip no samples.
        """
        batch = int(kwargs.get("batch_size") or BATCH)
        sources = self._sources(inputs)
        found = list(self.model.embed_sources(sources, window=self.window, hop=self.hop, batch=batch))
        vectors = np.zeros((len(found), self.model.dim), np.float32)
        for result in found:
            if result.vector is None:
                fix = "Leave the clip out of the task's dataset."
                raise UserError(result.failure, name="audio", value=f"clip {result.index} of {hf_split}", fix=fix)
            vectors[result.index] = result.vector
        return vectors

    def _sources(self, inputs: Iterable[Batch]) -> Iterator[Source]:
        for batch in inputs:
            if "audio" not in batch:
                fix = 'Take tasks of audio alone: mteb.get_tasks(modalities=["audio"], exclusive_modality_filter=True).'
                raise UserError(f"holds {', '.join(batch) or 'nothing'}, the model reads audio", name="batch", fix=fix)
            for item in batch["audio"]:
                samples = np.asarray(item["array"], np.float32)
                yield array_source(samples, int(item["sampling_rate"]), self.model.sample_rate)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Float[Tensor, "n m"]:
        """Cosines of every pair of two collections, [n h] and [m h]."""
        return _unit(embeddings1) @ _unit(embeddings2).T

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Float[Tensor, " n"]:
        """Cosines of corresponding vectors of two collections, both [n h]."""
        return (_unit(embeddings1) * _unit(embeddings2)).sum(dim=1)

    @cached_property
    def mteb_model_meta(self) -> Any:
        """What MTEB keeps of a model beside its results.

        Raises:
            MissingDependencyError: mteb is not installed.
        """
        try:
            from mteb.models import ModelMeta
            from mteb.models.model_meta import ScoringFunction
        except ModuleNotFoundError as error:
            fix = "Run pip install 'contramuse[maeb]'."
            raise MissingDependencyError("is needed and not installed", name="mteb", fix=fix) from error
        known = {
            "name": self.name, "revision": self.model.model_hash[:12], "embed_dim": self.model.dim,
            "n_parameters": self.model.info.get("parameters"), "modalities": ["audio"], "framework": ["PyTorch"],
            "similarity_fn_name": ScoringFunction.COSINE, "use_instructions": False, "open_weights": None,
        }  # fmt: skip
        return ModelMeta.create_empty(overwrites=known)


def _unit(vectors: Any) -> Float[Tensor, "n h"]:
    values = torch.as_tensor(np.asarray(vectors) if isinstance(vectors, Sequence) else vectors, dtype=torch.float32)
    return functional.normalize(values[None] if values.ndim == 1 else values, dim=1)
