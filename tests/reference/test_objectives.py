"""Objectives against slow loops written from their papers, and against closed forms."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from contramuse.objective import Alignment, Decoupled, InfoNCE, NotSelf, Sigmoid, SIGReg, SogCLR, Triplet, VICReg
from contramuse.rows import Rows
from contramuse.similarity import BiasedDot, Cosine, Euclidean
from contramuse.targets import Same

SEEDS = st.integers(0, 999)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matrices(q: int, k: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    s = torch.randn(q, k, generator=generator, dtype=torch.float64)
    t = torch.rand(q, k, generator=generator, dtype=torch.float64) * (torch.rand(q, k, generator=generator) < 0.4)
    return s, t, torch.rand(q, k, generator=generator) < 0.8


def pairs(z: Tensor, similarity) -> tuple[Tensor, Tensor, Tensor]:
    """S, T and C of rows 2i and 2i + 1, which are views of track i."""
    who = Rows.of(track=[i // 2 for i in range(len(z))], row=list(range(len(z))))
    t = Same()(who, who)
    return similarity(z, z), t, NotSelf()(who, who, t)


# DCL ------------------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(items=st.integers(2, 5), seed=SEEDS)
def test_decoupled_equals_the_loop_of_the_paper(items, seed):
    """Yeh et al. 2022: the sum has 2 (N - 1) terms, of the other items' views."""
    z = functional.normalize(random(2 * items, 4, seed=seed), dim=1)
    loss = 0.0
    for i in range(2 * items):
        negatives = [math.exp(float(z[i] @ z[j]) / 0.1) for j in range(2 * items) if j // 2 != i // 2]
        assert len(negatives) == 2 * (items - 1)
        loss += -float(z[i] @ z[i ^ 1]) / 0.1 + math.log(sum(negatives))
    assert float(Decoupled()(*pairs(z, Cosine(temperature=0.1)))) == pytest.approx(loss / (2 * items), abs=1e-9)


def test_decoupled_of_orthogonal_pairs_has_a_closed_form():
    s, t, c = pairs(torch.eye(4).repeat_interleave(2, 0), Cosine(temperature=0.5))
    assert float(Decoupled()(s, t, c)) == pytest.approx(math.log(6) - 2, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_decoupled_with_weighted_positives_equals_the_loop(seed):
    s, t, c = matrices(4, 7, seed)
    losses, counts = Decoupled().per_row(s, t, c)
    for i in range(4):
        wanted = [j for j in range(7) if c[i, j] and t[i, j] > 0]
        negatives = [j for j in range(7) if c[i, j] and t[i, j] < 1]
        assert bool(counts[i]) == bool(wanted and negatives)
        if counts[i]:
            total = sum(float(t[i, j]) for j in wanted)
            loss = math.log(sum((1 - float(t[i, j])) * math.exp(s[i, j]) for j in negatives))
            loss -= sum(float(t[i, j] * s[i, j]) for j in wanted) / total
            assert float(losses[i]) == pytest.approx(loss, abs=1e-9)


@pytest.mark.parametrize("objective", [InfoNCE(), Decoupled(), Triplet(margin=5.0)])
def test_targets_of_any_size_are_divided_by_their_sum(objective):
    """A kernel of far numbers gives targets such as 1e-35; those too small to be divided by are none."""
    s, c = torch.tensor([[1.0, 2.0, 3.0, 2.0]]).repeat(3, 1), torch.ones(3, 4, dtype=torch.bool)
    t = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1e-35, 1e-35, 0.0, 0.0], [1e-42, 0.0, 0.0, 0.0]])
    losses, counts = objective.per_row(s, t, c)
    assert counts.tolist() == [True, True, False]
    if isinstance(objective, InfoNCE):
        assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-6)


def test_the_gradient_of_decoupled_does_not_vanish_with_an_easy_positive():
    """The coupling that the paper removes: InfoNCE's gradient has the factor 1 - p(positive), here nearly 0."""
    s = torch.tensor([[10.0, 0.0, 0.0]], requires_grad=True)
    t, c = torch.tensor([[1.0, 0, 0]]), torch.ones(1, 3, dtype=torch.bool)
    coupled = torch.autograd.grad(InfoNCE()(s, t, c), s)[0]
    decoupled = torch.autograd.grad(Decoupled()(s, t, c), s)[0]
    assert float(coupled.abs().max()) < 1e-3
    assert decoupled.tolist() == [[-1.0, 0.5, 0.5]]


