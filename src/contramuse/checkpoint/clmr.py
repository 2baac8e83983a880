"""Published CLMR checkpoints, v1 and v2, as models of ours.

What they hold (weights only; nothing in them is ever run):

* v2, a Lightning file: ``state_dict["model.encoder.sequential.{block}.{0|1}.*"]`` with a second copy under
  ``encoder.*``, and the projector ``model.projector.{0,2}.weight``.
* v1, a plain dict: ``encoder.sequential.{block}.{0|1}.*`` or the older ``encoder.conv{block + 1}.{0|1}.*``, and
  ``projector.{0,2}.weight``.
* ONNX, as ``export.py`` wrote it: the encoder, and its classifier in ``clmr_sample-cnn.onnx``; found by the graph,
  since names and batch normalisations do not survive an export.
* a head that was trained on the frozen encoder: ``model.0.*`` (and ``model.2.*``) in a Lightning file, or ``0.*``.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from contramuse.checkpoint.clmr_tags import CLASSES
from contramuse.checkpoint.foreign import (
    Imported,
    State,
    head_in_words,
    head_settings,
    linear_layers,
    named_classes,
    rate_of,
    read_state,
    sample_cnn_state,
    save_imported,
)
from contramuse.checkpoint.onnx_file import Layer, is_onnx, read_layers
from contramuse.encoders.sample_cnn import CHANNELS
from contramuse.errors import ModelFileError, UserError

ENCODER_PREFIXES = ("model.encoder.", "encoder.", "module.encoder.", "module.", "")
PROJECTOR_PREFIXES = ("model.projector.", "projector.", "module.projector.")
HEAD_PREFIXES = ("model.", "", "finetuner.")
EXPORTED_HEAD = ("exported.",)
EPSILON = 1e-5
"""Added to variances by the batch normalisations of the network."""


def import_clmr(
    file: str | Path,
    out: str | Path,
    *,
    head: str | Path | None = None,
    classes: str | Sequence[str] | None = None,
    sample_rate: int | None = None,
) -> Imported:
    """Turn a CLMR checkpoint into a model folder.

    The model's head is the checkpoint's projector or, with ``head``, the classifier of that file: then
    ``torch.sigmoid(model.tower.project(x))`` are the chances of ``model.info["extra"]["classes"]``.

    Args:
        file: the encoder's checkpoint (``.ckpt`` or ``.pt``), or its export (``.onnx``), whose classifier, where it
            has one, becomes the head.
        out: folder of the model.
        head: checkpoint of a linear or one-hidden-layer head on that encoder.
        classes: names of the head's outputs in order, or the data set that it was trained on: "magnatagatune", "msd"
            or "gtzan"; None takes the only, or the first, of these with as many outputs.
        sample_rate: Hz; None takes that of the strides (22,050, 16,000 or 8,000).

    Raises:
        ModelFileError: a file is absent, damaged, needs unpickling, or is not CLMR's.
        UserError: the classes do not fit the head, or the strides belong to no known rate.
    """
    from contramuse.recipe import load_recipe

    exported = is_onnx(file)
    state = onnx_state(file) if exported else read_state(file)
    encoder = sample_cnn_state(state, file, prefixes=ENCODER_PREFIXES)
    strides = [encoder[f"sequential.{block}.0.weight"].shape[2] for block in range(1, 10)]
    rate = rate_of(strides, sample_rate)
    layers = linear_layers(state, EXPORTED_HEAD if exported else PROJECTOR_PREFIXES)
    if head is not None:
        layers = _head_layers(head)
    classifies = bool(layers) and (exported or head is not None)
    names = _classes(layers, classes) if classifies else ()
    described = head_in_words(layers, "classifier" if classifies else "projector")
    extra: dict[str, Any] = {"head": described}
    if names:
        extra |= {"classes": list(names), "activation": "sigmoid"}
    folder = save_imported(
        out, resolved=_recipe(load_recipe("clmr").resolved(), strides, rate, layers), encoder=encoder, layers=layers,
        file=file, extra=extra,
    )  # fmt: skip
    return Imported(folder, "SampleCNN", rate, 3 * math.prod(strides), described, tuple(names), _left_out(state))


def _head_layers(head: str | Path) -> State:
    layers = linear_layers(read_state(head), HEAD_PREFIXES)
    if not layers:
        raise ModelFileError(
            "is not a head of CLMR",
            name="--head",
            value=head,
            fix="Give the checkpoint that its linear evaluation wrote: one or two linear layers on 512 numbers.",
        )
    return layers


def onnx_state(file: str | Path) -> State:
    """The weights of an exported CLMR by the names of its checkpoints, the classifier's under ``exported.``.

    Where the export folded batch normalisations into the convolutions, they become the identity.

    Raises:
        ModelFileError: the file is damaged, or its graph is not that of SampleCNN with or without a classifier.
    """
    found = read_layers(file)
    convolutions = [layer for layer in found if layer.kind == "conv"]
    linear = found[len(convolutions) :]
    shapes = [(tuple(layer.weight.shape[:1]), layer.strides, layer.pads) for layer in convolutions]
    wanted = [((c,), (1,), (1, 1)) if block else ((c,), (3,), (0, 0)) for block, c in enumerate(CHANNELS)]
    if shapes != wanted or any(layer.kind != "linear" for layer in linear) or len(linear) > 2:
        raise ModelFileError(
            f"is not SampleCNN as CLMR exported it: it has {len(convolutions)} convolutions of other shapes",
            name="checkpoint", value=file, fix="Only exports of the encoder of eleven blocks can be imported.",
        )  # fmt: skip
    state: State = {}
    for block, layer in enumerate(convolutions):
        state |= _exported_block(layer, f"encoder.sequential.{block}")
    biased = any(layer.bias is not None for layer in linear)
    for place, layer in enumerate(linear):
        state[f"{EXPORTED_HEAD[0]}{2 * place}.weight"] = layer.weight
        if biased:
            bias = torch.zeros(len(layer.weight)) if layer.bias is None else layer.bias
            state[f"{EXPORTED_HEAD[0]}{2 * place}.bias"] = bias
    return state


def _exported_block(layer: Layer, name: str) -> State:
    """Convolution and batch normalisation of a block, of whose variance the published network's epsilon is 1e-5."""
    channels = len(layer.weight)
    norm = layer.norm
    if norm is None:  # folded
        one, zero = torch.ones(channels), torch.zeros(channels)
        norm = torch.stack([one, zero, zero, one - EPSILON])
    elif layer.epsilon != EPSILON:
        norm = torch.cat([norm[:3], norm[3:] + (layer.epsilon - EPSILON)])
    bias = torch.zeros(channels) if layer.bias is None else layer.bias
    names = ("1.weight", "1.bias", "1.running_mean", "1.running_var")
    return {
        f"{name}.0.weight": layer.weight, f"{name}.0.bias": bias,
        **{f"{name}.{part}": value for part, value in zip(names, norm, strict=True)},
    }  # fmt: skip


