import math

import pytest
import torch

from contramuse.train import monitors


def rows(n: int = 10, d: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_alignment_and_uniformity_in_slow_loops() -> None:
    z, track = rows(), torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    unit = [x / x.norm() for x in z.double()]
    near, far = [], []
    for i in range(10):
        for j in range(i + 1, 10):
            distance = float((unit[i] - unit[j]).square().sum())
            (near if track[i] == track[j] else far).append(distance)
    assert monitors.alignment(z, track) == pytest.approx(sum(near) / len(near))
    assert monitors.uniformity(z, track) == pytest.approx(math.log(sum(math.exp(-2 * x) for x in far) / len(far)))


def test_alignment_and_uniformity_of_known_cases() -> None:
    track = torch.tensor([0, 0, 1, 1])
    opposite = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    assert monitors.alignment(opposite, track) == 0.0
    assert monitors.uniformity(opposite, track) == pytest.approx(-8.0)
    assert monitors.uniformity(torch.ones(4, 2), track) == pytest.approx(0.0, abs=1e-6)
    assert math.isnan(monitors.alignment(rows(3), torch.tensor([0, 1, 2])))


def test_effective_rank_of_known_matrices() -> None:
    assert monitors.effective_rank(torch.eye(7)) == pytest.approx(7.0)
    assert monitors.effective_rank(torch.ones(9, 4)) == pytest.approx(1.0)
    assert monitors.effective_rank(torch.zeros(3, 3)) == 0.0
    two = torch.diag(torch.tensor([3.0, 1.0]))
    assert monitors.effective_rank(two) == pytest.approx(math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))))


def test_spread() -> None:
    assert monitors.spread(torch.ones(8, 3)) == pytest.approx(0.0, abs=1e-7)
    assert monitors.spread(torch.cat([torch.eye(4), -torch.eye(4)])) == pytest.approx(1.0)


def test_top1_counts_queries_with_a_positive_only() -> None:
    s = torch.tensor([[9.0, 1.0, 2.0], [1.0, 9.0, 2.0], [3.0, 2.0, 9.0]])
    t = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    c = ~torch.eye(3, dtype=torch.bool)
    assert monitors.top1(s, t, c) == (1, 2)  # 0 finds 2; 1 has no positive but itself; 2 finds 0, which is none


def test_knn_agreement_in_slow_loops() -> None:
    h, labels = rows(12, 4), (rows(12, 3, seed=1) > 0.2).float()
    labels[3] = 0
    known = [i for i in range(12) if labels[i].sum() > 0]
    unit = [x / x.norm() for x in h]

    def dice(i: int, j: int) -> float:
        return float(2 * (labels[i] * labels[j]).sum() / (labels[i].sum() + labels[j].sum()))

    found, chance = [], []
    for i in known:
        others = sorted((j for j in known if j != i), key=lambda j: -float(unit[i] @ unit[j]))
        found += [dice(i, j) for j in others[:5]]
        chance += [dice(i, j) for j in others]
    assert monitors.knn_agreement(h, labels) == pytest.approx(sum(found) / len(found))
    assert monitors.chance_agreement(labels) == pytest.approx(sum(chance) / len(chance))


def test_knn_agreement_of_clusters_is_one_and_of_nothing_is_nan() -> None:
    labels = torch.eye(2).repeat_interleave(6, 0)
    assert monitors.knn_agreement(labels + 0.01 * rows(12, 2), labels) == pytest.approx(1.0)
    assert math.isnan(monitors.knn_agreement(rows(), torch.zeros(10, 2)))
    assert math.isnan(monitors.chance_agreement(torch.zeros(10, 2)))


def test_collapse_is_said_in_words() -> None:
    said = str(monitors.collapse(spread=0.001, rank=1.0, dim=32))
    assert "point the same way" in said
    assert "If it stays so" in said  # untrained networks with batch normalisation begin like this
    assert "32 dimensions" in str(monitors.collapse(spread=0.5, rank=1.1, dim=32))
    assert monitors.collapse(spread=0.8, rank=12.0, dim=32) is None
