"""Losses against slow loops written from the papers, and against closed forms and published acceptance values."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from contramuse.objective import InfoNCE, NotSame, NotSelf, OtherView, Within
from contramuse.rows import Rows
from contramuse.similarity import Cosine, Dot
from contramuse.strategy import Contrast, Strategy
from contramuse.targets import Any, Dice, Same, Shared


def cosine(a: Tensor, b: Tensor) -> float:
    return float((a @ b) / (a.norm() * b.norm()))


def nt_xent_loop(z: Tensor, temperature: float) -> float:
    """SimCLR, algorithm 1: rows 2k-1 and 2k are the views of item k."""
    n = len(z)
    loss = 0.0
    for i in range(n):
        j = i ^ 1
        denominator = sum(math.exp(cosine(z[i], z[k]) / temperature) for k in range(n) if k != i)
        loss -= math.log(math.exp(cosine(z[i], z[j]) / temperature) / denominator)
    return loss / n


def sup_con_loop(z: Tensor, weight: Tensor, temperature: float) -> float:
    """SupCon, equation 2 (the sum outside the logarithm), positives weighted; rows without a positive do not count."""
    n, total, counted = len(z), 0.0, 0
    for i in range(n):
        positives = [j for j in range(n) if j != i and weight[i, j] > 0]
        if not positives:
            continue
        counted += 1
        denominator = sum(math.exp(cosine(z[i], z[a]) / temperature) for a in range(n) if a != i)
        inner = sum(
            float(weight[i, p]) * math.log(math.exp(cosine(z[i], z[p]) / temperature) / denominator) for p in positives
        )
        total -= inner / float(sum(weight[i, p] for p in positives))
    return total / max(counted, 1)


def contrast(target, temperature=0.5, candidates=(NotSelf(),), similarity=None):
    return Contrast(
        between=["audio"],
        target=target,
        similarity=similarity or Cosine(temperature=temperature),
        candidates=candidates,
    )


def loss_of(part: Contrast, z: Tensor, rows: Rows) -> float:
    return float(part.loss({"audio": z}, {"audio": rows}))


@settings(max_examples=25, deadline=None)
@given(
    items=st.integers(1, 6),
    dim=st.integers(2, 8),
    temperature=st.sampled_from([0.1, 0.5, 1.0]),
    seed=st.integers(0, 999),
)
def test_nt_xent_equals_the_loop_of_the_paper(items, dim, temperature, seed):
    z = torch.randn(2 * items, dim, generator=torch.Generator().manual_seed(seed))
    rows = Rows.of(track=[i // 2 for i in range(2 * items)])
    assert loss_of(contrast(Same(), temperature), z, rows) == pytest.approx(nt_xent_loop(z, temperature), abs=2e-5)


def test_nt_xent_of_identical_embeddings_is_log_of_the_negatives_plus_one():
    z = torch.ones(96, 8)
    rows = Rows.of(track=[i // 2 for i in range(96)])
    assert loss_of(contrast(Same()), z, rows) == pytest.approx(math.log(95), abs=1e-5)


def test_nt_xent_of_orthogonal_pairs_has_a_closed_form():
    z = torch.eye(4).repeat_interleave(2, 0)
    rows = Rows.of(track=[i // 2 for i in range(8)])
    e = math.exp(1 / 0.5)
    assert loss_of(contrast(Same()), z, rows) == pytest.approx(-math.log(e / (e + 6)), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), classes=st.integers(1, 5), at_least=st.integers(1, 3))
def test_semisupcon_threshold_equals_the_loop(seed, classes, at_least):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(10, 6, generator=generator)
    y = (torch.rand(5, classes, generator=generator) < 0.5).float().repeat_interleave(2, 0)
    rows = Rows.of(track=[i // 2 for i in range(10)], labels={"tags": y})
    weight = torch.zeros(10, 10)
    for i, j in itertools.product(range(10), repeat=2):
        shared = sum(int(y[i, c] == 1 and y[j, c] == 1) for c in range(classes))
        weight[i, j] = float(i // 2 == j // 2 or shared >= at_least)
    part = contrast(Any(of=(Same(), Shared(labels="tags", at_least=at_least))), 0.1)
    assert loss_of(part, z, rows) == pytest.approx(sup_con_loop(z, weight, 0.1), abs=5e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999))
def test_semisupcon_weighted_equals_the_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(10, 6, generator=generator)
    y = (torch.rand(5, 4, generator=generator) < 0.4).float().repeat_interleave(2, 0)
    rows = Rows.of(track=[i // 2 for i in range(10)], labels={"tags": y})
    weight = torch.zeros(10, 10)
    for i, j in itertools.product(range(10), repeat=2):
        size = float(y[i].sum() + y[j].sum())
        dice = 2 * float((y[i] * y[j]).sum()) / size if size else 0.0
        weight[i, j] = min(1.0, float(i // 2 == j // 2) + dice)
    part = contrast(Any(of=(Same(), Dice(labels="tags"))), 0.1)
    assert loss_of(part, z, rows) == pytest.approx(sup_con_loop(z, weight, 0.1), abs=5e-5)


def test_semisupcon_without_labels_is_nt_xent():
    z = torch.randn(12, 16, generator=torch.Generator().manual_seed(3))
    rows = Rows.of(track=[i // 2 for i in range(12)], labels={"tags": torch.zeros(12, 4)})
    semi = loss_of(contrast(Any(of=(Same(), Shared(labels="tags")))), z, rows)
    assert semi == pytest.approx(loss_of(contrast(Same()), z, rows), abs=1e-7)


U = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
V = torch.tensor([[0.8, 0.6], [0.6, 0.8]])


def loss_in_float64(target, z: Tensor, rows: Rows) -> float:
    """A contrast computes in float32, whose logsumexp resolves 1e-6; published toys are given to more digits."""
    numbered = Rows(ids={**rows.ids, "row": torch.arange(len(z))}, silent=rows.silent, labels=rows.labels)
    t = target(numbered, numbered)
    s = Cosine(temperature=0.1)(z.double(), z.double())
    return float(InfoNCE()(s, t.double(), NotSelf()(numbered, numbered, t)))


def test_playlist_contrastive_nt_xent_acceptance():
    rows = Rows.of(track=[0, 1, 0, 1])
    assert loss_of(contrast(Same(), 0.1), torch.cat([U, V]), rows) == pytest.approx(0.9668017, abs=2e-6)
    assert loss_in_float64(Same(), torch.cat([U, V]), rows) == pytest.approx(0.9668017, abs=1e-6)
    assert loss_in_float64(Same(), torch.cat([U, U]), rows) == pytest.approx(9.0795e-5, abs=1e-8)


def test_playlist_contrastive_genre_acceptance():
    """There T_ij = |A and B| / (|A| + |B|): half of Dice, and the same after each row is divided by its sum.

    The published 3.0447216 adds 1e-5 to each exp before the logarithm; without it the loss is 3.0447238.
    """
    y = torch.tensor([[1.0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 1]])
    rows = Rows.of(track=[0, 1, 2, 3], labels={"genre": y})
    z = torch.cat([U, V])
    assert loss_in_float64(Dice(labels="genre"), z, rows) == pytest.approx(3.0447238, abs=1e-7)
    weight = Dice(labels="genre")(rows, rows).double().fill_diagonal_(0)
    e = (z.double() @ z.double().T / 0.1).exp().fill_diagonal_(0)
    with_epsilon = e.sum(1).log() - (weight / weight.sum(1, keepdim=True) * (e + 1e-5).log()).sum(1)
    assert float(with_epsilon.mean()) == pytest.approx(3.0447216, abs=1e-6)


def test_choi_siamese_inter_track_acceptance():
    rows = Rows.of(track=[0, 1, 2, 0, 1, 2], view=[0, 0, 0, 1, 1, 1])
    part = contrast(Same(), candidates=(OtherView(),), similarity=Dot())
    assert loss_of(part, torch.eye(3).repeat(2, 1), rows) == pytest.approx(0.5514447, abs=1e-6)


def test_choi_siamese_intra_track_acceptance():
    """One query, three segments of its own track, temperature 0.05; segments of other tracks are no candidates."""
    z = torch.tensor([[0.8, 0.6], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [9.0, 9.0]])
    rows = Rows.of(track=[0, 0, 0, 0, 1], segment=[0, 0, 1, 2, 0], view=[1, 0, 0, 0, 0])
    part = contrast(Same(by="segment"), candidates=(Within(by="track"), OtherView()), similarity=Dot(temperature=0.05))
    s, t, c = part.matrices({"audio": z}, {"audio": rows})
    logits = s[0][c[0]]
    losses, _ = InfoNCE().per_row(s, t, c)
    assert len(logits) == 3
    expected = -math.log(math.exp(16) / sum(math.exp(x) for x in (16.0, 12.0, 14.0)))
    assert float(losses[0]) == pytest.approx(expected, abs=1e-5)


def test_choi_siamese_intra_track_acceptance_value():
    """Logits 16, 0, 10 as in the published toy."""
    s = torch.tensor([[16.0, 0.0, 10.0]])
    loss = InfoNCE()(s, torch.tensor([[1.0, 0.0, 0.0]]), torch.ones(1, 3, dtype=torch.bool))
    assert float(loss) == pytest.approx(0.0024758, abs=1e-7)


def test_mscol_null_column_acceptance():
    """Absent sources share one null key: two anchors point to the same column."""
    s = torch.tensor([[1.0, 0.0], [0.0, 0.5], [0.0, 0.4]])
    t = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert float(InfoNCE()(s, t, torch.ones(3, 2, dtype=torch.bool))) == pytest.approx(0.4334513, abs=1e-6)


def test_rows_of_the_same_artist_are_no_negatives_but_stay_positives():
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    rows = Rows.of(track=[0, 0, 1, 1, 2, 2], artist=[7, 7, 7, 7, 8, 8])
    _, _, c = contrast(Same(), candidates=(NotSame(by="artist"),)).matrices({"audio": z}, {"audio": rows})
    expected = torch.zeros(6, 6, dtype=torch.bool)
    for i, j in itertools.product(range(6), repeat=2):
        same_track, same_artist = i // 2 == j // 2, (i < 4) == (j < 4)
        expected[i, j] = i != j and (same_track or not same_artist)
    assert torch.equal(c, expected)


def test_a_row_without_positive_does_not_count_and_keeps_gradients_finite():
    z = torch.randn(3, 4, requires_grad=True, generator=torch.Generator().manual_seed(0))
    rows = Rows.of(track=[0, 0, 1])
    part = contrast(Same(), candidates=(Within(by="track"),))
    loss = part.loss({"audio": z}, {"audio": rows})
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert torch.isfinite(z.grad).all()


def test_very_small_temperature_neither_overflows_nor_stops_the_gradient():
    """With exp, log and an epsilon the hardest positives get no gradient (SemiSupCon)."""
    z = torch.tensor([[1.0, 0.0], [-1.0, 1e-3], [1.0, 1e-3], [1.0, -1e-3]], requires_grad=True)
    loss = contrast(Same(), 0.005).loss({"audio": z}, {"audio": Rows.of(track=[0, 0, 1, 2])})
    loss.backward()
    assert float(loss.detach()) > 100
    assert float(z.grad[1].norm()) > 1e-3


def test_contrasts_add_up_with_their_weights():
    z = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    rows = Rows.of(track=[i // 2 for i in range(8)], artist=[i // 4 for i in range(8)])
    one = Contrast(between=["audio"], target=Same(), similarity=Cosine(), weight=0.25)
    two = Contrast(between=["audio"], target=Same(by="artist"), similarity=Cosine(temperature=0.5), weight=2.0)
    expected = 0.25 * loss_of(one, z, rows) + 2.0 * loss_of(two, z, rows)
    assert float(Strategy([one, two]).loss({"audio": z}, {"audio": rows})) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(q=st.integers(1, 9), k=st.integers(1, 9), seed=st.integers(0, 999))
def test_the_gradient_made_by_hand_is_that_of_log_softmax(q, k, seed):
    generator = torch.Generator().manual_seed(seed)
    s = torch.randn(q, k, generator=generator, dtype=torch.float64)
    t = torch.rand(q, k, generator=generator, dtype=torch.float64) * (torch.rand(q, k, generator=generator) < 0.5)
    c = torch.rand(q, k, generator=generator) < 0.7
    mine, plain = s.clone().requires_grad_(), s.clone().requires_grad_()
    weights = torch.rand(q, generator=generator, dtype=torch.float64)
    losses, counts = InfoNCE().per_row(mine, t, c)
    (losses * weights).sum().backward()
    wanted = t * c
    assert torch.equal(counts, wanted.sum(1) > 0)
    for i in range(q):
        if counts[i]:
            log_softmax = plain[i][c[i]].log_softmax(0)
            loss = -(wanted[i][c[i]] / wanted[i].sum() * log_softmax).sum()
            assert torch.allclose(losses[i].detach(), loss.detach(), atol=1e-10)
            (loss * weights[i]).backward()
        else:
            assert losses[i] == 0
    expected = torch.zeros_like(s) if plain.grad is None else plain.grad
    assert torch.allclose(mine.grad, expected, atol=1e-10)
