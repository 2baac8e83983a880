"""What a file is, is told by its content: whatever it is called."""

import pickle
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from tests.encoders.plain_sample_cnn import plain_sample_cnn
from torch import nn
from typer.testing import CliRunner

from contramuse.checkpoint.convert import LAYOUTS, Choices, convert, recognise
from contramuse.checkpoint.model import load
from contramuse.cli import app
from contramuse.encoders.sample_cnn import STRIDES
from contramuse.errors import ContramuseError, ModelFileError, UserError
from miniproto import node, onnx_file, tensor, write_checkpoint

IMAGE, SOUND, FLAT = torch.zeros(2, 1, 3, 3), torch.zeros(2, 1, 3), torch.zeros(2, 2)
STATES = {
    "clmr": [
        {"state_dict": {"model.encoder.sequential.0.0.weight": SOUND, "model.projector.0.weight": FLAT}},
        {"encoder.sequential.0.0.weight": SOUND, "projector.0.weight": FLAT},
        {"encoder.conv1.0.weight": SOUND},
        {"module.encoder.sequential.0.0.weight": SOUND},
        {"sequential.0.0.weight": SOUND},
    ],
    "semisupcon": [
        {"state_dict": {"encoder.sequential.0.0.weight": SOUND, "proj_head.0.weight": FLAT}},
        {"state_dict": {"semisupcon.encoder.sequential.0.0.weight": SOUND, "head.0.weight": FLAT}},
        {"encoder.conv1.layers.0.weight": SOUND},
    ],
    "melon": [
        {"audio_encoder.0.weight": FLAT[0], "audio_encoder.1.conv.weight": IMAGE, "fc_audio.0.weight": FLAT},
        {"audio_encoder.audio_backbone.1.conv.weight": IMAGE, "fc_audio.fc.0.weight": FLAT},
        {"module.audio_encoder.resnet_model.conv1.weight": IMAGE},
    ],
    "choi": [
        {"sequential.0.0.weight": IMAGE, "fc_layer.weight": FLAT},
        {"convs.0.0.weight": IMAGE, "fc_layers.0.weight": FLAT},
    ],
}


def save(path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("kind", STATES)
def test_checkpoints(kind, tmp_path):
    for number, state in enumerate(STATES[kind]):
        assert recognise(save(tmp_path / f"{number}.anything", state)) == kind


def test_other_formats(tmp_path):
    file = tmp_path / "weights.bin"
    file.write_bytes(
        onnx_file([node("Relu", ["a"], ["b"])], [tensor("w", np.zeros(2, np.float32))], takes=b"", gives=b"")
    )
    assert recognise(file) == "clmr_onnx"
    write_checkpoint(tmp_path / "checkpoint-7", {"a": np.zeros(2, np.float32)})
    assert recognise(tmp_path / "checkpoint-7") == recognise(tmp_path / "checkpoint-7.index") == "mscol"


def test_every_layout_is_recognised_somewhere():
    assert {*STATES, "clmr_onnx", "mscol"} == LAYOUTS.keys()


def test_unknown_files_are_told_what_was_looked_for(tmp_path):
    file = save(tmp_path / "x.pt", {"transformer.0.weight": FLAT})
    with pytest.raises(ModelFileError) as caught:
        recognise(file)
    for layout in LAYOUTS.values():
        assert f"{layout.name}: {layout.looked_for}" in str(caught.value)
    assert "transformer.0.weight" in str(caught.value)


def test_parts_alone_go_with_head(tmp_path):
    with pytest.raises(ModelFileError, match=r"module of CPC.*--head"):
        recognise(save(tmp_path / "a.pth", {"gru.weight_ih_l0": FLAT, "Wk.0.weight": FLAT}))
    with pytest.raises(ModelFileError, match=r"linear classifier.*--head"):
        recognise(save(tmp_path / "b.ckpt", {"state_dict": {"model.0.weight": FLAT, "model.0.bias": FLAT[0]}}))


@pytest.mark.parametrize(
    ("kind", "given"),
    [("semisupcon", Choices(head="x")), ("melon", Choices(trained_on="fma")), ("choi", Choices(classes=("a",)))],
)
def test_choices_that_do_not_go_with_a_file(kind, given, tmp_path):
    with pytest.raises(UserError, match="does not go with a file of"):
        convert(save(tmp_path / "x", STATES[kind][0]), tmp_path / "model", given)
    assert not (tmp_path / "model").exists()


def test_unknown_names(tmp_path):
    with pytest.raises(UserError, match="no known statistics"):
        convert(save(tmp_path / "x", STATES["choi"][0]), tmp_path / "model", Choices(trained_on="nothing"))
    with pytest.raises(UserError, match="is no file"):
        convert(save(tmp_path / "x", STATES["melon"][0]), tmp_path / "model", Choices(classes="msd"))


def test_archives_and_safetensors(tmp_path):
    with zipfile.ZipFile(tmp_path / "clmr_checkpoint_10000.zip", "w") as archive:
        archive.writestr("clmr_checkpoint_10000.pt", b"weights")
    with pytest.raises(ModelFileError, match=r"Unpack it, and give the file in it \(clmr_checkpoint_10000\.pt\)"):
        recognise(tmp_path / "clmr_checkpoint_10000.zip")
    (tmp_path / "model.safetensors").write_bytes(safetensors.torch.save({"a": FLAT}))
    with pytest.raises(ModelFileError, match="is a model already"):
        recognise(tmp_path / "model.safetensors")


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('a file ran code')",)


@pytest.mark.parametrize("content", ["bomb", "pickle", "empty", "text", "folder", "absent", "index"])
def test_nothing_is_run_and_nothing_crashes(content, tmp_path):
    file = tmp_path / "x"
    if content == "bomb":
        save(file, {**STATES["clmr"][1], "hyper": Bomb()})
    elif content == "folder":
        file.mkdir()
    elif content == "index":
        file = tmp_path / "x.index"
        file.write_bytes(b"nothing")
    elif content != "absent":
        file.write_bytes({"pickle": pickle.dumps(Bomb()), "empty": b"", "text": b"\x08hello"}[content])
    with pytest.raises(ContramuseError) as caught:
        convert(file, tmp_path / "model")
    assert str(tmp_path) in str(caught.value)


def test_command(tmp_path):
    torch.manual_seed(0)
    state = {"encoder." + name: value for name, value in plain_sample_cnn(STRIDES[8000]).state_dict().items()}
    head = save(
        tmp_path / "head.ckpt",
        {"state_dict": {f"model.{k}": v for k, v in nn.Sequential(nn.Linear(512, 50)).state_dict().items()}},
    )
    arguments = ["convert", str(save(tmp_path / "x.pt", state)), "-o", str(tmp_path / "m"), "--head", str(head)]
    done = CliRunner().invoke(app, [*arguments, "--classes", "msd"])
    assert done.exit_code == 0, done.output
    assert "x.pt: CLMR" in done.output
    assert "20,736 samples at 8,000 Hz, head: classifier" in done.output
    assert load(tmp_path / "m").info["extra"]["classes"][0] == "rock"
