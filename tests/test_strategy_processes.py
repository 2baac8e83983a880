"""Contrasts in two processes are those of the one large batch: blocks of rows, rows of classes, queues, parts."""

import pytest
import torch
import torch.multiprocessing as mp
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from contramuse.encoders.tower import follow
from contramuse.objective import Decoupled, Labelled, OtherView, Sigmoid
from contramuse.rows import UNKNOWN, Rows
from contramuse.similarity import Cosine, Dot
from contramuse.strategy import Contrast, Strategy
from contramuse.targets import Any, Same, Shared
from contramuse.train.parts import taken_apart

BATCH, STEPS, CLASSES = 8, 3, 3


def strategy() -> Strategy:
    alike, cosine = Any(of=(Same(), Shared(labels="tags"))), Cosine(temperature=0.5)
    moco = {"between": ["audio", "average"], "queries": ["audio"], "keys": ["average"], "target": Same()}
    tagged = {"between": ["audio", "class"], "target": Shared(labels="tags"), "similarity": Dot()}
    return Strategy(
        [
            Contrast(between=["audio"], target=alike, similarity=cosine, chunk=3),
            Contrast(between=["audio"], target=alike, similarity=cosine, objective=Decoupled(), chunk=3, weight=0.5),
            Contrast(between=["audio"], target=alike, similarity=cosine, objective=Sigmoid(), chunk=5, weight=0.1),
            Contrast(**moco, similarity=cosine, candidates=[OtherView()], queue=10),
            Contrast(**tagged, queries=["audio"], keys=["class"], weight=0.3, candidates=[Labelled()],
                     objective=Sigmoid(bias=0.0, learned="nothing", mean="candidates", lonely="count")),
            Contrast(**tagged, weight=0.2),
            Contrast(between=["audio"], target=alike, similarity=cosine, weight=0.7),
        ]
    )  # fmt: skip


class Model(nn.Module):
    """A tower, one that follows it, a table of classes, and the strategy."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.tower, self.average = nn.Linear(6, 4), nn.Linear(6, 4).requires_grad_(False)
        self.classes, self.strategy = nn.Parameter(torch.randn(CLASSES, 4)), strategy()

    def forward(self, x: torch.Tensor, who: Rows) -> torch.Tensor:
        self.z = {"audio": self.tower(x), "average": self.average(x), "class": self.classes}
        none = torch.full((CLASSES,), UNKNOWN)
        classes = Rows.of(track=none, view=[9] * CLASSES, labelled=[1] * CLASSES, shared=[1] * CLASSES,
                          labels={"tags": torch.eye(CLASSES)})  # fmt: skip
        average = Rows(ids={**who.ids, "view": who.ids["view"] + 5}, silent=who.silent, labels=who.labels)
        self.who = {"audio": who, "average": average, "class": classes}
        return self.strategy.loss(self.z, self.who)


def batch(number: int) -> tuple[torch.Tensor, Rows]:
    generator = torch.Generator().manual_seed(number)
    labelled = torch.arange(BATCH) // 2 % 2
    tags = torch.rand(BATCH, CLASSES, generator=generator).round() * labelled[:, None]
    track = torch.arange(BATCH) // 2 + 3 * number
    who = Rows.of(track=track, view=torch.arange(BATCH) % 2, labelled=labelled, labels={"tags": tags})
    return torch.randn(BATCH, 6, generator=generator), who


def train(model: nn.Module, inner: Model, part: slice) -> dict[str, torch.Tensor]:
    """Three steps; the last loss, what it is made of, and everything that the model holds."""
    weights = [w for w in inner.parameters() if w.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    for number in range(STEPS):
        x, who = batch(number)
        optimizer.zero_grad()
        loss = model(x[part], who[part])
        loss.backward()
        optimizer.step()
        follow(inner.average, inner.tower, momentum=0.9)
    parts = taken_apart(inner.strategy, {n: z.detach() for n, z in inner.z.items()}, inner.who)
    return {"loss": loss.detach(), **parts, **{n: v.clone() for n, v in inner.state_dict().items()}}


def work(number: int, processes: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/store", rank=number, world_size=processes)
    inner = Model()
    found = train(DistributedDataParallel(inner), inner, slice(number * BATCH // 2, (number + 1) * BATCH // 2))
    torch.save(found, f"{folder}/{number}.pt")
    distributed.destroy_process_group()


def test_two_processes_train_as_one_large_batch(tmp_path) -> None:
    one = Model()
    expected = train(one, one, slice(0, BATCH))
    mp.spawn(work, args=(2, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{n}.pt", weights_only=True) for n in range(2))
    assert first.keys() == second.keys() == expected.keys()
    assert {"loss_supervised", "loss_self_supervised", "positives_audio_4"} <= expected.keys()
    assert float((first["loss"] + second["loss"]) / 2) == pytest.approx(float(expected["loss"]), abs=1e-5)
    for name in expected.keys() - {"loss"}:
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], expected[name], atol=1e-5, rtol=1e-5, msg=name)
