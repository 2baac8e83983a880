import pytest
import torch

from contramuse.errors import RecipeError
from contramuse.similarity import SIMILARITIES, Bilinear, Cosine, Dot


def make(kind: str, **settings):
    return SIMILARITIES[kind](**({"dim_in": 5} if kind == "bilinear" else {}), **settings)


@pytest.mark.parametrize("kind", SIMILARITIES)
@pytest.mark.parametrize("scale", ["fixed", "learned"])
def test_temperature_divides_and_is_learned_when_asked(kind, scale):
    torch.manual_seed(0)
    part = make(kind, temperature=0.25, scale=scale)
    q, k = torch.randn(3, 5), torch.randn(4, 5)
    s = part(q, k)
    assert s.shape == (3, 4)
    left, right = part.vectors(q, k)
    assert torch.allclose(s, left @ right.T / 0.25, atol=1e-5)
    s.sum().backward() if s.requires_grad else None
    assert (part.log_scale is not None) == (scale == "learned")
    if scale == "learned":
        assert part.log_scale.grad is not None


def test_cosine_is_that_of_the_angle_and_dot_the_inner_product():
    q, k = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])
    assert float(Cosine(temperature=1.0)(q, k)) == pytest.approx(0.8)
    assert float(Dot()(q, k)) == pytest.approx(8.0)


def test_bilinear_with_the_identity_is_the_inner_product():
    part = Bilinear(dim_in=3)
    part.weight.data = torch.eye(3)
    q, k = torch.randn(2, 3), torch.randn(4, 3)
    assert torch.allclose(part(q, k), q @ k.T)


def test_a_learned_scale_is_bounded():
    part = Cosine(temperature=0.1, scale="learned")
    part.log_scale.data.fill_(50.0)
    assert float(part(torch.ones(1, 2), torch.ones(1, 2))) == pytest.approx(100.0, rel=1e-5)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(RecipeError, match="temperature"):
        Cosine(temperature=0.0)
