import pytest
import torch

from contramuse.errors import RecipeError
from contramuse.similarity import SIMILARITIES, BiasedDot, Bilinear, Cosine, Dot, Euclidean


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
    assert float(part(torch.ones(1, 2), torch.ones(1, 2)).detach()) == pytest.approx(100.0, rel=1e-5)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(RecipeError, match="temperature"):
        Cosine(temperature=0.0)


def test_a_bilinear_matrix_starts_as_glorot_or_as_in_colas_code():
    torch.manual_seed(0)
    normal, xavier = (Bilinear(dim_in=256, init=init).weight.detach() for init in ("normal", "xavier"))
    assert float(normal.std()) == pytest.approx(0.05, rel=0.02)
    assert float(normal.abs().max()) > 0.15
    assert float(xavier.abs().max()) <= (6 / 512) ** 0.5


@pytest.mark.parametrize("over", ["sum", "mean"])
def test_euclidean_is_minus_the_squared_distance(over):
    generator = torch.Generator().manual_seed(0)
    q, k = 100 + torch.randn(4, 6, generator=generator), 100 + torch.randn(3, 6, generator=generator)
    s = Euclidean(over=over, temperature=2.0)(q, k)
    for i in range(4):
        for j in range(3):
            distance = sum(float(a - b) ** 2 for a, b in zip(q[i], k[j], strict=True))
            assert float(s[i, j]) == pytest.approx(-distance / 2 / (6 if over == "mean" else 1), abs=1e-4)


def test_euclidean_has_the_gradient_of_the_distance():
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    k = torch.randn(2, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    ours = torch.autograd.grad(Euclidean()(q, k).square().sum(), [q, k])
    plain = torch.autograd.grad((q[:, None] - k[None]).square().sum(-1).square().sum(), [q, k])
    assert all(torch.allclose(a, b) for a, b in zip(ours, plain, strict=True))


def test_biased_dot_with_rows_of_classes_is_a_linear_layer():
    torch.manual_seed(0)
    layer, h = torch.nn.Linear(5, 7), torch.randn(4, 5)
    classes = torch.cat([layer.weight, layer.bias[:, None]], dim=1)
    anything = torch.randn(4, 1)
    assert torch.allclose(BiasedDot()(torch.cat([h, anything], dim=1), classes), layer(h), atol=1e-6)
    assert torch.allclose(BiasedDot()(h, classes), layer(h), atol=1e-6)  # a query is one number shorter than a key
