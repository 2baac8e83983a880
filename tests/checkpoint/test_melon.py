"""Encoders of Ferraro et al. and of PlaylistContrastive, with the names and shapes of their own modules."""

import pytest
import torch
from torch import nn

from contramuse.checkpoint.melon import import_melon
from contramuse.checkpoint.model import load
from contramuse.errors import ModelFileError, UserError

BLOCKS = [
    (1, 128, 2),
    (128, 128, 2),
    (128, 256, 2),
    (256, 256, 2),
    (256, 256, (1, 2)),
    (256, 256, (1, 2)),
    (256, 512, 2),
]


class Block(nn.Module):
    def __init__(self, before, after, pool):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.bn = nn.BatchNorm2d(after)
        self.relu, self.mp = nn.ReLU(), nn.MaxPool2d(pool)

    def forward(self, x):
        return self.mp(self.relu(self.bn(self.conv(x))))


def sc_cnn():
    return nn.Sequential(nn.BatchNorm2d(1), *(Block(*block) for block in BLOCKS), nn.Flatten())


class Residual(nn.Module):
    """A block of ResNet-18 as torchvision names it."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        h = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(h + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        for number, (before, after, stride) in enumerate(widths):
            stage = nn.Sequential(Residual(before, after, stride), Residual(after, after, 1))
            setattr(self, f"layer{number + 1}", stage)

    def forward(self, x):
        h = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))
        return torch.cat([h.mean((2, 3)), h.amax((2, 3))], 1)


def ferraro_head():
    return nn.Sequential(
        nn.Linear(1024, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 128),
        nn.LayerNorm(128, eps=1e-6),
    )  # fmt: skip


def playlist_head(hidden=128, out=128):
    return nn.Sequential(nn.Linear(1024, hidden), nn.ReLU(), nn.Dropout(0.0), nn.Linear(hidden, out))


def named(prefix, network):
    return {prefix + name: value for name, value in network.state_dict().items()}


LAYOUTS = {
    "Ferraro et al.": (sc_cnn, "audio_encoder.", ferraro_head, "fc_audio."),
    "PlaylistContrastive": (sc_cnn, "audio_encoder.audio_backbone.", playlist_head, "fc_audio.fc."),
    "PlaylistContrastive, ResNet, several GPUs": (
        ResNet,
        "module.audio_encoder.resnet_model.",
        playlist_head,
        "module.fc_audio.fc.",
    ),
}


def made(layout, tmp_path):
    torch.manual_seed(0)
    encoder, root, head, head_root = LAYOUTS[layout]
    networks = nn.ModuleList([encoder(), head()])
    for module in networks.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    file = tmp_path / "audio_encoder_epoch_best.pt"
    torch.save({**named(root, networks[0]), **named(head_root, networks[1])}, file)
    return file, *networks.eval()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, tmp_path):
    file, encoder, head = made(layout, tmp_path)
    imported = import_melon(file, tmp_path / "model")
    model = load(tmp_path / "model")
    assert (imported.left_out, imported.classes, imported.head) == ((), (), "projector, to 128")
    assert (imported.sample_rate, imported.samples) == (16000, 65536)
    assert model.tower.frontend.transform == ("none" if layout == "Ferraro et al." else "melon")
    patch = torch.randn(2, 48, 256, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = encoder(patch[:, None])
        torch.testing.assert_close(model.tower.encoder(patch), wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(model.tower.head(wanted), head(wanted), atol=1e-5, rtol=1e-4)
        x = 0.1 * torch.randn(1, 1, 65536)  # one window is one patch, and a frame that is not seen
        seen = model.tower.frontend(x)[:, None]
        seen = seen if "ResNet" in layout else seen[..., :256]
        torch.testing.assert_close(model.represent(x), encoder(seen), atol=1e-4, rtol=1e-4)


def test_a_downstream_classifier(tmp_path):
    torch.manual_seed(1)
    encoder, head = sc_cnn(), playlist_head(160, 50)
    file = tmp_path / "best.pt"
    torch.save({**named("audio_encoder.audio_backbone.", encoder), **named("fc_audio.fc.", head)}, file)
    names = [f"tag {i}" for i in range(50)]
    assert import_melon(file, tmp_path / "a", classes=names).classes == tuple(names)
    assert load(tmp_path / "a").info["extra"]["classes"] == names
    assert import_melon(file, tmp_path / "b").classes[49] == "class 49"
    with pytest.raises(UserError, match="2 names and the head has 50"):
        import_melon(file, tmp_path / "c", classes=["x", "y"])


def test_without_a_head_and_other_files(tmp_path):
    state = named("audio_encoder.", sc_cnn())
    torch.save(state, tmp_path / "alone.pt")
    assert import_melon(tmp_path / "alone.pt", tmp_path / "model").head == "none"
    torch.save({k: v for k, v in state.items() if ".4.bn" not in k}, tmp_path / "short.pt")
    with pytest.raises(ModelFileError, match=r"not SC-CNN as published: blocks\.3\.norm\.weight is missing"):
        import_melon(tmp_path / "short.pt", tmp_path / "other")
    torch.save({"w_qs.weight": torch.zeros(2, 2)}, tmp_path / "tags.pt")
    with pytest.raises(ModelFileError, match="no audio encoder"):
        import_melon(tmp_path / "tags.pt", tmp_path / "other")
    assert not (tmp_path / "other").exists()
