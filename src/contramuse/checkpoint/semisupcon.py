"""SemiSupCon's Lightning checkpoints as models of ours.

What they hold (weights only; nothing in them is ever run):

* of pretraining: ``encoder.*`` and the projector ``proj_head.{0,2}.weight``;
* of fine-tuning: the same under ``semisupcon.``, and the classifier ``head.{0,2}.weight``, or ``head.weight``.

The encoder is SampleCNN (``sequential.{block}.{0 convolution | 1 norm}.*``) or TUNe+ (``conv1`` to ``conv9``,
``convDown1`` to ``convDown9``, each ``.layers.{0 | 1}.*``, and ``transposedConv6`` to ``transposedConv9``).
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

from contramuse.checkpoint.foreign import (
    COUNT,
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
from contramuse.encoders.sample_cnn import STRIDES
from contramuse.encoders.tune_plus import TunePlus
from contramuse.errors import ModelFileError, UserError
from contramuse.views import samples_of

ENCODER_PREFIXES = ("semisupcon.encoder.", "encoder.", "")
PROJECTOR_PREFIXES = ("semisupcon.proj_head.", "proj_head.")
RATE = 22050
BLOCK = re.compile(r"(conv|convDown)([1-9])\.layers\.([01])\.(\w+)")
UP = re.compile(r"transposedConv([6-9])\.(weight|bias)")


def import_semisupcon(
    file: str | Path, out: str | Path, *, classes: Sequence[str] | None = None, sample_rate: int | None = None
) -> Imported:
    """Turn a SemiSupCon checkpoint into a model folder.

    The model's head is the classifier where the checkpoint has one, else the projector.

    Args:
        file: the checkpoint (``.ckpt``).
        out: folder of the model.
        classes: names of the classifier's outputs in order; None calls them "class 0", "class 1", ... (the checkpoint
            does not say them).
        sample_rate: Hz; None takes that of SampleCNN's strides, and 22,050 for TUNe+.

    Raises:
        ModelFileError: the file is absent, damaged, needs unpickling, or is not SemiSupCon's.
        UserError: the classes do not fit the classifier, or the strides belong to no known rate.
    """
    from contramuse.recipe import load_recipe

    state = read_state(file)
    resolved = copy.deepcopy(load_recipe("semisupcon").resolved())
    tower = resolved["towers"][resolved["embed"]["tower"]]
    if (encoder := tune_plus_state(state, file)) is not None:
        tower["encoder"] = {"kind": "tune_plus", "channels": encoder["blocks.0.0.weight"].shape[0]}
        rate = sample_rate or RATE
    else:
        encoder = sample_cnn_state(state, file, prefixes=ENCODER_PREFIXES)
        strides = [encoder[f"sequential.{block}.0.weight"].shape[2] for block in range(1, 10)]
        tower["encoder"]["strides"], rate = strides, rate_of(strides, sample_rate)
        if tuple(strides) != STRIDES[RATE]:  # 2.7 s, as in training, are a little more than these read
            _set_window(resolved, 3 * math.prod(strides) / rate)
    classifier = linear_layers(_numbered(state), ("head.",))
    layers = classifier or linear_layers(state, PROJECTOR_PREFIXES)
    names = _names(classifier, classes)
    tower["head"], resolved["sample_rate"] = head_settings(layers), rate
    described = head_in_words(layers, "classifier" if classifier else "projector")
    folder = save_imported(
        out, resolved=resolved, encoder=encoder, layers=layers, file=file,
        extra={"head": described, **({"classes": list(names)} if names else {})},
    )  # fmt: skip
    samples = samples_of(resolved["embed"]["window"], sample_rate=rate)
    left_out = _left_out(state, heads="head" if classifier else "proj")
    name = "TUNe+" if tower["encoder"]["kind"] == "tune_plus" else "SampleCNN"
    return Imported(folder, name, rate, samples, described, names, left_out)


def _set_window(resolved: dict[str, Any], seconds: float) -> None:
    for view in resolved["views"].values():
        view["take"]["seconds"] = seconds
    resolved["embed"] |= {"window": seconds, "hop": seconds}


def tune_plus_state(state: Mapping[str, Tensor], file: str | Path) -> State | None:
    """TUNe+'s state from a checkpoint's; None where it holds another encoder.

    Raises:
        ModelFileError: a layer is missing or has another shape.
    """
    for prefix in ENCODER_PREFIXES:
        own = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
        found = {name: own[key] for key in own if (name := _renamed(key))}
        if found:
            break
    else:
        return None
    first = found.get("blocks.0.0.weight")
    channels = first.shape[0] if first is not None and first.ndim == 3 else 11
    with torch.device("meta"):
        wanted = TunePlus(bands=1, channels=channels).state_dict()
    for name in wanted:
        if name.endswith(COUNT):
            found.setdefault(name, torch.zeros((), dtype=torch.int64))
    wrong = [name for name, value in wanted.items() if name not in found or found[name].shape != value.shape]
    wrong += sorted(found.keys() - wanted.keys())
    if wrong:
        raise ModelFileError(
            f"is not TUNe+ as published: {wrong[0]} is missing, more than there is, or has another shape",
            name="checkpoint", value=file, fix="Only the network of eighteen blocks can be imported.",
        )  # fmt: skip
    return {name: value if name.endswith(COUNT) else value.float() for name, value in found.items()}


def _renamed(key: str) -> str:
    """A layer of TUNe+ as ours is called; "" for what is none."""
    if block := BLOCK.fullmatch(key):
        number = int(block[2]) + (8 if block[1] == "convDown" else -1)
        return f"blocks.{number}.{block[3]}.{block[4]}"
    up = UP.fullmatch(key)
    return f"ups.{int(up[1]) - 6}.{up[2]}" if up else ""


def _numbered(state: Mapping[str, Tensor]) -> State:
    """A classifier of one layer called as the first of several."""
    return {re.sub(r"^head\.(weight|bias)$", r"head.0.\1", key): value for key, value in state.items()}


def _names(classifier: State, classes: Sequence[str] | None) -> tuple[str, ...]:
    if not classifier:
        if classes is not None:
            fix = "Leave them out, or give a checkpoint of fine-tuning."
            raise UserError("there is no classifier in the checkpoint", name="classes", fix=fix)
        return ()
    outputs = [value for name, value in classifier.items() if name.endswith("weight")][-1].shape[0]
    return named_classes(classes, outputs)


def _left_out(state: Mapping[str, Tensor], *, heads: str) -> tuple[str, ...]:
    encoder = r"(conv|convDown)\d\.layers\.[01]\.\w+|transposedConv\d\.\w+|(sequential\.\d+|conv\d+)\.[01]\.\w+"
    head = {"head": r"head\.(\d\.)?\w+", "proj": r"(semisupcon\.)?proj_head\.\d\.\w+"}[heads]
    known = re.compile(rf"(semisupcon\.)?(encoder\.)?({encoder})|{head}")
    return tuple(name for name in state if not known.fullmatch(name))
