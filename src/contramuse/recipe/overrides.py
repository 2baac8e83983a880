"""Settings given on the command line, as ``key=value``, put into a recipe as written."""

from __future__ import annotations

import copy
from typing import Any

from contramuse.errors import RecipeError
from contramuse.recipe.reading import read_yaml


def apply_override(written: dict[str, Any], override: str, resolved: Any) -> None:
    """Set one ``a.b.0.c=value`` in place.

    On the way a bare kind becomes a mapping, and a part that is not written is taken from the ``resolved`` recipe.

    Raises:
        RecipeError: it is not key=value, or the key leads nowhere.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError("is not key=value", name="override", value=override, fix="Write e.g. train.batch=64.")
    try:
        value = read_yaml(text)
    except ValueError as error:
        problem = f"has a value that is not YAML ({error})"
        raise RecipeError(problem, name="override", value=override, fix="Write e.g. train.batch=64.") from error
    place: Any = written
    *path, last = key.split(".")
    for step, following in zip(path, [*path, last][1:], strict=True):
        below = _item(place, step, override)
        resolved = resolved.get(step) if isinstance(resolved, dict) else None
        if isinstance(below, str):
            below = {"kind": below}
        elif below is None:
            below = copy.deepcopy(resolved) or {}
        if isinstance(below, dict) and isinstance(below.get("kind"), str) and following.isdigit():
            below = [below]
        _put(place, step, below, override)
        place = below
    _put(place, last, value, override)


def _item(place: Any, step: str, override: str) -> Any:
    if isinstance(place, list):
        if not step.isdigit() or int(step) >= len(place):
            raise RecipeError(
                f"{step!r} is not a position in a list of {len(place)}", name="override", value=override,
                fix="Positions start at 0.",
            )  # fmt: skip
        return place[int(step)]
    if not isinstance(place, dict):
        raise RecipeError(f"there are no settings at {step!r}", name="override", value=override, fix="Shorten the key.")
    return place.get(step)


def _put(place: Any, step: str, value: Any, override: str) -> None:
    if isinstance(place, list):
        _item(place, step, override)
        place[int(step)] = value
    elif isinstance(place, dict):
        place[step] = value
    else:
        raise RecipeError(f"there are no settings at {step!r}", name="override", value=override, fix="Shorten the key.")
