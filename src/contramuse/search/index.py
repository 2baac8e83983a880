"""The index: exact inner product below 100,000 tracks, inverted lists of 16-bit vectors above, recall measured.

Vectors are centred (the collection's mean is taken off) and scaled to length 1, so that a similarity is a cosine which
is not near 1 for everything, as the plain cosine of an encoder with a large constant part is. Below ``CENTRED_FROM``
tracks the mean says more about the few tracks than about the encoder, and vectors are only scaled; so they are where
the query is no track (``compared="plain"``): training compared it with audio without a centre.

faiss is asked with one thread: a search with several threads leaves an OpenMP pool behind, and a process that is forked
from such a one hangs in its own first search.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from contramuse.embeddings import Embeddings
from contramuse.embeddings.store import part_files
from contramuse.errors import EmbeddingsError, MissingDependencyError, StorageError
from contramuse.files import replacing, stable_hash, write_json
from contramuse.search.space import Floats, Space, weights_of

VERSION = 2
EXACT_BELOW = 100_000
CENTRED_FROM = 32
RECALL_AT = 10
RECALL_QUERIES = 200
RECALL_WANTED = 0.99
TRAIN_PER_LIST = 64
_TIES = 50

Rows = NDArray[np.int64]
Compared = Literal["centred", "plain"]
FOLDERS: dict[Compared, str] = {"centred": "index", "plain": "index-plain"}


class Index:
    """Nearest tracks of one collection.

    Attributes:
        info: kind ("exact", "ivf" or "numpy"), tracks, recall_at_10 against exact search, nprobe, and how it was built.
        space: how vectors are compared; its centre is zeros in a small collection, and for "plain" comparison.
    """

    def __init__(self, backend: Any, space: Space, info: dict[str, Any]) -> None:
        self._backend, self.space, self.info = backend, space, info

    @property
    def centre(self) -> Floats:
        """Float32 [h], taken off every vector before it is scaled."""
        return self.space.centre

    @classmethod
    def open(cls, embeddings: Embeddings, *, compared: Compared = "centred") -> Index:
        """The index that lies beside the embeddings; it is built, and stored there, when it is missing or stale.

        Args:
            embeddings: the collection.
            compared: "centred", or "plain" for queries that are no tracks.
        """
        folder = embeddings.root / FOLDERS[compared]
        stamp = _stamp(embeddings)
        if (found := _read(folder, stamp, embeddings.parts)) is not None:
            return found
        index = cls.build(embeddings, compared=compared)
        index.info["stamp"] = stamp
        with contextlib.suppress(StorageError):  # a read-only collection: the index lives as long as this process
            index._write(folder)
        return index

    @classmethod
    def build(cls, embeddings: Embeddings, *, kind: str = "auto", compared: Compared = "centred") -> Index:
        """An index of all vectors, with its recall measured.

        Args:
            embeddings: the collection.
            kind: "auto", "exact" (faiss), "ivf" (faiss) or "numpy" (exact, needs no library).
            compared: see ``open``.

        Raises:
            EmbeddingsError: there are no vectors.
            MissingDependencyError: a faiss index is asked for and faiss is not installed.
        """
        count = len(embeddings)
        if not count:
            fix = "Embed some music first."
            raise EmbeddingsError("hold no tracks", name="embeddings", value=embeddings.root, fix=fix)
        chosen = kind if kind != "auto" else _kind(count)
        if chosen != "numpy" and not _has_faiss():
            fix = 'Run pip install faiss-cpu, or build with kind="numpy".'
            raise MissingDependencyError("is not installed", name="faiss", fix=fix)
        started = time.perf_counter()
        space = Space(_centre(embeddings, compared), embeddings.parts)
        backend = {"exact": _build_exact, "ivf": _build_ivf, "numpy": _build_numpy}[chosen](embeddings, space)
        info: dict[str, Any] = {
            "version": VERSION, "kind": chosen, "tracks": count, "dim": embeddings.dim,
            "similarity": "centred cosine" if space.centre.any() else "cosine",
        }  # fmt: skip
        index = cls(backend, space, info)
        index._tune(embeddings)
        info["seconds_to_build"] = round(time.perf_counter() - started, 3)
        return index

    def unit(self, vectors: Floats) -> Floats:
        """Vectors float32 [... h] as the index compares them: centred, of length 1."""
        return self.space.unit(vectors)

    def query(
        self,
        vector: Floats,
        k: int = 10,
        *,
        where: NDArray[np.bool_] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> tuple[Rows, Floats]:
        """The k nearest rows.

        Args:
            vector: float32 [h], as the encoder gave it.
            k: how many.
            where: bool [n], the rows that may be answers; None allows all.
            weights: of the parts of the vectors, 1 where none is given: the similarity is the weighted mean of cosines.

        Returns:
            rows int64 [m] and similarities float32 [m], best first; m < k where fewer rows are allowed.

        Raises:
            UserError: a weight is wrong.
        """
        unit = self.unit(np.asarray(vector, np.float32))[None]
        even = len(set(weights_of(self.space.parts, weights or {}).values())) == 1
        asked = unit if even else self.space.weighed(unit, weights or {})
        # Lists were tuned for parts that weigh alike; other weights look into all of them, which is exact.
        rows, similarity = self._search(asked, k, where, nprobe=0 if even else self.info.get("lists", 0))
        found = rows[0] >= 0
        return rows[0][found], similarity[0][found]

    def _search(self, unit: Floats, k: int, where: NDArray[np.bool_] | None, nprobe: int = 0) -> tuple[Rows, Floats]:
        allowed = self.info["tracks"] if where is None else int(where.sum())
        k = min(k, allowed)
        if k == 0:
            return np.zeros((len(unit), 0), np.int64), np.zeros((len(unit), 0), np.float32)
        if self.info["kind"] == "numpy":
            return _top(unit @ self._backend.T, k, where)
        lists = self.info.get("lists", 0)
        # A condition that few rows meet thins every list out: look into more of them.
        probes = min(lists, math.ceil((nprobe or self.info.get("nprobe", 1)) * self.info["tracks"] / allowed))
        while True:
            rows, similarity = _faiss_search(self._backend, unit, k, where, probes)
            if probes >= lists or (rows >= 0).all():
                return rows, similarity
            probes = min(lists, 4 * probes)

    def _tune(self, embeddings: Embeddings) -> None:
        """Measure recall against exact search; take the fewest lists that reach ``RECALL_WANTED``."""
        rows = np.unique(np.linspace(0, self.info["tracks"] - 1, RECALL_QUERIES).astype(np.int64))
        unit = self.unit(_rows(embeddings, rows))
        exact_rows, exact_similarity = _exact(embeddings, unit, self.space, _TIES)
        lists = self.info["lists"] = int(self._backend.nlist) if self.info["kind"] == "ivf" else 0
        nprobe = min(8, lists)
        while True:
            found, _ = self._search(unit, RECALL_AT, None, nprobe)
            recall = _recall(found, exact_rows, exact_similarity)
            if recall >= RECALL_WANTED or nprobe >= lists:
                break
            nprobe = min(lists, 2 * nprobe)
        self.info.update(
            nprobe=nprobe, recall_at_10=round(recall, 5), recall_queries=len(rows),
            recall_against="exact inner product, ties counted as right",
        )  # fmt: skip

    def _write(self, folder: Path) -> None:
        with replacing(folder / "index.bin") as temporary:
            if self.info["kind"] == "numpy":
                with open(temporary, "wb") as file:
                    np.save(file, self._backend)
            else:
                faiss = _faiss()
                try:
                    faiss.write_index(self._backend, str(temporary))
                except RuntimeError as error:
                    raise OSError(str(error)) from error
        write_json(folder / "index.json", {**self.info, "centre": self.centre.tolist()})


def _read(folder: Path, stamp: str, parts: Mapping[str, int]) -> Index | None:
    """The stored index, or None where it is missing, stale, damaged, or needs a library that is not there."""
    try:
        info = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if info["version"] != VERSION or info["stamp"] != stamp or (info["kind"] != "numpy" and not _has_faiss()):
            return None
        space = Space(np.asarray(info.pop("centre"), np.float32), parts)
        if info["kind"] == "numpy":
            return Index(np.load(folder / "index.bin", mmap_mode="r"), space, info)
        faiss = _faiss()
        backend = faiss.read_index(str(folder / "index.bin"))
        return Index(backend, space, info) if backend.ntotal == info["tracks"] else None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None


def _stamp(embeddings: Embeddings) -> str:
    """Changes whenever a part is added, removed or rewritten."""
    parts = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in part_files(embeddings.root)]
    facts = [embeddings.meta["model_hash"], embeddings.meta["preprocessing_hash"], list(embeddings.parts.items())]
    return stable_hash([parts, *facts])


def _has_faiss() -> bool:
    return importlib.util.find_spec("faiss") is not None


def _faiss() -> Any:
    return importlib.import_module("faiss")


def _kind(count: int) -> str:
    if not _has_faiss():
        return "numpy"
    return "exact" if count < EXACT_BELOW else "ivf"


def _centre(embeddings: Embeddings, compared: Compared) -> Floats:
    if compared == "plain" or len(embeddings) < CENTRED_FROM:
        return np.zeros(embeddings.dim, np.float32)
    total = np.zeros(embeddings.dim, np.float64)
    for batch in embeddings.batches():
        total += batch.sum(0, dtype=np.float64)
    return (total / len(embeddings)).astype(np.float32)


def _build_exact(embeddings: Embeddings, space: Space) -> Any:
    faiss = _faiss()
    index = faiss.IndexFlatIP(embeddings.dim)
    for batch in embeddings.batches():
        index.add(space.unit(batch))
    return index


def _build_ivf(embeddings: Embeddings, space: Space) -> Any:
    faiss = _faiss()
    count = len(embeddings)
    lists = max(1, min(4096, int(4 * math.sqrt(count)), count // 39))
    index = faiss.index_factory(embeddings.dim, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
    sample = np.unique(np.linspace(0, count - 1, min(count, TRAIN_PER_LIST * lists)).astype(np.int64))
    index.train(space.unit(_rows(embeddings, sample)))
    for batch in embeddings.batches():
        index.add(space.unit(batch))
    return index


def _build_numpy(embeddings: Embeddings, space: Space) -> Floats:
    return np.concatenate([space.unit(batch) for batch in embeddings.batches()])


def _rows(embeddings: Embeddings, rows: Rows) -> Floats:
    """The vectors at ascending ``rows``, without holding all others."""
    out, start = [], 0
    for batch in embeddings.batches():
        inside = rows[(rows >= start) & (rows < start + len(batch))] - start
        out.append(batch[inside])
        start += len(batch)
    return np.concatenate(out)


def _top(similarity: Floats, k: int, where: NDArray[np.bool_] | None = None) -> tuple[Rows, Floats]:
    """The k largest of each row of similarity [q n], best first, the lower position first where they are equal."""
    if where is not None:
        similarity = np.where(where, similarity, -np.inf)
    k = min(k, similarity.shape[1])
    part = np.sort(np.argpartition(-similarity, k - 1, axis=1)[:, :k], axis=1)
    values = np.take_along_axis(similarity, part, 1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(part, order, 1).astype(np.int64), np.take_along_axis(values, order, 1)


def _exact(embeddings: Embeddings, unit: Floats, space: Space, k: int) -> tuple[Rows, Floats]:
    """Exact top k of queries [q h] over all batches."""
    rows = np.zeros((len(unit), 0), np.int64)
    values = np.zeros((len(unit), 0), np.float32)
    start = 0
    for batch in embeddings.batches():
        found, similarity = _top(unit @ space.unit(batch).T, k)
        rows, values = np.hstack([rows, found + start]), np.hstack([values, similarity])
        best, values = _top(values, k)
        rows = np.take_along_axis(rows, best, 1)
        start += len(batch)
    return rows, values


def _recall(found: Rows, exact: Rows, similarity: Floats) -> float:
    """Share of the exact top ten that was found; a row as near as the tenth counts as one of them."""
    k = found.shape[1]
    right = similarity >= similarity[:, k - 1 : k] - 1e-6
    hits = [len(np.intersect1d(f, e[r])) for f, e, r in zip(found, exact, right, strict=True)]
    return float(np.minimum(hits, k).mean() / k)


def _faiss_search(
    backend: Any, unit: Floats, k: int, where: NDArray[np.bool_] | None, probes: int
) -> tuple[Rows, Floats]:
    faiss = _faiss()
    given: dict[str, Any] = {}
    if where is not None:
        bits = np.packbits(where, bitorder="little")
        given["sel"] = faiss.IDSelectorBitmap(bits)
    if probes:
        parameters = faiss.SearchParametersIVF(nprobe=probes, **given)
    else:
        parameters = faiss.SearchParameters(**given) if given else None
    with _one_thread(faiss):
        similarity, rows = backend.search(np.ascontiguousarray(unit), k, params=parameters)
    return rows, similarity


@contextlib.contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
