"""Embeddings on disk with their provenance: written once, never mixed, opened by everything that follows."""

from contramuse.embeddings.by_function import from_callable
from contramuse.embeddings.files import embed_files, find_files
from contramuse.embeddings.foreign import import_vectors
from contramuse.embeddings.library import embed_library
from contramuse.embeddings.store import Embeddings
from contramuse.embeddings.writer import Summary

__all__ = ["Embeddings", "Summary", "embed_files", "embed_library", "find_files", "from_callable", "import_vectors"]
