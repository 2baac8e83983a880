"""Every objective under two processes has the loss, the gradient and the state of the one large batch."""

import pytest
import torch
import torch.multiprocessing as mp
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from contramuse.objective import OBJECTIVES, NotSelf
from contramuse.rows import Rows
from contramuse.similarity import Cosine, Euclidean
from contramuse.strategy import Contrast, Strategy
from contramuse.targets import Any, Dice, Same

STEPS = 2


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.encoder = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 6))
        target = Any(of=(Same(), Dice(labels="tags")))
        self.strategy = Strategy([self.contrast(kind, target, chunk) for kind in OBJECTIVES for chunk in (0, 3)])

    @staticmethod
    def contrast(kind: str, target, chunk: int) -> Contrast:
        pulls = kind in ("vicreg", "sigreg")
        return Contrast(
            between=["audio"], target=target, objective=OBJECTIVES[kind](), candidates=(NotSelf(),),
            similarity=Euclidean() if pulls else Cosine(temperature=0.3, scale="learned"),
            weight=0.1, chunk=chunk if OBJECTIVES[kind].sees == "rows" else 0,
        )  # fmt: skip

    def forward(self, x, rows):
        return self.strategy.loss({"audio": self.encoder(x)}, {"audio": rows})


def batches() -> list[tuple[torch.Tensor, Rows]]:
    out = []
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 10, generator=generator)
        track = [(i // 2 + 3 * step) % 11 for i in range(16)]
        tags = (torch.rand(16, 4, generator=generator) < 0.2).float()
        out.append((x, Rows.of(track=track, labels={"tags": tags})))
    return out


def work(number: int, processes: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/store", rank=number, world_size=processes)
    part = slice(number * 16 // processes, (number + 1) * 16 // processes)
    model = DistributedDataParallel(Model())
    losses = []
    for x, rows in batches():
        losses.append(model(x[part], rows[part]))
        losses[-1].backward()
    gradients = {name: p.grad for name, p in model.module.named_parameters()}
    state = dict(model.module.named_buffers())
    torch.save({"losses": torch.stack(losses).detach(), "gradients": gradients, "state": state}, f"{folder}/{number}")
    distributed.destroy_process_group()


@pytest.mark.parametrize("processes", [2])
def test_two_processes_equal_one_large_batch(processes, tmp_path):
    one = Model()
    expected = torch.stack([one(*batch) for batch in batches()])
    expected.sum().backward()
    mp.spawn(work, args=(processes, str(tmp_path)), nprocs=processes)
    results = [torch.load(tmp_path / f"{n}", weights_only=True) for n in range(processes)]
    assert torch.allclose(sum(r["losses"] for r in results) / processes, expected.detach(), rtol=1e-5)
    state = dict(one.named_buffers())
    assert {name.rsplit(".", 1)[1] for name in state} == {"log_u", "steps"}
    for result in results:
        for name, parameter in one.named_parameters():
            assert torch.allclose(result["gradients"][name], parameter.grad, atol=1e-5, rtol=1e-4), name
        assert result["state"].keys() == state.keys()
        for name, value in state.items():
            assert torch.allclose(result["state"][name], value, atol=1e-6), name
