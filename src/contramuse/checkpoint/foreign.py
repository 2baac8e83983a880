"""What imports share: reading foreign files safely, SampleCNN's layers, heads, and writing a model of ours."""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from contramuse.encoders.sample_cnn import CHANNELS, STRIDES
from contramuse.errors import ModelFileError, UserError
from contramuse.files import stable_hash

State = dict[str, Tensor]
COUNT = "num_batches_tracked"
LAYER = re.compile(r"(?:sequential\.(\d+)|conv(\d+))\.([01])\.(\w+)")

# Lightning of those years stored the types of its settings and callbacks beside the weights. The weights-only reader
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
        encoder: its name.
        sample_rate: Hz.
        samples: of one window.
        head: what the model's head is, in words.
        classes: of the head's outputs, in order; empty for a projector.
        left_out: names of weights in the file that the model does not need.
    """

    folder: Path
    encoder: str
    sample_rate: int
    samples: int
    head: str
    classes: tuple[str, ...]
    left_out: tuple[str, ...]


def read_state(file: str | Path) -> State:
    """The tensors of a checkpoint by name, read without unpickling anything but tensors and plain containers.

    Raises:
        ModelFileError: the file is absent, damaged, holds objects of classes, or holds no tensors.
    """
    path = Path(file)

    def refuse(problem: str, fix: str) -> ModelFileError:
        return ModelFileError(problem, name="checkpoint", value=path, fix=fix)

    if not path.is_file():
        raise refuse("there is no such file", "Check the path of the .ckpt or .pt file.")
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
        raise refuse("holds no weights by name", "Give a state dict, or a file that Lightning wrote.")
    return tensors


def sample_cnn_state(state: Mapping[str, Tensor], file: str | Path, *, prefixes: Sequence[str]) -> State:
    """SampleCNN's state from a checkpoint's.

    Args:
        state: of the checkpoint.
        file: it was read from.
        prefixes: of the encoder's names, the first that fits is taken.

    Raises:
        ModelFileError: no layout fits, or a layer is missing or has another shape.
    """
    for prefix in prefixes:
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
        f"has no layers of SampleCNN; it holds {', '.join(list(state)[:3])}, ...",
        name="checkpoint",
        value=file,
        fix="Give the checkpoint of an encoder; CLMR's heads, which are alone in a file, go with --head.",
    )


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
            f"is not SampleCNN as published: {problems[0]}",
            name="checkpoint",
            value=file,
            fix="Only the encoder of eleven blocks with 128 to 512 channels can be imported.",
        )
    return found


def fitted(found: Mapping[str, Tensor], module: nn.Module, file: str | Path, *, name: str) -> State:
    """``found``, checked to be a state of ``module``; counts of batches, which old files lack, become 0.

    Args:
        found: weights by the names of ours.
        module: it may be on the meta device.
        file: they were read from.
        name: of the network, for people.

    Raises:
        ModelFileError: weights are missing, more than there are, or have another shape.
    """
    wanted = module.state_dict()
    whole = {key: torch.zeros((), dtype=torch.int64) for key in wanted if key.endswith(COUNT)} | dict(found)
    wrong = [f"{key} is missing" for key in wanted if key not in whole]
    wrong += [f"{key} is more than there is" for key in sorted(whole.keys() - wanted.keys())]
    wrong += [
        f"{key} has shape {list(whole[key].shape)}, {list(value.shape)} is right"
        for key, value in wanted.items()
        if key in whole and whole[key].shape != value.shape
    ]
    if wrong:
        raise ModelFileError(
            f"is not {name} as published: {wrong[0]}{f', and {len(wrong) - 1} more' if len(wrong) > 1 else ''}",
            name="checkpoint", value=file, fix="Only the published network can be imported.",
        )  # fmt: skip
    return {key: whole[key].to(value.dtype) for key, value in wanted.items()}


def linear_layers(state: Mapping[str, Tensor], prefixes: Sequence[str]) -> State:
    """The state of our MLP head from a stack Linear, ReLU, Linear, ... on 512 numbers; empty where there is none."""
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


def head_settings(layers: State) -> dict[str, Any]:
    """The head that ``layers`` are of, as a recipe has it."""
    if not layers:
        return {"kind": "identity"}
    weights = [value for name, value in layers.items() if name.endswith("weight")]
    return {
        "kind": "mlp",
        "out": weights[-1].shape[0],
        "layers": len(weights),
        "hidden": weights[0].shape[0] if len(weights) > 1 else None,
        "norm": "none",
        "bias": "all" if any(name.endswith("bias") for name in layers) else "none",
    }


def head_in_words(layers: State, kind: str) -> str:
    """What a head is, for people: its ``kind``, layers and width."""
    if not layers:
        return "none"
    count = sum(name.endswith("weight") for name in layers)
    return f"{kind}, {count} linear layer{'s' if count > 1 else ''} to {list(layers.values())[-1].shape[0]}"


def named_classes(classes: Sequence[str] | None, outputs: int) -> tuple[str, ...]:
    """Names of a head's outputs: ``classes``, or "class 0", "class 1", ... where none are given.

    Raises:
        UserError: there are more or fewer names than outputs.
    """
    names = tuple(f"class {n}" for n in range(outputs)) if classes is None else tuple(classes)
    if len(names) != outputs:
        fix = "Name the data set that the head was trained on, or give a file with one name per line, in their order."
        raise UserError(f"there are {len(names)} names and the head has {outputs} outputs", name="classes", fix=fix)
    return names


def rate_of(strides: Sequence[int], given: int | None) -> int:
    """The rate that strides of SampleCNN were made for, Hz, or the one that is given.

    Raises:
        UserError: they belong to no known rate.
    """
    known: dict[tuple[int, ...], int] = {own: rate for rate, own in STRIDES.items()}
    if given is not None:
        return given
    if tuple(strides) in known:
        return known[tuple(strides)]
    raise UserError(
        "these strides belong to no rate that CLMR published",
        name="strides",
        value=list(strides),
        fix="Give the rate that it was trained at with --sample-rate.",
    )


def save_imported(
    out: str | Path,
    *,
    resolved: Mapping[str, Any],
    encoder: State,
    layers: State,
    file: str | Path,
    extra: Mapping[str, Any],
) -> Path:
    """Write the model of a resolved recipe with these weights.

    Args:
        out: its folder.
        resolved: the recipe.
        encoder: state of the encoder of the tower that embeds.
        layers: state of its head; empty where that has none.
        file: where they are from.
        extra: further facts.

    Returns:
        The folder.
    """
    from contramuse.checkpoint.model import save_model
    from contramuse.recipe import Recipe

    recipe = Recipe.from_resolved(resolved, name=str(resolved["name"]))
    rate: int = resolved["sample_rate"]
    towers = recipe.build_towers(sample_rate=rate)
    parts: Any = towers[recipe.embed.tower]
    parts.encoder.load_state_dict(encoder)
    if layers:
        parts.head.load_state_dict(layers)
    facts = {"imported_from": Path(file).name, "imported_hash": stable_hash(_fingerprint(encoder)), **extra}
    return save_model(
        out, towers=towers, tower=recipe.embed.tower, recipe=recipe.resolved(), sample_rate=rate, extra=facts
    )


def _fingerprint(encoder: State) -> list[Any]:
    return [[name, list(value.shape), float(value.double().sum())] for name, value in sorted(encoder.items())]
