"""Embeddings by any function: the user's own model, called with each track of a library."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from contramuse.audio.features import FeatureStore
from contramuse.embeddings.foreign import foreign_meta, pooled
from contramuse.embeddings.library import refresh, text_columns
from contramuse.embeddings.store import META, read_meta
from contramuse.embeddings.writer import Advance, Entry, Summary, Writer, no_source, silent_progress
from contramuse.errors import EmbeddingsError, LibraryError

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library

Function = Callable[[NDArray[np.float32], int], Any]
"""From a waveform float32 [t] in [-1, 1] and its rate, Hz, to a vector [h] or windows [n h]."""


def from_callable(
    function: Function,
    library: Library | str | Path,
    out: str | Path,
    *,
    sample_rate: int | None = None,
    name: str | None = None,
    version: str = "",
    keep: str = "vectors",
    advance: Advance = silent_progress,
) -> Summary:
    """Embed every track of a library with a function; what is finished in ``out`` is kept, what fails is listed.

    The function gets a whole track, mono. What it raises, or gives that is no vector, is that track's failure, and the
    next one is embedded. Finished tracks are not embedded again as long as the function's own text, ``name`` and
    ``version`` stay as they are; of weights that it loads nothing is known here: name them in ``version``.

    Args:
        function: from (float32 [t], rate) to a vector [h], or to windows [n h], whose mean is the vector.
        library: a library, or its folder.
        out: the folder to write.
        sample_rate: that the function takes, Hz; the library's by default.
        name: of the model, for tables; the function's by default.
        version: of the weights, or whatever tells two runs apart.
        keep: "vectors" or "windows".
        advance: called with (tracks, seconds) as they are done.

    Raises:
        EmbeddingsError: ``out`` holds other embeddings, or no track has a vector.
        LibraryError: the library holds features, no audio.
    """
    from contramuse.catalogue.library import Library

    opened = Library.open(library) if isinstance(library, (str, Path)) else library
    _needs_waveforms(opened)
    rate = sample_rate or opened.sample_rate
    facts = {
        "name": name or _name(function), "from": "callable", "function": _name(function), "sample_rate": rate,
        "version": version, "source": _source(function),
    }  # fmt: skip
    summary, writer = Summary(Path(out)), _reopened(out, opened, facts, keep)
    for row in range(len(opened)):
        entry, samples = Entry(source=no_source, **text_columns(opened, row)), int(opened.store.lengths[row])
        seconds = samples / opened.sample_rate
        if writer is not None and entry.key in writer.done:
            summary.kept += 1
            advance(1, 0.0)
            continue
        try:
            windows = _windows(function(_waveform(opened, row, rate), rate))
            if writer is not None and windows.shape[1] != writer.meta["dim"]:
                raise ValueError(f"gave {windows.shape[1]} numbers, {writer.meta['dim']} before")
        except Exception as error:  # of code that is not ours anything may come, and the other tracks are wanted
            summary.failed.append((entry.path, f"{type(error).__name__}: {error}"))
            advance(1, seconds)
            continue
        if writer is None:
            writer = Writer(out, foreign_meta(opened, facts, dim=windows.shape[1], keep=keep))
            writer.begin()
        writer.add(entry, pooled(windows, samples))
        summary.tracks, summary.seconds = summary.tracks + 1, summary.seconds + seconds
        advance(1, seconds)
    if writer is None:
        raise _nothing(summary, str(facts["name"]))
    writer.close(summary.failed, ())
    return summary


def _needs_waveforms(library: Library) -> None:
    if isinstance(library.store, FeatureStore):
        fix = "Prepare the audio itself, or bring the vectors with `contramuse import vectors`."
        raise LibraryError("holds stored features, a function takes audio", name="library", value=library.root, fix=fix)


def _nothing(summary: Summary, name: str) -> EmbeddingsError:
    why = summary.failed[0][1] if summary.failed else "the library has no tracks"
    fix = "Try the function by hand on one waveform."
    return EmbeddingsError(f"gave no vector for any track ({why})", name="function", value=name, fix=fix)


def _reopened(out: str | Path, library: Library, facts: dict[str, Any], keep: str) -> Writer | None:
    """The writer of an earlier run, None where the folder has none: how long vectors are is known with the first."""
    if not (Path(out) / META).exists():
        return None
    writer = Writer(out, foreign_meta(library, facts, dim=int(read_meta(Path(out))["dim"]), keep=keep))
    if writer.before["library_fingerprint"] != library.fingerprint:
        refresh(writer, library)
    writer.begin()
    return writer


def _waveform(library: Library, row: int, rate: int) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = library.store.read(row).astype(np.float32) / np.float32(32768.0)
    if rate == library.sample_rate:
        return samples
    import soxr

    resampled: NDArray[np.float32] = soxr.resample(samples, library.sample_rate, rate, quality="HQ")
    return np.asarray(resampled, np.float32)


def _windows(given: Any) -> Float[np.ndarray, "n h"]:
    """What a function gave, as windows.

    Raises:
        ValueError: it is neither a vector nor windows of one, or holds values that are not finite.
    """
    held = given.detach().cpu() if isinstance(given, Tensor) else given
    values = np.asarray(held, np.float32)
    windows = values[None] if values.ndim == 1 else values
    if windows.ndim != 2 or not windows.size:
        raise ValueError(f"gave an array of shape {list(values.shape)}; a vector [h] or windows [n h] are taken")
    if not np.isfinite(windows).all():
        raise ValueError("gave values that are not finite")
    return windows


def _name(function: Function) -> str:
    """The module and name of a function, or of the type of an object that is called."""
    named = function if inspect.isroutine(function) else type(function)
    return f"{named.__module__}:{named.__qualname__}"


def _source(function: Function) -> str | None:
    """SHA-256 of the text of the module that a function is from; None where it has none."""
    try:
        text = Path(inspect.getfile(function if inspect.isroutine(function) else type(function))).read_bytes()
    except (TypeError, OSError):
        return None
    return hashlib.sha256(text).hexdigest()
