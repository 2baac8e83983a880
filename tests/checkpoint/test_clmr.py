"""Checkpoints of the true key layouts, written here with the plain SampleCNN of the tests."""

import argparse
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from tests.encoders.plain_sample_cnn import plain_sample_cnn
from torch import nn
from typer.testing import CliRunner

from contramuse import errors
from contramuse.checkpoint.clmr import ENCODER_PREFIXES, import_clmr
from contramuse.checkpoint.clmr_tags import CLASSES
from contramuse.checkpoint.foreign import read_state, sample_cnn_state
from contramuse.checkpoint.model import load
from contramuse.cli import app
from contramuse.encoders.sample_cnn import STRIDES
from contramuse.errors import ModelFileError, UserError

RATE = 8000
SAMPLES = 20736


@pytest.fixture(scope="module")
def plain():
    """An encoder whose running statistics have moved, at 8 kHz: a third of the work of the one at 22,050 Hz."""
    torch.manual_seed(0)
    network = plain_sample_cnn(STRIDES[RATE])
    with torch.no_grad():
        network(torch.randn(4, 1, SAMPLES))
    return network.eval()


@pytest.fixture(scope="module")
def projector():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(512, 512, bias=False), nn.ReLU(), nn.Linear(512, 64, bias=False))


def v2(plain, projector, **settings):
    """What Lightning wrote: the model, and a second copy of the encoder and the projector."""
    state = {}
    for prefix in ("encoder.", "model.encoder."):
        state |= {prefix + k: v for k, v in plain.state_dict().items()}
    for prefix in ("projector.", "model.projector."):
        state |= {prefix + k: v for k, v in projector.state_dict().items()}
    return {"epoch": 3, "global_step": 100, "pytorch-lightning_version": "1.9.0", "state_dict": state, **settings}


def v1(plain, projector):
    state = {"encoder." + k: v for k, v in plain.state_dict().items()}
    return state | {"projector." + k: v for k, v in projector.state_dict().items()}


def older_v1(plain, projector):
    def rename(key):
        block, rest = key.removeprefix("sequential.").split(".", 1)
        return f"encoder.conv{int(block) + 1}.{rest}"

    state = {rename(k): v for k, v in plain.state_dict().items()}
    return state | {"projector." + k: v for k, v in projector.state_dict().items()}


LAYOUTS = {"v2": v2, "v1": v1, "older v1": older_v1}


def save(path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, plain, projector, tmp_path):
    file = save(tmp_path / "clmr.ckpt", LAYOUTS[layout](plain, projector))
    made = import_clmr(file, tmp_path / "model")
    assert (made.sample_rate, made.samples, made.classes, made.left_out) == (RATE, SAMPLES, (), ())
    model = load(tmp_path / "model")
    x = torch.randn(3, 1, SAMPLES)
    with torch.no_grad():
        expected = plain(x)
        assert torch.allclose(model.represent(x), expected, atol=1e-5)
        assert torch.allclose(model.tower.project(x), projector(expected), atol=1e-5)
    assert (model.sample_rate, model.dim) == (RATE, 512)
    assert model.window * RATE == pytest.approx(SAMPLES)
    assert np.allclose(model.embed(x[0, 0].numpy()), expected[0], atol=1e-5)


def test_22050(projector, tmp_path):
    network = plain_sample_cnn().eval()
    import_clmr(save(tmp_path / "clmr.pt", v1(network, projector)), tmp_path / "model")
    model = load(tmp_path / "model")
    x = torch.randn(1, 1, 59049)
    with torch.no_grad():
        assert torch.allclose(model.represent(x), network(x), atol=1e-5)
    assert model.sample_rate == 22050


def linear_head(classes):
    return nn.Sequential(nn.Linear(512, classes))


def mlp_head(classes):
    return nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, classes))


