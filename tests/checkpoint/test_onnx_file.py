"""CLMR's exported networks, written here as the exporter of its time wrote them: with and without folded norms."""

import contextlib

import numpy as np
import pytest
import torch
from tests.encoders.plain_sample_cnn import plain_sample_cnn
from torch import nn

from contramuse.checkpoint.clmr import import_clmr, onnx_state
from contramuse.checkpoint.clmr_tags import CLASSES
from contramuse.checkpoint.model import load
from contramuse.checkpoint.onnx_file import is_onnx, read_layers
from contramuse.encoders.sample_cnn import STRIDES
from contramuse.errors import ModelFileError
from miniproto import node, onnx_file, tensor, value_info

RATE, SAMPLES = 8000, 20736


@pytest.fixture(scope="module")
def plain():
    """An encoder whose running statistics have moved, at 8 kHz."""
    torch.manual_seed(0)
    network = plain_sample_cnn(STRIDES[RATE])
    with torch.no_grad():
        network(torch.randn(2, 1, SAMPLES))
    return network.eval()


def linear_head():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(512, 50))


def mlp_head():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(512, 512, bias=False), nn.ReLU(), nn.Linear(512, 50))


def export(plain, head=None, *, norms="folded", linear="Gemm", packed="raw", epsilon=1e-5):
    """The bytes of an ONNX file: names are numbers, as after folding."""
    nodes, weights, last = [], [], "audio"

    def weight(name, value):
        weights.append(tensor(name, value.detach().numpy(), packed=packed))
        return name

    for number, block in enumerate(plain.sequential):
        convolution, norm = block[0], block[1]
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        folded = norms == "folded"
        kernel = convolution.weight * scale[:, None, None] if folded else convolution.weight
        bias = (convolution.bias - norm.running_mean) * scale + norm.bias if folded else convolution.bias
        names = [weight(f"{number}w", kernel), weight(f"{number}b", bias)]
        nodes.append(
            node("Conv", [last, *names], [f"{number}c"], dilations=[1], group=1, kernel_shape=[kernel.shape[2]],
                 pads=[convolution.padding[0]] * 2, strides=[convolution.stride[0]])
        )  # fmt: skip
        last = f"{number}c"
        if not folded:
            moved = norm.running_var + norm.eps - epsilon
            parts = [norm.weight, norm.bias, norm.running_mean, moved]
            named = [weight(f"{number}n{i}", part) for i, part in enumerate(parts)]
            nodes.append(node("BatchNormalization", [last, *named], [f"{number}n"], epsilon=epsilon, momentum=0.9))
            last = f"{number}n"
        nodes.append(node("Relu", [last], [f"{number}r"]))
        last = f"{number}r"
        if len(block) > 3:
            pool = block[3].kernel_size
            nodes.append(node("MaxPool", [last], [f"{number}p"], kernel_shape=[pool], pads=[0, 0], strides=[pool]))
            last = f"{number}p"
    nodes.append(node("Flatten", [last], ["flat"], axis=1))
    last = "flat"
    for number, layer in enumerate(head or []):
        if isinstance(layer, nn.ReLU):
            nodes.append(node("Relu", [last], [f"h{number}"]))
            last = f"h{number}"
            continue
        bias = [] if layer.bias is None else [weight(f"hb{number}", layer.bias)]
        if linear == "Gemm":
            names = [weight(f"hw{number}", layer.weight), *bias]
            nodes.append(node("Gemm", [last, *names], [f"h{number}"], alpha=1.0, beta=1.0, transB=1))
        else:
            nodes.append(node("MatMul", [last, weight(f"hw{number}", layer.weight.T)], [f"m{number}"]))
            if bias:
                nodes.append(node("Add", [*bias, f"m{number}"], [f"h{number}"]))
            else:
                nodes[-1] = node("MatMul", [last, f"hw{number}"], [f"h{number}"])
        last = f"h{number}"
    nodes.append(node("Identity", [last], ["representation"]))
    takes = value_info("audio", [1, 1, SAMPLES])
    return onnx_file(nodes, weights, takes=takes, gives=value_info("representation", [1, 50 if head else 512]))


def write(path, content):
    path.write_bytes(content)
    return path


