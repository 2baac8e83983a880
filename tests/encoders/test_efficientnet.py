import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from contramuse.encoders.efficientnet import EfficientNetB0, InvertedBottleneck, PaddedConv
from contramuse.errors import RecipeError


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def tensorflow_same(x, weight, stride):
    """TensorFlow's definition: ceil(size / stride) positions, the odd row of zeros after."""
    pads = []
    for size, kernel in zip(x.shape[2:], weight.shape[2:], strict=True):
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        pads.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = pads
    padded = torch.zeros(*x.shape[:2], x.shape[2] + top + bottom, x.shape[3] + left + right)
    padded[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x
    return F.conv2d(padded, weight, stride=stride)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(2, 20), width=st.integers(2, 20), kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 2))
def test_padding(height, width, kernel, stride):
    """ "same" is TensorFlow's; "keras" is the same for even sizes, and leaves half rounded down for odd ones."""
    kernel = 3 if kernel == 1 and stride == 2 else kernel
    x = noise(1, 2, height, width)
    torch.manual_seed(0)
    conv = PaddedConv(before=2, after=3, kernel=kernel, stride=stride, pad="same")
    expected = tensorflow_same(x, conv.weight, stride)
    assert torch.allclose(conv(x), expected, atol=1e-5)
    conv.pad = "keras"
    if stride == 1 or (height % 2 == 0 and width % 2 == 0):
        assert torch.allclose(conv(x), expected, atol=1e-5)
    else:
        before, after = kernel // 2 - 1, kernel // 2
        plain = F.conv2d(F.pad(x, (before, after, before, after)), conv.weight, stride=2)
        assert conv(x).shape[2:] == (height // 2, width // 2)
        assert torch.allclose(conv(x), plain, atol=1e-5)


def norm(x, layer, training):
    mean, variance = layer.running_mean.clone(), layer.running_var.clone()
    return F.batch_norm(x, mean, variance, layer.weight, layer.bias, training, eps=1e-3)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(
    ("before", "after", "kernel", "stride", "expand"), [(8, 8, 5, 1, 6), (8, 12, 3, 2, 6), (12, 8, 3, 1, 1)]
)
def test_block(mode, before, after, kernel, stride, expand):
    """Against the block written out: widen, depthwise, squeeze and excite, narrow, add."""
    torch.manual_seed(0)
    block = InvertedBottleneck(
        before=before, after=after, kernel=kernel, stride=stride, expand=expand, drop=0.0, pad="same"
    )
    block.train(mode == "train")
    training, x = mode == "train", noise(3, before, 9, 10)
    with torch.no_grad():
        h = x
        if expand > 1:
            h = F.silu(norm(F.conv2d(h, block.expand[0].weight), block.expand[1], training))
        depthwise = block.depthwise[0].weight
        h = torch.cat([tensorflow_same(h[:, [c]], depthwise[[c]], stride) for c in range(before * expand)], dim=1)
        h = F.silu(norm(h, block.depthwise[1], training))
        for row in range(3):
            mean = h[row].mean(dim=(1, 2))
            squeezed = F.silu(block.squeeze.weight[:, :, 0, 0] @ mean + block.squeeze.bias)
            h[row] *= torch.sigmoid(block.excite.weight[:, :, 0, 0] @ squeezed + block.excite.bias)[:, None, None]
        h = norm(F.conv2d(h, block.project[0].weight), block.project[1], training)
        expected = x + h if before == after and stride == 1 else h
        assert torch.allclose(block(x, None), expected, atol=1e-5)
    assert block.squeeze.out_channels == before // 4


def test_dropped_blocks_leave_their_rows_alone():
    """Each row is its input, or input and block over the share kept; the generator decides."""
    torch.manual_seed(0)
    settings = {"before": 4, "after": 4, "kernel": 3, "stride": 1, "expand": 6, "pad": "keras"}
    block, whole = InvertedBottleneck(**settings, drop=0.25), InvertedBottleneck(**settings, drop=0.0)
    whole.load_state_dict(block.state_dict())
    x = noise(200, 4, 3, 3)
    with torch.no_grad():
        inside = whole(x, None) - x
        made = block(x, torch.Generator().manual_seed(1))
        assert torch.equal(made, block(x, torch.Generator().manual_seed(1)))
        dropped = (made == x).flatten(1).all(dim=1)
        assert 30 <= dropped.sum() <= 70
        assert torch.allclose(made[~dropped], (x + inside / 0.75)[~dropped], atol=1e-5)
        with pytest.raises(ValueError, match="generator"):
            block(x, None)
        block.eval()(x, None)


def test_shares_of_dropped_blocks_grow():
    """0.2 b / 16 for block b of 16 where the shape stays; the others are never left out."""
    blocks = EfficientNetB0(bands=64).blocks
    assert len(blocks) == 16
    expected = [0.2 * b / 16 if block.adds else 0.0 for b, block in enumerate(blocks)]
    assert [block.drop for block in blocks] == pytest.approx(expected)
    assert sum(block.adds for block in blocks) == 9


@torch.no_grad()
def test_maps_of_the_blocks():
    """98 frames by 64 bands, as Keras builds it for an unknown length: 49 frames leave 24."""
    encoder, found = EfficientNetB0(bands=64).eval(), []
    for block in [encoder.stem, *encoder.blocks]:
        block.register_forward_hook(lambda module, inputs, output: found.append(tuple(output.shape[1:])))
    encoder(noise(1, 64, 98))
    assert list(dict.fromkeys(found)) == [
        (32, 32, 49), (16, 32, 49), (24, 16, 24), (40, 8, 12), (80, 4, 6), (112, 4, 6), (192, 2, 3), (320, 2, 3),
    ]  # fmt: skip


def test_initialised_as_keras_does():
    """A normal of variance 2 / fan_out, cut at two deviations; fan_out of a depthwise kernel is one channel's."""
    torch.manual_seed(0)
    encoder = EfficientNetB0(bands=64)
    block = encoder.blocks[10]
    for conv, fan_out in (
        (encoder.top[0], 1280),
        (block.depthwise[0], 25),
        (block.squeeze, block.squeeze.out_channels),
    ):
        expected = math.sqrt(2 / fan_out)
        assert abs(conv.weight.std() / expected - 1) < 0.05
        assert conv.weight.abs().max() <= 2 * expected / 0.8796 + 1e-6
    assert not block.squeeze.bias.any()
    assert {(m.eps, m.momentum) for m in encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {(1e-3, 0.01)}


@torch.no_grad()
def test_input_is_scaled_and_normalised():
    torch.manual_seed(0)
    encoder, x = EfficientNetB0(bands=64).eval(), noise(2, 64, 64)
    plain = EfficientNetB0(bands=64, scale=1.0).eval()
    plain.load_state_dict(encoder.state_dict())
    assert torch.allclose(encoder(x), plain(x / 255), atol=1e-6)
    encoder.mean.fill_(0.01)
    encoder.variance.fill_(4.0)
    assert torch.allclose(encoder(x), plain((x / 255 - 0.01) / 2), atol=1e-6)


def test_refuses():
    with pytest.raises(RecipeError, match="32 bands"):
        EfficientNetB0(bands=31)
    with pytest.raises(RecipeError, match="padding: same"):
        EfficientNetB0(bands=64)(noise(1, 64, 31))


def test_bfloat16_keeps_depthwise_gradients_exact():
    """On a CPU the convolutions of single channels train in fp32 under autocast; the rest in bfloat16."""
    torch.manual_seed(0)
    encoder, seen = EfficientNetB0(bands=32), {}
    for name in ("blocks.5.expand.0", "blocks.5.depthwise.0"):
        encoder.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.update({name: output.dtype})
        )
    with torch.autocast("cpu", torch.bfloat16):
        encoder(noise(2, 32, 32), torch.Generator())
    assert seen == {"blocks.5.expand.0": torch.bfloat16, "blocks.5.depthwise.0": torch.float32}