@pytest.mark.parametrize("head", [linear_head, mlp_head])
@pytest.mark.parametrize("prefix", ["model.", ""])
def test_heads(head, prefix, plain, projector, tmp_path):
    torch.manual_seed(4)
    layers = head(50)
    state = {prefix + k: v for k, v in layers.state_dict().items()}
    content = {"state_dict": state, "epoch": 1} if prefix else state
    file = save(tmp_path / "clmr.ckpt", v2(plain, projector))
    made = import_clmr(file, tmp_path / "model", head=save(tmp_path / "head.ckpt", content))
    model = load(tmp_path / "model")
    x = torch.randn(2, 1, SAMPLES)
    with torch.no_grad():
        assert torch.allclose(torch.sigmoid(model.tower.project(x)), torch.sigmoid(layers(plain(x))), atol=1e-5)
    assert tuple(model.info["extra"]["classes"]) == made.classes == CLASSES["magnatagatune"]
    assert model.info["extra"]["activation"] == "sigmoid"


def test_classes(plain, projector, tmp_path):
    file = save(tmp_path / "clmr.ckpt", v2(plain, projector))
    fifty = save(tmp_path / "head.ckpt", linear_head(50).state_dict())
    seven = save(tmp_path / "seven.ckpt", linear_head(7).state_dict())
    assert import_clmr(file, tmp_path / "a", head=fifty, classes="msd").classes[:2] == ("rock", "pop")
    assert import_clmr(file, tmp_path / "b", head=seven, classes=list("abcdefg")).classes == tuple("abcdefg")
    assert import_clmr(file, tmp_path / "c", head=seven).classes[6] == "class 6"
    with pytest.raises(UserError, match="10 names and the head has 50"):
        import_clmr(file, tmp_path / "d", head=fifty, classes="gtzan")
    with pytest.raises(UserError, match="known order"):
        import_clmr(file, tmp_path / "d", head=fifty, classes="nonsense")
    assert not (tmp_path / "d").exists()


def test_orders_of_classes():
    assert {name: len(classes) for name, classes in CLASSES.items()} == {"magnatagatune": 50, "msd": 50, "gtzan": 10}
    assert all(len(set(classes)) == len(classes) for classes in CLASSES.values())
    tags = CLASSES["magnatagatune"]
    assert (tags[0], tags[21], tags[-1]) == ("guitar", "no vocals", "choral")
    assert (CLASSES["msd"][0], CLASSES["msd"][33], CLASSES["msd"][-1]) == ("rock", "Hip-Hop", "happy")


def test_a_supervised_checkpoint_leaves_its_classifier_out(tmp_path):
    network = plain_sample_cnn(STRIDES[RATE], classes=50)
    state = {"model." + k if k.startswith("fc") else "model.encoder." + k: v for k, v in network.state_dict().items()}
    made = import_clmr(save(tmp_path / "s.ckpt", {"state_dict": state}), tmp_path / "model")
    assert made.left_out == ("model.fc.weight", "model.fc.bias")
    assert made.head == "none"
    assert load(tmp_path / "model").tower.head.dim == 512


