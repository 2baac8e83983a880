"""Choi et al.'s learning rate: where theirs stalls, and where ours ends."""

import pytest
import torch

from contramuse.recipe.settings import Plateau
from contramuse.train.plateau import Reducer


def test_b_appendix_a_scheduler_with_epsilon_stalls_at_2_56e_9_after_8_reductions_and_ours_ends() -> None:
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-3)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.2, patience=5, eps=1e-8)
    ours = Reducer(Plateau(factor=0.2, patience=5, stop_lr=1e-10))
    seen, ended = set(), None
    for epoch in range(2000):
        theirs.step(1.0)
        seen.add(optimizer.param_groups[0]["lr"])
        if ended is None:
            ours.look(1.0)
            ended = epoch if ours.is_over(1e-3) else None
    assert min(seen) == pytest.approx(2.56e-9)
    assert len(seen) == 1 + 8  # the first rate and eight reductions: never below 1e-10
    assert ours.reductions == 11
    assert 1e-3 * ours.scale < 1e-10 <= 1e-3 * 0.2**10
    assert ended == 11 * 6  # of 2,000 epochs
