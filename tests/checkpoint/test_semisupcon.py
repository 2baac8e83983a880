"""Checkpoints with SemiSupCon's key layouts, written here with the plain networks of the tests."""

import pytest
import torch
from tests.encoders.plain_sample_cnn import plain_sample_cnn
from tests.encoders.plain_tune_plus import PlainTunePlus
from torch import nn
from typer.testing import CliRunner

from contramuse import errors
from contramuse.checkpoint.model import load
from contramuse.checkpoint.semisupcon import import_semisupcon
from contramuse.cli import app
from contramuse.encoders.sample_cnn import STRIDES
from contramuse.errors import ModelFileError, UserError

SAMPLES = 59535


def moved(network, samples=19683 * 3):
    """The network with running statistics that are not those of a new one."""
    with torch.no_grad():
        network.train()(torch.randn(2, 1, samples, generator=torch.Generator().manual_seed(0)))
    return network.eval()


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {
        "SampleCNN": moved(plain_sample_cnn(classes=128)),
        "TUNe+": moved(PlainTunePlus(channels=4)),
        "projector": nn.Sequential(nn.Linear(512, 512, bias=False), nn.ReLU(), nn.Linear(512, 128, bias=False)),
        "mlp": nn.Sequential(nn.Linear(512, 512, bias=False), nn.ReLU(), nn.Linear(512, 7, bias=False)),
        "linear": nn.Linear(512, 7, bias=False),
    }


def features(network, x):
    """What the encoder gives: its ``fc`` is in the checkpoint and never used."""
    return network.sequential(x).flatten(1) if hasattr(network, "sequential") else network(x)


def named(prefix, network):
    return {f"{prefix}.{name}": value for name, value in network.state_dict().items()}


def pretrained(networks, encoder):
    state = {**named("encoder", networks[encoder]), **named("proj_head", networks["projector"])}
    return {"epoch": 3, "global_step": 50, "pytorch-lightning_version": "2.1.0", "state_dict": state, "callbacks": {}}


def fine_tuned(networks, encoder, head):
    inner = {f"semisupcon.{name}": value for name, value in pretrained(networks, encoder)["state_dict"].items()}
    return {"state_dict": {**inner, **named("head", networks[head])}, "epoch": 1}


