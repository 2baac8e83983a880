"""A playlist as a query: the mean of its tracks, seen by the company they keep, or else by how they sound."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from contramuse.catalogue.playlists import library_lists
from contramuse.catalogue.vectors import vectors_hash
from contramuse.checkpoint.model import Model
from contramuse.embeddings import Embeddings
from contramuse.errors import EmbeddingsError, LibraryError, UserError
from contramuse.search.modalities import joined, through, vector_views
from contramuse.search.query import Query, collection_model

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library

LISTED = 12


def from_playlist(
    embeddings: Embeddings,
    library: Library,
    name: str,
    *,
    by: str = "playlists",
    model: str | Path | Model | None = None,
) -> Query:
    """The query for a playlist: the mean of its tracks of train and valid, which are no answers.

    The tracks are seen by the model's tower of vectors, where it has one that was trained on the very vectors of this
    library; else by their embeddings. The query's ``means`` tells which.

    Args:
        embeddings: the collection.
        library: which has the playlist.
        name: of the playlist.
        by: group or label field whose lists are meant.
        model: the model of the collection, if it is not where ``embeddings.json`` says.

    Raises:
        LibraryError: there is no such playlist.
        UserError: none of its tracks can be used.
        EmbeddingsError: the embeddings are not of the space in which vectors are compared.
    """
    members = _members(library, name, by)
    rows = members[np.array(library.column("split"))[members] != "test"]
    used, view, stored, why = _vectors(embeddings, library, model)
    known = np.isfinite(stored[rows]).all(axis=1)
    if used is not None and known.any():
        meant = through(embeddings, used, view, torch.from_numpy(stored[rows[known]]))
        means = f"the mean of {known.sum()} of its {len(members)} tracks, through the tower {meant.tower}"
        query = joined(embeddings, [meant], means=means, facts={})
    else:
        query = _centroid(embeddings, library, rows, why=why or "none of them has a vector", of=len(members))
    ids = tuple(library.ids[rows].tolist())
    return replace(query, ids=ids, facts={by: (name,)}, means=f"{by} {name}: {query.means}")


def _members(library: Library, name: str, by: str) -> NDArray[np.int64]:
    lists = library_lists(library, by)
    if name in lists.names:
        return lists[lists.names.index(name)]
    near = difflib.get_close_matches(name, lists.names, n=3)
    hint = f"Did you mean {', '.join(near)}? " if near else ""
    listed = ", ".join(lists.names[:LISTED]) + (f" and {len(lists) - LISTED} more" if len(lists) > LISTED else "")
    raise LibraryError("the library has no such list", name=by, value=name, fix=f"{hint}It has: {listed}.")


def _vectors(
    embeddings: Embeddings, library: Library, model: str | Path | Model | None
) -> tuple[Model | None, str, NDArray[np.float32], str]:
    """Model, view of vectors, and the vectors [n d]; no model, and why not, where audio must do."""
    none = np.full((len(library), 1), np.nan, np.float32)
    try:
        used = collection_model(embeddings, model)
    except EmbeddingsError as error:
        if model is not None:
            raise
        return None, "", none, f"the model cannot be asked: {error.problem}"
    views = vector_views(used)
    reason = "the model has no tower of vectors"
    for view, (name, wanted) in views.items():
        try:
            stored = library.vectors(name)
        except LibraryError:
            reason = f"the library has no vectors {name}"
            continue
        if vectors_hash(stored) == wanted:
            return used, view, stored, ""
        reason = f"the library's vectors {name} are not those that the model was trained on"
    return None, "", none, reason


def _centroid(
    embeddings: Embeddings, library: Library, rows: Sequence[int] | NDArray[np.int64], *, why: str, of: int
) -> Query:
    place = {identity: row for row, identity in enumerate(embeddings.ids.tolist())}
    here = [place[identity] for identity in library.ids[rows].tolist() if identity in place]
    if not here:
        fix = "Give another one, or embed its tracks."
        raise UserError(f"none of its {of} tracks is in train or valid and embedded", name="--playlist", fix=fix)
    vector = np.stack([embeddings.vector(row) for row in here]).mean(axis=0)
    means = f"the mean of the embeddings of {len(here)} of its {of} tracks ({why})"
    return Query(vector=vector, row=-1, means=means)
