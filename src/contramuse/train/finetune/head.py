"""A trained head on disk: ``model.safetensors`` and ``model.json`` with the names of its classes; no code is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from contramuse.errors import ModelFileError, UserError
from contramuse.files import replacing
from contramuse.probes.tasks import FieldKind
from contramuse.train.finetune.labels import Labels, Scale
from contramuse.train.finetune.module import build_head

FORMAT, VERSION = "contramuse head", 2  # 1 had no settings: an MLP of 512 without biases, or a linear head
WEIGHTS, INFO = "model.safetensors", "model.json"
_AGAIN = "Give the folder of a run of `contramuse finetune`, or copy it again from its source."


@dataclass(frozen=True)
class Head:
    """A classifier on a model's embeddings.

    Args:
        module: [b h] -> [b c], in evaluation mode.
        fields: label fields that it answers.
        kind: of the fields.
        classes: of its outputs, in order.
        scale: of numeric answers.
        info: all of model.json.
    """

    module: nn.Module
    fields: tuple[str, ...]
    kind: FieldKind
    classes: tuple[str, ...]
    scale: Scale
    info: Mapping[str, Any]


def save_head(
    folder: Path,
    module: nn.Module,
    *,
    head: str,
    settings: Mapping[str, Any],
    dim_in: int,
    labels: Labels,
    scale: Scale,
    model_hash: str,
) -> None:
    """Write a head.

    Args:
        folder: of the head.
        module: its weights.
        head: its kind, "linear" or "mlp".
        settings: of that kind, as ``build_head`` takes them.
        dim_in: size of the vectors that it takes.
        labels: what it answers.
        scale: of numeric answers.
        model_hash: of the model whose vectors it takes.
    """
    from safetensors.torch import save

    state = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    data = save(state, metadata={"format": "pt"})
    info = {
        "format": FORMAT, "version": VERSION, "head": head, "settings": dict(settings), "dim_in": dim_in,
        "fields": list(labels.fields), "kind": labels.kind, "classes": list(labels.classes),
        "mean": scale.mean.tolist(), "deviation": scale.deviation.tolist(), "model_hash": model_hash,
        "hash": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    with replacing(folder / INFO) as info_file, replacing(folder / WEIGHTS) as weights_file:
        weights_file.write_bytes(data)
        info_file.write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_head(folder: Path, *, model_hash: str) -> Head:
    """Read a head.

    Args:
        folder: of the head.
        model_hash: of the model that it shall stand on.

    Raises:
        ModelFileError: it is missing, damaged, another program's, or was trained on another model's vectors.
    """
    info = _read_info(folder / INFO)
    try:
        data = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise _refuse(f"cannot be read ({error.strerror})", folder / WEIGHTS) from error
    if hashlib.sha256(data).hexdigest() != info["hash"]:
        raise _refuse("does not belong to the model.json beside it", folder / WEIGHTS)
    if info["model_hash"] != model_hash:
        raise _refuse("was trained on the vectors of another model", folder)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        module = build_head(
            info["head"], dim_in=info["dim_in"], out=len(info["classes"]), **info.get("settings", {})
        )  # fmt: skip
        module.load_state_dict(load(data))
        scale = Scale(np.array(info["mean"], np.float64), np.array(info["deviation"], np.float64))
    except (SafetensorError, UserError, RuntimeError, ValueError, TypeError) as error:
        raise _refuse(f"is damaged ({str(error).splitlines()[0]})", folder) from error
    module.eval().requires_grad_(False)
    return Head(module, tuple(info["fields"]), info["kind"], tuple(info["classes"]), scale, info)


def _read_info(file: Path) -> dict[str, Any]:
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refuse("is missing or cannot be read", file) from error
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise _refuse("is not a head of contramuse", file)
    if not isinstance(info.get("version"), int) or info["version"] > VERSION:
        raise _refuse(f"has format version {info.get('version')!r}, this contramuse reads up to {VERSION}", file)
    needed = ("head", "dim_in", "fields", "kind", "classes", "mean", "deviation", "model_hash", "hash")
    if missing := [key for key in needed if key not in info]:
        raise _refuse(f"lacks {', '.join(missing)}", file)
    return info


def _refuse(problem: str, file: Path) -> ModelFileError:
    return ModelFileError(problem, name="head", value=file, fix=_AGAIN)
