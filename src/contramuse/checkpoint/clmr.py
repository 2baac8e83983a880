"""Published CLMR checkpoints, v1 and v2, as models of ours.

What they hold (weights only; nothing in them is ever run):

* v2, a Lightning file: ``state_dict["model.encoder.sequential.{block}.{0|1}.*"]`` with a second copy under
  ``encoder.*``, and the projector ``model.projector.{0,2}.weight``.
* v1, a plain dict: ``encoder.sequential.{block}.{0|1}.*`` or the older ``encoder.conv{block + 1}.{0|1}.*``, and
  ``projector.{0,2}.weight``.
* a head that was trained on the frozen encoder: ``model.0.*`` (and ``model.2.*``) in a Lightning file, or ``0.*``.
"""

from __future__ import annotations

import argparse
import copy
import math
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from contramuse.checkpoint.clmr_tags import CLASSES
from contramuse.encoders.sample_cnn import CHANNELS, STRIDES
from contramuse.errors import ModelFileError, UserError
from contramuse.files import stable_hash

State = dict[str, Tensor]
LAYER = re.compile(r"(?:sequential\.(\d+)|conv(\d+))\.([01])\.(\w+)")
ENCODER_PREFIXES = ("model.encoder.", "encoder.", "module.encoder.", "module.", "")
PROJECTOR_PREFIXES = ("model.projector.", "projector.", "module.projector.")
HEAD_PREFIXES = ("model.", "", "finetuner.")


