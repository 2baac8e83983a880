"""What a contrast compares, in slow loops: who asks, who is asked, who counts as absent, and what a queue adds."""

import math

import pytest
import torch
from torch import nn

from contramuse.errors import RecipeError
from contramuse.objective import Decoupled, InfoNCE, NotSelf, Objective, OtherView, Sigmoid, SIGReg, SogCLR, VICReg
from contramuse.rows import Rows
from contramuse.similarity import Cosine, Dot, Euclidean
from contramuse.strategy import Contrast, Strategy
from contramuse.targets import Dice, Same, Shared


def unit(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


def drawn(n: int, d: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a @ b / (a.norm() * b.norm())).detach())


def of_one(logits: list[float], positive: int) -> float:
    """Cross-entropy of one query with one positive."""
    return math.log(sum(math.exp(x) for x in logits)) - logits[positive]


# --- absent rows -----------------------------------------------------------------------------------------------------


def null_column(absent: list[bool], **more: object) -> tuple[Contrast, dict[str, Rows]]:
    n = len(absent)
    contrast = Contrast(
        between=["mix", "stem"], queries=["mix"], keys=["stem"], target=Same(), similarity=Dot(),
        candidates=[OtherView()], absent="one_key", **more,
    )  # fmt: skip
    rows = {
        "mix": Rows.of(track=range(n), view=[0] * n),
        "stem": Rows.of(track=range(n), view=[1] * n, silent=torch.tensor(absent)),
    }
    return contrast, rows


def test_b_appendix_a_null_column_of_one_absent_is_0_5514447() -> None:
    contrast, rows = null_column([False, False, True])
    z = {"mix": torch.eye(3), "stem": torch.eye(3)}
    s, t, c = contrast.matrices(z, rows)
    assert torch.equal(s, torch.eye(3))
    assert torch.equal(t, torch.eye(3))
    assert bool(c.all())
    assert float(contrast.loss(z, rows)) == pytest.approx(0.5514447, abs=1e-6)


def test_b_appendix_a_null_column_of_two_absent_is_0_4334513() -> None:
    contrast, rows = null_column([False, True, True])
    e1, e3 = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    z = {"mix": unit(e1, e3, [0.0, 0.6, 0.8]), "stem": unit(e1, [0.0, 0.0, 0.7], [0.0, 0.0, 0.3])}  # their mean: e3 / 2
    s, t, _ = contrast.matrices(z, rows)
    torch.testing.assert_close(s, unit([1.0, 0.0], [0.0, 0.5], [0.0, 0.4]))
    assert t.argmax(1).tolist() == [0, 1, 1]
    assert float(contrast.loss(z, rows)) == pytest.approx(0.4334513, abs=1e-6)


def test_nobody_absent_leaves_no_null_column() -> None:
    contrast, rows = null_column([False, False])
    assert contrast.matrices({"mix": torch.eye(2), "stem": torch.eye(2)}, rows)[0].shape == (2, 2)


def test_rows_that_are_left_out_neither_ask_nor_are_asked() -> None:
    silent = torch.tensor([False, True, False, False])
    rows = {
        "audio": Rows.of(track=range(4), view=[0] * 4),
        "cf": Rows.of(track=range(4), view=[1] * 4, silent=silent),
    }
    z = {"audio": drawn(4), "cf": drawn(4, seed=1)}
    contrast = Contrast(between=["audio", "cf"], target=Same(), similarity=Cosine(temperature=0.5), absent="leave_out")
    every = torch.cat([z["audio"], z["cf"]])
    heard = [i for i in range(8) if i != 5]
    losses = []
    for i in heard:
        others = [j for j in heard if j != i]
        positives = [k for k, j in enumerate(others) if j % 4 == i % 4]
        if positives:  # audio of track 1 has none: its vector is absent
            losses.append(of_one([cosine(every[i], every[j]) / 0.5 for j in others], positives[0]))
    assert len(losses) == 6
    assert float(contrast.loss(z, rows)) == pytest.approx(sum(losses) / 6, abs=1e-6)
    changed = {**z, "cf": torch.where(silent[:, None], 100.0, z["cf"])}
    assert float(contrast.loss(changed, rows)) == pytest.approx(float(contrast.loss(z, rows)), abs=1e-7)


