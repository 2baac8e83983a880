"""The folder of a model: where it is, and what its two files say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from contramuse.errors import ModelFileError

FORMAT = "contramuse model"
VERSION = 1
WEIGHTS = "model.safetensors"
INFO = "model.json"


def locate(path: str | Path) -> Path:
    """The folder with model.json that ``path`` means: itself, its ``model/``, or a hub id's download."""
    given = Path(path)
    if given.is_file():
        if given.name in (WEIGHTS, INFO):
            return given.parent
        raise ModelFileError(
            "is a file, not a model folder", name="model", value=path,
            fix="Give the folder that holds model.safetensors and model.json; "
            "`contramuse import clmr FILE` converts a published CLMR checkpoint.",
        )  # fmt: skip
    if given.is_dir():
        inner = given / "model"
        return inner if not (given / INFO).exists() and inner.is_dir() else given
    from contramuse.checkpoint import hub

    if hub.is_id(str(path)):
        return hub.fetch(str(path))
    raise ModelFileError(
        "there is no such folder", name="model", value=path,
        fix="Give a model folder, a run folder, or a hub id such as user/name.",
    )  # fmt: skip


def read_info(folder: Path) -> dict[str, Any]:
    """The checked content of a model folder's ``model.json``.

    Raises:
        ModelFileError: it is missing, damaged, another program's, or of a newer format version.
    """
    file = folder / INFO

    def refuse(problem: str, fix: str) -> ModelFileError:
        return ModelFileError(problem, name="model", value=file, fix=fix)

    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise refuse(
            "is missing", "A model of contramuse is a folder with model.safetensors and model.json: give that folder."
        ) from error
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})", "Check the file's permissions.") from error
    except ValueError as error:
        raise refuse("is not valid JSON", "Copy the model again from its source; the file is damaged.") from error
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise refuse(
            "was not written by contramuse", "Give a folder made by `contramuse train` or `contramuse import`."
        )
    if not isinstance(info.get("version"), int) or info["version"] > VERSION:
        raise refuse(
            f"has format version {info.get('version')!r}, this contramuse reads up to {VERSION}",
            "Update contramuse: pip install -U contramuse.",
        )
    required = ("model_hash", "preprocessing_hash", "tower", "dim", "sample_rate", "window", "hop", "recipe")
    if missing := [key for key in required if key not in info]:
        raise refuse(f"lacks {', '.join(missing)}", "Copy the model again from its source; the file is damaged.")
    return info


def read_weights(file: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors of a weights file, and the file's SHA-256 in hexadecimal.

    Raises:
        ModelFileError: it is missing, truncated or no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    again = "Copy the model again from its source, or train it again."
    try:
        data = file.read_bytes()
    except OSError as error:
        problem = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise ModelFileError(problem, name="model weights", value=file, fix=again) from error
    try:
        return parse(data), hashlib.sha256(data).hexdigest()
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelFileError(
            f"is truncated or not a safetensors file ({error})", name="model weights", value=file, fix=again
        ) from error


def check_state(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], file: Path) -> None:
    """Make sure that the weights ``found`` in ``file`` have the names and shapes that are expected.

    Raises:
        ModelFileError: they do not; the message names the first of each kind of difference.
    """
    missing = [f"{k} is missing" for k in expected if k not in found]
    unknown = [f"{k} is not known" for k in found if k not in expected]
    other = [
        f"{k} has shape {list(found[k].shape)}, {list(v.shape)} is right"
        for k, v in expected.items()
        if k in found and found[k].shape != v.shape
    ]
    told = [
        f"{group[0]} (one of {len(group)})" if len(group) > 1 else group[0]
        for group in (missing, unknown, other)
        if group
    ]
    if told:
        raise ModelFileError(
            f"does not hold the weights of the recipe in model.json: {'; '.join(told)}",
            name="model weights", value=file,
            fix="The file is another model's or another program's: put the two files of one save together.",
        )  # fmt: skip
