"""A chain of augmentations that fuses neighbouring linear effects into one product in the frequency domain."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Generator, Tensor

from contramuse.augment.base import Augmentation, Echo, Factor, Params, Spectral, take
from contramuse.augment.fourier import chunk_rows, good_size
from contramuse.augment.mix import Mixup
from contramuse.augment.pitch import Reading


@dataclass(frozen=True)
class Chain(Augmentation):
    """Augmentations one after another; a chain may stand in a chain.

    Linear effects wait until a row meets an effect that is not linear, or the end; then all that wait for the row are
    one Fourier transform, one product and one transform back. The result is that of applying them one by one, but for
    what rings beyond the ends of a row between two of them, which one by one cuts off each time.

    Args:
        augmentations: in the order of application, all of one stage.
        p: chance per row that the chain is applied at all.
    """

    augmentations: tuple[Augmentation, ...]

    def _draw(self, n: int, generator: Generator) -> dict[str, Tensor]:
        drawn = [augmentation.draw(n, generator) for augmentation in self.augmentations]
        return {f"{i}.{name}": value for i, own in enumerate(drawn) for name, value in own.items()}

    def _apply(self, x: Float[Tensor, "b c t"], params: Params) -> Float[Tensor, "b c t"]:
        return self.apply(x, params)

    def apply(self, x: Float[Tensor, "b c t"], params: Params) -> Float[Tensor, "b c t"]:
        """The batch, changed; ``x`` itself is left as it is. Parameter "i.name" is augmentation i's "name"."""
        waiting = _Waiting(x.clone())
        for augmentation, own, active in self._steps(params, params["active"].cpu()):
            if isinstance(augmentation, Factor | Spectral | Echo):
                waiting.add(augmentation, own, active)
            elif isinstance(augmentation, Reading):
                waiting.add(augmentation.before(), own, active)
                waiting.change(augmentation.shift, own, active)
            elif isinstance(augmentation, Mixup):
                if bool(active.any()):  # a partner's row is read, whether it is mixed itself or not
                    waiting.flush(torch.ones_like(active))
                    waiting.x = augmentation.apply(waiting.x, {**own, "active": active})
            else:
                waiting.change(augmentation._apply, own, active)
        waiting.flush(torch.ones(len(x), dtype=torch.bool))
        return waiting.x

    def _steps(self, params: Params, active: Bool[Tensor, " b"]) -> Iterator[tuple[Augmentation, Params, Tensor]]:
        for i, augmentation in enumerate(self.augmentations):
            own = {name[len(f"{i}.") :]: value for name, value in params.items() if name.startswith(f"{i}.")}
            drawn = active & own["active"].cpu()
            if isinstance(augmentation, Chain):
                yield from augmentation._steps(own, drawn)
            else:
                yield augmentation, own, drawn


class _Waiting:
    """A batch, and the linear effects that are still to be applied to each of its rows."""

    def __init__(self, x: Float[Tensor, "b c t"]) -> None:
        self.x = x
        self._effects: list[Factor | Spectral | Echo] = []
        self._params: list[Params] = []
        self._active: list[Bool[Tensor, " b"]] = []

    def add(self, effect: Factor | Spectral | Echo, params: Params, active: Bool[Tensor, " b"]) -> None:
        """Let ``effect`` wait for the rows where it is active."""
        if bool(active.any()):
            self._effects.append(effect)
            self._params.append({name: value.to(self.x.device, non_blocking=True) for name, value in params.items()})
            self._active.append(active.clone())

    def change(self, effect: Callable[[Tensor, Params], Tensor], params: Params, active: Bool[Tensor, " b"]) -> None:
        """Apply what waits for the active rows, and then ``effect``."""
        self.flush(active)
        rows = active.nonzero().squeeze(1)
        if len(rows) > 0:
            place = rows.to(self.x.device)
            changed = effect(self.x.index_select(0, place), take(params, rows, self.x.device))
            self.x.index_copy_(0, place, changed)

    def flush(self, rows: Bool[Tensor, " b"]) -> None:
        """Apply what waits for ``rows``. Rows with the same spectral effects share their transforms."""
        code = torch.zeros(len(rows), dtype=torch.int64)
        for i, (effect, active) in enumerate(zip(self._effects, self._active, strict=True)):
            code |= (active & rows).to(torch.int64) << (i if isinstance(effect, Spectral) else 62)
        size = chunk_rows(self.x.shape[-1], self.x.device)
        for value in sorted(set(code.tolist()) - {0}):
            group = (code == value).nonzero().squeeze(1)
            spectral = [i for i in range(len(self._effects)) if value >> i & 1]
            for chunk in group.split(size):
                place = chunk.to(self.x.device)
                self.x.index_copy_(0, place, self._applied(self.x.index_select(0, place), chunk, spectral))
        for active in self._active:
            active &= ~rows

    def _applied(self, x: Float[Tensor, "m 1 t"], rows: Int64[Tensor, " m"], spectral: list[int]) -> Tensor:
        samples, device = x.shape[-1], x.device
        if spectral:
            n_fft = good_size(samples + sum(self._spectral(i).ring(samples) for i in spectral))
            responses = [self._spectral(i).response(take(self._params[i], rows, device), n_fft) for i in spectral]
            spectrum = torch.fft.rfft(x, n_fft).mul_(math.prod(responses[1:], start=responses[0])[:, None])
            x = torch.fft.irfft(spectrum, n_fft)[..., :samples]
        for effect, params, active in zip(self._effects, self._params, self._active, strict=True):
            mine = active[rows].nonzero().squeeze(1)
            if isinstance(effect, Spectral) or len(mine) == 0:
                continue
            place, own = mine.to(device), take(params, rows[mine], device)
            if isinstance(effect, Factor):
                factor = torch.ones(len(rows), device=device).index_copy_(0, place, effect.factor(own))
                x.mul_(factor[:, None, None])
            else:
                x.index_copy_(0, place, effect._apply(x.index_select(0, place), own))
        return x

    def _spectral(self, i: int) -> Spectral:
        effect = self._effects[i]
        assert isinstance(effect, Spectral)
        return effect
