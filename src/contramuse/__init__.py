"""Contramuse: contrastive learning of music representations."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "load"]

if TYPE_CHECKING:
    from contramuse.checkpoint.model import load as load


def __getattr__(name: str) -> Any:
    if name == "load":
        from contramuse.checkpoint.model import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
