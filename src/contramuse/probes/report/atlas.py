"""The map of the tracks: two coordinates per track, and the labels that colour it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from contramuse.errors import StorageError
from contramuse.files import replacing, stable_hash

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

MOST = 5000
"""Tracks that are drawn; a larger collection is sampled."""
MOST_TAGS = 40
SEED = 0


def coordinates(vectors: Float[np.ndarray, "n h"]) -> Float[np.ndarray, "n 2"]:
    """Standardised vectors, PCA to at most 50 dimensions, then t-SNE started from the first two; scaled to 0 ... 1."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    from contramuse.probes.estimators import Standard

    n = len(vectors)
    if n < 3:
        return np.asarray(np.linspace(0.3, 0.7, 2 * n).reshape(n, 2))
    x = Standard().fit(vectors).transform(vectors)
    width = min(50, n - 1, x.shape[1])
    reduced = PCA(
        n_components=width, svd_solver="full" if n <= 2000 else "randomized", random_state=SEED
    ).fit_transform(x)
    if n < 12 or width < 2:
        flat = np.pad(reduced, ((0, 0), (0, max(0, 2 - width))))[:, :2]
    else:
        perplexity = float(min(30, (n - 1) / 3))
        flat = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=SEED).fit_transform(reduced)
    low, high = flat.min(axis=0), flat.max(axis=0)
    return np.asarray((flat - low) / np.maximum(high - low, 1e-12), dtype=np.float64)


def sampled(n: int) -> NDArray[np.int64]:
    """Rows that are drawn: all, or ``MOST`` of them."""
    if n <= MOST:
        return np.arange(n, dtype=np.int64)
    return np.sort(np.random.default_rng(SEED).choice(n, MOST, replace=False)).astype(np.int64)


def cached_coordinates(embeddings: Embeddings, rows: NDArray[np.int64]) -> Float[np.ndarray, "n 2"]:
    """``coordinates`` of the rows, kept beside the embeddings under a name that depends on what they are made from."""
    key = stable_hash(
        [embeddings.meta["model_hash"], embeddings.meta["preprocessing_hash"], embeddings.ids[rows].tolist()]
    )
    file = Path(embeddings.root) / "report" / f"map-{key}.npy"
    if file.exists():
        kept = np.load(file)
        if kept.shape == (len(rows), 2):
            return np.asarray(kept)
    found = coordinates(embeddings.vectors[rows])
    try:
        with replacing(file) as temporary, open(temporary, "wb") as stream:
            np.save(stream, found)
    except StorageError:
        return found  # a read-only collection: it is computed again next time
    return found


def maps(named: Mapping[str, Embeddings], library: Library | None) -> list[dict[str, Any]]:
    """One mapping per collection of tracks; embeddings that share most of their tracks are drawn with the same ones.

    Args:
        named: system -> embeddings.
        library: with labels.
    """
    collections: list[dict[str, Embeddings]] = []
    for name, one in named.items():
        if len(one) == 0:
            continue
        home = next((c for c in collections if np.isin(one.ids, next(iter(c.values())).ids).mean() > 0.5), None)
        if home is None:
            collections.append({name: one})
        else:
            home[name] = one
    return [map_data(collection, library) for collection in collections]


def map_data(collection: Mapping[str, Embeddings], library: Library | None) -> dict[str, Any]:
    """Points of each system, titles and the label fields to colour by, as the page's script reads them."""
    first = next(iter(collection.values()))
    shared = np.flatnonzero(np.logical_and.reduce([np.isin(first.ids, one.ids) for one in collection.values()]))
    rows = shared[sampled(len(shared))]
    drawn = []
    for name, one in collection.items():
        place = {track: i for i, track in enumerate(one.ids.tolist())}
        where = cached_coordinates(one, np.array([place[t] for t in first.ids[rows].tolist()], dtype=np.int64))
        x, y = ([round(float(v), 4) for v in where[:, i]] for i in (0, 1))
        drawn.append({"system": name, "x": x, "y": y})
    fields = [] if library is None else _fields(first, library, rows)
    artists = first.artists[rows].tolist()
    if not fields and len({a for a in artists if a}) > 1:
        fields = [_classes("artist", artists)]
    titles = zip(first.titles[rows].tolist(), first.paths[rows].tolist(), strict=True)
    return {
        "maps": drawn,
        "title": [title or path for title, path in titles],
        "artist": artists,
        "fields": fields,
        "total": len(shared),
    }


def _fields(embeddings: Embeddings, library: Library, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    place = {track: i for i, track in enumerate(library.ids.tolist())}
    at = np.array([place.get(track, -1) for track in embeddings.ids[rows].tolist()], dtype=np.int64)
    fields = []
    for name, field in library.fields.items():
        labels = np.asarray(library.labels(name))
        if field.kind == "numeric":
            values = np.where(at >= 0, labels[at], np.nan)
            if np.isfinite(values).sum() > 1:
                fields.append({"name": name, "kind": "numeric", "values": [_number(v) for v in values]})
        elif field.kind == "multilabel":
            fields.append(_tags(name, field.classes, labels, at))
        else:
            numbers = np.where(at >= 0, labels[at], -1)
            fields.append(_classes(name, [field.classes[c] if c >= 0 else "" for c in numbers]))
    fields.append(_classes("artist", embeddings.artists[rows].tolist()))
    return [field for field in fields if field["kind"] == "numeric" or len(field["names"]) > 0]


def _classes(name: str, values: Sequence[str]) -> dict[str, Any]:
    """The 23 most frequent values (in the order of their names), and the rest as one; -1 is unknown."""
    unique, counts = np.unique([v for v in values if v], return_counts=True)
    kept = sorted(unique[np.argsort(-counts, kind="stable")][:23].tolist())
    names = kept + (["others"] if len(unique) > len(kept) else [])
    table = {value: i for i, value in enumerate(kept)}
    return {
        "name": name,
        "kind": "classes",
        "names": names,
        "values": [table.get(v, len(kept)) if v else -1 for v in values],
    }


def _tags(name: str, classes: Sequence[str], labels: NDArray[Any], at: NDArray[np.int64]) -> dict[str, Any]:
    """Tracks that have each of the most frequent tags, as positions of points."""
    has = np.where((at >= 0)[:, None], labels[at] > 0, False)
    order = np.argsort(-has.sum(axis=0), kind="stable")[:MOST_TAGS]
    found = [int(c) for c in order if has[:, c].any()]
    return {
        "name": name,
        "kind": "tags",
        "names": [classes[c] for c in found],
        "tracks": [np.flatnonzero(has[:, c]).tolist() for c in found],
    }


def _number(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
