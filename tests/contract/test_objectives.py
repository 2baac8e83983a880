"""Every objective through one test: which rows count, gradients, permutations, blocks of rows, and state."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from contramuse.errors import RecipeError
from contramuse.objective import CANDIDATES, OBJECTIVES, Objective, chunked
from contramuse.objective.candidates import NotSelf, OtherView
from contramuse.rows import Rows
from contramuse.similarity import SIMILARITIES
from contramuse.targets import TARGETS, Dice

ROWS = [kind for kind, made in OBJECTIVES.items() if made.sees == "rows"]
BATCH = [kind for kind in OBJECTIVES if kind not in ROWS]


def matrices(q: int = 6, k: int = 9, seed: int = 0):
    """S, T, C and tracks; row 0 has no positive, row 1 no candidate, row 2 only positives."""
    generator = torch.Generator().manual_seed(seed)
    s = torch.randn(q, k, generator=generator, dtype=torch.float64)
    t = torch.rand(q, k, generator=generator, dtype=torch.float64) * (torch.rand(q, k, generator=generator) < 0.4)
    c = torch.rand(q, k, generator=generator) < 0.8
    t[3:, 0], c[3:, 0], t[3:, 1], c[3:, 1] = 0.7, True, 0.0, True
    t[0], c[1], t[2] = 0.0, False, 1.0
    return s, t, c, torch.tensor([0, 1, 2, 3, 3, -1])


def make(kind: str) -> Objective:
    objective = OBJECTIVES[kind]()
    return objective.double() if isinstance(objective, nn.Module) else objective


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_rows_without_a_positive_have_loss_and_gradient_0(kind):
    s, t, c, track = matrices()
    s.requires_grad_()
    losses, counts = make(kind).per_row(s, t, c, track)
    assert losses.shape == counts.shape == (6,)
    assert counts.dtype == torch.bool
    assert not counts[:2].any()
    assert counts[3:].all()
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(s.grad).all()
    assert (losses[~counts] == 0).all()
    assert (s.grad[~counts] == 0).all()
    assert (s.grad[~c] == 0).all()
    assert s.grad[3:].abs().sum() > 0


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_batch_in_which_no_row_counts_has_loss_0_and_a_gradient(kind):
    s, t, c, track = matrices()
    s.requires_grad_()
    loss = make(kind)(s, torch.zeros_like(t), c, track)
    loss.backward()
    assert float(loss.detach()) == 0
    assert (s.grad == 0).all()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_what_is_no_candidate_changes_nothing(kind):
    s, t, c, track = matrices()
    other, wanted = torch.where(c, s, 1e3), torch.where(c, t, 1.0)
    one, _ = make(kind).per_row(s, t, c, track)
    two, _ = make(kind).per_row(other, wanted, c, track)
    assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_order_of_keys_does_not_matter(kind):
    s, t, c, track = matrices()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    one, _ = make(kind).per_row(s, t, c, track)
    two, _ = make(kind).per_row(s[:, order], t[:, order], c[:, order], track)
    assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("kind", ROWS)
def test_the_gradient_of_the_losses_is_that_of_finite_differences(kind):
    s, t, c, track = matrices()
    objective = make(kind)
    weights = [p for p in objective.parameters() if p.requires_grad] if isinstance(objective, nn.Module) else []
    inputs = (s.requires_grad_(), *weights)
    assert torch.autograd.gradcheck(lambda s, *_: objective.per_row(s, t, c, track)[0], inputs)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_gradient_of_the_regulariser_is_that_of_finite_differences(kind):
    objective = make(kind)
    if isinstance(objective, nn.Module):
        objective.eval()
    z = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: objective.regularise(z) + 0 * z.sum(), (z,))


@pytest.mark.parametrize("kind", OBJECTIVES)
@pytest.mark.parametrize("scale", [1e4, 1e-6])
def test_large_and_small_similarities_stay_finite(kind, scale):
    s, t, c, track = matrices()
    s = (s * scale).float().requires_grad_()
    objective = OBJECTIVES[kind]()
    losses, _ = objective.per_row(s, t.float(), c, track)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(s.grad).all()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_state_is_all_in_the_state_dict(kind):
    objective = OBJECTIVES[kind]()
    if not isinstance(objective, nn.Module):
        return
    s, t, c, track = matrices()
    z = torch.randn(8, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for _ in range(3):
        objective.per_row(s, t, c, track)
        objective.regularise(z)
    restored = OBJECTIVES[kind]()
    restored.load_state_dict(copy.deepcopy(objective.state_dict()))
    further = matrices(seed=1)
    assert torch.equal(objective.per_row(*further)[0], restored.per_row(*further)[0])
    assert torch.equal(objective.regularise(z), restored.regularise(z))


def problem(dim: int = 5, count: int = 24):
    generator = torch.Generator().manual_seed(3)
    z = torch.randn(count, dim, generator=generator, dtype=torch.float64, requires_grad=True)
    y = (torch.rand(count // 2, 4, generator=generator) < 0.4).float().repeat(2, 1)
    who = Rows.of(
        track=[i % (count // 2) for i in range(count)],
        view=[i // (count // 2) for i in range(count)],
        row=list(range(count)),
        labels={"tags": y},
    )
    return z, who, Dice(labels="tags"), (NotSelf(), OtherView())


def both(kind: str, alike: str, rows: int):
    """Losses and gradients of the whole matrix and of its blocks, for rows with weights of their own."""
    z, who, target, candidates = problem()
    out = []
    for whole in (True, False):
        torch.manual_seed(0)
        settings = {"dim_in": 5} if alike == "bilinear" else {}
        similarity = SIMILARITIES[alike](scale="learned", temperature=0.5, **settings).double()
        objective = make(kind)
        own = [p for p in objective.parameters() if p.requires_grad] if isinstance(objective, nn.Module) else []
        track = who.ids["track"]
        if whole:
            t = target(who, who)
            c = candidates[0](who, who, t) & candidates[1](who, who, t)
            losses, counts = objective.per_row(similarity(z, z), t, c, track)
        else:
            losses, counts = chunked(similarity, objective, z, z, who, who, target, candidates, rows=rows, track=track)
        weights = torch.linspace(-1, 2, len(z), dtype=torch.float64)
        gradients = torch.autograd.grad((losses * weights).sum(), [z, *similarity.parameters(), *own])
        out.append((losses.detach(), counts, gradients))
    return out


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("rows", [1, 7, 24, 100])
def test_blocks_of_rows_give_the_losses_and_gradients_of_the_whole_matrix(kind, rows):
    (losses, counts, gradients), (some, which, others) = both(kind, "cosine", rows)
    assert torch.equal(counts, which)
    assert counts.any()
    assert torch.allclose(losses, some, atol=1e-12)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(gradients, others, strict=True))


@pytest.mark.parametrize("alike", SIMILARITIES)
def test_blocks_of_rows_do_with_every_similarity(alike):
    (losses, _, gradients), (some, _, others) = both("info_nce", alike, 5)
    assert torch.allclose(losses, some, atol=1e-12)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(gradients, others, strict=True))


@pytest.mark.parametrize("kind", BATCH)
def test_an_objective_that_needs_the_batch_refuses_blocks(kind):
    with pytest.raises(RecipeError, match="all rows of a batch"):
        both(kind, "cosine", 5)


@pytest.mark.parametrize("kind", ROWS)
def test_blocks_of_rows_without_gradients(kind):
    z, who, target, candidates = problem()
    similarity, objective = SIMILARITIES["dot"]().double(), make(kind)
    losses, counts = chunked(similarity, objective, z, z, who, who, target, candidates, rows=7)
    with torch.no_grad():
        some, which = chunked(similarity, objective, z, z, who, who, target, candidates, rows=5)
    assert torch.allclose(losses, some, atol=1e-12)
    assert torch.equal(counts, which)
    assert not some.requires_grad


def test_the_mean_over_blocks_of_rows_needs_no_second_pass():
    z, who, target, candidates = problem()
    calls = []

    def allowed(q, k, t):
        calls.append(len(q))
        return candidates[1](q, k, t)

    losses, counts = chunked(
        SIMILARITIES["dot"]().double(), make("info_nce"), z, z, who, who, target, [allowed], rows=9
    )
    (losses.sum() / counts.sum()).backward()
    assert calls == [9, 9, 6]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_65536_rows_fit_in_memory():
    """Their whole S, T and C would be 17, 17 and 4 GB; a block of 256 rows has 67 MB each."""
    script = """
