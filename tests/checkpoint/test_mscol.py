"""MSCOL's checkpoints with Keras' names, shapes and axes; and the network against loops in Keras' order of axes."""

import numpy as np
import pytest
import torch

from contramuse.checkpoint import bundle, mscol
from contramuse.checkpoint.model import load
from contramuse.errors import ModelFileError
from miniproto import write_checkpoint

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
ROOT = "embedding_model/"
# Keras' table of EfficientNet-B0: kernel, repeats, channels in, channels out, expansion; stride of the first.
BLOCKS = [
    (3, 1, 32, 16, 1, 1), (3, 2, 16, 24, 6, 2), (5, 2, 24, 40, 6, 2), (3, 3, 40, 80, 6, 2), (5, 3, 80, 112, 6, 1),
    (5, 4, 112, 192, 6, 2), (3, 1, 192, 320, 6, 1),
]  # fmt: skip


def keras_layers():
    """Name and shapes of the weights of every layer with weights, in Keras' order."""

    def norm(name, channels):
        return name, dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (channels,))

    yield "normalization", {"mean": (1,), "variance": (1,), "count": ()}
    yield "stem_conv", {"kernel": (3, 3, 1, 32)}
    yield norm("stem_bn", 32)
    for stage, (kernel, repeats, before, after, expand, _) in enumerate(BLOCKS):
        for repeat in range(repeats):
            name, source = f"block{stage + 1}{chr(97 + repeat)}_", after if repeat else before
            inside, squeezed = source * expand, max(1, source // 4)
            if expand != 1:
                yield f"{name}expand_conv", {"kernel": (1, 1, source, inside)}
                yield norm(f"{name}expand_bn", inside)
            yield f"{name}dwconv", {"depthwise_kernel": (kernel, kernel, inside, 1)}
            yield norm(f"{name}bn", inside)
            yield f"{name}se_reduce", {"kernel": (1, 1, inside, squeezed), "bias": (squeezed,)}
            yield f"{name}se_expand", {"kernel": (1, 1, squeezed, inside), "bias": (inside,)}
            yield f"{name}project_conv", {"kernel": (1, 1, inside, after)}
            yield norm(f"{name}project_bn", after)
    yield "top_conv", {"kernel": (1, 1, 320, 1280)}
    yield norm("top_bn", 1280)


@pytest.fixture(scope="module")
def keras():
    """Weights by Keras' names of layers: ``keras["stem_conv"]["kernel"]``."""
    rng = np.random.default_rng(0)

    def drawn(part, shape):
        if part == "count":
            return np.array(0, np.int64)
        scale = max(1, np.prod(shape[:-1])) ** -0.5 if len(shape) > 1 else 0.1
        value = rng.normal(0, scale, shape).astype(np.float32)
        return np.abs(value) + np.float32(0.5) if part in ("variance", "moving_variance", "gamma") else value

    layers = {name: {part: drawn(part, shape) for part, shape in parts.items()} for name, parts in keras_layers()}
    layers["dense"] = {"kernel": drawn("kernel", (1280, 512)), "bias": drawn("bias", (512,))}
    layers["layer_normalization"] = {"gamma": drawn("gamma", (512,)), "beta": drawn("beta", (512,))}
    layers["bilinear"] = {"kernel": drawn("kernel", (512, 512))}
    return layers


def stored(keras, root=ROOT):
    """What the checkpoint holds, slots of the optimiser and all."""
    values = {}
    places = {"dense": "layer_with_weights-1", "layer_normalization": "layer_with_weights-2"}
    for number, (name, parts) in enumerate(keras.items()):
        place = places.get(name, f"layer_with_weights-0/layer_with_weights-{number}")
        for part, value in parts.items():
            key = "_similarity_layer/bilinear_product_weight" if name == "bilinear" else f"{root}{place}/{part}"
            values[f"{key}{VALUE}"] = value
    for slot in "mv":
        key = f"{root}layer_with_weights-0/layer_with_weights-1/kernel/.OPTIMIZER_SLOT/optimizer/{slot}"
        values[f"{key}{VALUE}"] = np.zeros((3, 3, 1, 32), np.float32)
    values[f"optimizer/iter{VALUE}"] = np.array(640000, np.int64)
    values[f"save_counter{VALUE}"] = np.array(7, np.int64)
    return values


@pytest.fixture(scope="module")
def prefix(keras, tmp_path_factory):
    path = tmp_path_factory.mktemp("vocals") / "checkpoint-7"
    write_checkpoint(path, stored(keras), checksum=bundle.crc32c)
    return path


@pytest.fixture(scope="module")
def made(prefix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "model"
    return mscol.import_mscol(prefix, folder), load(folder)


def test_what_is_made(made):
    imported, model = made
    assert (imported.encoder, imported.sample_rate, imported.samples) == ("EfficientNet-B0", 16000, 15920)
    assert imported.head == "projector, 1 linear layer to 512"
    assert "_similarity_layer/bilinear_product_weight" in imported.left_out
    assert len(imported.left_out) == 5
    assert (model.dim, model.tower.frontend.clip) == (1280, round(29.1 * 16000))
    assert model.info["parameters"] == 4_006_972


def convolve(x, kernel, stride=1):
    """In loops: x [frames bands c], kernel [frames bands c o]; Keras pads an unknown or even size one side less."""
    k = kernel.shape[0]
    sides = (k // 2, k // 2) if stride == 1 else (k // 2 - 1, k // 2)
    x = np.pad(x, (sides, sides, (0, 0)))
    rows = range(0, x.shape[0] - k + 1, stride)
    columns = range(0, x.shape[1] - k + 1, stride)
    return np.array([[np.einsum("ijc,ijco->o", x[r : r + k, c : c + k], kernel) for c in columns] for r in rows])


def convolve_each(x, kernel, stride=1):
    channels = [convolve(x[:, :, c : c + 1], kernel[:, :, c : c + 1], stride)[..., 0] for c in range(x.shape[2])]
    return np.stack(channels, axis=2)


def normalise(x, layer):
    return (x - layer["moving_mean"]) / np.sqrt(layer["moving_variance"] + 1e-3) * layer["gamma"] + layer["beta"]


def swish(x):
    return x / (1 + np.exp(-x))


def block(x, keras, name, *, stride):
    """One block as Keras builds it, x [frames bands c]."""
    h = x
    if f"{name}expand_conv" in keras:
        h = swish(normalise(convolve(h, keras[f"{name}expand_conv"]["kernel"]), keras[f"{name}expand_bn"]))
    h = convolve_each(h, keras[f"{name}dwconv"]["depthwise_kernel"], stride)
    h = swish(normalise(h, keras[f"{name}bn"]))
    reduce, expand = keras[f"{name}se_reduce"], keras[f"{name}se_expand"]
    weights = swish(h.mean((0, 1)) @ reduce["kernel"][0, 0] + reduce["bias"])
    h = h / (1 + np.exp(-(weights @ expand["kernel"][0, 0] + expand["bias"])))
    h = normalise(convolve(h, keras[f"{name}project_conv"]["kernel"]), keras[f"{name}project_bn"])
    return x + h if h.shape == x.shape else h


@pytest.mark.parametrize(
    ("number", "name", "stride", "channels"),
    [(0, "block1a_", 1, 32), (1, "block2a_", 2, 16), (2, "block2b_", 1, 24), (3, "block3a_", 2, 24)],
)
def test_a_block_is_keras(number, name, stride, channels, made, keras):
    """Frames and bands are not exchanged, depthwise kernels are not turned over, and the order of layers is right."""
    x = np.random.default_rng(1).normal(size=(6, 8, channels))
    wanted = block(x, keras, name, stride=stride)
    with torch.no_grad():
        image = torch.from_numpy(x).float().permute(2, 1, 0)[None]  # [1 c bands frames]
        found = made[1].tower.encoder.blocks[number](image, None)[0].permute(2, 1, 0).numpy()
    assert np.allclose(found, wanted, atol=1e-4)


def test_stem_and_head_are_keras(made, keras):
    model = made[1]
    x = np.random.default_rng(2).normal(size=(8, 10, 1))
    normal = keras["normalization"]
    wanted = (x / 255 - normal["mean"]) / np.sqrt(normal["variance"])
    wanted = swish(normalise(convolve(wanted, keras["stem_conv"]["kernel"], 2), keras["stem_bn"]))
    encoder = model.tower.encoder
    with torch.no_grad():
        image = torch.from_numpy(x).float().permute(2, 1, 0)[None]
        found = encoder.stem((image * encoder.scale - encoder.mean) / encoder.variance.sqrt())[0].permute(2, 1, 0)
    assert np.allclose(found.numpy(), wanted, atol=1e-5)
    h = np.random.default_rng(3).normal(size=(2, 1280)).astype(np.float32)
    z = h @ keras["dense"]["kernel"] + keras["dense"]["bias"]
    z = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-3)
    wanted = np.tanh(z * keras["layer_normalization"]["gamma"] + keras["layer_normalization"]["beta"])
    with torch.no_grad():
        assert np.allclose(model.tower.head(torch.from_numpy(h)).numpy(), wanted, atol=1e-4)


def test_every_weight_is_in_its_place(made, keras):
    """The sum of each tensor, which no turn changes, in Keras' order."""
    state = made[1].tower.encoder.state_dict()
    ours = [f"{layer}.{name}".lstrip(".") for layer, parts in mscol.layers() for name in parts.values()]
    theirs = [value for name, _ in keras_layers() for value in keras[name].values()]
    assert len(ours) == len(theirs)
    sums = [
        (float(state[name].double().sum()), float(np.float64(value).sum()))
        for name, value in zip(ours, theirs, strict=True)
    ]
    for found, wanted in sums:
        assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.slow
def test_saved_inside_another_object_or_without_a_head(keras, tmp_path):
    alone = {key: value for key, value in stored(keras, "model/embedding_model/").items() if "-1/bias" not in key}
    write_checkpoint(tmp_path / "c", alone, checksum=bundle.crc32c)
    made = mscol.import_mscol(tmp_path / "c.index", tmp_path / "model")
    assert made.head == "none"
    assert load(tmp_path / "model").tower.head.dim == 1280


def test_other_networks(keras, tmp_path):
    write_checkpoint(tmp_path / "a", {f"layer_with_weights-0/kernel{VALUE}": np.zeros((2, 2), np.float32)})
    with pytest.raises(ModelFileError, match=r"is not MSCOL's network: it holds .*layer_with_weights-0/kernel"):
        mscol.import_mscol(tmp_path / "a", tmp_path / "model")
    name = f"{ROOT}layer_with_weights-0/layer_with_weights-0/"
    write_checkpoint(tmp_path / "b", {f"{name}kernel{VALUE}": np.zeros((2, 2), np.float32)})
    with pytest.raises(ModelFileError, match="layer 0 has kernel"):
        mscol.import_mscol(tmp_path / "b", tmp_path / "model")
    write_checkpoint(tmp_path / "d", {f"{name}mean{VALUE}": np.zeros(3, np.float32)})
    with pytest.raises(ModelFileError, match="is not EfficientNet-B0 as published"):
        mscol.import_mscol(tmp_path / "d", tmp_path / "model")
    with pytest.raises(ModelFileError, match="no checkpoint of TensorFlow"):
        mscol.import_mscol(tmp_path / "absent", tmp_path / "model")
    assert not (tmp_path / "model").exists()