# SigLIP ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 6), seed=SEEDS)
def test_sigmoid_equals_the_loop_of_the_paper(n, seed):
    """Zhai et al. 2023, algorithm 1: images are queries, texts keys, pair i to i."""
    x, y = random(n, 4, seed=seed), random(n, 4, seed=seed + 1)
    loss = 0.0
    for i, j in itertools.product(range(n), repeat=2):
        cosine = float(x[i] @ y[j] / (x[i].norm() * y[j].norm()))
        z = 1 if i == j else -1
        loss -= math.log(1 / (1 + math.exp(-z * (10 * cosine - 10))))
    every = torch.ones(n, n, dtype=torch.bool)
    s = Cosine(temperature=0.1, scale="learned").double()(x, y)
    assert float(Sigmoid()(s, torch.eye(n), every).detach()) == pytest.approx(loss / n, abs=1e-6)


def test_sigmoid_starts_at_its_closed_form():
    """All similarities 0, bias -10: n - 1 negatives at log(1 + e^-10) and a positive at 10 more."""
    loss = Sigmoid()(torch.zeros(5, 5), torch.eye(5), torch.ones(5, 5, dtype=torch.bool))
    assert float(loss.detach()) == pytest.approx(5 * math.log1p(math.exp(-10)) + 10, abs=1e-5)


def test_the_bias_is_learned_where_that_is_asked():
    every = torch.ones(5, 5, dtype=torch.bool)
    learned, fixed = Sigmoid(), Sigmoid(learned="nothing")
    learned(torch.zeros(5, 5), torch.eye(5), every).backward()
    positive, negative = 1 / (1 + math.exp(10)) - 1, 1 / (1 + math.exp(10))
    assert float(learned.bias.grad) == pytest.approx(positive + 4 * negative, abs=1e-6)
    assert not [p for p in fixed.parameters() if p.requires_grad]


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_sigmoid_over_rows_of_classes_is_binary_cross_entropy(seed):
    """CLMR's supervised baseline: a linear layer and BCE with logits, mean over classes and tracks."""
    torch.manual_seed(seed)
    layer, h = torch.nn.Linear(6, 5).double(), random(4, 6, seed=seed)
    y = (random(4, 5, seed=seed + 1) > 0.5).double()
    tagger = Sigmoid(bias=0.0, learned="nothing", mean="candidates", lonely="count").double()
    classes = torch.cat([layer.weight, layer.bias[:, None]], dim=1)
    s = BiasedDot()(torch.cat([h, torch.zeros(4, 1)], dim=1), classes)
    ours = tagger(s, y, torch.ones(4, 5, dtype=torch.bool))
    assert float(ours.detach()) == pytest.approx(
        float(functional.binary_cross_entropy_with_logits(layer(h), y).detach()), abs=1e-9
    )


def test_a_row_without_labels_counts_for_binary_cross_entropy_only_where_that_is_asked():
    s, t = random(2, 3, seed=0), torch.tensor([[1.0, 0, 0], [0, 0, 0]])
    every = torch.ones(2, 3, dtype=torch.bool)
    assert Sigmoid(mean="candidates").double().per_row(s, t, every)[1].tolist() == [True, False]
    losses, counts = Sigmoid(bias=0.0, mean="candidates", lonely="count").double().per_row(s, t, every)
    assert counts.tolist() == [True, True]
    assert float(losses[1].detach()) == pytest.approx(float(functional.softplus(s[1]).mean()))


# BYOL -----------------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_alignment_is_the_squared_distance_of_unit_vectors(seed):
    z = random(8, 5, seed=seed)
    loss = sum(
        float((z[i] / z[i].norm() - z[i ^ 1] / z[i ^ 1].norm()).square().sum()) for i in range(8)
    )  # Grill et al. 2020, equation 2
    assert float(Alignment()(*pairs(z, Cosine(temperature=1.0)))) == pytest.approx(loss / 8, abs=1e-9)


