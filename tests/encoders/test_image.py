import pytest
import torch
from torch import nn
from torch.nn import functional as F

from contramuse.encoders import image
from contramuse.errors import RecipeError


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(("kernel", "pool"), [(3, (2, 2)), (5, (4, 3)), (3, (1, 2))])
def test_block_is_convolution_norm_relu_pool(mode, kernel, pool):
    """Values and gradients of the four layers in the published order, in float64."""
    torch.manual_seed(0)
    block = image.ConvPool(before=3, after=6, kernel=kernel, pool=pool).double()
    nn.init.normal_(block.norm.weight)  # of both signs
    nn.init.normal_(block.norm.bias)
    block.norm.running_mean.normal_()
    block.train(mode == "train")
    x, y = (torch.randn(2, 3, 12, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) for _ in "ab")
    x.requires_grad_(), y.requires_grad_()
    mean, variance = block.norm.running_mean.clone(), block.norm.running_var.clone()
    out = block(x)
    plain = F.conv2d(y, block.conv.weight, block.conv.bias, padding=kernel // 2)
    plain = F.batch_norm(plain, mean, variance, block.norm.weight, block.norm.bias, mode == "train")
    plain = F.max_pool2d(F.relu(plain), pool)
    direction = torch.randn(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    (out * direction).sum().backward()
    (plain * direction).sum().backward()
    assert torch.allclose(out, plain)
    assert torch.allclose(x.grad, y.grad)


def test_images_are_channels_last_from_the_first_layer_on():
    x = torch.arange(24.0).reshape(2, 3, 4)
    made = image.as_image(x.transpose(1, 2))
    assert torch.equal(made[:, 0], x.transpose(1, 2))
    conv = nn.Conv2d(1, 5, 3)
    before = conv.weight.detach().clone()
    image.store_channels_last(conv)
    assert torch.equal(conv.weight, before)
    assert image.ConvPool(before=1, after=4, kernel=3, pool=(1, 1))(made).stride()[1] == 1


def test_refuses_networks_that_cannot_be():
    image.check_channels(1)
    image.check_share(0.0, "drop")
    with pytest.raises(RecipeError, match="channels: '0'"):
        image.check_channels(0)
    for share in (1.0, -0.1):
        with pytest.raises(RecipeError, match=r"drop: .*below 1"):
            image.check_share(share, "drop")


def test_refuses_too_little():
    image.check_bands(32, 32, usual=96)
    image.check_frames(5, 5, fix="")
    with pytest.raises(RecipeError, match=r"bands: '31'.* 32 bands .* to 96 as published"):
        image.check_bands(31, 32, usual=96)
    with pytest.raises(RecipeError, match=r"'4 frames'.*5 frames.*Wait\."):
        image.check_frames(4, 5, fix="Wait.")
