"""Ten tracks of a collection and what lies nearest to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

QUERIES, ANSWERS = 10, 5


def nearest(name: str, embeddings: Embeddings, library: Library | None) -> dict[str, Any]:
    """Queries spread over the artists, and the nearest other tracks of each by centred cosine.

    Args:
        name: of the system.
        embeddings: of three tracks or more.
        library: for the first field of classes, if there is one.
    """
    from contramuse.search import Index

    field, classes = class_field(library)
    index, ids = Index.open(embeddings), embeddings.ids

    def track(row: int) -> dict[str, Any]:
        title = embeddings.titles[row] or embeddings.paths[row]
        known = {"title": str(title), "artist": str(embeddings.artists[row] or "")}
        return {**known, "class": classes.get(str(ids[row]), "")}

    asked = []
    for row in queries(embeddings):
        rows, similarity = index.query(embeddings.vectors[row], ANSWERS + 20)
        near = [(r, s) for r, s in zip(rows.tolist(), similarity.tolist(), strict=True) if ids[r] != ids[row]]
        answers = [{**track(r), "similarity": round(float(s), 4)} for r, s in near[:ANSWERS]]
        asked.append({**track(row), "nearest": answers})
    return {"system": name, "field": field, "asked": asked}


def queries(embeddings: Embeddings) -> list[int]:
    """Rows of at most ``QUERIES`` tracks, of different artists as far as possible; the same every time."""
    order = np.random.default_rng(0).permutation(len(embeddings))
    artists = embeddings.artists
    chosen: list[int] = []
    for fresh in (True, False):
        for row in order.tolist():
            known = {artists[r] for r in chosen}
            if len(chosen) < QUERIES and row not in chosen and (not fresh or artists[row] not in known):
                chosen.append(row)
    return chosen


def class_field(library: Library | None) -> tuple[str, Mapping[str, str]]:
    """The first field of classes, and each track's class by id; "" where there is none."""
    for name, field in {} if library is None else library.fields.items():
        if field.kind == "multiclass":
            assert library is not None
            labels = zip(library.ids.tolist(), library.labels(name), strict=True)
            return name, {track: field.classes[c] for track, c in labels if c >= 0}
    return "", {}
