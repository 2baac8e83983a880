"""Chains of augmentations: from what is written to what is applied to waveforms and to features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contramuse.augment import Chain
from contramuse.recipe.grammar import GRAMMAR, Augmentation
from contramuse.recipe.parts import Mistakes, plain_value, settings


def resolve_chain(written: Sequence[Any], *, sample_rate: int, place: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Augmentations as plain data with every default, and what is wrong with them (then the first is of no use).

    Args:
        written: of each its kind, or a mapping with its kind and settings.
        sample_rate: of the waveforms, Hz.
        place: what mistakes call it.
    """
    mistakes = Mistakes()
    wanted = tuple[Augmentation, ...]
    resolved = GRAMMAR.resolve(wanted, list(written), place, mistakes, {"sample_rate": sample_rate})
    return resolved, mistakes.found


def build_chain(resolved: Sequence[Any], *, sample_rate: int, place: str) -> tuple[Chain, Chain]:
    """The chain on waveforms and the chain on features that resolved augmentations are; a preset is several.

    Raises:
        RecipeError: an augmentation refuses a setting.
    """
    built = GRAMMAR.build(tuple[Augmentation, ...], resolved, {"sample_rate": sample_rate}, place)
    made = [a for one in built for a in (one if isinstance(one, tuple) else (one,))]
    return (
        Chain(tuple(a for a in made if a.stage == "waveform")),
        Chain(tuple(a for a in made if a.stage == "features")),
    )


def chain_in_words(resolved: Sequence[Any]) -> str:
    """A line: the kinds, and the settings that are not the default, as "semisupcon severity=3.0, bitcrush"."""
    words = []
    for step in resolved:
        if step["kind"] == "corruption":
            words.append(str(step["name"]))
            continue
        defaults = {name: pair[1] for name, pair in settings(GRAMMAR.tables[Augmentation][step["kind"]]).items()}
        told = [f"{n}={v}" for n, v in step.items() if n != "kind" and not _is_default(v, defaults[n])]
        words.append(" ".join([step["kind"], *told]))
    return ", ".join(words)


def _is_default(value: Any, default: Any) -> bool:
    try:
        return bool(plain_value(default) == value)
    except TypeError:  # a setting without a default
        return False
