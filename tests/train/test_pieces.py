"""Gradient caching gives the loss and the gradient of the whole batch, and keeps the memory of a part of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from contramuse.catalogue.library import Library
from contramuse.encoders.tower import Tower
from contramuse.recipe import Recipe
from contramuse.train.data import MusicData
from contramuse.train.module import Contrastive
from contramuse.train.pieces import in_pieces
from smallrecipes import small

NO_DRAWS = ("views.audio.take.seconds=0.5", "towers.audio.encoder.drop=0", "views.audio.augment=[]", "train.batch=8")


def step(recipe: Recipe, library: Library) -> tuple[float, dict[str, torch.Tensor], Contrastive]:
    """Loss and gradients of the first batch."""
    module = Contrastive(recipe.fitted(library), sample_rate=library.sample_rate)
    module.train()
    for band in module.modules():  # statistics of the training batches so far: a piece has others than the batch
        if type(band).__name__ == "Standardise":
            band.seen += 1000
    loss = module.loss_of(MusicData(recipe.fitted(library), library).example())
    loss.backward()
    return float(loss.detach()), {n: p.grad for n, p in module.named_parameters() if p.grad is not None}, module


@pytest.mark.parametrize("pieces", [2, 3, 100])
@pytest.mark.parametrize(
    ("name", "more"),
    [("tiny", NO_DRAWS), ("momentum", (*NO_DRAWS, "views.audio.take.seconds=1.0"))],
    ids=["one view", "two views"],
)
def test_loss_and_gradient_are_those_of_the_whole(
    library: Library, name: str, more: tuple[str, ...], pieces: int
) -> None:
    plain, expected, _ = step(small(name, *more), library)
    loss, gradients, _ = step(small(name, *more, f"train.pieces={pieces}"), library)
    assert loss == pytest.approx(plain, abs=1e-6, rel=1e-6)
    assert gradients.keys() == expected.keys()
    assert max(float(value.abs().max()) for value in expected.values()) > 1e-3
    for key, value in expected.items():
        # Float32 has 7 digits, and parts of the batch are summed in another order.
        torch.testing.assert_close(gradients[key], value, atol=1e-6 * float(value.abs().max()) + 1e-7, rtol=1e-4)


class Drawing(nn.Module):
    """An encoder that draws from its generator and from the global one."""

    dim = 4

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm, self.last = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4)
        self.drop, self.drawn = nn.Dropout(0.5), list[torch.Tensor]()

    def forward(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        mask = torch.rand(len(x), 4, generator=generator) < 0.7
        y = self.drop(torch.tanh(self.norm(self.first(x)))) * mask
        self.drawn.append(torch.cat([mask.float().flatten(), (y == 0).float().flatten()]))
        out: torch.Tensor = self.last(y).tanh()
        return out


class Plain(nn.Module):
    """A head that takes a generator and does nothing."""

    dim = 4

    def forward(self, h: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        return h


def generators() -> Callable[[int], torch.Generator]:
    return lambda piece: torch.Generator().manual_seed(100 + piece)


def test_both_passes_draw_the_same_and_statistics_are_counted_once() -> None:
    x, encoder, twin = torch.randn(12, 3), Drawing(), Drawing()
    h, _ = in_pieces(Tower(nn.Identity(), encoder, Plain()), x, pieces=3, generator=generators())
    counted = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    h.square().sum().backward()
    assert len(encoder.drawn) == 6
    for first in encoder.drawn[:3]:
        assert any(torch.equal(first, second) for second in encoder.drawn[3:])
    assert int(encoder.norm.num_batches_tracked) == 3
    assert all(torch.equal(buffer, counted[name]) for name, buffer in encoder.named_buffers())
    for piece, part in enumerate(x.tensor_split(3)):
        twin(part, generators()(piece))
    assert torch.equal(twin.norm.running_mean, encoder.norm.running_mean)


def test_under_16_bit_autocast() -> None:
    x, results = torch.randn(12, 3), []
    for pieces in (1, 4):
        torch.manual_seed(1)
        encoder = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
        tower = Tower(nn.Identity(), Ungenerated(encoder), Plain())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h, _ = in_pieces(tower, x, pieces=pieces, generator=generators())
            assert h.dtype == torch.bfloat16
            loss = h.float().softmax(0).square().sum()
        loss.backward()
        results.append([loss.detach(), *[p.grad for p in encoder.parameters()]])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-2)  # 8 bits, summed in another order


class Ungenerated(nn.Module):
    """An encoder that draws nothing."""

    dim = 4

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        out: torch.Tensor = self.inner(x)
        return out


@contextmanager
def counted_bytes() -> Iterator[list[int]]:
    """Bytes that autograd keeps for the backward pass."""
    kept: list[int] = [0]
    seen: set[int] = set()

    def pack(x: torch.Tensor) -> torch.Tensor:
        if x.untyped_storage().data_ptr() not in seen:
            seen.add(x.untyped_storage().data_ptr())
            kept[0] += x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        yield kept


def test_activations_are_not_kept() -> None:
    torch.manual_seed(0)
    layers = [layer for _ in range(8) for layer in (nn.Linear(32, 32), nn.Tanh())]
    tower = Tower(nn.Identity(), Ungenerated(nn.Sequential(*layers)), Plain())
    x, found = torch.randn(512, 32), {}
    for pieces in (1, 8):
        with counted_bytes() as kept:
            h, _ = in_pieces(tower, x, pieces=pieces, generator=generators())
        found[pieces] = kept[0]
        assert h.requires_grad
    assert found[1] > 8 * x.nbytes
    assert found[8] <= x.nbytes  # the inputs of the pieces at most