def test_what_keeps_embeddings_spread_does_not_see_rows_that_are_left_out() -> None:
    contrast = Contrast(between=["a"], target=Same(), similarity=Euclidean(), objective=VICReg(), absent="leave_out")
    z, silent = drawn(8), torch.arange(8) % 4 == 1
    every = Rows.of(track=[i // 2 for i in range(8)], view=[i % 2 for i in range(8)], silent=silent)
    some = Rows.of(track=every.ids["track"][~silent], view=every.ids["view"][~silent])
    expected = float(contrast.loss({"a": z[~silent]}, {"a": some}))
    assert float(contrast.loss({"a": z}, {"a": every})) == pytest.approx(expected, rel=1e-6)
    nobody = Rows.of(track=range(8), view=[0] * 8, silent=torch.ones(8, dtype=torch.bool))
    assert float(contrast.loss({"a": z.requires_grad_()}, {"a": nobody})) == 0.0


# --- who asks, who is asked ------------------------------------------------------------------------------------------


def test_queries_and_keys_of_one_direction() -> None:
    """Choi et al.: anchors ask positives and nobody else."""
    rows = {"a": Rows.of(track=range(3), view=[0] * 3), "p": Rows.of(track=range(3), view=[1] * 3)}
    z = {"a": drawn(3), "p": drawn(3, seed=1)}
    contrast = Contrast(
        between=["a", "p"], queries=["a"], keys=["p"], target=Same(), similarity=Dot(), candidates=[OtherView()]
    )
    loss = contrast.loss(z, rows)
    expected = [of_one([float(z["a"][i] @ z["p"][j]) for j in range(3)], i) for i in range(3)]
    assert float(loss) == pytest.approx(sum(expected) / 3, abs=1e-6)
    turned = Contrast(
        between=["a", "p"], queries=["p"], keys=["a"], target=Same(), similarity=Dot(), candidates=[OtherView()]
    )
    assert float(turned.loss(z, rows)) != pytest.approx(float(loss), abs=1e-3)


def test_siamese_inter_track_of_equal_unit_vectors_is_0_5514447() -> None:
    rows = {"a": Rows.of(track=range(3), view=[0] * 3), "p": Rows.of(track=range(3), view=[1] * 3)}
    contrast = Contrast(
        between=["a", "p"], queries=["a"], keys=["p"], target=Same(), similarity=Dot(), candidates=[OtherView()]
    )
    assert float(contrast.loss({"a": torch.eye(3), "p": torch.eye(3)}, rows)) == pytest.approx(0.5514447, abs=1e-6)


def test_negatives_of_the_same_track_are_nobodys_positives() -> None:
    rows = {name: Rows.of(track=range(3), view=[view] * 3) for view, name in enumerate(["plain", "alike", "pitched"])}
    z = {name: drawn(3, seed=seed) for seed, name in enumerate(rows)}
    contrast = Contrast(between=list(rows), target=Same(), similarity=Dot(), negatives=["pitched"])
    s, t, c = contrast.matrices(z, rows)
    assert s.shape == (6, 9)
    assert not bool(t[:, 6:].any())
    assert bool(c[:, 6:].all())
    every, losses = torch.cat(list(z.values())), []
    for i in range(6):
        others = [j for j in range(9) if j != i]
        losses.append(of_one([float(every[i] @ every[j]) for j in others], others.index((i + 3) % 6)))
    assert float(contrast.loss(z, rows)) == pytest.approx(sum(losses) / 6, abs=1e-5)


# --- queue -----------------------------------------------------------------------------------------------------------


def moco(queue: int) -> Contrast:
    return Contrast(
        between=["q", "k"], queries=["q"], keys=["k"], target=Same(), similarity=Cosine(temperature=0.2),
        candidates=[OtherView()], queue=queue,
    )  # fmt: skip


def pairs(tracks: list[int]) -> dict[str, Rows]:
    n = len(tracks)
    return {"q": Rows.of(track=tracks, view=[0] * n), "k": Rows.of(track=tracks, view=[1] * n)}


def test_a_queue_is_these_rows_as_negatives_by_hand() -> None:
    contrast, batches = moco(5), [[0, 1, 2], [3, 4, 5], [6, 1, 7]]
    old: list[tuple[int, torch.Tensor]] = []
    for number, tracks in enumerate(batches):
        z = {"q": drawn(3, seed=number).requires_grad_(), "k": drawn(3, seed=10 + number).requires_grad_()}
        loss = contrast.loss(z, pairs(tracks))
        expected = []
        for i, track in enumerate(tracks):
            keys = [
                *z["k"],
                *[key for t, key in old[-5:] if t != track],
            ]  # an old key of one's own track is no negative
            expected.append(of_one([cosine(z["q"][i], key) / 0.2 for key in keys], i))
        assert float(loss.detach()) == pytest.approx(sum(expected) / 3, abs=1e-5)
        loss.backward()
        old += [(t, key.detach()) for t, key in zip(tracks, z["k"], strict=True)]


def test_a_queue_keeps_no_silent_keys_that_are_left_out() -> None:
    contrast = Contrast(
        between=["a", "k"], queries=["a"], keys=["k"], target=Same(), similarity=Cosine(temperature=0.5),
        candidates=[OtherView()], absent="leave_out", queue=8,
    )  # fmt: skip
    silent = torch.tensor([False, True, False, True])
    rows = {
        "a": Rows.of(track=range(4), view=[0] * 4),
        "k": Rows.of(track=range(4), view=[1] * 4, silent=silent),
    }
    contrast.loss({"a": drawn(4), "k": drawn(4, seed=1)}, rows)
    assert contrast.queue is not None
    keys, track = contrast.queue.content()
    assert track.tolist() == [0, 2]
    torch.testing.assert_close(keys, drawn(4, seed=1)[~silent])


def test_a_queue_is_neither_read_nor_filled_in_eval_mode() -> None:
    contrast, rows = moco(4), pairs([0, 1, 2])
    z = {"q": drawn(3), "k": drawn(3, seed=1)}
    contrast.eval()
    alone = contrast.loss(z, rows)
    assert contrast.queue is not None
    assert int(contrast.queue.place) == 0
    contrast.train()
    contrast.loss({"q": drawn(3, seed=2), "k": drawn(3, seed=3)}, pairs([3, 4, 5]))
    contrast.eval()
    assert torch.equal(contrast.loss(z, rows), alone)


# --- chunks ----------------------------------------------------------------------------------------------------------


class Space(nn.Module):
    """Embeddings as weights, under one contrast."""

    def __init__(self, objective: object, chunk: int, *, scale: str = "learned") -> None:
        super().__init__()
        self.z = nn.Parameter(drawn(22, seed=4))
        self.contrast = Contrast(
            between=["a", "b"], target=Shared(labels="tags"), similarity=Cosine(temperature=0.3, scale=scale),
            objective=objective, chunk=chunk, absent="leave_out",
        )  # fmt: skip

    def loss(self) -> torch.Tensor:
        tags = (torch.rand(22, 3, generator=torch.Generator().manual_seed(1)) < 0.3).float()
        silent = torch.arange(22) % 7 == 3
        every = Rows.of(track=[*range(11), *range(11)], view=[0] * 11 + [1] * 11, silent=silent, labels={"tags": tags})
        return self.contrast.loss(
            {"a": self.z[:11], "b": self.z[11:]}, {"a": every[slice(0, 11)], "b": every[slice(11, 22)]}
        )


@pytest.mark.parametrize("make", [InfoNCE, Decoupled, Sigmoid])
@pytest.mark.parametrize("chunk", [1, 4, 22, 100])
def test_chunks_change_neither_loss_nor_gradient(make: type, chunk: int) -> None:
    plain, chunked = Space(make(), 0), Space(make(), chunk)
    losses = [space.loss() for space in (plain, chunked)]
    torch.testing.assert_close(*losses, atol=1e-6, rtol=1e-6)
    for loss in losses:
        loss.backward()
    twins = dict(chunked.named_parameters())
    for name, weight in plain.named_parameters():
        assert weight.grad is not None
        assert float(weight.grad.abs().max()) > 0
        torch.testing.assert_close(twins[name].grad, weight.grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("more", [{"objective": SogCLR()}, {"queue": 4}, {"absent": "one_key"}])
def test_chunks_of_what_needs_the_whole_are_refused(more: dict[str, object]) -> None:
    rows = {"a": Rows.of(track=[0, 0, 1, 1], view=[0, 1, 0, 1])}
    contrast = Contrast(between=["a"], target=Same(), similarity=Cosine(), chunk=2, **more)
    with pytest.raises(RecipeError, match="chunk: '2'"):
        contrast.loss({"a": drawn(4)}, rows)


# --- sums ------------------------------------------------------------------------------------------------------------


def test_a_strategy_is_the_weighted_sum_of_its_contrasts() -> None:
    rows = {"a": Rows.of(track=[0, 0, 1, 1], artist=[0, 1, 0, 1])}
    one = Contrast(between=["a"], target=Same(), similarity=Cosine(), weight=0.5, candidates=[NotSelf()])
    two = Contrast(between=["a"], target=Same(by="artist"), similarity=Cosine(), weight=2.0)
    strategy, z = Strategy([one, two]), {"a": drawn(4)}
    parts = strategy.losses(z, rows)
    assert float(strategy.loss(z, rows)) == pytest.approx(0.5 * float(parts[0]) + 2 * float(parts[1]), abs=1e-6)
    assert float(strategy.weighted(parts)) == float(strategy.loss(z, rows))


# --- precision -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objective", "similarity"),
    [(VICReg(), Euclidean()), (SIGReg(), Euclidean()), (InfoNCE(), Cosine()), (Sigmoid(), Cosine())],
)
def test_the_loss_is_in_float32_under_autocast(objective: Objective, similarity: nn.Module) -> None:
    contrast = Contrast(between=["a"], target=Dice(labels="tags"), similarity=similarity, objective=objective).eval()
    tags = (drawn(12, 7, seed=3) > 0.5).float()
    rows = {"a": Rows.of(track=range(12), view=[0] * 12, labels={"tags": tags})}
    z = {"a": 3 * drawn(12, 40)}
    plain = contrast.loss(z, rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(contrast.loss(z, rows), plain)
        assert torch.equal(contrast.matrices(z, rows)[1], contrast.target(rows["a"], rows["a"]).float())
