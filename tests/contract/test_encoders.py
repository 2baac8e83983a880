"""What every encoder of the table promises."""

from typing import NamedTuple

import pytest
import torch

from contramuse.encoders import ENCODERS, HEADS
from contramuse.encoders.sequence import SequenceEncoder
from contramuse.errors import UserError


class Numbers(NamedTuple):
    """Whole numbers from 0, ``count`` in a row: of tags or classes."""

    below: int
    count: int


# name -> (constructor arguments, features [f, n], lengths n that it takes, lengths that it refuses); encoders of what
# is known besides audio have inputs without a length, vectors [w] or Numbers.
CASES = {
    "cpc_conv": ({"bands": 1, "dim": 32}, (1, 4800), (1000, 4801), (5,)),
    "cpc_conv, bands": ({"bands": 8, "dim": 32}, (8, 2000), (1000,), (5,)),
    "dense": ({"width": 20}, (20,), (), ()),
    "dense, deep": ({"width": 20, "layers": 2, "norm": "batch", "norm_out": "none"}, (20,), (), ()),
    "efficientnet_b0": ({"bands": 32}, (32, 64), (32, 33, 95), (31,)),
    "efficientnet_b0, same": ({"bands": 20, "padding": "same", "drop": 0.0}, (20, 33), (1, 65), ()),
    "mel_conv": ({"bands": 40, "segment": 1.5, "channels": 16}, (40, 130), (64, 200), (63,)),
    "mel_conv_multi": ({"bands": 32, "segment": 1.5, "channels": 16, "dim": 24}, (32, 94), (64, 200), (63,)),
    "mel_conv_multi, segments": (
        {"bands": 32, "segment": 1.5, "segments": 3, "channels": 16, "dim": 24}, (32, 282), (192, 500), (188,)
    ),
    "mel_transformer": ({"bands": 32, "dim": 32, "depth": 2, "heads": 2}, (32, 70), (5, 16, 200), ()),
    "resnet18": ({"bands": 32, "channels": 16}, (32, 70), (1, 40, 131), ()),
    "sample_cnn": ({"bands": 1, "strides": (3, 3, 3, 2, 2, 4, 4, 2, 2)}, (1, 20736), (20736,), (100, 50000)),
    "sample_cnn, any length": (
        {"bands": 1, "strides": (3, 3, 3, 2, 2, 4, 4, 2, 2), "pool": "mean"}, (1, 20736), (20736, 50000), (100,)
    ),
    "sc_cnn": ({"bands": 48, "channels": 16}, (48, 256), (256, 511, 600), (255,)),
    "sc_cnn, patches": ({"bands": 48, "channels": 8}, (48, 600), (1024,), ()),
    "short_chunk_res": ({"bands": 32, "channels": 16}, (32, 70), (1, 200), ()),
    "short_chunk_res, tagger": (
        {"bands": 32, "channels": 16, "top": "none", "dropout": 0.5}, (32, 70), (5,), ()
    ),
    "table": ({"width": 7, "dim": 16}, Numbers(7, 1), (), ()),
    "table, bias": ({"width": 7, "dim": 16, "bias": "learned"}, Numbers(7, 1), (), ()),
    "tag_attention": ({"width": 30, "dim": 16}, Numbers(31, 6), (), ()),
    "tag_attention, padding": ({"width": 30, "dim": 16, "padding": "summed"}, Numbers(31, 6), (), ()),
    "tag_mean": ({"width": 30, "dim": 16}, Numbers(31, 6), (), ()),
    "tune_plus": ({"bands": 1, "channels": 4}, (1, 19700), (19683, 20000, 59049), (19000,)),
    "tune_plus, shallow": ({"bands": 8, "channels": 4, "depth": 7}, (8, 500), (1, 81, 500), ()),
}  # fmt: skip


def build(case):
    torch.manual_seed(0)
    arguments, shape, taken, refused = CASES[case]
    return ENCODERS[case.split(",")[0]](**arguments), shape, taken, refused


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def features(rows, shape, seed=1):
    if isinstance(shape, Numbers):
        return torch.randint(shape.below, (rows, shape.count), generator=generator(seed))
    return torch.randn(rows, *shape, generator=generator(seed))


def test_every_encoder_has_a_case():
    assert {case.split(",")[0] for case in CASES} == set(ENCODERS)


@pytest.mark.parametrize("case", CASES)
def test_shape_and_dim(case):
    encoder, shape, taken, refused = build(case)
    encoder.eval()
    with torch.no_grad():
        for one in [(shape[0], length) for length in taken] or [shape]:
            vectors = encoder(features(2, one))
            assert vectors.shape == (2, encoder.dim)
            assert torch.isfinite(vectors).all()
        for length in refused:
            with pytest.raises(UserError, match=str(length)):
                encoder(features(2, (shape[0], length)))


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_has_a_gradient(case):
    """One that is not None, so that DDP does not wait; and not 0, except biases that a batch norm takes away again."""
    encoder, shape, _, _ = build(case)
    out = encoder(features(6, shape), generator())
    (out * torch.randn(out.shape, generator=generator(5))).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        cancelled = name.startswith(("sequential", "blocks")) and name.endswith("0.bias")
        assert cancelled or parameter.grad.any(), name


