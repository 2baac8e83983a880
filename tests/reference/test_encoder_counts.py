"""Parameters and shapes of the published encoders; each test is named after the section that gives the number."""

import pytest
import torch

from contramuse.encoders import ENCODERS


def build(kind, **arguments):
    torch.manual_seed(0)
    return ENCODERS[kind](**arguments).eval()


def parameters(encoder):
    return sum(p.numel() for p in encoder.parameters())


@torch.no_grad()
def sequence_shape(encoder, *shape):
    return tuple(encoder.sequence(torch.randn(shape)).shape)


def test_b_1_7_mel_conv_has_12361856_parameters():
    assert parameters(build("mel_conv", bands=96)) == 12_361_856


def test_b_1_7_mel_conv_multi_has_9559552_parameters():
    encoder = build("mel_conv_multi", bands=96)
    assert parameters(encoder) == 9_559_552
    assert [linear.in_features for linear in encoder.linears] == [6144, 6144, 3072, 1536, 128]
    assert encoder.windows == [94, 47, 23, 5, 1]
    assert encoder.dim == 640


@pytest.mark.parametrize(
    ("frames", "shapes"),
    [
        (188, [(94, 48), (47, 24), (23, 12), (5, 3), (1, 1)]),
        (1813, [(906, 48), (453, 24), (226, 12), (56, 3), (11, 1)]),
    ],
)
def test_b_1_7_mel_conv_maps(frames, shapes):
    """The pools decide the sizes, so that two channels show them."""
    encoder, found = build("mel_conv", bands=96, channels=2), []
    for block in encoder.blocks:
        block.register_forward_hook(lambda module, inputs, output: found.append(tuple(output.shape[:1:-1])))
    encoder(torch.randn(1, 96, frames))
    assert found == shapes


def test_b_appendix_a_mel_conv_shapes():
    assert sequence_shape(build("mel_conv", bands=96), 2, 96, 188) == (2, 1, 128)
    assert sequence_shape(build("mel_conv", bands=96, channels=8), 2, 96, 1813) == (2, 11, 128)


def test_b_appendix_a_mel_conv_multi_shapes():
    single = build("mel_conv_multi", bands=96)
    assert sequence_shape(single, 2, 96, 188) == (2, 5, 128)
    with torch.no_grad():
        assert single(torch.randn(2, 96, 188)).shape == (2, 640)
    for segments in (9, 10):
        encoder = build("mel_conv_multi", bands=96, channels=8, segments=segments)
        assert sequence_shape(encoder, 2, 96, 1813) == (2, 5, segments, 128)


def test_b_2_7_sc_cnn_has_3398018_parameters():
    encoder = build("sc_cnn", bands=48)
    assert parameters(encoder) == 3_398_018
    with torch.no_grad():
        assert encoder(torch.randn(3, 48, 256)).shape == (3, 1024)


def test_b_2_7_resnet18_has_11170240_parameters():
    encoder = build("resnet18", bands=48)
    assert parameters(encoder) == 11_170_240
    with torch.no_grad():
        assert encoder(torch.randn(1, 48, 256)).shape == (1, 1024)


def test_b_3_5_efficientnet_b0_has_4048991_parameters_as_keras_counts():
    """Trained ones, the running statistics of batch normalisation, and the input normalisation's three numbers."""
    encoder = build("efficientnet_b0", bands=64)
    buffers = dict(encoder.named_buffers())
    running = sum(b.numel() for name, b in buffers.items() if name.endswith(("running_mean", "running_var")))
    normalisation = sum(buffers[name].numel() for name in ("mean", "variance", "count"))
    assert (parameters(encoder), running, normalisation) == (4_006_972, 42_016, 3)
    assert parameters(encoder) + running + normalisation == 4_048_991
    with torch.no_grad():
        assert encoder(torch.randn(2, 64, 98)).shape == (2, 1280)


def test_a_1_5_short_chunk_res_has_12_1_million_parameters():
    """12.1 million with the top; a classifier of 50 tags adds 25,650."""
    assert parameters(build("short_chunk_res", bands=128)) == 12_078_594
    assert parameters(build("short_chunk_res", bands=128, top="none")) == 11_814_914