CASES = {
    "encoder, folded": {},
    "encoder, norms kept": {"norms": "kept"},
    "norms with another epsilon": {"norms": "kept", "epsilon": 1e-3},
    "classifier": {"head": linear_head},
    "classifier by MatMul and Add": {"head": linear_head, "linear": "MatMul"},
    "two layers": {"head": mlp_head},
    "two layers, values one by one": {"head": mlp_head, "linear": "MatMul", "packed": "listed"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_network_is_the_exported_one(case, plain, tmp_path):
    settings = dict(CASES[case])
    head = settings.pop("head")() if "head" in settings else None
    file = write(tmp_path / "clmr_sample-cnn.onnx", export(plain, head, **settings))
    made = import_clmr(file, tmp_path / "model")
    model, x = load(tmp_path / "model"), torch.randn(2, 1, SAMPLES, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = plain(x)
        torch.testing.assert_close(model.represent(x), wanted, atol=1e-5, rtol=1e-5)
        if head is not None:
            torch.testing.assert_close(model.tower.project(x), head(wanted), atol=1e-5, rtol=1e-5)
    assert (made.sample_rate, made.samples, made.left_out) == (RATE, SAMPLES, ())
    assert made.classes == (CLASSES["magnatagatune"] if head is not None else ())
    assert made.head.startswith("classifier" if head is not None else "none")


def test_a_real_export(plain, tmp_path):
    """As torch's own exporter writes it, where onnx is installed."""
    pytest.importorskip("onnx")
    file, network = tmp_path / "real.onnx", nn.Sequential(plain, linear_head()).eval()
    x = torch.randn(1, 1, SAMPLES)
    torch.onnx.export(network, (x,), str(file), input_names=["audio"], output_names=["representation"], dynamo=False)
    import_clmr(file, tmp_path / "model")
    with torch.no_grad():
        torch.testing.assert_close(load(tmp_path / "model").tower.project(x), network(x), atol=1e-5, rtol=1e-5)


def test_what_is_onnx(plain, tmp_path):
    assert is_onnx(write(tmp_path / "a", export(plain)))
    assert not is_onnx(write(tmp_path / "b", b"PK\x03\x04"))
    assert not is_onnx(write(tmp_path / "c", b""))
    assert not is_onnx(tmp_path / "absent")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_cut_files(kept, plain, tmp_path):
    whole = export(plain)
    with pytest.raises(ModelFileError, match="cannot be read as ONNX"):
        read_layers(write(tmp_path / "cut.onnx", whole[: int(kept * len(whole))]))


def test_every_byte_that_is_changed_is_refused_or_harmless(tmp_path):
    """Whatever the bytes are, there is an answer or an error of ours: never a crash."""
    values = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    whole = onnx_file(
        [node("Conv", ["audio", "w"], ["c"], strides=[3], pads=[0, 0])], [tensor("w", values)],
        takes=value_info("audio", [1, 1, 9]), gives=value_info("c", [1, 2, 3]),
    )  # fmt: skip
    for place in range(len(whole)):
        for flip in (0x01, 0x80) if place % 2 else (0xFF,):
            broken = bytearray(whole)
            broken[place] ^= flip
            with contextlib.suppress(ModelFileError):
                read_layers(write(tmp_path / "b.onnx", bytes(broken)))


def test_other_graphs_are_refused(plain, tmp_path):
    short = nn.Module()
    short.sequential = plain.sequential[:4]
    with pytest.raises(ModelFileError, match="4 convolutions"):
        onnx_state(write(tmp_path / "short.onnx", export(short)))
    with pytest.raises(ModelFileError, match="0 convolutions"):
        onnx_state(write(tmp_path / "empty.onnx", onnx_file([], [], takes=b"", gives=b"")))


def test_weights_in_another_file_are_refused(tmp_path):
    outside = tensor("w", np.zeros((1, 1, 3), np.float32)) + b"\x70\x01"  # data_location: EXTERNAL
    whole = onnx_file([node("Conv", ["audio", "w"], ["c"])], [outside], takes=b"", gives=b"")
    with pytest.raises(ModelFileError, match="another file"):
        read_layers(write(tmp_path / "out.onnx", whole))