# VICReg ---------------------------------------------------------------------------------------------------------------


def variance_and_covariance(z: Tensor) -> tuple[float, float]:
    """Bardes et al. 2022, equations 1 to 4, gamma 1 and epsilon 1e-4."""
    n, d = z.shape
    mean = [sum(float(z[i, a]) for i in range(n)) / n for a in range(d)]
    cov = [
        [sum((float(z[i, a]) - mean[a]) * (float(z[i, b]) - mean[b]) for i in range(n)) / (n - 1) for b in range(d)]
        for a in range(d)
    ]
    hinge = sum(max(0.0, 1 - math.sqrt(cov[a][a] + 1e-4)) for a in range(d)) / d
    return hinge, sum(cov[a][b] ** 2 for a in range(d) for b in range(d) if a != b) / d


@settings(max_examples=15, deadline=None)
@given(n=st.integers(2, 6), d=st.integers(1, 4), scale=st.sampled_from([0.1, 1.0, 3.0]), seed=SEEDS)
def test_vicreg_equals_the_loop_of_the_paper(n, d, scale, seed):
    z = scale * random(2 * n, d, seed=seed)
    objective = VICReg()
    invariance = sum(float((z[i] - z[i ^ 1]).square().sum()) for i in range(2 * n)) / (2 * n)
    assert float(objective(*pairs(z, Euclidean()))) == pytest.approx(25 * invariance, abs=1e-9)
    hinge, covariance = variance_and_covariance(z)
    assert float(objective.regularise(z)) == pytest.approx(25 * hinge + covariance, abs=1e-9)


def test_vicreg_of_collapsed_and_of_white_embeddings():
    assert float(VICReg().regularise(torch.ones(6, 3))) == pytest.approx(25 * (1 - 0.01), abs=1e-5)
    white = torch.tensor(list(itertools.product([-2.0, 2.0], repeat=3)))
    assert float(VICReg().regularise(white)) == 0.0
    copies = white[:, :1].repeat(1, 3)  # three copies of one dimension: 6 covariances of 32/7, over 3 dimensions
    assert float(VICReg().regularise(copies)) == pytest.approx(6 * (32 / 7) ** 2 / 3, rel=1e-6)


# LeJEPA ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(n=st.integers(1, 6), seed=SEEDS)
def test_sigreg_in_one_dimension_equals_the_loop(n, seed):
    """Both unit directions of a line give the same statistic, as the characteristic function is even."""
    z = random(n, 1, seed=seed)
    t = [3 * i / 16 for i in range(17)]
    heights = []
    for x in t:
        real = sum(math.cos(x * float(v)) for v in z[:, 0]) / n - math.exp(-x * x / 2)
        imaginary = sum(math.sin(x * float(v)) for v in z[:, 0]) / n
        heights.append((real**2 + imaginary**2) * math.exp(-x * x / 2))
    integral = sum((heights[i] + heights[i + 1]) / 2 * (t[i + 1] - t[i]) for i in range(16))
    assert float(SIGReg(weight=0.3).regularise(z)) == pytest.approx(0.3 * n * 2 * integral, rel=1e-9)


def test_the_statistic_of_epps_and_pulley_has_a_closed_form():
    """Over the whole line the square can be expanded and each term integrated: sqrt(2 pi) times
    (1/n) sum_jk e^(-(x_j - x_k)^2 / 2) - sqrt(2) sum_j e^(-x_j^2 / 4) + n / sqrt(3)."""
    z = random(9, 1, seed=4)
    x = z[:, 0]
    n = len(x)
    closed = (-(x[:, None] - x).square() / 2).exp().sum() / n - math.sqrt(2) * (-x.square() / 4).exp().sum()
    closed = math.sqrt(2 * math.pi) * (closed + n / math.sqrt(3))
    ours = SIGReg(weight=1.0, knots=400, reach=9.0).regularise(z)
    assert float(ours) == pytest.approx(float(closed), rel=1e-6)


