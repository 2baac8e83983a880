"""A tower: frontend, encoder and heads of one view, from its input to the spaces in which rows are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from contramuse.encoders.sequence import SequenceEncoder
from contramuse.rows import Rows

Over = Literal["vector", "steps"]

ENCODER = ("encoder",)
HEAD = ("head",)


@dataclass(frozen=True)
class Output:
    """What a head gives.

    Args:
        z: float [b *axes d], in the head's precision.
        axes: what the axes between rows and features count: names of ids ("level", "segment").
    """

    z: Tensor
    axes: tuple[str, ...] = ()

    def spread(self, who: Rows) -> tuple[Tensor, Rows]:
        """Every vector a row of its own: float32 [n d] and who they are; n = b times the lengths of the axes."""
        if not self.axes:
            return self.z.float(), who
        lengths = self.z.shape[1:-1]
        each = who[torch.arange(len(who), device=self.z.device).repeat_interleave(int(lengths.numel()))]
        places = torch.meshgrid(*[torch.arange(n, device=self.z.device) for n in lengths], indexing="ij")
        ids = {axis: place.flatten().repeat(len(who)) for axis, place in zip(self.axes, places, strict=True)}
        return self.z.flatten(0, -2).float(), replace(each, ids={**each.ids, **ids})


class Tower(nn.Module):
    """What one view goes through.

    Args:
        frontend: from the view to features, e.g. [b 1 t] -> [b f n].
        encoder: features to a vector, [b f n] -> [b h]; takes a generator for what it draws in training.
        head: projection, [b h] -> [b d]; or several by name, each a space of its own. A head whose ``takes`` is
            "sequence" gets the encoder's sequence and may give several outputs by name.
        over: "vector", heads project the encoder's vector; "steps", each vector of its sequence.
        predictor: projection after the head, of this tower alone (BYOL); None: there is none.
    """

    def __init__(
        self,
        frontend: nn.Module,
        encoder: nn.Module,
        head: nn.Module | Mapping[str, nn.Module],
        *,
        over: Over = "vector",
        predictor: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.frontend, self.encoder = frontend, encoder
        if isinstance(head, nn.Module):
            self.head: nn.Module | None = head
            self.heads: nn.ModuleDict | None = None
        else:
            self.head, self.heads = None, nn.ModuleDict(dict(head))
        self.over, self.predictor = over, predictor

    @property
    def dim(self) -> int:
        """Size of the representation (the encoder's vector, not the projection)."""
        size: int = self.encoder.dim  # type: ignore[assignment]
        return size

    def named_heads(self) -> dict[str, nn.Module]:
        """Heads by name; a single one is called ""."""
        return dict(self.heads.items()) if self.heads is not None else {"": self._single()}

    def _single(self) -> nn.Module:
        assert self.head is not None
        return self.head

    def features(self, x: Tensor) -> Tensor:
        """What the encoder reads, in float32 also under autocast."""
        if torch.is_autocast_enabled(x.device.type):
            # Spectra span more orders of magnitude than 16-bit floats keep apart.
            with torch.autocast(x.device.type, enabled=False):
                made: Tensor = self.frontend(x.float() if x.is_floating_point() else x)
        else:
            made = self.frontend(x)
        return made

    def represent(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The representation of each row [b h]: what is kept after training.

        Args:
            x: waveform [b 1 t] at the tower's sample rate, within [-1, 1], or what the tower's frontend takes.
            generator: for what the encoder draws in training; ignored in eval mode.
        """
        represented: Tensor = self.encoder(self.features(x), generator)
        return represented

    def project(self, x: Tensor, head: str = "") -> Tensor:
        """What the head called ``head`` makes of each row, [b d]: its projection, or its own representation.

        Projections of steps are pooled as steps are: the mean over segments, levels one after another.

        Args:
            x: as for ``represent``.
            head: its name; "" is the single one.
        """
        chosen: Any = self.named_heads()[head]
        if _reads_sequence(chosen):
            assert isinstance(self.encoder, SequenceEncoder)
            context: Tensor = chosen.represent(self.encoder.sequence(self.features(x)))
            return context
        if self.over == "steps":
            assert isinstance(self.encoder, SequenceEncoder)
            return pool(chosen(self.encoder.sequence(self.features(x))), self.encoder.axes)
        projected: Tensor = chosen(self.represent(x))
        return projected

    def emit(self, x: Tensor, output: Sequence[str] = ENCODER) -> Tensor:
        """What the model gives for each row, [b d].

        Args:
            x: as for ``represent``.
            output: ("encoder",) the representation; ("head",) what the single head makes of it; or names of heads:
                what each makes of it, at unit length, one after another.
        """
        if tuple(output) == ENCODER:
            return self.represent(x)
        if tuple(output) == HEAD:
            return self.project(x)
        return torch.cat([functional.normalize(self.project(x, name).float(), dim=1) for name in output], dim=1)

    def parts(self, output: Sequence[str] = ENCODER) -> dict[str, int]:
        """The widths of what ``emit`` gives, by name, in order."""
        if tuple(output) == ENCODER:
            return {"encoder": self.dim}
        heads = self.named_heads()
        named = {name: heads["" if tuple(output) == HEAD else name] for name in output}
        return {name: self._width(head) for name, head in named.items()}

    def _width(self, head: nn.Module) -> int:
        """Numbers that ``project`` gives by this head."""
        if self.over == "steps" and not _reads_sequence(head):
            assert isinstance(self.encoder, SequenceEncoder)
            return int(head.dim) * (self.encoder.dim // self.encoder.step_dim)  # type: ignore[arg-type]
        return int(getattr(head, "context_dim", head.dim))  # type: ignore[arg-type]

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> dict[str, Output]:
        """What each head makes of ``x``: what the similarity compares in training."""
        return self.compare(self.features(x), generator)[1]

    def compare(self, features: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, dict[str, Output]]:
        """The representation [b h], and the heads' outputs by name, of features (what the encoder reads)."""
        by_steps = self.over == "steps" or any(_reads_sequence(head) for head in self.named_heads().values())
        if not by_steps or not isinstance(self.encoder, SequenceEncoder):
            h: Tensor = self.encoder(features, generator)
            return h, {name: Output(self._headed(head, h, generator)) for name, head in self.named_heads().items()}
        steps = self.encoder.sequence(features, generator)
        h = pool(steps, self.encoder.axes)
        outputs: dict[str, Output] = {}
        for name, head in self.named_heads().items():
            if _reads_sequence(head):
                made = head(steps, generator)
                named = made if isinstance(made, dict) else {"": made}
                for part, z in named.items():
                    outputs[".".join(p for p in (name, part) if p)] = Output(z, self.encoder.axes)
            elif self.over == "steps":
                outputs[name] = Output(self._headed(head, steps, generator), self.encoder.axes)
            else:
                outputs[name] = Output(self._headed(head, h, generator))
        return h, outputs

    def _headed(self, head: nn.Module, h: Tensor, generator: torch.Generator | None) -> Tensor:
        projected: Tensor = head(h, generator)
        if self.predictor is not None:
            projected = self.predictor(projected, generator)
        return projected


def pool(steps: Tensor, axes: tuple[str, ...]) -> Tensor:
    """One vector per row of a sequence [b *axes d]: the mean over segments, the levels one after another."""
    if "segment" in axes:
        steps = steps.mean(dim=1 + axes.index("segment"))
    return steps.flatten(1)


def _reads_sequence(head: nn.Module) -> bool:
    return getattr(head, "takes", "vector") == "sequence"


@torch.no_grad()
def follow(follower: nn.Module, leader: nn.Module, *, momentum: float) -> None:
    """Move ``follower`` towards ``leader``: w <- m w + (1 - m) w' for all that both have (MoCo, BYOL).

    Buffers (running statistics) are copied.
    """
    theirs = dict(leader.named_parameters())
    for name, weight in follower.named_parameters():
        weight.lerp_(theirs[name], 1 - momentum)
    buffers = dict(leader.named_buffers())
    for name, buffer in follower.named_buffers():
        buffer.copy_(buffers[name])
