"""Arrays of features (mel spectrograms) as files of a library: found, checked, and made ready for the store.

A file is an array [f n] of numbers, f bands by n frames, as ``numpy.save`` writes it; axes of length 1 before them are
dropped. Melon's ``arena_mel/<id / 1000>/<id>.npy`` are such: 48 mel bands in decibels, 62.5 frames per second.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contramuse.audio.features import LARGEST, NUMBER
from contramuse.catalogue.decoding import FileTask, content_hash
from contramuse.errors import DecodeError, UserError

_FIX = "Write it again with numpy.save as numbers [bands, frames], or leave it out."
LOOKED_AT = 100


def named_like_features(name: bytes) -> bool:
    """Whether a file is called as an array of numpy's."""
    return name.lower().endswith(b".npy") and not name.startswith(b".")


def open_features(path: bytes) -> NDArray[Any]:
    """The array in a file, [f n], a memory map; nothing in it is run or believed.

    Raises:
        DecodeError: it is no such array.
    """
    try:
        array: NDArray[Any] = np.load(os.fsdecode(path), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, TypeError, SyntaxError) as error:
        text = str(error)
        if "allow_pickle" in text or "Python objects" in text or "dtype is object" in text:
            text = "holds Python objects, which are not opened"
        raise _refused(path, text.split("\n")[0][:200] or "is empty") from error
    if not isinstance(array, np.ndarray):
        raise _refused(path, "is an archive of arrays")
    if array.dtype.kind not in "fiu":
        raise _refused(path, f"holds {array.dtype}, no real numbers")
    shape = array.shape
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2 or not array.size:
        raise _refused(path, f"has the shape {shape}, not [bands, frames]")
    return array


def _refused(path: bytes, problem: str) -> DecodeError:
    return DecodeError(problem, name="file", value=os.fsdecode(path), fix=_FIX)


def bands_of(paths: Iterable[bytes], *, folder: bytes) -> int:
    """Number of bands of the first file that is such an array.

    Raises:
        UserError: none of the first hundred is.
    """
    problem = "holds no .npy files"
    for path, _ in zip(paths, range(LOOKED_AT), strict=False):
        try:
            return int(open_features(os.path.join(folder, path)).shape[0])
        except DecodeError as error:
            problem = f"{os.fsdecode(path)} {error.problem}"
    fix = "Give a folder of .npy files [bands, frames], or --bands."
    raise UserError(problem, name="folder", value=os.fsdecode(folder), fix=fix)


def read_features(task: FileTask) -> tuple[dict[str, Any], bytes | memoryview]:
    """The job of a worker: hash and numbers of one file, frame after frame, as little-endian float16.

    See ``decoding.decode_file``.
    """
    settings = task.settings
    facts: dict[str, Any] = dict.fromkeys(("id", "audio", "source_rate", "channels")) | {
        "tags": {}, "decoder": f"numpy {np.__version__}", "verdict": "failed", "note": "", "seconds": 0.0,
        "damaged_seconds": 0.0,
    }  # fmt: skip
    try:
        with open(task.absolute, "rb") as file:
            facts["id"] = content_hash(file)
        array = open_features(task.absolute)
    except OSError as error:
        return facts | {"note": f"cannot be read ({error.strerror})"}, b""
    except DecodeError as error:
        return facts | {"note": error.problem}, b""
    bands, frames = array.shape
    if bands != settings.bands:
        return facts | {"note": f"has {bands} bands, the library has {settings.bands}"}, b""
    seconds = frames / settings.frame_rate
    most = int(settings.max_seconds * settings.frame_rate)
    if frames > most:
        array, facts["note"] = array[:, :most], f"only the first {settings.max_seconds:g} s are kept"
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        return facts | {"note": "holds numbers that are not finite"}, b""
    if max(-low, high) > LARGEST:
        return facts | {"note": f"holds numbers beyond {LARGEST:g}, the most that is stored; take their logarithm"}, b""
    facts |= {"verdict": "repaired" if facts["note"] else "ok", "channels": bands, "seconds": min(frames, most)}
    facts["seconds"] /= settings.frame_rate
    if seconds < settings.min_seconds:
        facts |= {"verdict": "too short", "note": f"{seconds:.3f} s"}
    elif low == high:
        facts["verdict"] = "silent"
    data = memoryview(np.ascontiguousarray(array.T, NUMBER).view(np.uint8).reshape(-1).data)
    facts["audio"] = hashlib.blake2b(data, digest_size=16).hexdigest()
    facts["tags"] = {"streams": [min(frames, most)]}  # how long the track is in the store, in frames
    return facts, data if facts["verdict"] in ("ok", "repaired") else b""