def test_sigreg_prefers_gaussians_over_all_else_of_the_same_variance():
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(512, 8, generator=generator)
    others = {
        "collapsed": torch.zeros(512, 8),
        "on a line": normal[:, :1].repeat(1, 8),
        "two points": torch.where(normal > 0, 1.0, -1.0)[:, :1].repeat(1, 8),
        "too wide": 2 * normal,
    }
    best = float(SIGReg().regularise(normal))
    for name, z in others.items():
        assert float(SIGReg().regularise(z)) > 3 * best, name


def test_sigreg_draws_new_directions_at_each_step_of_training_and_the_same_from_a_seed():
    z = random(20, 6, seed=0)
    one, two = SIGReg(slices=4), SIGReg(slices=4)
    first = [float(one.regularise(z)) for _ in range(3)]
    assert first == [float(two.regularise(z)) for _ in range(3)]
    assert len(set(first)) == 3
    one.eval()
    assert float(one.regularise(z)) == float(one.regularise(z))
    assert float(SIGReg(slices=4, seed=1).regularise(z)) != first[0]


@pytest.mark.parametrize("views", [2, 4])
def test_the_pull_of_lejepa_is_that_of_its_code(views):
    """There: mean over views, tracks and dimensions of (z_v - mean of the views)^2."""
    z = random(views, 3, 5, seed=0)
    published = float((z - z.mean(0)).square().mean())
    who = Rows.of(track=[0, 1, 2] * views, row=list(range(3 * views)))
    flat, t = z.reshape(-1, 5), Same()(who, who)
    s = Euclidean(over="mean", temperature=2 * views / (views - 1))(flat, flat)
    ours = SIGReg(weight=0.02)(s, t, NotSelf()(who, who, t))
    assert float(ours) == pytest.approx(0.98 * published, rel=1e-9)


# SogCLR ---------------------------------------------------------------------------------------------------------------


def sog_clr_loop(steps: list[tuple[Tensor, list[int]]], gamma: float) -> list[tuple[float, Tensor]]:
    """Yuan et al. 2022, algorithm 1, over two views of each track: value and gradient by S at each step."""
    u: dict[int, float] = {}
    out = []
    for s, track in steps:
        n = len(track)
        negatives = [[j for j in range(n) if track[j] != track[i]] for i in range(n)]
        g = [sum(math.exp(s[i, j]) for j in negatives[i]) / len(negatives[i]) for i in range(n)]
        for name in set(track):
            rows = [g[i] for i in range(n) if track[i] == name]
            mean = sum(rows) / len(rows)
            u[name] = mean if name not in u else (1 - gamma) * u[name] + gamma * mean
        value, gradient = 0.0, torch.zeros(n, n, dtype=torch.float64)
        for i in range(n):
            partner = next(j for j in range(n) if j != i and track[j] == track[i])
            value += (math.log(u[track[i]]) - float(s[i, partner])) / n
            gradient[i, partner] -= 1 / n
            for j in negatives[i]:
                gradient[i, j] += math.exp(s[i, j]) / (len(negatives[i]) * u[track[i]]) / n
        out.append((value, gradient))
    return out


@settings(max_examples=15, deadline=None)
@given(gamma=st.sampled_from([0.2, 0.9, 1.0]), seed=SEEDS)
def test_sog_clr_equals_the_loop_of_the_paper(gamma, seed):
    steps = [
        (2 * random(6, 6, seed=seed + i), [a, b, c, a, b, c])
        for i, (a, b, c) in enumerate([(0, 1, 2), (2, 7, 1), (0, 2, 7)])
    ]
    objective = SogCLR(gamma=gamma)
    for (s, track), (value, gradient) in zip(steps, sog_clr_loop(steps, gamma), strict=True):
        ids = torch.tensor(track)
        t = (ids[:, None] == ids).double()
        s = s.clone().requires_grad_()
        loss = objective(s, t, ~torch.eye(6, dtype=torch.bool), ids)
        loss.backward()
        assert float(loss.detach()) == pytest.approx(value, abs=1e-5)  # what it remembers is float32
        assert torch.allclose(s.grad, gradient, atol=1e-6)


