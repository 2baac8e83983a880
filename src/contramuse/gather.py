"""The rows of all processes, with a backward that sums: two processes give the gradient of the one large batch."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Num
from torch import Tensor, distributed

from contramuse.rows import Rows


def world_size() -> int:
    """Number of processes that train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return distributed.get_rank() if world_size() > 1 else 0


def _every(x: Tensor) -> Tensor:
    parts = [torch.empty_like(x) for _ in range(world_size())]
    distributed.all_gather(parts, x.contiguous())
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    """all_gather whose backward adds up what every process's loss says about this process's rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _every(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total.chunk(world_size())[rank()]


def gather(x: Num[Tensor, "b d"]) -> Num[Tensor, "all d"]:
    """Rows of every process in rank order; b must be the same everywhere. One process: ``x`` itself."""
    if world_size() == 1:
        return x
    gathered: Tensor = _Gather.apply(x)  # type: ignore[no-untyped-call]
    return gathered


def gather_rows(rows: Rows) -> Rows:
    """The same for who the rows are."""
    if world_size() == 1:
        return rows
    return Rows(
        ids={k: _every(v) for k, v in rows.ids.items()},
        silent=_every(rows.silent.to(torch.uint8)).bool(),
        labels={k: _every(v) for k, v in rows.labels.items()},
        values={k: _every(v) for k, v in rows.values.items()},
    )


def total(count: Tensor) -> Tensor:
    """Sum of ``count`` over the processes."""
    if world_size() == 1:
        return count
    summed = count.clone()
    distributed.all_reduce(summed)
    return summed
