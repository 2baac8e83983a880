import math

import torch
from torch.nn import functional as F

from contramuse.encoders.resnet import ResNet18


def norm(x, layer):
    return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)


@torch.no_grad()
def test_is_the_network_of_the_paper():
    """Layer by layer from the state dict, whose names are those of the usual ResNet-18."""
    torch.manual_seed(0)
    encoder = ResNet18(bands=40, channels=8)
    x = torch.randn(3, 40, 51)
    encoder(x)  # moves the running statistics
    encoder.eval()
    modules = dict(encoder.named_modules())
    h = F.relu(norm(F.conv2d(x[:, None], encoder.conv1.weight, stride=2, padding=3), encoder.bn1))
    h = F.max_pool2d(h, 3, 2, 1)
    for stage in (1, 2, 3, 4):
        for number in (0, 1):
            prefix = f"layer{stage}.{number}."
            stride = 2 if stage > 1 and number == 0 else 1
            inner = F.conv2d(h, modules[prefix + "conv1"].weight, stride=stride, padding=1)
            inner = F.relu(norm(inner, modules[prefix + "bn1"]))
            inner = norm(F.conv2d(inner, modules[prefix + "conv2"].weight, padding=1), modules[prefix + "bn2"])
            if stride == 2:
                h = norm(
                    F.conv2d(h, modules[prefix + "downsample.0"].weight, stride=2), modules[prefix + "downsample.1"]
                )
            h = F.relu(inner + h)
    assert h.shape == (3, 64, 2, 2)
    expected = torch.cat([h.flatten(2).mean(dim=2), h.flatten(2).max(dim=2).values], dim=1)
    assert torch.allclose(encoder(x), expected, atol=1e-5)


def test_initialised_with_fan_out():
    torch.manual_seed(0)
    encoder = ResNet18(bands=48)
    for weight in (encoder.conv1.weight, encoder.layer3[0].conv1.weight, encoder.layer4[1].conv2.weight):
        expected = math.sqrt(2 / (weight.shape[0] * weight.shape[2] * weight.shape[3]))
        assert abs(weight.std() / expected - 1) < 0.05


def test_a_batch_of_one_keeps_its_axis():
    encoder = ResNet18(bands=48, channels=8)
    assert encoder(torch.randn(1, 48, 256)).shape == (1, 128)
    assert encoder.eval()(torch.randn(1, 48, 256)).shape == (1, 128)
