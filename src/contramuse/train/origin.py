"""The model whose weights a run starts from: what of it fits the towers of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from contramuse.catalogue.vectors import vectors_hash
from contramuse.checkpoint.lineage import lineage
from contramuse.checkpoint.model import Model, load
from contramuse.encoders.tower import follow
from contramuse.errors import UserError
from contramuse.recipe import Recipe
from contramuse.views import Classes, Tags, Vector

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library


@dataclass(frozen=True)
class Origin:
    """A model to start from.

    Args:
        name: as it was given; the whole path of a folder.
        model: itself.
    """

    name: str
    model: Model

    def facts(self, taken: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
        """What a run says of it, with the tensors that were taken: tower -> part -> count."""
        counts = {tower: dict(parts) for tower, parts in taken.items()}
        return {"name": self.name, "model_hash": self.model.model_hash, "taken": counts, **lineage(self.model.info)}


def open_origin(name: str | Path) -> Origin:
    """The model in a folder, of a run, or on a hub.

    Raises:
        ModelFileError: it is none, or damaged.
    """
    return Origin(str(Path(name).absolute()) if Path(name).exists() else str(name), load(name))


def reopen_origin(facts: Mapping[str, Any]) -> Origin:
    """The model that a run was started from, for one that stopped before its first checkpoint.

    Raises:
        UserError: another model is there now.
        ModelFileError: it is gone.
    """
    found = open_origin(facts["name"])
    if found.model.model_hash != facts["model_hash"]:
        problem, fix = "is another model than the run was started from", "Start a new run."
        raise UserError(problem, name="--from", value=facts["name"], fix=fix)
    return found


def take_weights(
    towers: nn.ModuleDict, origin: Origin, recipe: Recipe, library: Library
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Copy into ``towers`` what fits: towers by name, and of a tower its parts.

    A part (frontend, encoder, each head, predictor) is taken whole or not at all, where all of its tensors have the
    names and shapes of the model's; nothing without the encoder. A tower of tags, classes or stored vectors is taken
    only where its numbers still mean the same. A tower that follows another and is not in the model begins as the
    other's copy.

    Args:
        towers: of the run, changed in place.
        origin: the model.
        recipe: of the run.
        library: of the run.

    Returns:
        Tensors taken by tower and part, and lines that say what was taken and what a person should know.

    Raises:
        UserError: nothing fits.
    """
    foreign = _foreign(origin, recipe, library)
    taken: dict[str, dict[str, int]] = {}
    told: dict[str, str] = {}
    for name, tower in towers.items():
        theirs = origin.model.towers[name].state_dict() if name in origin.model.towers else {}
        found = {} if name in foreign else _take(tower, theirs)
        if found:
            taken[name] = {part: len(tensors) for part, tensors in found.items()}
            tower.load_state_dict({key: value for part in found.values() for key, value in part.items()}, strict=False)
        told[name] = _line(name, tower, found, foreign.get(name) or ("" if theirs else "it is not in the model"))
    for name, (leader, _) in recipe.followers.items():
        if name not in taken and leader in taken:
            with torch.no_grad():
                follow(towers[name], towers[leader], momentum=0.0)
            told[name] = f"tower {name}: a copy of {leader}"
    if not taken:
        both = f"The model has {_shapes(origin.model.towers)}; the recipe {_shapes(towers)}."
        raise UserError("has nothing in common with the recipe", name="--from", value=origin.name, fix=both)
    return taken, [*told.values(), *_changes(origin, recipe, library, taken)]


def _take(tower: nn.Module, theirs: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    ours = _parts(tower.state_dict())
    agreeing = {}
    for part, tensors in _parts(theirs).items():
        wanted = ours.get(part, {})
        if {k: v.shape for k, v in tensors.items()} == {k: v.shape for k, v in wanted.items()}:
            agreeing[part] = tensors
    if "encoder" not in agreeing and "encoder" in ours:
        return {}
    return agreeing


def _parts(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Tensors by part; each of several heads is one."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        part, *rest = key.split(".")
        parts.setdefault(f"{part}.{rest[0]}" if part == "heads" else part, {})[key] = value
    return parts


def _foreign(origin: Origin, recipe: Recipe, library: Library) -> dict[str, str]:
    """Towers whose input means something else than it did, with the reason."""
    extra, views = origin.model.info.get("extra", {}), origin.model.info["recipe"]["views"]
    facts = extra.get("tags", {}) | extra.get("classes", {}) | extra.get("vectors", {})
    known = {views[view]["tower"]: fact for view, fact in facts.items() if view in views}
    reasons = {}
    for view, take in recipe.build_takes().items():
        tower = recipe.view_towers()[view]
        before = known.get(tower, {})
        if isinstance(take, (Tags, Classes)) and before.get("classes") != list(library.fields[take.labels].classes):
            reasons[tower] = f"the classes of {take.labels} are others"
        if isinstance(take, Vector) and before.get("hash") != vectors_hash(library.vectors(take.name)):
            reasons[tower] = f"the vectors {take.name} are others"
    return reasons


def _line(name: str, tower: nn.Module, found: Mapping[str, Mapping[str, Tensor]], reason: str) -> str:
    parts = _parts(tower.state_dict())
    if not found:
        return f"tower {name}: nothing taken ({reason or 'its encoder has other names or shapes'})"
    count = ", ".join(f"{len(tensors)} of {part}" for part, tensors in found.items())
    rest = [part for part in parts if part not in found]
    return f"tower {name}: tensors taken: {count}{'; new: ' + ', '.join(rest) if rest else ''}"


def _changes(origin: Origin, recipe: Recipe, library: Library, taken: Mapping[str, Any]) -> list[str]:
    """What the weights were not made for, though they fit."""
    stored = Recipe.from_resolved(origin.model.info["recipe"])
    before, now, told = stored.resolved()["towers"], recipe.resolved()["towers"], []
    if origin.model.sample_rate != library.sample_rate:
        told.append(f"the model heard {origin.model.sample_rate:,} Hz, the library has {library.sample_rate:,} Hz")
    for name in taken:
        ours, theirs = (t[t[name].get("follow") or name]["frontend"] for t in (now, before))
        if ours != theirs:
            told.append(f"tower {name} had another frontend: {theirs}")
    return told


def _shapes(towers: nn.ModuleDict) -> str:
    """Every tower with its encoder's class, and the count of its numbers."""
    each: list[str] = []
    for name, tower in towers.items():
        encoder: Any = tower.encoder
        each.append(f"{name} ({type(encoder).__name__}, {sum(p.numel() for p in encoder.parameters()):,} numbers)")
    return ", ".join(each)
