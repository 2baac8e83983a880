"""Targets: how alike two rows should be, from who they are. Each maps (Rows q, Rows k) to T >= 0 of shape [q k]."""

from contramuse.targets.base import Target, same_id
from contramuse.targets.classes import Key, Lookup
from contramuse.targets.combined import Any, Product, Sum
from contramuse.targets.given import Given, Plugin
from contramuse.targets.ids import Same
from contramuse.targets.labels import Dice, InverseFrequency, Jaccard, Shared
from contramuse.targets.numeric import Kernel, Tempo

TARGETS: dict[str, type[Target]] = {
    "same": Same,
    "shared": Shared,
    "dice": Dice,
    "jaccard": Jaccard,
    "inverse_frequency": InverseFrequency,
    "kernel": Kernel,
    "tempo": Tempo,
    "key": Key,
    "lookup": Lookup,
    "given": Given,
    "plugin": Plugin,
    "any": Any,
    "product": Product,
    "sum": Sum,
}

__all__ = [
    "TARGETS",
    "Any",
    "Dice",
    "Given",
    "InverseFrequency",
    "Jaccard",
    "Kernel",
    "Key",
    "Lookup",
    "Plugin",
    "Product",
    "Same",
    "Shared",
    "Sum",
    "Target",
    "Tempo",
    "same_id",
]
