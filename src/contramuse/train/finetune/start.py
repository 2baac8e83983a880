"""What a run of fine-tuning starts from: a model or a recipe, or a run that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from torch import nn

from contramuse.checkpoint.lineage import lineage
from contramuse.checkpoint.model import build_towers, load
from contramuse.errors import UserError
from contramuse.files import replacing, write_json
from contramuse.recipe import Recipe, load_recipe, recipe_names
from contramuse.train.finetune.settings import Settings
from contramuse.train.runs import code_version, stored_recipe, stored_run

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library


@dataclass(frozen=True)
class Origin:
    """An encoder with its recipe.

    Args:
        recipe: resolved, with the window of the run.
        tower: name of the tower that embeds.
        sample_rate: Hz.
        name: of the model or recipe, as it was given.
        model_hash: of the model; "" for new weights.
        seen: what the model's weights have seen, see ``checkpoint.lineage``; empty for new ones.
    """

    recipe: dict[str, Any]
    tower: str
    sample_rate: int
    name: str
    model_hash: str
    seen: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def window(self) -> float:
        """Seconds."""
        return float(self.recipe["embed"]["window"])


def is_recipe(name: str) -> bool:
    """Whether ``name`` is a shipped recipe or a recipe's file, rather than a model."""
    return name.endswith((".yaml", ".yml")) or (name in recipe_names() and not Path(name).exists())


def open_origin(name: str, overrides: Sequence[str], settings: Settings) -> tuple[Origin, nn.ModuleDict]:
    """The encoder to start from: its recipe, and its towers with the weights of the start.

    Raises:
        UserError: overrides for a model, or the weights of a recipe.
        ModelFileError: it is no model.
        RecipeError: it is no recipe.
    """
    given = str(Path(name).absolute()) if Path(name).exists() else name
    if is_recipe(name):
        if settings.start == "model":
            fix = "A recipe has no weights: give --start scratch, or a model."
            raise UserError("is a recipe", name="MODEL", value=name, fix=fix)
        recipe = load_recipe(name, overrides)
        resolved, rate, tower = recipe.resolved(), recipe.sample_rate, recipe.embed.tower
    else:
        if overrides:
            fix = "Leave them out, or give a recipe instead of a model."
            raise UserError("are for recipes", name="overrides", value=" ".join(overrides), fix=fix)
        model = load(name)
        resolved, rate, tower = dict(model.info["recipe"]), model.sample_rate, str(model.info["tower"])
        if settings.start == "model":
            seen = lineage(model.info)
            return Origin(_windowed(resolved, settings), tower, rate, given, model.model_hash, seen), model.towers
    torch.manual_seed(settings.seed)  # initial weights: torch's initialisers know no other generator
    return Origin(_windowed(resolved, settings), tower, rate, given, ""), build_towers(resolved, sample_rate=rate)


def _windowed(recipe: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    if not settings.seconds:
        return dict(recipe)
    return {**recipe, "embed": {**recipe["embed"], "window": settings.seconds, "hop": settings.seconds}}


def describe_run(
    run: Path, origin: Origin, library: Library, settings: Settings, *, minutes: float | None, facts: Mapping[str, Any]
) -> None:
    """Write recipe.yaml (of the encoder) and run.json (where everything came from, and every setting)."""
    with replacing(run / "recipe.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(origin.recipe, sort_keys=False, allow_unicode=True), encoding="utf-8")
    write_json(
        run / "run.json",
        {
            "kind": "fine-tuning", "settings": settings.to_json(),
            "origin": {
                "name": origin.name, "tower": origin.tower, "model_hash": origin.model_hash, "seen": dict(origin.seen),
            },
            "library": str(Path(library.root).absolute()), "library_fingerprint": library.fingerprint,
            "code_version": code_version(), "minutes": minutes, **facts,
        },
    )  # fmt: skip


def stored_settings(run: Path) -> Settings:
    """The settings that a run was started with.

    Raises:
        UserError: the folder is no run of fine-tuning.
    """
    facts = stored_run(run)
    if facts.get("kind") != "fine-tuning":
        fix = "Give the folder that `contramuse finetune` made."
        raise UserError("is not a run of fine-tuning", name="run", value=run, fix=fix)
    return Settings.from_json(facts["settings"])


def reopen(run: Path, settings: Settings, *, weights: str) -> tuple[Origin, nn.ModuleDict]:
    """The encoder of a run that goes on.

    Args:
        run: its folder.
        settings: of the run.
        weights: "start", what the run started from; "any", a checkpoint will fill them.

    Raises:
        UserError: the folder is damaged, or the model is gone or another one.
    """
    known, recipe = stored_run(run)["origin"], stored_recipe(run)
    if weights == "start" and known["model_hash"]:
        found = open_origin(known["name"], (), settings)
        if found[0].model_hash != known["model_hash"]:
            problem, fix = "is another model than the run was started with", "Start a new run."
            raise UserError(problem, name="MODEL", value=known["name"], fix=fix)
        return found
    torch.manual_seed(settings.seed)
    origin = Origin(
        recipe.resolved(), known["tower"], recipe.sample_rate, known["name"], known["model_hash"], known.get("seen", {})
    )
    return origin, recipe.build_towers()


def own_recipe(origin: Origin) -> Recipe:
    """The recipe of the encoder, for its augmentation."""
    return Recipe.from_resolved(origin.recipe, name=str(origin.recipe.get("name", "stored")))
