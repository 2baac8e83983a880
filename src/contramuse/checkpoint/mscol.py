"""MSCOL's (and COLA's) TensorFlow checkpoints as models of ours: EfficientNet-B0, and the head of the training.

Keras names the layers that have weights by their order, ``layer_with_weights-0``, ...; in
``embedding_model/layer_with_weights-0`` the encoder's: the input normalisation, the stem, sixteen blocks, the top. Then
come the dense layer and the layer normalisation of the head. What the optimiser kept, and the matrix of the bilinear
similarity, which embeddings do not need, are left out.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from contramuse.checkpoint.bundle import GRAPH, Bundle, prefix_of
from contramuse.checkpoint.foreign import Imported, State, fitted, save_imported
from contramuse.encoders.efficientnet import STAGES, EfficientNetB0
from contramuse.encoders.heads import NormTanh
from contramuse.errors import ModelFileError

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
ENCODER = re.compile(r"(?P<root>.*?)layer_with_weights-0/layer_with_weights-(?P<layer>\d+)/(?P<what>\w+)")
CLIP = 29.1
"""Seconds of the clips of MagnaTagATune, by whose level the published models' windows were divided."""
BANDS, WIDTH = 64, 1280
CONV = {"kernel": "weight"}
NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
SQUEEZE = {"kernel": "weight", "bias": "bias"}

Layer = tuple[str, dict[str, str]]
"""Our name of a layer, and Keras' names of its weights -> ours."""


def import_mscol(file: str | Path, out: str | Path) -> Imported:
    """Turn an MSCOL checkpoint into a model folder. TensorFlow is not needed.

    The frontend divides windows by the level that a clip of 29.1 s has on average, as far as the window tells it: the
    published models heard clips of that length, divided by their own level.

    Args:
        file: the checkpoint's name (``models/vocals/checkpoint-7``), or its ``.index`` or data file.
        out: folder of the model.

    Raises:
        ModelFileError: a file is absent, damaged or cut, or holds another network.
    """
    from contramuse.recipe import load_recipe

    prefix = prefix_of(file)
    if prefix is None:
        fix = "Give the name of the checkpoint, or its .index file; the data file lies beside it."
        raise ModelFileError("is no checkpoint of TensorFlow", name="checkpoint", value=file, fix=fix)
    bundle = Bundle(prefix)
    root, names = encoder_names(bundle)
    with torch.device("meta"):
        network = EfficientNetB0(bands=BANDS)
        plain_head = NormTanh(dim_in=WIDTH)
    encoder = fitted(
        {ours: turned(bundle[key]) for key, ours in names.items()}, network, prefix, name="EfficientNet-B0"
    )
    head_names = {f"{root}{key}{VALUE}": ours for key, ours in HEAD.items()}
    layers: State = {}
    if all(key in bundle.entries for key in head_names):
        layers = fitted({o: turned(bundle[k]) for k, o in head_names.items()}, plain_head, prefix, name="MSCOL's head")
    resolved = copy.deepcopy(load_recipe("mscol").resolved())
    tower = resolved["towers"][resolved["embed"]["tower"]]
    tower["frontend"] = {**tower["frontend"], "clip": CLIP}
    if not layers:
        tower["head"] = {"kind": "identity"}
    head = f"projector, 1 linear layer to {plain_head.dim}" if layers else "none"
    folder = save_imported(
        out, resolved=resolved, encoder=encoder, layers=layers, file=prefix, extra={"head": head, "from": "MSCOL"}
    )
    taken = {*names, *(head_names if layers else ()), "", GRAPH}
    rate: int = resolved["sample_rate"]
    left_out = tuple(key.removesuffix(VALUE) for key in bundle.entries if key not in taken)
    return Imported(folder, "EfficientNet-B0", rate, round(resolved["embed"]["window"] * rate), head, (), left_out)


HEAD = {
    "layer_with_weights-1/kernel": "linear.weight",
    "layer_with_weights-1/bias": "linear.bias",
    "layer_with_weights-2/gamma": "norm.weight",
    "layer_with_weights-2/beta": "norm.bias",
}
"""Keras' names of the head's weights -> ours."""


def layers() -> Iterator[Layer]:
    """The layers with weights of the encoder, in Keras' order."""
    yield "", {"mean": "mean", "variance": "variance", "count": "count"}
    yield "stem.0", CONV
    yield "stem.1", NORM
    for block, expands in enumerate(stage.expand != 1 for stage in STAGES for _ in range(stage.repeats)):
        if expands:
            yield f"blocks.{block}.expand.0", CONV
            yield f"blocks.{block}.expand.1", NORM
        yield f"blocks.{block}.depthwise.0", {"depthwise_kernel": "weight"}
        yield f"blocks.{block}.depthwise.1", NORM
        yield f"blocks.{block}.squeeze", SQUEEZE
        yield f"blocks.{block}.excite", SQUEEZE
        yield f"blocks.{block}.project.0", CONV
        yield f"blocks.{block}.project.1", NORM
    yield "top.0", CONV
    yield "top.1", NORM


def encoder_names(bundle: Bundle) -> tuple[str, dict[str, str]]:
    """What stands before the names of the network's layers, and the encoder's names in the checkpoint -> ours.

    Raises:
        ModelFileError: the checkpoint holds another network.
    """
    order, found, root = list(layers()), dict[str, str](), ""
    for key in bundle.entries:
        match = ENCODER.fullmatch(key.removesuffix(VALUE))
        if match is None or not key.endswith(VALUE):
            continue
        number, what, root = int(match["layer"]), match["what"], match["root"]
        if number >= len(order) or what not in order[number][1]:
            expected = "nothing" if number >= len(order) else f"{order[number][0]} ({', '.join(order[number][1])})"
            raise _other(bundle, f"layer {number} has {what}, {expected} is expected there")
        layer, names = order[number]
        found[key] = f"{layer}.{names[what]}".lstrip(".")
    if not found:
        raise _other(bundle, f"it holds {', '.join(list(bundle.entries)[:3])}, ...")
    return root, found


def _other(bundle: Bundle, problem: str) -> ModelFileError:
    return ModelFileError(
        f"is not MSCOL's network: {problem}", name="checkpoint", value=bundle.prefix,
        fix="Checkpoints of its pretraining can be imported, those of its downstream classifiers cannot.",
    )  # fmt: skip


def turned(value: Tensor) -> Tensor:
    """A weight with its axes as in PyTorch.

    Keras' images are [b frames bands c], ours [b c bands frames]: kernels [frames bands i o] become [o i bands frames]
    (of a convolution of each channel by itself, [frames bands c 1] become [c 1 bands frames]), [i o] becomes [o i].
    """
    if value.ndim == 4:
        single = value.shape[3] == 1
        return value.permute(2, 3, 1, 0).contiguous() if single else value.permute(3, 2, 1, 0).contiguous()
    return value.T.contiguous() if value.ndim == 2 else value
