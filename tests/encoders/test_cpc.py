"""CPC: which steps are targets, what predicts them, and the loss of Choi et al. in slow loops."""

import math
from dataclasses import replace

import pytest
import torch

from contramuse.encoders import ENCODERS, HEADS
from contramuse.encoders.sequence import SequenceEncoder
from contramuse.encoders.tower import Output
from contramuse.errors import UserError
from contramuse.objective import Within
from contramuse.rows import Rows
from contramuse.similarity import Dot
from contramuse.strategy import Contrast
from contramuse.targets import Same


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def steps(*shape, seed=1):
    return torch.randn(*shape, generator=generator(seed))


def start_of(head, z, seed):
    """Which start was drawn, read off the first target."""
    target = head(z, generator(seed))["target"]
    first = target.reshape(len(z), -1, target.shape[-2], target.shape[-1])[0, 0, 0]
    row = z.reshape(len(z), -1, z.shape[-2], z.shape[-1])[0, 0]
    return int((row == first).all(1).nonzero()) - head.steps


@pytest.mark.parametrize(("length", "starts"), [(11, {0, 1, 2}), (9, {0}), (8, {0}), (12, {0, 1, 2, 3})])
def test_starts(length, starts):
    head = HEADS["cpc"](dim_in=6)
    z = steps(2, length, 6)
    assert {start_of(head, z, seed) for seed in range(40)} == starts
    head.eval()
    assert start_of(head, z, 0) == 0


def test_targets_are_the_steps_that_follow_and_predictions_read_no_further():
    head = HEADS["cpc"](dim_in=6, dim=5, steps=3, predictions=2).eval()
    z = steps(4, 9, 6)
    made = head(z)
    assert torch.equal(made["target"], z[:, 3:5])
    contexts, _ = head.levels[0].gru(z[:, :3])
    for k in range(2):
        expected = contexts[:, -1] @ head.levels[0].predictors[k].weight.T + head.levels[0].predictors[k].bias
        torch.testing.assert_close(made["prediction"][:, k], expected)
    changed = z.clone()
    changed[:, 3:] += 1
    assert torch.equal(head(changed)["prediction"], made["prediction"])


def test_all_steps_that_fit():
    head = HEADS["cpc"](dim_in=6, steps=0, predictions=4)
    z = steps(2, 10, 6)
    assert torch.equal(head(z)["target"], z[:, 6:])  # nothing is left to draw, no generator is needed


def test_several_positions():
    """After each of the last positions all predictions are made, each from what its context has read."""
    head = HEADS["cpc"](dim_in=6, steps=2, predictions=3, positions=4, bias="none").eval()
    z = steps(2, 12, 6)
    made = head(z)
    assert made["target"].shape == made["prediction"].shape == (2, 12, 6)
    for i in range(4):
        alone = HEADS["cpc"](dim_in=6, steps=2 + i, predictions=3, bias="none").eval()
        alone.load_state_dict(head.state_dict())
        expected = alone(z)
        assert torch.equal(made["target"][:, 3 * i : 3 * i + 3], expected["target"])
        torch.testing.assert_close(made["prediction"][:, 3 * i : 3 * i + 3], expected["prediction"])


def test_levels_are_apart():
    head = HEADS["cpc"](dim_in=6, dim=4, levels=3)
    z = steps(2, 3, 11, 6)
    made, context = head(z, generator(1)), head.represent(z)
    assert made["target"].shape == made["prediction"].shape == (2, 3, 4, 6)
    assert context.shape == (2, 12) == (2, head.context_dim)
    for level in range(3):
        one = HEADS["cpc"](dim_in=6, dim=4)
        one.levels[0].load_state_dict(head.levels[level].state_dict())
        expected = one(z[:, level], generator(1))
        torch.testing.assert_close(made["prediction"][:, level], expected["prediction"])
        torch.testing.assert_close(context[:, 4 * level : 4 * level + 4], one.represent(z[:, level]))


def test_represents_by_the_mean_context():
    head = HEADS["cpc"](dim_in=6, dim=5)
    z = steps(3, 7, 6)
    torch.testing.assert_close(head.represent(z), head.levels[0].gru(z)[0].mean(1))


def test_refuses():
    with pytest.raises(UserError, match=r"reads 4 steps and predicts 4 more, and the sequence has 7"):
        HEADS["cpc"](dim_in=6)(steps(2, 7, 6), generator())
    with pytest.raises(UserError, match="Write levels: 5 in the head"):
        HEADS["cpc"](dim_in=6)(steps(2, 5, 11, 6), generator())
    with pytest.raises(ValueError, match="generator"):
        HEADS["cpc"](dim_in=6)(steps(2, 11, 6))
    for name in ("steps", "predictions", "positions", "levels"):
        with pytest.raises(UserError, match=f"^{name}: "):
            HEADS["cpc"](dim_in=6, **{name: -1})