def _classes(layers: State, classes: str | Sequence[str] | None) -> tuple[str, ...]:
    outputs = [value for name, value in layers.items() if name.endswith("weight")][-1].shape[0]
    if classes is None:
        fitting = [names for names in CLASSES.values() if len(names) == outputs]
        return fitting[0] if fitting else named_classes(None, outputs)
    if isinstance(classes, str) and classes not in CLASSES:
        raise UserError(
            "is not a data set with a known order of classes",
            name="classes",
            value=classes,
            fix=f"Write one of {', '.join(CLASSES)}, or a file with one name per line.",
        )
    return named_classes(CLASSES[classes] if isinstance(classes, str) else classes, outputs)


def _recipe(resolved: dict[str, Any], strides: list[int], rate: int, layers: State) -> dict[str, Any]:
    """The recipe ``clmr`` with the checkpoint's strides, rate, window and head."""
    resolved = copy.deepcopy(resolved)
    samples = 3 * math.prod(strides)
    tower = resolved["towers"][resolved["embed"]["tower"]]
    tower["encoder"]["strides"] = strides
    tower["head"] = head_settings(layers)
    resolved["sample_rate"] = rate
    for view in resolved["views"].values():
        view["take"]["seconds"] = samples / rate
    resolved["embed"] |= {"window": samples / rate, "hop": samples / rate}
    return resolved


def _left_out(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    known = re.compile(r"(.*\.)?((sequential\.\d+|conv\d+)\.[01]\.\w+|projector\.\d+\.\w+|exported\.\d\.\w+)")
    return tuple(name for name in state if not known.fullmatch(name))
