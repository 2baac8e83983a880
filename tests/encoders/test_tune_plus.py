"""TUNe+ against its layers written one by one, and its depths."""

import pytest
import torch
from torch.nn import functional as F

from contramuse.encoders import ENCODERS
from contramuse.errors import UserError

PUBLISHED = {1: 352, 5: 176, 9: 11, 10: 22, 13: 176, 17: 11}
"""SemiSupCon's ``eval_layer`` -> channels of its map."""


def written_out(net, x):
    """The maps of the eighteen blocks, as the paper's figure connects them."""
    blocks, ups = net.blocks, net.ups
    one = blocks[0](x)
    two = blocks[1](F.max_pool1d(one, 3))
    three = blocks[2](F.max_pool1d(two, 3))
    four = blocks[3](F.max_pool1d(three, 3))
    five = blocks[4](F.max_pool1d(four, 3))
    six = blocks[5](torch.cat([ups[0](five), four], 1))
    seven = blocks[6](torch.cat([ups[1](six), three], 1))
    eight = blocks[7](torch.cat([ups[2](seven), two], 1))
    nine = blocks[8](torch.cat([ups[3](eight), one], 1))
    ten = blocks[9](torch.cat([F.max_pool1d(nine, 3), eight], 1))
    eleven = blocks[10](torch.cat([F.max_pool1d(ten, 3), seven], 1))
    twelve = blocks[11](torch.cat([F.max_pool1d(eleven, 3), six], 1))
    maps = [one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve]
    maps.append(blocks[12](torch.cat([F.max_pool1d(twelve, 3), five], 1)))
    for block in blocks[13:]:
        maps.append(block(F.max_pool1d(maps[-1], 3)))
    return maps


def noise(rows, samples, bands=1):
    return torch.randn(rows, bands, samples, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("samples", [59049, 59535])
def test_values(samples):
    torch.manual_seed(0)
    net = ENCODERS["tune_plus"](bands=1).eval()
    with torch.no_grad():
        maps = written_out(net, noise(1, samples))
        assert [m.shape[1] for m in maps] == [11, 22, 44, 88, 176, 88, 44, 22, 11, 22, 44, 88, 176, *[352] * 4, 512]
        pooled = F.avg_pool1d(maps[-1], 3)
        assert pooled.shape == (1, 512, 1)
        torch.testing.assert_close(net(noise(1, samples)), pooled[:, :, 0])


@pytest.mark.parametrize(("layer", "channels"), PUBLISHED.items())
def test_depth_is_the_mean_of_that_map(layer, channels):
    torch.manual_seed(0)
    whole = ENCODERS["tune_plus"](bands=1).eval()
    net = ENCODERS["tune_plus"](bands=1, depth=18 - layer).eval()
    weights = whole.state_dict()
    net.load_state_dict({name: weights[name] for name in net.state_dict()})
    x = noise(1, 19683)
    with torch.no_grad():
        assert net(x).shape == (1, net.dim) == (1, channels)
        torch.testing.assert_close(net(x), written_out(whole, x)[17 - layer].mean(2))


def test_any_length_is_filled_up_with_zeros():
    net = ENCODERS["tune_plus"](bands=1, channels=2).eval()
    x = noise(2, 20000)
    with torch.no_grad():
        filled = F.pad(x, (0, 81 * 247 - 20000))
        assert torch.equal(net(x), net(filled))
        assert net(noise(1, 19683 - 80)).shape == (1, 512)
    with pytest.raises(UserError, match=r"19602 samples.*reads 19683"):
        net(noise(1, 19683 - 81))


def test_several_bands_and_a_depth_that_is_not():
    net = ENCODERS["tune_plus"](bands=5, channels=2, depth=11)
    assert net(noise(2, 200, bands=5)).shape == (2, 8)
    with pytest.raises(UserError, match="blocks 1 to 18"):
        ENCODERS["tune_plus"](bands=1, depth=19)


def test_initialise():
    weight = ENCODERS["tune_plus"](bands=1).blocks[14][0].weight
    assert weight.abs().max() <= (6 / (352 * 3)) ** 0.5  # uniform, fan_in, gain of ReLU
    assert abs(weight.std().item() - (2 / (352 * 3)) ** 0.5) < 1e-3