def save(path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("encoder", ["SampleCNN", "TUNe+"])
def test_pretraining(encoder, networks, tmp_path):
    made = import_semisupcon(save(tmp_path / "last.ckpt", pretrained(networks, encoder)), tmp_path / "model")
    assert (made.encoder, made.sample_rate, made.samples, made.classes) == (encoder, 22050, SAMPLES, ())
    assert made.left_out == ("encoder.fc.weight", "encoder.fc.bias")
    assert made.head == "projector, 2 linear layers to 128"
    model, x = load(tmp_path / "model"), torch.randn(2, 1, SAMPLES)
    with torch.no_grad():
        wanted = features(networks[encoder], x)
        torch.testing.assert_close(model.represent(x), wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(model.tower.project(x), networks["projector"](wanted), atol=1e-4, rtol=1e-4)
    assert (model.dim, model.window, model.info["recipe"]["name"]) == (512, 2.7, "semisupcon")


@pytest.mark.parametrize(("encoder", "head"), [("SampleCNN", "linear"), ("TUNe+", "mlp")])
def test_fine_tuning(encoder, head, networks, tmp_path):
    file = save(tmp_path / "best.ckpt", fine_tuned(networks, encoder, head))
    made = import_semisupcon(file, tmp_path / "model", classes=list("abcdefg"))
    assert made.classes == tuple("abcdefg")
    assert made.head == f"classifier, {'1 linear layer' if head == 'linear' else '2 linear layers'} to 7"
    assert "semisupcon.proj_head.0.weight" in made.left_out
    model, x = load(tmp_path / "model"), torch.randn(1, 1, SAMPLES)
    with torch.no_grad():
        wanted = networks[head](features(networks[encoder], x))
        torch.testing.assert_close(model.tower.project(x), wanted, atol=1e-4, rtol=1e-4)
    assert model.info["extra"]["classes"] == list("abcdefg")
    assert import_semisupcon(file, tmp_path / "again").classes[6] == "class 6"
    with pytest.raises(UserError, match="2 names and the head has 7"):
        import_semisupcon(file, tmp_path / "wrong", classes=["a", "b"])


def test_every_layer_of_tune_plus_has_its_place(networks, tmp_path):
    """Layer by layer: each weight of the plain network stands where ours computes the same with it."""
    import_semisupcon(save(tmp_path / "last.ckpt", pretrained(networks, "TUNe+")), tmp_path / "model")
    ours, plain = load(tmp_path / "model").tower.encoder, networks["TUNe+"]
    blocks = [*(f"conv{i}" for i in range(1, 10)), *(f"convDown{i}" for i in range(1, 10))]
    for number, name in enumerate(blocks):
        block = getattr(plain, name).layers
        x = torch.randn(1, block[0].in_channels, 30)
        torch.testing.assert_close(ours.blocks[number](x), block(x))
    for number in range(4):
        up = getattr(plain, f"transposedConv{6 + number}")
        x = torch.randn(1, up.in_channels, 10)
        torch.testing.assert_close(ours.ups[number](x), up(x))


def test_other_strides_read_their_own_window(networks, tmp_path):
    network = plain_sample_cnn(STRIDES[16000]).eval()
    made = import_semisupcon(save(tmp_path / "a.ckpt", named("encoder", network)), tmp_path / "model")
    assert (made.sample_rate, made.samples, made.head) == (16000, 43740, "none")
    assert load(tmp_path / "model").embed(torch.randn(43740).numpy() / 9).shape == (1, 512)


def broken(name, networks):
    state = pretrained(networks, "TUNe+")["state_dict"]
    return {
        "layer": {k: v for k, v in state.items() if "convDown4.layers.1" not in k},
        "up": {k: v for k, v in state.items() if "transposedConv7" not in k},
        "wide": {**state, "encoder.conv6.layers.0.weight": torch.zeros(3, 3, 3)},
        "flat": {**state, "encoder.conv1.layers.0.weight": torch.zeros(3)},
        "other": nn.Linear(3, 4).state_dict(),
        "projector": named("proj_head", networks["projector"]),
    }[name]


@pytest.mark.parametrize("name", ["layer", "up", "wide", "flat", "other", "projector"])
def test_refuses_what_is_not_semisupcons(name, networks, tmp_path):
    with pytest.raises(ModelFileError, match=name):
        import_semisupcon(save(tmp_path / f"{name}.ckpt", broken(name, networks)), tmp_path / "model")
    assert not (tmp_path / "model").exists()


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('a file ran code')",)


def test_nothing_is_unpickled(networks, tmp_path):
    file = save(tmp_path / "bomb.ckpt", {**pretrained(networks, "TUNe+"), "callbacks": Bomb()})
    with pytest.raises(ModelFileError, match=r"exec.*weights\.pt"):
        import_semisupcon(file, tmp_path / "model")


def test_command(networks, tmp_path):
    file = save(tmp_path / "best.ckpt", fine_tuned(networks, "TUNe+", "linear"))
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\n\ne\nf\ng\n")
    command = ["import", "semisupcon", str(file), "-o", str(tmp_path / "m"), "--classes", str(tmp_path / "names.txt")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "TUNe+, 59,535 samples at 22,050 Hz, head: classifier, 1 linear layer to 7" in done.output
    assert "a, b, c, d, e, ..." in done.output
    refused = CliRunner().invoke(app, [*command[:-1], str(tmp_path / "none.txt")])
    assert isinstance(refused.exception, errors.UserError)
    file = save(tmp_path / "last.ckpt", pretrained(networks, "TUNe+"))
    refused = CliRunner().invoke(app, ["import", "semisupcon", str(file), *command[3:]])
    assert "no classifier" in str(refused.exception)
