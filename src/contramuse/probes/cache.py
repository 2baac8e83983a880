"""Results that are kept: EMBEDDINGS/probes/KEY.json, where the key is a hash of all that went into them.

Vectors and ids of every system that was given, the library's index and description, the settings, and the code of the
probes with the versions of what computes. A file that is damaged or was changed by hand is computed again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from contramuse.errors import StorageError
from contramuse.files import stable_hash, write_json
from contramuse.probes.few import Few
from contramuse.probes.protocol import Settings

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

CODE = (
    "baselines", "classes", "clusters", "estimators", "few", "folds", "intervals", "leaks", "metrics", "mlp",
    "neighbours", "permutation", "protocol", "retrieval", "run", "segments", "selection", "session", "systems",
    "tasks", "words", "zero_shot",
)  # fmt: skip
"""Modules of the probes that results depend on; reports and other parts may change without them."""


def results_key(given: Sequence[Embeddings], library: Library, settings: Settings | Few) -> str:
    """Hash of all that goes into the results of a probe, or of one with few labels."""
    named = [type(settings).__name__, dataclasses.asdict(settings)]
    return stable_hash([subject_key(given, library), *named, code()], 24)


def subject_key(given: Sequence[Embeddings], library: Library) -> str:
    """Hash of what is measured: vectors, labels, groups and splits, however it is measured."""
    index = hashlib.sha256((Path(library.root) / "index.parquet").read_bytes()).hexdigest()
    subjects = [[one.meta, str(one.root), content(one.ids), content(one.vectors)] for one in given]
    return stable_hash([subjects, index, library.info], 24)


def content(array: np.ndarray[Any, Any]) -> str:
    """Hash of an array's values, shape and type."""
    whole = np.ascontiguousarray(array)
    return hashlib.sha256(f"{whole.dtype} {whole.shape}".encode() + whole.tobytes()).hexdigest()


@lru_cache(maxsize=1)
def code() -> str:
    """Hash of the sources that results depend on, and of the versions of what they compute with."""
    texts = [hashlib.sha256((Path(__file__).parent / f"{name}.py").read_bytes()).hexdigest() for name in CODE]
    return stable_hash([texts, [version(name) for name in ("numpy", "scipy", "torch")]])


def remembered(folder: Path, key: str, compute: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """The results kept under ``key``, or those of ``compute``, which are then kept; and whether they were there.

    A folder that cannot be written keeps nothing.
    """
    file = folder / f"{key}.json"
    kept = _read(file, key)
    if kept is not None:
        return kept, True
    results = compute()
    try:
        write_json(file, {"key": key, "hash": stable_hash(results, 32), "results": results})
    except StorageError:  # embeddings on a medium that is read only: nothing is lost but time
        return results, False
    return results, False


def _read(file: Path, key: str) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        results = found["results"]
        right = found["key"] == key and found["hash"] == stable_hash(results, 32)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return results if right else None