@pytest.mark.parametrize("case", CASES)
def test_evaluation_depends_on_the_row_alone(case):
    encoder, shape, _, _ = build(case)
    x = features(5, shape)
    encoder(x, generator())
    encoder.eval()
    with torch.no_grad():
        together = encoder(x)
        assert torch.equal(together, encoder(x, generator(3)))
        alone = torch.cat([encoder(row[None]) for row in x])
        louder = features(7, shape, seed=9) * (10 if x.is_floating_point() else 1)
        others = encoder(torch.cat([x[:1], louder]))[:1]
    scale = together.abs().max()
    assert (together - alone).abs().max() <= 1e-5 * scale
    assert (together[:1] - others).abs().max() <= 1e-5 * scale


@pytest.mark.parametrize("case", CASES)
def test_threads_do_not_matter(case):
    encoder, shape, _, _ = build(case)
    encoder.eval()
    x, before = features(3, shape), torch.get_num_threads()
    with torch.no_grad():
        one = encoder(x)
        torch.set_num_threads(2)
        try:
            two = encoder(x)
        finally:
            torch.set_num_threads(before)
    assert (one - two).abs().max() <= 1e-5 * one.abs().max()


@pytest.mark.parametrize("case", CASES)
def test_training_repeats_with_the_generator(case):
    results = []
    for _ in range(2):
        encoder, shape, _, _ = build(case)
        results.append(encoder(features(4, shape), generator(2)))
    assert torch.equal(*results)


@pytest.mark.parametrize("case", CASES)
def test_state_round_trip(case):
    encoder, shape, _, _ = build(case)
    encoder(features(4, shape), generator())
    torch.manual_seed(8)
    arguments = CASES[case][0]
    other = ENCODERS[case.split(",")[0]](**arguments)
    other.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(encoder.eval()(features(2, shape)), other.eval()(features(2, shape)))


@pytest.mark.parametrize("case", CASES)
def test_builds_without_weights(case):
    """As a recipe is checked: on the device that holds no numbers."""
    with torch.device("meta"):
        encoder = ENCODERS[case.split(",")[0]](**CASES[case][0])
    assert encoder.dim == build(case)[0].dim
    assert all(p.is_meta for p in encoder.parameters())


@pytest.mark.parametrize("case", CASES)
def test_bfloat16(case):
    encoder, shape, _, _ = build(case)
    with torch.autocast("cpu", torch.bfloat16):
        out = encoder(features(4, shape), generator())
        out.float().square().sum().backward()
    assert torch.isfinite(out).all()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in encoder.parameters())
    encoder.eval()
    with torch.no_grad():
        exact = encoder(features(2, shape))
        with torch.autocast("cpu", torch.bfloat16):
            rough = encoder(features(2, shape)).float()
    assert (exact - rough).norm() < 0.1 * exact.norm()


SEQUENCES = [case for case in CASES if issubclass(ENCODERS[case.split(",")[0]], SequenceEncoder)]


@pytest.mark.parametrize("case", SEQUENCES)
def test_sequences(case):
    """Steps have the size and the axes that the encoder tells, are a row's own, and make its vector."""
    encoder, shape, _, _ = build(case)
    encoder.eval()
    x = features(3, shape)
    with torch.no_grad():
        steps = encoder.sequence(x, generator())
        alone = torch.cat([encoder.sequence(row[None]) for row in x])
        vector = encoder(x)
    assert steps.dim() == 2 + len(encoder.axes)
    assert steps.shape[-1] == encoder.step_dim
    assert (steps - alone).abs().max() <= 1e-5 * steps.abs().max()
    levels = steps.shape[1] if "level" in encoder.axes else 1
    assert encoder.axes in {("segment",), ("level",), ("level", "segment")}
    assert vector.shape[1] == encoder.dim == levels * encoder.step_dim
    assert torch.allclose(vector, steps.reshape(3, levels, -1, encoder.step_dim).mean(dim=2).flatten(1), atol=1e-6)


@pytest.mark.parametrize("kind", HEADS)
def test_heads(kind):
    """Any axes before the last; every weight has a gradient; in eval mode no vector depends on its neighbours."""
    torch.manual_seed(0)
    head = HEADS[kind](dim_in=24)
    h = torch.randn(5, 9, 24, generator=generator()).requires_grad_()
    made = head(h, generator())
    outputs = list(made.values()) if isinstance(made, dict) else [made]
    assert not isinstance(made, dict) or tuple(made) == head.outputs
    assert all(out.shape[0] == 5 and out.shape[2] == head.dim for out in outputs)
    sum(out.square().sum() for out in outputs).backward()
    assert all(p.grad is not None for p in head.parameters())
    head.eval()
    whole, alone = (head(x) if head.takes == "vector" else head.represent(x) for x in (h, h[2:3]))
    torch.testing.assert_close(whole[2:3], alone)
    if head.takes == "vector":
        torch.testing.assert_close(head(h[:, 3]), whole[:, 3])
