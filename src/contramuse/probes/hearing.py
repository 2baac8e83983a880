"""Systems that can hear any audio: what each makes of excerpts that were changed, computed once and kept.

An excerpt is the middle of a track. Models embed it by the rule of ``contramuse embed`` (``checkpoint.windows``);
the baselines of audio take their statistics over it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from contramuse.audio.features import FeatureStore
from contramuse.embeddings.store import output_of
from contramuse.errors import EmbeddingsError, LibraryError, ModelFileError
from contramuse.files import replacing, stable_hash
from contramuse.probes import baselines, changes
from contramuse.probes.changes import Change, Signal, changed
from contramuse.probes.run import Progress, System
from contramuse.probes.systems import MEL, MFCC

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.checkpoint.model import Model
    from contramuse.embeddings import Embeddings

BLOCK = 16
"""Tracks that are changed and heard at a time."""

Hear = Callable[[Sequence[Signal]], NDArray[np.float32]]


@dataclass(frozen=True)
class Ear:
    """What turns audio into vectors.

    Args:
        key: names it on disk; everything that its vectors depend on but the audio.
        hear: samples of n excerpts -> float32 [n h].
    """

    key: str
    hear: Hear


@dataclass(frozen=True)
class Hearing:
    """Which ear, and which of its columns, each system has; and why some have none.

    Args:
        ears: by name.
        columns: of every system that can hear: the ear's name and the columns.
        deaf: (system, reason) of the others.
    """

    ears: Mapping[str, Ear]
    columns: Mapping[str, tuple[str, slice]]
    deaf: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Version:
    """One change by one amount; ``change`` None is the excerpt as it is."""

    change: Change | None = None
    amount: float = 0.0

    @property
    def key(self) -> tuple[str, str, float]:
        """Tells it from every other: what is done, to what (corruptions may go either way), by how much."""
        return ("", "", 0.0) if self.change is None else (self.change.name, self.change.either, float(self.amount))


CLEAN = Version()


@dataclass(frozen=True)
class Excerpts:
    """The middle of some tracks of a library.

    Args:
        library: of audio.
        rows: of the tracks, int64 [n].
        seconds: of each excerpt, or the whole track where it is shorter.
        seed: of what changes draw.
        share: of a track that an excerpt takes at most.
    """

    library: Library
    rows: Int[np.ndarray, " n"]
    seconds: float
    seed: int = 0
    share: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.library.store, FeatureStore):
            fix = "Leave this part out, or prepare a library of audio."
            raise LibraryError(
                "holds stored features; audio is needed", name="library", value=self.library.root, fix=fix
            )

    @property
    def key(self) -> list[Any]:
        """Everything that the samples depend on."""
        ids = stable_hash(self.library.ids[self.rows].tolist())
        return [
            self.library.fingerprint,
            self.library.sample_rate,
            ids,
            self.seconds,
            self.share,
            self.seed,
            changes.VERSION,
        ]

    def fits(self, offset: float) -> NDArray[np.bool_]:
        """Which tracks are long enough for an excerpt that starts ``offset`` seconds later or earlier, bool [n]."""
        rate, lengths = self.library.sample_rate, np.asarray(self.library.store.lengths)[self.rows]
        wanted = np.minimum((self.share * lengths).astype(np.int64), round(self.seconds * rate))
        return np.asarray((lengths - wanted) // 2 >= round(offset * rate))

    def signal(self, i: int, version: Version = CLEAN) -> Signal:
        """Samples of excerpt ``i``, changed; where it cannot be moved as far as asked, it stays in its place."""
        rate, row = self.library.sample_rate, int(self.rows[i])
        length = int(self.library.store.lengths[row])
        wanted = min(int(self.share * length), round(self.seconds * rate))
        start = (length - wanted) // 2
        if version.change is not None and version.change.make is None and self.fits(version.amount)[i]:
            start += round(version.amount * rate)
        x = self.library.store.read(row, start, start + wanted).astype(np.float32) / np.float32(32768)
        if version.change is None or version.change.make is None:
            return np.asarray(x)
        track = str(self.library.ids[row])
        return changed(x, version.change, version.amount, sample_rate=rate, track=track, seed=self.seed)


def heard_seconds(given: Sequence[Embeddings], seconds: float) -> float:
    """Seconds of an excerpt: as asked for, or one window of the model that needs most; less would be padded."""
    return max([seconds, *(float(one.meta.get("window") or 0) for one in given)])


def hearing_of(systems: Sequence[System], given: Sequence[Embeddings], *, sample_rate: int, seed: int) -> Hearing:
    """Ears for the systems that ``systems.compared_systems`` made of ``given``, in its order: models come first."""
    from contramuse.checkpoint.model import load

    ears: dict[str, Ear] = {}
    columns: dict[str, tuple[str, slice]] = {}
    deaf: list[tuple[str, str]] = []
    width = 4 * baselines.COEFFICIENTS
    for system in systems:
        if system.name in (MFCC, MEL):
            ears.setdefault("audio", _audio_ear(sample_rate))
            columns[system.name] = ("audio", slice(0, width) if system.name == MFCC else slice(width, None))
            continue
        meta = given[system.given].meta
        try:
            if not meta.get("model_path"):
                raise ModelFileError("its model is not at hand", fix="Embed with a model.")
            if "corrupt" in meta.get("preprocessing", {}):
                raise ModelFileError("its embeddings are of corrupted windows already", fix="Embed clean windows.")
            model = load(meta["model_path"])
            model = model.randomised(seed) if system.role == "baseline" else model.giving(output_of(meta))
        except ModelFileError as error:
            deaf.append((system.name, error.problem))
            continue
        on = model.to("cuda" if torch.cuda.is_available() else "cpu")
        ears[system.name] = model_ear(on, window=float(meta["window"]), hop=float(meta["hop"]))
        columns[system.name] = (system.name, slice(None))
    return Hearing(ears, columns, deaf)


def model_ear(model: Model, *, window: float, hop: float) -> Ear:
    """A model's ear: the mean over windows of ``window`` seconds every ``hop`` seconds."""

    def hear(signals: Sequence[Signal]) -> NDArray[np.float32]:
        out = np.full((len(signals), model.dim), np.nan, np.float32)
        for result in model.embed_sources([_source(x) for x in signals], window=window, hop=hop):
            if result.vector is not None:
                out[result.index] = result.vector
        return out

    return Ear(stable_hash([model.model_hash, model.preprocessing(window=window, hop=hop)]), hear)


