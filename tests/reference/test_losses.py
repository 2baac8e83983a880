"""Losses against slow loops written from the papers, and against closed forms and published acceptance values."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from contramuse.objective import Alignment, InfoNCE, Labelled, NotSame, NotSelf, OtherView, OwnView, Within
from contramuse.rows import Rows
from contramuse.similarity import Bilinear, Cosine, Dot
from contramuse.strategy import Contrast, Strategy
from contramuse.targets import Any, Dice, Kernel, Product, Same, Shared


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


def test_b_appendix_a_nt_xent_of_playlist_contrastive_is_0_9668017_and_9_0795e_5():
    rows = Rows.of(track=[0, 1, 0, 1])
    assert loss_of(contrast(Same(), 0.1), torch.cat([U, V]), rows) == pytest.approx(0.9668017, abs=2e-6)
    assert loss_in_float64(Same(), torch.cat([U, V]), rows) == pytest.approx(0.9668017, abs=1e-6)
    assert loss_in_float64(Same(), torch.cat([U, U]), rows) == pytest.approx(9.0795e-5, abs=1e-8)


def test_b_appendix_a_genre_weighted_loss_is_3_0447216():
    """There T_ij = |A and B| / (|A| + |B|): half of Dice, and the same after each row is divided by its sum.

    The published 3.0447216 adds 1e-5 to each exp before the logarithm; without it the loss is 3.0447238.
    """
    y = torch.tensor([[1.0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 1]])
    rows = Rows.of(track=[0, 1, 2, 3], labels={"genre": y})
    z = torch.cat([U, V])
    assert loss_in_float64(Dice(labels="genre"), z, rows) == pytest.approx(3.0447238, abs=1e-7)
    weight = Dice(labels="genre")(rows, rows).double().fill_diagonal_(0)
    third = 1 / 3
    published = [[0, third, third, 0.25], [third, 0, 0, third], [third, 0, 0, 0], [0.25, third, 0, 0]]
    assert torch.allclose(weight / 2, torch.tensor(published).double(), atol=1e-7)
    e = (z.double() @ z.double().T / 0.1).exp().fill_diagonal_(0)
    with_epsilon = e.sum(1).log() - (weight / weight.sum(1, keepdim=True) * (e + 1e-5).log()).sum(1)
    assert float(with_epsilon.mean()) == pytest.approx(3.0447216, abs=1e-6)


def test_b_appendix_a_siamese_inter_track_of_unit_vectors_is_0_5514447():
    rows = {name: Rows.of(track=[0, 1, 2], view=[i] * 3) for i, name in enumerate(("anchor", "positive"))}
    part = Contrast(between=["anchor", "positive"], queries=["anchor"], target=Same(), similarity=Dot(),
                    candidates=(OtherView(),))  # fmt: skip
    z = {"anchor": torch.eye(3), "positive": torch.eye(3)}
    assert float(part.loss(z, rows)) == pytest.approx(0.5514447, abs=1e-6)


def intra_track() -> Contrast:
    return Contrast(
        between=["anchor", "positive"], queries=["anchor"], target=Same(by="segment"),
        similarity=Dot(temperature=0.05), candidates=(Within(by="track"), OwnView()),
    )  # fmt: skip


def test_b_appendix_a_siamese_intra_track_is_0_0024758():
    """Steps of the positive's crop other than the positive, and those of other tracks, are no candidates."""
    steps = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [9.0, 9.0]])
    others = torch.tensor([[0.8, 0.6], [5.0, 5.0], [6.0, 6.0], [9.0, 9.0]])
    z = {"anchor": steps, "positive": others}
    rows = {name: Rows.of(track=[0, 0, 0, 1], segment=[0, 1, 2, 0], view=[i] * 4) for i, name in enumerate(z)}
    s, t, c = intra_track().matrices(z, rows)
    assert sorted(s[0][c[0]].tolist()) == pytest.approx([0.0, 10.0, 16.0])
    losses, _ = InfoNCE().per_row(s, t, c)
    assert float(losses[0]) == pytest.approx(0.0024758, abs=1e-7)


