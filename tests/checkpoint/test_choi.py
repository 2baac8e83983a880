"""Encoders of Choi et al., with the names, shapes and axes of their own modules: images of [frames bands]."""

import pytest
import torch
from torch import nn

from contramuse.checkpoint.choi import STATISTICS, import_choi
from contramuse.checkpoint.model import load
from contramuse.errors import ModelFileError

WIDTHS = [(1, 128), (128, 256), (256, 256), (256, 512)]
POOLS = [(2, 2), (2, 2), (2, 2), (4, 4), (5, 3)]


def blocks(last):
    return [
        nn.Sequential(nn.Conv2d(before, after, 5, padding=2), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(pool))
        for (before, after), pool in zip([*WIDTHS, (512, last)], POOLS, strict=True)
    ]


class Last(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.sequential = nn.Sequential(*blocks(512))
        self.fc_layer = nn.Linear(512, dim)

    def forward(self, mel):
        steps = self.sequential(mel[:, None]).squeeze(-1)
        return torch.stack([self.fc_layer(steps[:, :, i]) for i in range(steps.shape[2])], 1)


class Levels(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.convs = nn.ModuleList(blocks(dim))
        self.fc_layers = nn.ModuleList(nn.Linear(size, dim) for size in (6144, 6144, 3072, 1536, dim))

    def forward(self, mel):
        h, out = mel[:, None], []
        for conv, linear in zip(self.convs, self.fc_layers, strict=True):
            h = conv(h)
            out.append(linear(h.amax(2).flatten(1)))
        return torch.cat(out, 1)


class Module(nn.Module):
    """What CPC puts on top."""

    def __init__(self, dim):
        super().__init__()
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.Wk = nn.ModuleList(nn.Linear(dim, dim) for _ in range(4))


def saved(network, path):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("kind", [Last, Levels])
def test_encoders(kind, tmp_path):
    torch.manual_seed(0)
    network = kind(32).eval()
    made = import_choi(saved(network, tmp_path / "w_ep-00005_l-0.1.pth"), tmp_path / "model", trained_on="msd")
    model = load(tmp_path / "model")
    assert (made.sample_rate, made.samples, made.left_out, made.head) == (16000, 48000, (), "none")
    assert (model.tower.frontend.mean, model.tower.frontend.std) == STATISTICS["msd"]
    assert model.tower.frontend.mel.compress == "none"
    mel = torch.randn(2, 188, 96)
    with torch.no_grad():
        wanted = network(mel)
        wanted = wanted.mean(1) if kind is Last else wanted
        torch.testing.assert_close(model.tower.encoder(mel.transpose(1, 2)), wanted, atol=1e-4, rtol=1e-4)


def test_cpc(tmp_path):
    torch.manual_seed(1)
    network, module = Last(16).eval(), Module(16)
    file = saved(network, tmp_path / "encoder_w_ep-00005_l-0.1.pth")
    made = import_choi(file, tmp_path / "model", head=saved(module, tmp_path / "cpc-module.pth"))
    model, x = load(tmp_path / "model"), 0.1 * torch.randn(1, 1, 6 * 16000)
    assert (made.head, made.samples) == ("CPC, a GRU of 16 and 4 predictions", 464000)
    with torch.no_grad():
        mel = model.tower.frontend(x).transpose(1, 2)
        assert mel.shape == (1, 376, 96)
        wanted = module.gru(network(mel))[0].mean(1)
        torch.testing.assert_close(model.represent(x), wanted, atol=1e-4, rtol=1e-3)
    state = load(tmp_path / "model").tower.head.state_dict()
    assert torch.equal(state["levels.0.predictors.3.bias"], module.Wk[3].bias)


def test_other_files(tmp_path):
    file = saved(Module(8), tmp_path / "cpc-module.pth")
    with pytest.raises(ModelFileError, match="--head"):
        import_choi(file, tmp_path / "model")
    encoder = saved(Last(8), tmp_path / "encoder.pth")
    with pytest.raises(ModelFileError, match="not the module of CPC"):
        import_choi(encoder, tmp_path / "model", head=encoder)
    with pytest.raises(ModelFileError, match="last layer only"):
        import_choi(saved(Levels(8), tmp_path / "multi.pth"), tmp_path / "model", head=file)
    assert not (tmp_path / "model").exists()
