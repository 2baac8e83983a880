import pytest
import torch

from contramuse.encoders.sequence import SequenceEncoder


class Given(SequenceEncoder):
    """Its steps are given."""

    def __init__(self, axes, steps):
        super().__init__()
        self.axes, self.steps = axes, steps
        self.step_dim, self.dim = steps.shape[-1], steps.shape[-1] * (steps.shape[1] if "level" in axes else 1)

    def sequence(self, x, generator=None):
        return self.steps


def test_segments_are_averaged_and_levels_put_side_by_side():
    steps, x = torch.randn(3, 5, 7, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(3, 1, 1)
    loop = torch.stack([torch.cat([row[level].mean(dim=0) for level in range(5)]) for row in steps])
    assert torch.allclose(Given(("level", "segment"), steps)(x), loop, atol=1e-6)
    assert torch.allclose(Given(("segment",), steps[:, 0])(x), steps[:, 0].mean(dim=1))
    assert torch.equal(Given(("level",), steps[:, :, 0])(x), torch.cat(list(steps[:, :, 0].unbind(1)), dim=1))


def test_needs_a_sequence():
    with pytest.raises(TypeError, match="abstract"):
        SequenceEncoder()
