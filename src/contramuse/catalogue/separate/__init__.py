"""Stems from a separator: a model that takes the mix of a track apart."""

from collections.abc import Callable

from contramuse.catalogue.separate.base import Separator, separated
from contramuse.catalogue.separate.demucs import load_demucs
from contramuse.catalogue.separate.openunmix import load_openunmix

SEPARATORS: dict[str, Callable[..., Separator]] = {"demucs": load_demucs, "openunmix": load_openunmix}

__all__ = ["SEPARATORS", "Separator", "separated"]
