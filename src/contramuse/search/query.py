"""Queries: what is meant by a file, an id, a path or a title, and the tracks most similar to it.

The query itself is not an answer, and neither are its duplicates: rows with the same content id, and rows whose centred
cosine to the query is above 0.9999 while their lengths differ by at most one second (the same audio with other tags).
A collection so small that vectors are not centred knows duplicates by id alone.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contramuse.checkpoint.model import Model, load
from contramuse.checkpoint.windows import file_source
from contramuse.embeddings import Embeddings
from contramuse.embeddings.files import describe, needs_audio
from contramuse.embeddings.store import TEXT, corrupted_by, foreign_name, output_of
from contramuse.errors import DecodeError, EmbeddingsError, ModelFileError
from contramuse.files import stable_hash
from contramuse.search.index import Compared, Index
from contramuse.search.where import library_names, library_of, library_values, parse, select

DUPLICATE_COSINE = 0.9999
DUPLICATE_SECONDS = 1.0
LISTED = 10
PREFIX = 4


@dataclass(frozen=True)
class Query:
    """What is searched for.

    Args:
        vector: float32 [h].
        row: of the collection, -1 for a file that is not in it.
        facts: id, path, title, artist, album, split, seconds, as far as known; values by field for ``@query``.
        ids: of the tracks that the query was made of, which are not answers.
        weights: of the parts of the vectors, 1 where none is given.
        compared: "centred", or "plain" for what is no track: see ``search.index``.
        means: what a query that is no track stands for, in words.
    """

    vector: NDArray[np.float32]
    row: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    compared: Compared = "centred"
    means: str = ""

    def weighed(self, weights: Mapping[str, float]) -> Query:
        """The same query with these weights in place of its own; parts that are not named keep theirs."""
        return replace(self, weights={**self.weights, **weights})


@dataclass(frozen=True)
class Hit:
    """One answer; ``similarity`` is the cosine that the index states."""

    rank: int
    similarity: float
    id: str
    title: str
    artist: str
    album: str
    path: str
    seconds: float
    row: int

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def search(
    embeddings: Embeddings, query: Query, *, k: int = 10, where: str | Sequence[str] = (), index: Index | None = None
) -> list[Hit]:
    """The k tracks most similar to ``query``, without itself and its duplicates.

    Args:
        embeddings: the collection.
        query: from ``resolve``.
        k: how many.
        where: conditions, see ``search.where``.
        index: the collection's index; opened or built by default.

    Raises:
        UserError: a condition is wrong.
    """
    opened = Index.open(embeddings, compared=query.compared) if index is None else index
    texts = [where] if isinstance(where, str) else where
    conditions = [condition for text in texts for condition in parse(text)]
    own = any(c.value.casefold() == "@query" for c in conditions)
    mask = select(embeddings, conditions, _all_facts(embeddings, query) if own else query.facts)
    mask &= ~np.isin(embeddings.ids, [query.facts.get("id", ""), *query.ids])
    if query.row >= 0:
        mask[query.row] = False
    wanted, allowed = k + 8, int(mask.sum())
    while True:
        rows, similarity = opened.query(query.vector, wanted, where=mask, weights=query.weights)
        keep = ~_duplicates(embeddings, query, rows, similarity, opened)
        if keep.sum() >= k or wanted >= allowed:
            break
        wanted *= 2
    columns = {name: embeddings.column(name) for name in ("id", "title", "artist", "album", "path", "seconds")}
    return [
        Hit(
            rank=rank, similarity=float(value), row=int(row), seconds=round(float(columns["seconds"][row]), 3),
            **{name: str(columns[name][row]) for name in ("id", "title", "artist", "album", "path")},
        )
        for rank, (row, value) in enumerate(zip(rows[keep][:k], similarity[keep][:k], strict=True), start=1)
    ]  # fmt: skip


def _duplicates(
    embeddings: Embeddings, query: Query, rows: NDArray[np.int64], similarity: NDArray[np.float32], index: Index
) -> NDArray[np.bool_]:
    if not index.centre.any() or "seconds" not in query.facts:
        return np.zeros(len(rows), np.bool_)
    near = np.abs(embeddings.seconds[rows] - query.facts["seconds"]) <= DUPLICATE_SECONDS
    alike = near & (similarity > DUPLICATE_COSINE)
    if query.weights:  # alike in the parts that weigh is no duplicate yet
        asked = index.unit(query.vector)
        for place in np.flatnonzero(alike):
            alike[place] = float(index.unit(embeddings.vector(int(rows[place]))) @ asked) > DUPLICATE_COSINE
    return np.asarray(alike, np.bool_)


def _all_facts(embeddings: Embeddings, query: Query) -> dict[str, Any]:
    """The query's columns, and what the library says about it."""
    facts, library = dict(query.facts), library_of(embeddings)
    if library is None:
        return facts
    rows = np.flatnonzero(library.ids == facts.get("id", ""))
    if len(rows):
        for name in library_names(library):
            values = library_values(library, name)
            if values is not None:
                facts.setdefault(name, values[int(rows[0])])
    return facts