def test_sog_clr_at_gamma_1_is_the_decoupled_objective_up_to_the_number_of_negatives():
    s, t, c = random(3, 8, seed=0), torch.zeros(3, 8), torch.ones(3, 8, dtype=torch.bool)
    t[:, 0] = 1
    mine, plain = s.clone().requires_grad_(), s.clone().requires_grad_()
    sog = SogCLR(gamma=1.0)(mine, t, c, torch.tensor([4, 0, 9]))
    decoupled = Decoupled()(plain, t, c)
    assert float(sog.detach()) == pytest.approx(float(decoupled.detach()) - math.log(7), abs=1e-6)
    grads = torch.autograd.grad(sog, mine)[0], torch.autograd.grad(decoupled, plain)[0]
    assert torch.allclose(*grads, atol=1e-7)


def test_sog_clr_comes_to_know_the_denominator_over_the_library():
    """A batch shows each track 3 of 300 negatives; the average over steps nears the mean over all of them."""
    generator = torch.Generator().manual_seed(0)
    library = torch.randn(300, generator=generator, dtype=torch.float64)
    objective = SogCLR(gamma=0.02)
    t, c, track = torch.tensor([[1.0, 0, 0, 0]]), torch.ones(1, 4, dtype=torch.bool), torch.tensor([5])
    for _ in range(300):
        seen = library[torch.randint(0, 300, (3,), generator=generator)]
        objective(torch.cat([torch.zeros(1).double(), seen])[None], t, c, track)
    learnt, truth = float(objective.log_u[5]), float(library.exp().mean().log())
    assert learnt == pytest.approx(truth, abs=0.15)
    assert torch.isneginf(objective.log_u[:5]).all()


def test_sog_clr_remembers_nothing_of_validation_and_of_rows_that_are_no_track():
    s, t, c = random(2, 4, seed=0), torch.zeros(2, 4), torch.ones(2, 4, dtype=torch.bool)
    t[:, 0] = 1
    objective = SogCLR(gamma=0.5)
    objective(s, t, c, torch.tensor([1, -1]))
    before = objective.log_u.clone()
    assert len(before) == 2
    objective.eval()
    other = objective(3 * s, t, c, torch.tensor([1, 6]))
    assert torch.equal(objective.log_u, before)
    assert torch.isfinite(other)


# Triplet --------------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(margin=st.sampled_from([0.1, 0.4, 2.0]), seed=SEEDS)
def test_triplet_equals_the_loop(margin, seed):
    s, t, c = matrices(4, 8, seed)
    t[2:] = (t[2:] > 0).double()
    mine, plain = s.clone().requires_grad_(), s.clone().requires_grad_()
    losses, counts = Triplet(margin=margin).per_row(mine, t, c)
    total = torch.zeros((), dtype=torch.float64)
    for i in range(4):
        wanted = [j for j in range(8) if c[i, j] and t[i, j] > 0]
        negatives = [j for j in range(8) if c[i, j] and t[i, j] < 1]
        assert bool(counts[i]) == bool(wanted and negatives)
        if counts[i]:
            loss = plain.new_zeros(())
            for p, n in itertools.product(wanted, negatives):
                hinge = (margin - plain[i, p] + plain[i, n]).clamp(min=0)
                weight = (1 - t[i, n]) / (1 - t[i, negatives]).sum()
                loss = loss + t[i, p] / t[i, wanted].sum() * weight * hinge
            assert torch.allclose(losses[i], loss, atol=1e-10)
            total = total + loss
    (losses.sum() + 0 * mine.sum()).backward()
    (total + 0 * plain.sum()).backward()
    assert torch.allclose(mine.grad, plain.grad, atol=1e-10)


def test_triplet_of_a_positive_and_two_negatives_has_a_closed_form():
    s = torch.tensor([[0.8, 0.6, 0.1]])
    t, c = torch.tensor([[1.0, 0, 0]]), torch.ones(1, 3, dtype=torch.bool)
    assert float(Triplet(margin=0.4)(s, t, c)) == pytest.approx((0.2 + 0) / 2, abs=1e-6)
