"""Rows: who the rows of a batch are. Neither the loss nor the trainer knows what they look or sound like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool
from torch import Tensor

UNKNOWN = -1
"""An id that equals no other, not even another unknown one."""


@dataclass(frozen=True)
class Rows:
    """Facts about the b rows of a batch.

    Args:
        ids: name -> int64 [b]; the sampler and the views give "track", "group", "view" and what the library has
            ("artist", "album", "segment"); ``UNKNOWN`` equals nothing.
        labels: label field -> float32 [b c], multi-hot; a row of zeros is unlabelled.
        values: numeric field -> float32 [b m]; NaN is unknown.
        silent: bool [b], rows whose audio is absent or silent.
    """

    ids: Mapping[str, Tensor]
    silent: Bool[Tensor, " b"]
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    values: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        labels: Mapping[str, Tensor] | None = None,
        values: Mapping[str, Tensor] | None = None,
        silent: Tensor | None = None,
        **ids: Tensor | Sequence[int],
    ) -> Rows:
        """Rows from ids by name; ``Rows.of(track=[0, 0, 1])``."""
        tensors = {name: torch.as_tensor(value, dtype=torch.int64) for name, value in ids.items()}
        count = len(next(iter(tensors.values())))
        absent = torch.zeros(count, dtype=torch.bool) if silent is None else silent
        return cls(ids=tensors, silent=absent, labels=dict(labels or {}), values=dict(values or {}))

    def __len__(self) -> int:
        return len(self.silent)

    def __getitem__(self, index: Tensor | slice) -> Rows:
        """The rows at ``index`` (int64 positions, a boolean mask or a slice)."""
        return self._each(lambda x: x[index])

    def to(self, device: torch.device | str) -> Rows:
        """The same rows on ``device``."""
        return self._each(lambda x: x.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Rows:
        return Rows(
            ids={k: change(v) for k, v in self.ids.items()},
            silent=change(self.silent),
            labels={k: change(v) for k, v in self.labels.items()},
            values={k: change(v) for k, v in self.values.items()},
        )

    @staticmethod
    def cat(parts: Sequence[Rows]) -> Rows:
        """The rows of all ``parts``, one after another; only facts that every part has are kept."""

        def join(tables: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
            names = [name for name in tables[0] if all(name in table for table in tables)]
            return {name: torch.cat([table[name] for table in tables]) for name in names}

        return Rows(
            ids=join([p.ids for p in parts]),
            silent=torch.cat([p.silent for p in parts]),
            labels=join([p.labels for p in parts]),
            values=join([p.values for p in parts]),
        )
