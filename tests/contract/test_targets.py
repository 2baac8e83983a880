"""Every target through one test: shape, range, symmetry, and independence of a pair from all others."""

import numpy as np
import pytest
import torch

from contramuse.rows import UNKNOWN, Rows
from contramuse.targets import TARGETS, Any, Dice, Given, Kernel, Product, Same, Shared, Target


def example(kind: str, folder) -> Target:
    matrix = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    np.save(folder / "given.npy", (matrix + matrix.T) / 2)
    return {
        "same": Same(by="artist"),
        "shared": Shared(labels="tags"),
        "dice": Dice(labels="tags"),
        "kernel": Kernel(value="tempo", width=10.0),
        "given": Given(file=str(folder / "given.npy")),
        "any": Any(of=(Same(), Dice(labels="tags"))),
        "product": Product(of=(Same(by="artist"), Kernel(value="tempo", width=5.0))),
    }[kind]


def rows(count: int = 8) -> Rows:
    generator = torch.Generator().manual_seed(5)
    tempo = 60 + 100 * torch.rand(count, 1, generator=generator)
    tempo[0] = float("nan")
    artist = torch.randint(0, 3, (count,), generator=generator)
    artist[1] = UNKNOWN
    return Rows.of(
        track=list(range(count)),
        artist=artist,
        labels={"tags": (torch.rand(count, 5, generator=generator) < 0.4).float()},
        values={"tempo": tempo},
    )


@pytest.mark.parametrize("kind", TARGETS)
def test_target_contract(kind, tmp_path):
    target, who = example(kind, tmp_path), rows()
    likeness = target(who, who)
    assert likeness.shape == (8, 8)
    assert likeness.dtype == torch.float32
    assert torch.isfinite(likeness).all()
    assert (likeness >= 0).all()
    assert (likeness <= 1).all()
    assert torch.allclose(likeness, likeness.T)
    part = target(who[2:5], who[torch.tensor([7, 0])])
    assert torch.equal(part, likeness[2:5][:, [7, 0]])
