import torch
from torch import nn

from contramuse.audio.frontend import LogMel, Waveform
from contramuse.encoders import MLP, Identity, MelTransformer, SampleCNN, Tower


def test_represents_and_projects():
    torch.manual_seed(0)
    frontend = LogMel(sample_rate=8000, n_fft=256, hop=128, n_mels=32)
    encoder = MelTransformer(bands=32, dim=32, depth=1, heads=2)
    tower = Tower(frontend, encoder, MLP(dim_in=32, out=8))
    x = torch.randn(3, 1, 8000)
    assert tower.dim == 32
    a = tower(x, torch.Generator().manual_seed(0))[""].z
    assert a.shape == (3, 8)
    tower.eval()
    assert torch.equal(tower(x)[""].z, tower.project(x))
    assert torch.equal(tower.represent(x), encoder(frontend(x)))


def test_frontend_is_exact_under_autocast():
    class Spy(nn.Module):
        dim = 1

        def forward(self, x, generator=None):
            self.dtype, self.autocast = x.dtype, torch.is_autocast_enabled("cpu")
            return x.mean(dim=2)

    class Product(nn.Module):
        def forward(self, x):
            return x @ torch.eye(x.shape[2])

    spy = Spy()
    with torch.autocast("cpu", torch.bfloat16):
        Tower(Product(), spy, Identity(dim_in=1)).represent(torch.randn(2, 1, 16))
    assert spy.dtype == torch.float32
    assert spy.autocast


def test_waveform_tower():
    tower = Tower(Waveform(), SampleCNN(bands=1, strides=(3, 3, 3, 2, 2, 4, 4, 2, 2)), MLP(dim_in=512, out=64))
    assert tower.project(torch.randn(2, 1, 20736)).shape == (2, 64)