def resolve(embeddings: Embeddings, text: str, *, model: str | Path | Model | None = None) -> Query:
    """What ``text`` means: an existing file, else an id or its beginning, a path, a file's stem, or a title.

    A file whose content is in the collection takes its vector from there; another one is embedded.

    Args:
        embeddings: the collection.
        text: as the user wrote it.
        model: the model of the collection, if it is not where ``embeddings.json`` says.

    Raises:
        EmbeddingsError: nothing, or more than one track, is meant; the model is not the collection's.
        DecodeError: the file cannot be read.
    """
    if os.path.isfile(text):
        return _from_file(embeddings, text, model)
    row = _find(embeddings, text)
    return _from_row(embeddings, row)


def _from_row(embeddings: Embeddings, row: int) -> Query:
    facts: dict[str, Any] = {name: str(embeddings.column(name)[row]) for name in TEXT}
    facts["seconds"] = float(embeddings.seconds[row])
    return Query(vector=embeddings.vector(row), row=row, facts=facts)


def _from_file(embeddings: Embeddings, text: str, model: str | Path | Model | None) -> Query:
    entry = describe(os.fsencode(text))
    rows = np.flatnonzero(embeddings.ids == entry.id)
    if len(rows):
        return _from_row(embeddings, int(rows[0]))
    used = collection_model(embeddings, model)
    needs_audio(used)
    meta = embeddings.meta
    source = file_source(text, used.sample_rate)
    result = next(iter(used.embed_sources([source], window=meta["window"], hop=meta["hop"])))
    if result.vector is None:
        raise DecodeError(result.failure, name="file", value=text, fix="Give another file, or the id of a track.")
    facts: dict[str, Any] = {name: getattr(entry, name) for name in TEXT}
    facts["seconds"] = result.samples / used.sample_rate
    return Query(vector=result.vector, row=-1, facts=facts)


def collection_model(embeddings: Embeddings, model: str | Path | Model | None = None) -> Model:
    """The model that made the collection, checked by its hash.

    Raises:
        EmbeddingsError: it is not where it was, another model is given, or the collection's windows are corrupted.
    """
    meta = embeddings.meta
    if corrupted := corrupted_by(meta):
        raise EmbeddingsError(
            f"were made of corrupted windows ({corrupted}), with which a vector of clean music does not compare",
            name="embeddings", value=embeddings.root,
            fix="Search by a track of the collection, or embed without --corrupt.",
        )  # fmt: skip
    if name := foreign_name(meta):
        raise EmbeddingsError(
            f"are of another program ({name}), which cannot be asked for the vector of a file", name="embeddings",
            value=embeddings.root, fix="Search by a track of the collection.",
        )  # fmt: skip
    place = meta.get("model_path") if model is None else model
    if place is None:
        raise EmbeddingsError(
            "were made by a model in memory", name="embeddings", value=embeddings.root, fix="Give it with --model."
        )
    if not isinstance(place, Model):
        try:
            found = load(place)
        except ModelFileError as error:
            if model is not None:
                raise
            raise EmbeddingsError(
                "the model that made the embeddings cannot be loaded from where it was", name="model", value=place,
                fix="Give its folder or hub id with --model.",
            ) from error  # fmt: skip
        seed = meta.get("randomised")
        place = found if seed is None else found.randomised(seed)
    if place.model_hash == meta["model_hash"] and place.output != output_of(meta):
        place = place.giving(output_of(meta))
    steps = place.preprocessing(window=meta["window"], hop=meta["hop"])
    if "corrupt" in meta.get("preprocessing", {}):  # of the collection; a query is asked as it is
        steps["corrupt"] = meta["preprocessing"]["corrupt"]
    if place.model_hash != meta["model_hash"] or stable_hash(steps) != meta["preprocessing_hash"]:
        raise EmbeddingsError(
            f"has hash {place.model_hash[:12]}, the embeddings were made by {meta['model_hash'][:12]}", name="model",
            value=place.path, fix="Give the model that made them with --model, or embed the music again with this one.",
        )  # fmt: skip
    return place


def _find(embeddings: Embeddings, text: str) -> int:
    folded = text.casefold()
    ids, paths, titles = embeddings.ids, embeddings.paths, embeddings.titles
    tests: tuple[Callable[[], NDArray[np.bool_]], ...] = (
        lambda: ids == folded,
        lambda: np.char.startswith(ids, folded) if len(text) >= PREFIX else np.zeros(len(ids), np.bool_),
        lambda: paths == text,
        lambda: np.array([Path(path).stem.casefold() == folded for path in paths.tolist()], np.bool_),
        lambda: np.array([title.casefold() == folded for title in titles.tolist()], np.bool_),
    )
    for test in tests:
        rows = np.flatnonzero(test())
        if len(rows) == 1 or (len(rows) and len(set(ids[rows].tolist())) == 1):
            return int(rows[0])
        if len(rows):
            more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
            listed = "; ".join(f"{ids[r][:12]} {titles[r]!r} ({paths[r]})" for r in rows[:LISTED].tolist())
            raise EmbeddingsError(
                f"is ambiguous: {listed}{more}", name="query", value=text, fix="Give the id of one of them."
            )
    near = difflib.get_close_matches(text, titles.tolist()[:100_000], n=3)
    hint = f"Did you mean {', '.join(repr(n) for n in near)}? " if near else ""
    raise EmbeddingsError(
        "is no file, and no id, path or title of the collection", name="query", value=text,
        fix=f"{hint}Give an audio file, an id (or its first {PREFIX} or more characters), a path, or a title.",
    )  # fmt: skip