def test_b_1_8_siamese_intra_track_equals_the_loop():
    """For every step; the published code draws one step of each batch, whose expectation this is."""
    generator = torch.Generator().manual_seed(0)
    a, p = (torch.randn(3, 5, 4, generator=generator) / 4 for _ in range(2))  # tracks, steps, dimensions
    loss = 0.0
    for track, s in itertools.product(range(3), range(5)):
        logits = [float(a[track, s] @ p[track, s]) / 0.05]
        logits += [float(a[track, s] @ a[track, n]) / 0.05 for n in range(5) if n != s]
        loss += math.log(sum(math.exp(x) for x in logits)) - logits[0]
    ids = {"track": [i // 5 for i in range(15)], "segment": list(range(5)) * 3}
    rows = {name: Rows.of(view=[i] * 15, **ids) for i, name in enumerate(("anchor", "positive"))}
    ours = intra_track().loss({"anchor": a.reshape(15, 4), "positive": p.reshape(15, 4)}, rows)
    assert float(ours) == pytest.approx(loss / 15, rel=1e-5)


def test_b_1_8_cpc_equals_the_loop():
    """The target is the query, the predictions of all tracks for that step are the keys; mean over steps and tracks."""
    generator = torch.Generator().manual_seed(0)
    z, predictions = (torch.randn(4, 3, 6, generator=generator) for _ in range(2))  # tracks, steps ahead, dimensions
    loss = 0.0
    for k in range(3):
        for i in range(4):
            logits = [float(z[i, k] @ predictions[j, k]) for j in range(4)]
            loss += (math.log(sum(math.exp(x) for x in logits)) - logits[i]) / (3 * 4)
    ids = {"track": [i // 3 for i in range(12)], "segment": list(range(3)) * 4}
    rows = {name: Rows.of(view=[i] * 12, **ids) for i, name in enumerate(("target", "prediction"))}
    part = Contrast(
        between=["target", "prediction"], queries=["target"], target=Product(of=(Same(), Same(by="segment"))),
        similarity=Dot(), candidates=(OtherView(), Within(by="segment")),
    )  # fmt: skip
    ours = part.loss({"target": z.reshape(12, 6), "prediction": predictions.reshape(12, 6)}, rows)
    assert float(ours) == pytest.approx(loss, rel=1e-5)


def null_column(anchors: Tensor, positives: Tensor, silent: list[bool]) -> Tensor:
    count = len(anchors)
    rows = {
        "mix": Rows.of(track=list(range(count)), view=[0] * count),
        "stem": Rows.of(track=list(range(count)), view=[1] * count, silent=torch.tensor(silent)),
    }
    similarity = Bilinear(dim_in=3)
    similarity.weight.data = torch.eye(3)
    part = Contrast(between=["mix", "stem"], queries=["mix"], keys=["stem"], target=Same(), similarity=similarity,
                    candidates=(OtherView(),), absent="one_key")  # fmt: skip
    return part.loss({"mix": anchors, "stem": positives}, rows)


def test_b_appendix_a_null_column_with_one_absent_source_is_0_5514447():
    loss = null_column(torch.eye(3), torch.eye(3), [False, False, True])
    assert float(loss.detach()) == pytest.approx(0.5514447, abs=1e-6)


def test_b_appendix_a_null_column_with_two_absent_sources_is_0_4334513():
    """Two anchors point to one column, the mean of their silent positives."""
    anchors = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 0.6, 0.8]])
    positives = torch.tensor([[1.0, 0, 0], [0.3, 0.2, 0.7], [-0.3, -0.2, 0.3]])  # the mean of the absent is e3 / 2
    loss = null_column(anchors, positives, [False, True, True])
    assert float(loss.detach()) == pytest.approx(0.4334513, abs=1e-6)


def test_b_3_5_without_absent_sources_there_is_no_null_column():
    loss = null_column(torch.eye(3), torch.eye(3), [False, False, False])
    assert float(loss.detach()) == pytest.approx(0.5514447, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999))
def test_b_2_8_cross_modal_loss_equals_the_loop(seed):
    """z = [u; v]: rows of the same side are negatives too; the epsilon of the published logarithm is left out."""
    z = torch.randn(10, 6, generator=torch.Generator().manual_seed(seed))
    loss = 0.0
    for i in range(10):
        denominator = sum(math.exp(cosine(z[i], z[k]) / 0.1) for k in range(10) if k != i)
        loss += (math.log(denominator) - cosine(z[i], z[(i + 5) % 10]) / 0.1) / 10
    part = Contrast(between=["audio", "cf"], target=Same(), similarity=Cosine(temperature=0.1))
    rows = {name: Rows.of(track=list(range(5))) for name in ("audio", "cf")}
    assert float(part.loss({"audio": z[:5], "cf": z[5:]}, rows)) == pytest.approx(loss, abs=1e-4)


