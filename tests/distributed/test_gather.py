"""Two processes give the loss and the gradient of the one large batch."""

import copy

import pytest
import torch
import torch.multiprocessing as mp
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from contramuse.objective import NotSame, NotSelf
from contramuse.rows import Rows
from contramuse.similarity import Bilinear, Cosine
from contramuse.strategy import Contrast, Strategy
from contramuse.targets import Any, Dice, Same


def strategy() -> Strategy:
    torch.manual_seed(7)
    return Strategy(
        [
            Contrast(between=["audio"], target=Same(), similarity=Cosine(temperature=0.5)),
            Contrast(
                between=["audio"],
                target=Any(of=(Same(), Dice(labels="tags"))),
                similarity=Cosine(temperature=0.2, scale="learned"),
                candidates=(NotSelf(), NotSame(by="artist")),
                weight=0.5,
            ),
            # Some rows have no artist, hence no positive here: the processes count different numbers of queries.
            Contrast(between=["audio"], target=Same(by="artist"), similarity=Bilinear(dim_in=6), weight=0.3),
        ]
    )


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.encoder = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 6))
        self.strategy = strategy()

    def forward(self, x, rows):
        return self.strategy.loss({"audio": self.encoder(x)}, {"audio": rows})


def batch() -> tuple[torch.Tensor, Rows]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16, 10, generator=generator)
    return x, Rows.of(
        track=[i // 2 for i in range(16)],
        artist=[0, 0, 0, 0, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, 0, 0],
        labels={"tags": (torch.rand(16, 4, generator=generator) < 0.4).float()},
    )


def work(number: int, processes: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/store", rank=number, world_size=processes)
    x, rows = batch()
    part = slice(number * 16 // processes, (number + 1) * 16 // processes)
    model = DistributedDataParallel(Model())
    loss = model(x[part], rows[part])
    loss.backward()
    gradients = {name: p.grad for name, p in model.module.named_parameters()}
    torch.save({"loss": loss.detach(), "gradients": gradients}, f"{folder}/{number}.pt")
    distributed.destroy_process_group()


@pytest.mark.parametrize("processes", [2])
def test_two_processes_equal_one_large_batch(processes, tmp_path):
    one = Model()
    expected = one(*batch())
    expected.backward()
    mp.spawn(work, args=(processes, str(tmp_path)), nprocs=processes)
    results = [torch.load(tmp_path / f"{n}.pt", weights_only=True) for n in range(processes)]
    loss = sum(r["loss"] for r in results) / processes
    assert torch.allclose(loss, expected.detach(), atol=1e-6, rtol=0)
    for name, parameter in one.named_parameters():
        for result in results:
            assert torch.allclose(result["gradients"][name], parameter.grad, atol=1e-6, rtol=0), name


def test_one_process_gathers_nothing():
    model = Model()
    twin = copy.deepcopy(model)
    x, rows = batch()
    assert torch.equal(model(x, rows), twin(x, rows))