def loss_in_slow_loops(z, start, head):
    """L = mean_k L_k, L_k = -(1/B) sum_i log softmax_j <z_i,t0+I+k, pred_jk>, j = i (Choi et al.)."""
    batch, total = len(z), 0.0
    level = head.levels[0]
    for k in range(head.predictions):
        for i in range(batch):
            scores = []
            for j in range(batch):
                context = level.gru(z[j : j + 1, start : start + head.steps])[0][0, -1]
                predicted = level.predictors[k](context)
                scores.append(float((z[i, start + head.steps + k] * predicted).sum()))
            highest = max(scores)
            total += highest + math.log(sum(math.exp(s - highest) for s in scores)) - scores[i]
    return total / (batch * head.predictions)


def contrast(*names):
    return Contrast(
        between=names, queries=names[:1], keys=names[1:], target=Same(by="track"), similarity=Dot(),
        candidates=[Within(by=name) for name in ("segment", "level")],
    )  # fmt: skip


@pytest.mark.parametrize("levels", [1, 5])
def test_b_1_8_cpc_loss_is_that_of_the_slow_loops(levels):
    head = HEADS["cpc"](dim_in=8, dim=6, levels=levels)
    z = steps(5, levels, 11, 8)
    made, start = head(z, generator(3)), start_of(head, z, 3)
    who = Rows.of(track=range(10, 15))
    embeddings, rows = {}, {}
    for view, name in enumerate(("x.target", "x.prediction")):
        embeddings[name], spread = Output(made[name[2:]], ("level", "segment")).spread(who)
        rows[name] = replace(spread, ids={**spread.ids, "view": torch.full((len(spread),), view)})
    ours = contrast("x.target", "x.prediction").loss(embeddings, rows).item()
    expected = []
    for level in range(levels):
        one = HEADS["cpc"](dim_in=8, dim=6)
        one.levels[0].load_state_dict(head.levels[level].state_dict())
        with torch.no_grad():
            expected.append(loss_in_slow_loops(z[:, level], start, one))
    assert ours == pytest.approx(sum(expected) / levels, rel=1e-5)


def test_convolutions_are_those_of_clmr_v1():
    encoder = ENCODERS["cpc_conv"](bands=1)
    assert isinstance(encoder, SequenceEncoder)
    assert [c.kernel_size[0] for c in encoder.layers] == [10, 6, 4, 4, 4, 2, 2]
    assert [c.stride[0] for c in encoder.layers] == [5, 3, 2, 2, 2, 2, 2]
    assert math.prod(c.stride[0] for c in encoder.layers) == 480
    assert {c.out_channels for c in encoder.layers} == {512}
    small = ENCODERS["cpc_conv"](bands=1, dim=4)
    with torch.no_grad():
        for samples in (59049, 20736, 300, 479, 481):
            x = steps(1, 1, samples)
            assert small.sequence(x).shape == (1, small.frames(samples), 4)
            torch.testing.assert_close(small(x), small.sequence(x).mean(1))
    assert small.frames(59049) == 124
    assert [small.frames(n) for n in (1, 5)] == [0, 0]


def test_initialise_keeps_the_level():
    x, levels = steps(1, 1, 4800) * 0.1, {}
    for word in ("kaiming", "torch"):
        torch.manual_seed(0)
        levels[word] = ENCODERS["cpc_conv"](bands=1, dim=256, initialise=word).sequence(x).std().item()
    assert levels["kaiming"] > 0.03
    assert levels["torch"] < levels["kaiming"] / 3


def test_encoder_and_head_learn_together():
    """A few steps on sequences in which the next step is the last one turned lower the loss below chance."""
    torch.manual_seed(0)
    head = HEADS["cpc"](dim_in=8, dim=16, steps=3, predictions=2)
    turn = torch.linalg.qr(steps(8, 8, seed=4)).Q
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    draw, losses = generator(), []
    for _ in range(60):
        z = [torch.randn(16, 8, generator=draw)]
        for _ in range(6):
            z.append(z[-1] @ turn)
        made = head(torch.stack(z, dim=1), draw)
        scores = torch.einsum("bkd,ckd->kbc", made["target"], made["prediction"])
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), torch.arange(16).repeat(2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < 0.5 * math.log(16)
