"""Similarity search over embeddings: an index, conditions, and queries by file, id, path or title."""

from contramuse.search.index import Index
from contramuse.search.query import Hit, Query, resolve, search
from contramuse.search.where import select, shown

__all__ = ["Hit", "Index", "Query", "resolve", "search", "select", "shown"]
