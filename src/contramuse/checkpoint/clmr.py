"""Published CLMR checkpoints, v1 and v2, as models of ours.

What they hold (weights only; nothing in them is ever run):

* v2, a Lightning file: ``state_dict["model.encoder.sequential.{block}.{0|1}.*"]`` with a second copy under
  ``encoder.*``, and the projector ``model.projector.{0,2}.weight``.
* v1, a plain dict: ``encoder.sequential.{block}.{0|1}.*`` or the older ``encoder.conv{block + 1}.{0|1}.*``, and
  ``projector.{0,2}.weight``.
* a head that was trained on the frozen encoder: ``model.0.*`` (and ``model.2.*``) in a Lightning file, or ``0.*``.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from contramuse.checkpoint.clmr_tags import CLASSES
from contramuse.checkpoint.foreign import (
    Imported,
    State,
    head_in_words,
    head_settings,
    linear_layers,
    rate_of,
    read_state,
    sample_cnn_state,
    save_imported,
)
from contramuse.errors import ModelFileError, UserError

ENCODER_PREFIXES = ("model.encoder.", "encoder.", "module.encoder.", "module.", "")
PROJECTOR_PREFIXES = ("model.projector.", "projector.", "module.projector.")
HEAD_PREFIXES = ("model.", "", "finetuner.")


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
        file: the encoder's checkpoint (``.ckpt`` or ``.pt``).
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

    state = read_state(file)
    encoder = sample_cnn_state(state, file, prefixes=ENCODER_PREFIXES)
    strides = [encoder[f"sequential.{block}.0.weight"].shape[2] for block in range(1, 10)]
    rate = rate_of(strides, sample_rate)
    projector = linear_layers(state, PROJECTOR_PREFIXES)
    layers = projector if head is None else _head_layers(head)
    names = _classes(layers, classes, head) if head is not None else ()
    described = head_in_words(layers, "projector" if head is None else "classifier")
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


def _classes(layers: State, classes: str | Sequence[str] | None, head: str | Path) -> tuple[str, ...]:
    outputs = list(layers.values())[-1].shape[0]
    if classes is None:
        fitting = [names for names in CLASSES.values() if len(names) == outputs]
        return fitting[0] if fitting else tuple(f"class {n}" for n in range(outputs))
    if isinstance(classes, str) and classes not in CLASSES:
        raise UserError(
            "is not a data set with a known order of classes",
            name="classes",
            value=classes,
            fix=f"Write one of {', '.join(CLASSES)}, or a file with one name per line.",
        )
    names = CLASSES[classes] if isinstance(classes, str) else tuple(classes)
    if len(names) != outputs:
        raise UserError(
            f"there are {len(names)} names and the head has {outputs} outputs",
            name="classes",
            value=str(head),
            fix="Name the data set that the head was trained on, or give a file with one name per line.",
        )
    return names


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
    known = re.compile(r"(.*\.)?((sequential\.\d+|conv\d+)\.[01]\.\w+|projector\.\d+\.\w+)")
    return tuple(name for name in state if not known.fullmatch(name))