def test_lightnings_own_settings_are_read_as_data(plain, projector, tmp_path, monkeypatch):
    """Names of Lightning's types in the file are bound to a class of ours."""
    module = types.ModuleType("pytorch_lightning.utilities.parsing")
    kind = type("AttributeDict", (dict,), {"__module__": module.__name__})
    module.AttributeDict = kind
    for name in ("pytorch_lightning", "pytorch_lightning.utilities"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings = {"hyper_parameters": kind(batch_size=48), "hparams_type": kind, "args": argparse.Namespace(seed=42)}
    file = save(tmp_path / "clmr.ckpt", v2(plain, projector, **settings))
    for name in [n for n in sys.modules if n.startswith("pytorch_lightning")]:
        monkeypatch.delitem(sys.modules, name)
    assert len(read_state(file)) == 2 * (77 + 2)
    assert not [n for n in sys.modules if n.startswith("pytorch_lightning")]


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('a file ran code')",)


def test_nothing_is_unpickled(plain, projector, tmp_path):
    file = save(tmp_path / "bomb.ckpt", v2(plain, projector, hyper_parameters=Bomb()))
    with pytest.raises(ModelFileError, match=r"exec.*weights\.pt"):
        import_clmr(file, tmp_path / "model")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelFileError):
        import_clmr(tmp_path / "plain.pkl", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def broken(name, tmp_path, plain, projector):
    state = v1(plain, projector)
    whole = save(tmp_path / "whole.pt", state).read_bytes()
    files = {
        "empty": b"",
        "text": b"not a checkpoint\n" * 50,
        "truncated": whole[: len(whole) // 2],
        "ten bytes": whole[:10],
    }
    if name in files:
        (tmp_path / name).write_bytes(files[name])
        return tmp_path / name
    contents = {
        "list": [1, 2, 3],
        "tensor": torch.zeros(3),
        "no weights": {"state_dict": {}},
        "another network": nn.Linear(3, 4).state_dict(),
        "a layer short": {k: v for k, v in state.items() if "sequential.4.1" not in k},
        "wide": {k: torch.zeros(7, 7, 3) if k.endswith("sequential.4.0.weight") else v for k, v in state.items()},
        "one more": state | {"encoder.sequential.11.0.weight": torch.zeros(3)},
    }
    return save(tmp_path / name, contents[name])


@pytest.mark.parametrize(
    "name",
    ["empty", "text", "truncated", "ten bytes", "list", "tensor", "no weights", "another network", "a layer short",
     "wide", "one more"],
)  # fmt: skip
def test_refuses_what_is_not_clmrs(name, plain, projector, tmp_path):
    with pytest.raises(ModelFileError) as caught:
        import_clmr(broken(name, tmp_path, plain, projector), tmp_path / "model")
    assert name in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_refuses_a_file_that_is_not_there_and_a_head_that_is_none(plain, projector, tmp_path):
    file = save(tmp_path / "clmr.ckpt", v2(plain, projector))
    with pytest.raises(ModelFileError, match="no such file"):
        import_clmr(tmp_path / "absent.ckpt", tmp_path / "model")
    with pytest.raises(ModelFileError, match="not a head"):
        import_clmr(file, tmp_path / "model", head=file)


def test_unknown_strides_need_a_rate(projector, tmp_path):
    network = plain_sample_cnn((3, 3, 3, 3, 3, 3, 3, 3, 2))
    file = save(tmp_path / "odd.pt", v1(network, projector))
    with pytest.raises(UserError, match="--sample-rate"):
        import_clmr(file, tmp_path / "model")
    assert import_clmr(file, tmp_path / "model", sample_rate=11025).sample_rate == 11025


def test_counts_of_batches_may_be_absent(plain):
    state = {k: v for k, v in plain.state_dict().items() if "num_batches" not in k}
    assert len(sample_cnn_state(state, "x.pt", prefixes=ENCODER_PREFIXES)) == 77


def test_command(plain, projector, tmp_path, monkeypatch):
    file = save(tmp_path / "clmr.ckpt", v2(plain, projector))
    head = save(tmp_path / "head.ckpt", linear_head(3).state_dict())
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n\nc\n")
    done = CliRunner().invoke(
        app, ["import", "clmr", str(file), "-o", str(tmp_path / "m"), "--head", str(head), "--classes", str(names)]
    )
    assert done.exit_code == 0, done.output
    assert "20,736 samples at 8,000 Hz" in done.output
    assert "a, b, c" in done.output
    assert load(tmp_path / "m").info["extra"]["classes"] == ["a", "b", "c"]
    refused = CliRunner().invoke(app, ["import", "clmr", str(names), "-o", str(tmp_path / "n")])
    assert isinstance(refused.exception, errors.ModelFileError)
