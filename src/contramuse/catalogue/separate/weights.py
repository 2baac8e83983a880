"""Files of weights of other packages: opened without running what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from contramuse.errors import ModelFileError


def load_weights(file: Path, *, classes: Sequence[type] = ()) -> dict[str, Any]:
    """What ``torch.save`` wrote, if it is tensors, plain values and ``classes``; nothing else in it is run.

    Raises:
        ModelFileError: it holds anything else, or is damaged.
    """
    try:
        with torch.serialization.safe_globals(list(classes)):
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what is damaged or a trap may raise anything, and is refused all the same
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        problem = f"cannot be opened as weights alone ({reason})"
        fix = "Files that run code when they are opened are refused; get the weights from their makers again."
        raise ModelFileError(problem, name="--weights", value=file, fix=fix) from error
    if not isinstance(loaded, dict):
        raise ModelFileError("holds no weights", name="--weights", value=file, fix="Give the file of a model.")
    return loaded


def digest(model: nn.Module) -> str:
    """Hash of all weights, 8 hexadecimal digits."""
    hashed = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        hashed.update(name.encode())
        hashed.update(np.ascontiguousarray(tensor.detach().cpu().float().numpy()).tobytes())
    return hashed.hexdigest()[:8]
