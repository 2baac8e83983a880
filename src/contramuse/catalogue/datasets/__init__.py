"""Readers of published datasets, one file each; see docs/datasets.md. Add one by its file and a line in the table."""

from __future__ import annotations

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.folder import Folder

DATASETS: dict[str, type[Dataset]] = {
    "folder": Folder,
}

__all__ = ["DATASETS", "About", "Dataset", "Entry", "Field", "Needed", "Reading", "Remote"]