TAGS = torch.tensor([[1.0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]).repeat_interleave(2, 0)


@pytest.mark.parametrize(("at_least", "pairs"), [(1, {(0, 1), (0, 2)}), (2, {(0, 1)}), (4, set()), (6, set())])
def test_a_2_7_threshold_matrix(at_least, pairs):
    """W = (A + S > 0) for T of the published grids; the unlabelled item matches its own views only."""
    rows = Rows.of(track=[i // 2 for i in range(8)], labels={"tags": TAGS})
    got = Any(of=(Same(), Shared(labels="tags", at_least=at_least)))(rows, rows)
    for i, j in itertools.product(range(8), repeat=2):
        a, b = sorted((i // 2, j // 2))
        enough = a == b or (a, b) in pairs
        assert float(got[i, j]) == float(enough), (i, j)


def test_a_2_7_weighted_matrix():
    """W = min(1, A + S) with Dice, and 0 between two unlabelled items."""
    rows = Rows.of(track=[i // 2 for i in range(8)], labels={"tags": TAGS})
    got = Any(of=(Same(), Dice(labels="tags")))(rows, rows)[::2, ::2]
    expected = [[1, 4 / 5, 2 / 5, 0], [4 / 5, 1, 0, 0], [2 / 5, 0, 1, 0], [0, 0, 0, 1]]
    assert torch.allclose(got, torch.tensor(expected))


def test_a_2_7_without_labels_the_loss_is_nt_xent_to_the_published_epsilon():
    """There 2.73961 against 2.73962 on random data; the difference is the 1e-6 in its logarithm, which ours has not."""
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(8, 8, generator=generator, dtype=torch.float64).repeat_interleave(2, 0)
    z += 0.5 * torch.randn(16, 8, generator=generator, dtype=torch.float64)
    rows = Rows.of(track=[i // 2 for i in range(16)], labels={"tags": torch.zeros(16, 4)})
    target = Any(of=(Same(), Shared(labels="tags")))
    ours = loss_in_float64(target, z, rows)
    assert ours == pytest.approx(nt_xent_loop(z, 0.1), abs=1e-9)
    u = z / z.norm(dim=1, keepdim=True)
    e = (u @ u.T / 0.1).exp().fill_diagonal_(0)
    p = (e / e.sum(1, keepdim=True))[torch.arange(16), torch.arange(16) ^ 1]
    assert 0 < ours - float(-(p + 1e-6).log().mean()) < 1e-4


def test_a_2_7_only_exact_labels_match_so_numbers_need_a_kernel():
    """What is promised there and never built: T from the distance of two numbers."""
    rows = Rows.of(track=[0, 1, 2], values={"valence": torch.tensor([[0.1], [0.2], [0.9]])})
    near = Kernel(value="valence", width=0.2)(rows, rows)
    assert float(near[0, 1]) == pytest.approx(math.exp(-0.125), abs=1e-6)
    assert float(near[0, 2]) == pytest.approx(math.exp(-8), abs=1e-6)


def test_a_1_6_nt_xent_of_clmr_has_2n_minus_2_negatives():
    """-log(exp(s(i, j(i))) / sum over k != i), temperature 0.5, over both views of 48 tracks."""
    z = torch.randn(96, 64, generator=torch.Generator().manual_seed(0))
    rows = Rows.of(track=[i % 48 for i in range(96)])
    part = contrast(Same(), 0.5)
    _, t, c = part.matrices({"audio": z}, {"audio": rows})
    assert (c & (t == 0)).sum(1).tolist() == [94] * 96
    logits = functional.normalize(z) @ functional.normalize(z).T / 0.5
    logits.fill_diagonal_(-torch.inf)
    expected = functional.cross_entropy(logits, (torch.arange(96) + 48) % 96)
    assert loss_of(part, z, rows) == pytest.approx(float(expected), abs=1e-5)


def test_a_appendix_a_byol_is_2_minus_2_cosines_in_both_directions():
    online, target = (torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(i)) for i in range(2))
    loss = 0.0
    for i in range(5):  # online of one view against target of the other, and the other way round
        loss += (2 - 2 * cosine(online[0, i], target[1, i])) / 10 + (2 - 2 * cosine(online[1, i], target[0, i])) / 10
    ids = {"track": list(range(5)) * 2, "view": [0] * 5 + [1] * 5}
    part = Contrast(between=["online", "target"], queries=["online"], keys=["target"], target=Same(),
                    similarity=Cosine(temperature=1.0), candidates=(OtherView(),), objective=Alignment())  # fmt: skip
    rows = {name: Rows.of(**ids) for name in ("online", "target")}
    ours = part.loss({"online": online.reshape(10, 8), "target": target.reshape(10, 8)}, rows)
    assert float(ours) == pytest.approx(loss, abs=1e-6)


def test_rows_of_the_same_artist_are_no_negatives_but_stay_positives():
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    rows = Rows.of(track=[0, 0, 1, 1, 2, 2], artist=[7, 7, 7, 7, 8, 8])
    _, _, c = contrast(Same(), candidates=(NotSame(by="artist"),)).matrices({"audio": z}, {"audio": rows})
    expected = torch.zeros(6, 6, dtype=torch.bool)
    for i, j in itertools.product(range(6), repeat=2):
        same_track, same_artist = i // 2 == j // 2, (i < 4) == (j < 4)
        expected[i, j] = i != j and (same_track or not same_artist)
    assert torch.equal(c, expected)


def test_rows_whose_labels_are_hidden_have_no_candidates():
    rows = Rows.of(track=[0, 1, 2], row=[0, 1, 2], labelled=[1, 0, 1])
    assert Labelled()(rows, rows, torch.zeros(3, 3)).tolist() == [[0, 1, 1], [0, 0, 0], [1, 1, 0]]


def test_the_own_view_and_the_positives_of_the_others():
    rows = Rows.of(track=[0, 1, 0, 1], view=[0, 0, 1, 1], row=[0, 1, 2, 3])
    got = OwnView()(rows, rows, Same()(rows, rows)).int()
    assert got.tolist() == [[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]]


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