def _source(x: Signal) -> Callable[[], Any]:
    return lambda: iter([x])


def _audio_ear(sample_rate: int) -> Ear:
    bands = baselines.frontend(sample_rate)

    def one(x: Signal) -> NDArray[np.float32]:
        samples: Any = x * np.float32(32768)  # what statistics() reads is in the steps of the store
        return np.concatenate(baselines.statistics(lambda start, stop: samples[start:stop], len(x), bands))

    return Ear(f"audio-{baselines.VERSION}", lambda signals: np.stack([one(x) for x in signals]))


def hear(
    hearing: Hearing, excerpts: Excerpts, versions: Sequence[Version], *, folder: Path, progress: Progress
) -> dict[str, dict[tuple[str, str, float], Float[np.ndarray, "n h"]]]:
    """The vectors of every version by every system that can hear, float32 [n h] by system and ``Version.key``.

    Each ear's vectors of each version are one file in ``folder``; what is there is not computed again.

    Raises:
        EmbeddingsError: nothing can hear.
    """
    if not hearing.columns:
        problem = f"cannot hear changed audio ({'; '.join(f'{name}: {why}' for name, why in hearing.deaf)})"
        fix = "Give a model beside them, leave in the baselines mfcc or mel, or leave this part out."
        raise EmbeddingsError(problem, name="embeddings", fix=fix)
    found: dict[str, dict[tuple[str, str, float], NDArray[np.float32]]] = {name: {} for name in hearing.ears}
    for done, version in enumerate(versions):
        files = {
            name: folder / f"{stable_hash([ear.key, excerpts.key, version.key])}.npy"
            for name, ear in hearing.ears.items()
        }
        missing = [name for name, file in files.items() if not file.exists()]
        if missing:
            what = "as it is" if version.change is None else f"{version.change.name} {version.amount:g}"
            progress(f"{what}: {done + 1} of {len(versions)} versions of {len(excerpts.rows)} tracks")
            made = _heard({name: hearing.ears[name] for name in missing}, excerpts, version)
            for name, vectors in made.items():
                with replacing(files[name]) as temporary, open(temporary, "wb") as stream:
                    np.save(stream, vectors)
        for name, file in files.items():
            found[name][version.key] = np.load(file)
    return {
        system: {key: vectors[:, columns] for key, vectors in found[ear].items()}
        for system, (ear, columns) in hearing.columns.items()
    }


def _heard(ears: Mapping[str, Ear], excerpts: Excerpts, version: Version) -> dict[str, NDArray[np.float32]]:
    """One version by ``ears``, block by block; the next block is changed in threads while this one is heard."""
    blocks = [range(i, min(i + BLOCK, len(excerpts.rows))) for i in range(0, len(excerpts.rows), BLOCK)]
    parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in ears}
    with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
        ahead = [pool.submit(excerpts.signal, i, version) for i in blocks[0]]
        for following in [*blocks[1:], range(0)]:
            now, ahead = ahead, [pool.submit(excerpts.signal, i, version) for i in following]
            signals = [one.result() for one in now]
            for name, ear in ears.items():
                parts[name].append(ear.hear(signals))
    return {name: np.concatenate(rows) for name, rows in parts.items()}
