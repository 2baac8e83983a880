"""Facts about recordings: scanned from folders, labelled, split, decoded once into a library, and read from there.

``Library`` is imported when it is first asked for, so that the processes that decode do without Parquet.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Library"]

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library as Library


def __getattr__(name: str) -> Any:
    if name == "Library":
        from contramuse.catalogue.library import Library

        return Library
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