import torch
from contramuse.objective import InfoNCE, NotSelf, chunked
from contramuse.rows import Rows
from contramuse.similarity import Cosine
from contramuse.targets import Same
n = 65_536
z = torch.randn(n, 32, generator=torch.Generator().manual_seed(0), requires_grad=True)
who = Rows.of(track=torch.arange(n) // 2, row=torch.arange(n))
losses, counts = chunked(Cosine(), InfoNCE(), z, z, who, who, Same(), [NotSelf()], rows=256)
losses.mean().backward()
part = torch.randperm(n, generator=torch.Generator().manual_seed(1))[:50]
u = torch.nn.functional.normalize(z.detach(), dim=1)
s = (u[part] @ u.T / 0.1).scatter_(1, part[:, None], -torch.inf)
expected = s.logsumexp(1) - s.gather(1, (part ^ 1)[:, None])[:, 0]
assert bool(counts.all()) and bool(z.grad.isfinite().all())
assert torch.allclose(losses[part].detach(), expected, atol=1e-4)
print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 2e9


def test_the_page_about_contrasts_names_every_part():
    text = (Path(__file__).parents[2] / "docs" / "contrasts.md").read_text(encoding="utf-8")
    for table in (TARGETS, SIMILARITIES, CANDIDATES, OBJECTIVES):
        assert not [kind for kind in table if f"`{kind}`" not in text]
