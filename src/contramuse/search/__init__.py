"""Similarity search over embeddings: an index, conditions, and queries by file, id, path, title, tags or playlist."""

from contramuse.search.index import Index
from contramuse.search.modalities import from_tags
from contramuse.search.playlist import from_playlist
from contramuse.search.query import Hit, Query, resolve, search
from contramuse.search.space import read_weights, weights_of
from contramuse.search.where import library_of, select, shown

__all__ = [
    "Hit", "Index", "Query", "from_playlist", "from_tags", "library_of", "read_weights", "resolve", "search", "select",
    "shown", "weights_of",
]  # fmt: skip