# Lightning of CLMR's time stored the types of its settings and callbacks beside the weights. The weights-only reader
# refuses every type that it is not given; it binds these names to plain dicts: no code that they name is run.
STAND_INS: list[Any] = [
    (dict, "pytorch_lightning.utilities.parsing.AttributeDict"),
    (dict, "lightning.pytorch.utilities.parsing.AttributeDict"),
    (dict, "lightning_fabric.utilities.data.AttributeDict"),
    (dict, "lightning.fabric.utilities.data.AttributeDict"),
    (dict, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
    (dict, "pytorch_lightning.callbacks.early_stopping.EarlyStopping"),
    (argparse.Namespace, "argparse.Namespace"),
]


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Args:
        folder: the model.
        sample_rate: Hz.
        samples: of one window.
        head: what the model's head is, in words.
        classes: of the head's outputs, in order; empty for a projector.
        left_out: names of weights in the file that the model does not need.
    """

    folder: Path
    sample_rate: int
    samples: int
    head: str
    classes: tuple[str, ...]
    left_out: tuple[str, ...]


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
    from contramuse.checkpoint.model import save_model
    from contramuse.recipe import Recipe, load_recipe

    state = read_state(file)
    encoder = encoder_state(state, file)
    strides = [encoder[f"sequential.{block}.0.weight"].shape[2] for block in range(1, 10)]
    rate = _rate(strides, sample_rate)
    projector = _linear_layers(state, PROJECTOR_PREFIXES)
    layers = projector if head is None else _head_layers(head)
    names = _classes(layers, classes, head) if head is not None else ()
    resolved = _recipe(load_recipe("clmr").resolved(), strides, rate, layers)
    recipe = Recipe.from_resolved(resolved)
    towers = recipe.build_towers(sample_rate=rate)
    tower = recipe.embed.tower
    parts: Any = towers[tower]
    parts.encoder.load_state_dict(encoder)
    if layers:
        parts.head.load_state_dict(layers)
    described = _described(layers, head)
    extra: dict[str, Any] = {
        "imported_from": Path(file).name,
        "imported_hash": stable_hash(_fingerprint(encoder)),
        "head": described,
    }
    if names:
        extra |= {"classes": list(names), "activation": "sigmoid"}
    folder = save_model(
        out, towers=towers, tower=tower, recipe=recipe.resolved(), sample_rate=rate, extra=extra
    )  # fmt: skip
    return Imported(folder, rate, parts.encoder.samples, described, tuple(names), _left_out(state))


def read_state(file: str | Path) -> State:
    """The tensors of a checkpoint by name, read without unpickling anything but tensors and plain containers.

    Raises:
        ModelFileError: the file is absent, damaged, holds objects of classes, or holds no tensors.
    """
    path = Path(file)

    def refuse(problem: str, fix: str) -> ModelFileError:
        return ModelFileError(problem, name="checkpoint", value=path, fix=fix)

    if not path.is_file():
        raise refuse("there is no such file", "Give the .ckpt or .pt file that CLMR's README links to.")
    try:
        with torch.serialization.safe_globals(STAND_INS):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named is None:
            raise refuse(
                "is not a PyTorch checkpoint, or is damaged", "Download it again and compare its size."
            ) from None
        raise refuse(
            f"holds an object of {named.group(1)}, and to read such objects is to run code from the file",
            "If you trust its source, keep the weights alone where that package is installed, and import weights.pt: "
            f"python -c \"import torch; c = torch.load('{path.name}', weights_only=False); "
            "torch.save(c.get('state_dict', c), 'weights.pt')\".",
        ) from None
    except Exception as error:  # of bytes that are no checkpoint the reader raises whatever it stumbles on
        reason = str(error).splitlines()[0] if str(error) else "it is empty"
        raise refuse(
            f"is not a PyTorch checkpoint, or is damaged ({reason})", "Download it again and compare its size."
        ) from None
    inner = found.get("state_dict", found) if isinstance(found, dict) else found
    tensors = {k: v for k, v in inner.items() if isinstance(v, Tensor)} if isinstance(inner, dict) else {}
    if not tensors:
        raise refuse("holds no weights by name", "Give a checkpoint of CLMR (a state dict or a Lightning file).")
    return tensors


def encoder_state(state: Mapping[str, Tensor], file: str | Path) -> State:
    """SampleCNN's state from a checkpoint's, whatever layout it has.

    Raises:
        ModelFileError: no layout fits, or a layer is missing or has another shape.
    """
    for prefix in ENCODER_PREFIXES:
        found = {
            f"sequential.{int(m[1]) if m[1] else int(m[2]) - 1}.{m[3]}.{m[4]}": value.float()
            if m[4] != COUNT
            else value
            for key, value in state.items()
            if key.startswith(prefix) and (m := LAYER.fullmatch(key[len(prefix) :]))
        }
        if found:
            return _complete(found, file)
    raise ModelFileError(
        f"has no layers of CLMR's SampleCNN; it holds {', '.join(list(state)[:3])}, ...",
        name="checkpoint",
        value=file,
        fix="Give the checkpoint of a CLMR encoder; a head alone goes with --head.",
    )


COUNT = "num_batches_tracked"


def _complete(found: State, file: str | Path) -> State:
    """``found``, checked for every layer of SampleCNN; counts of batches, which old files lack, become 0."""
    problems: list[str] = []
    for block, channels in enumerate(CHANNELS):
        before = CHANNELS[block - 1] if block else 1
        found.setdefault(f"sequential.{block}.1.{COUNT}", torch.zeros((), dtype=torch.int64))
        weight = found.get(f"sequential.{block}.0.weight")
        if weight is None or weight.ndim != 3 or weight.shape[:2] != (channels, before):
            shape = "is missing" if weight is None else f"has shape {list(weight.shape)}"
            problems.append(f"the convolution of block {block} {shape}")
        for name in ("0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"):
            vector = found.get(f"sequential.{block}.{name}")
            if vector is None or vector.shape != (channels,):
                problems.append(f"{name} of block {block} is missing or has another size")
    if not problems and len(found) != 7 * len(CHANNELS):
        problems.append(f"there are {len(found)} tensors, {7 * len(CHANNELS)} are right")
    if problems:
        raise ModelFileError(
            f"is not CLMR's SampleCNN: {problems[0]}",
            name="checkpoint",
            value=file,
            fix="Only the encoder of eleven blocks with 128 to 512 channels can be imported.",
        )
    return found


def _linear_layers(state: Mapping[str, Tensor], prefixes: Sequence[str]) -> State:
    """The state of our MLP head from a stack Linear, ReLU, Linear, ...; empty where there is none."""
    for prefix in prefixes:
        own = {key[len(prefix) :]: value.float() for key, value in state.items() if key.startswith(prefix)}
        found = {key: v for key, v in own.items() if re.fullmatch(r"\d+\.(weight|bias)", key)}
        numbers = sorted({int(key.split(".")[0]) for key in found})
        chained = all(
            found[f"{a}.weight"].shape[0] == found[f"{b}.weight"].shape[1]
            for a, b in pairwise(numbers)
            if f"{a}.weight" in found and f"{b}.weight" in found
        )
        whole = numbers == list(range(0, 2 * len(numbers), 2)) and all(
            f"{n}.weight" in found and found[f"{n}.weight"].ndim == 2 for n in numbers
        )
        if numbers and whole and chained and found["0.weight"].shape[1] == CHANNELS[-1]:
            return {f"layers.{key}": value for key, value in found.items()}
    return {}


def _head_layers(head: str | Path) -> State:
    layers = _linear_layers(read_state(head), HEAD_PREFIXES)
    if not layers:
        raise ModelFileError(
            "is not a head of CLMR",
            name="--head",
            value=head,
            fix="Give the checkpoint that its linear evaluation wrote: one or two linear layers on 512 numbers.",
        )
    return layers


def _rate(strides: list[int], given: int | None) -> int:
    known: dict[tuple[int, ...], int] = {own: rate for rate, own in STRIDES.items()}
    if given is not None:
        return given
    if tuple(strides) in known:
        return known[tuple(strides)]
    raise UserError(
        "these strides belong to no rate that CLMR published",
        name="strides",
        value=strides,
        fix="Give the rate that it was trained at with --sample-rate.",
    )


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
    tower["head"] = {"kind": "identity"}
    if layers:
        weights = [value for name, value in layers.items() if name.endswith("weight")]
        tower["head"] = {
            "kind": "mlp",
            "out": weights[-1].shape[0],
            "layers": len(weights),
            "hidden": weights[0].shape[0] if len(weights) > 1 else None,
            "norm": "none",
            "bias": "all" if any(name.endswith("bias") for name in layers) else "none",
        }
    resolved["sample_rate"] = rate
    for view in resolved["views"].values():
        view["take"]["seconds"] = samples / rate
    resolved["embed"] |= {"window": samples / rate, "hop": samples / rate}
    return resolved


def _described(layers: State, head: str | Path | None) -> str:
    if not layers:
        return "none"
    count = sum(name.endswith("weight") for name in layers)
    kind = "projector" if head is None else "classifier"
    return f"{kind}, {count} linear layer{'s' if count > 1 else ''} to {list(layers.values())[-1].shape[0]}"


def _fingerprint(encoder: State) -> list[Any]:
    return [[name, list(value.shape), float(value.double().sum())] for name, value in sorted(encoder.items())]


def _left_out(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    known = re.compile(r"(.*\.)?((sequential\.\d+|conv\d+)\.[01]\.\w+|projector\.\d+\.\w+)")
    return tuple(name for name in state if not known.fullmatch(name))
