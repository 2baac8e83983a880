"""A recipe: sampler, views, towers, contrasts, training, embedding; read, overridden, checked, built."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NewType

import torch
from torch import nn

from contramuse.audio.frontend import FRONTENDS
from contramuse.augment import AUGMENTATIONS, PRESETS, Chain
from contramuse.encoders import ENCODERS, HEADS, Tower
from contramuse.errors import RecipeError
from contramuse.files import stable_hash
from contramuse.objective import CANDIDATES, OBJECTIVES, Candidates, InfoNCE, NotSelf, Objective
from contramuse.recipe.overrides import apply_override
from contramuse.recipe.parts import Grammar, Mistakes, nearest
from contramuse.recipe.reading import read_yaml
from contramuse.recipe.settings import OPTIMIZERS, SCHEDULES, Embed, Optimizer, Schedule, Train
from contramuse.sampling import SAMPLERS, Sampler
from contramuse.similarity import SIMILARITIES, Similarity
from contramuse.strategy import Contrast, Strategy
from contramuse.targets import TARGETS, Target
from contramuse.views import TAKES, Crop

# Parts that share no base class of their own are told apart by these names.
Take = NewType("Take", Crop)
Augmentation = NewType("Augmentation", object)
Frontend = NewType("Frontend", nn.Module)
Encoder = NewType("Encoder", nn.Module)
Head = NewType("Head", nn.Module)


@dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """What is seen of a track, how it is augmented, and the tower that it goes to.

    Args:
        take: a kind of take.
        augment: augmentations and presets, in order.
        tower: name of the tower.
    """

    take: Take
    augment: tuple[Augmentation, ...] = ()
    tower: str = "audio"


@dataclass(frozen=True, kw_only=True)
class TowerSpec:
    """From a view to its embedding.

    Args:
        encoder: a kind of encoder.
        frontend: a kind of frontend.
        head: the projection head, dropped after training.
    """

    encoder: Encoder
    frontend: Frontend
    head: Head


@dataclass(frozen=True, kw_only=True)
class ContrastSpec:
    """One comparison; see ``strategy.Contrast``."""

    between: tuple[str, ...]
    target: Target
    similarity: Similarity
    candidates: tuple[Candidates, ...] = (NotSelf(),)
    objective: Objective = field(default_factory=InfoNCE)
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole recipe.

    Args:
        about: what it is and where it comes from; the first line is shown in lists.
        sampler: which tracks stand together in a batch.
        views: name -> what is seen of a track.
        towers: name -> from a view to its embedding.
        contrasts: their weighted sum is the loss.
        train: how it is trained.
        embed: how the trained encoder sees a whole track.
        sample_rate: Hz, of the libraries that it takes.
    """

    views: dict[str, ViewSpec]
    towers: dict[str, TowerSpec]
    contrasts: tuple[ContrastSpec, ...]
    train: Train
    embed: Embed
    sampler: Sampler
    about: str = ""
    sample_rate: int = 22050


GRAMMAR = Grammar(
    tables={
        Sampler: SAMPLERS,
        Take: TAKES,
        Augmentation: {**AUGMENTATIONS, **PRESETS},
        Frontend: FRONTENDS,
        Encoder: ENCODERS,
        Head: HEADS,
        Target: TARGETS,
        Similarity: SIMILARITIES,
        Candidates: CANDIDATES,
        Objective: OBJECTIVES,
        Optimizer: OPTIMIZERS,
        Schedule: SCHEDULES,
    },
    sections=(Document, ViewSpec, TowerSpec, ContrastSpec, Train, Embed),
)


class Recipe:
    """A checked recipe with every default filled in.

    Args:
        name: of the recipe, e.g. the file's stem.
        written: the mapping as written, after overrides.

    Raises:
        RecipeError: with all mistakes, each with its place, value and next step.
    """

    def __init__(self, name: str, written: Any) -> None:
        mistakes = Mistakes()
        resolved = GRAMMAR.resolve(Document, written, "", mistakes, {"sample_rate": _rate_of(written)})
        if not mistakes.found:
            _check_names(resolved, mistakes)
            _check_towers(resolved, mistakes)
        if mistakes.found:
            _refuse(name, mistakes)
        self.name = name
        self._resolved: dict[str, Any] = resolved
        self.sample_rate: int = resolved["sample_rate"]
        self.about: str = resolved["about"]
        self.train: Train = self._build(Train, resolved["train"], "train")
        self.embed: Embed = self._build(Embed, resolved["embed"], "embed")

    @classmethod
    def from_resolved(cls, resolved: Mapping[str, Any], name: str = "stored") -> Recipe:
        """The recipe that ``resolved()`` gave, e.g. out of a model file."""
        return cls(name, {k: v for k, v in resolved.items() if k != "name"})

    def resolved(self) -> dict[str, Any]:
        """Plain data with every default; the name first."""
        return {"name": self.name, **self._resolved}

    @property
    def hash(self) -> str:
        """Of everything but name and description."""
        return stable_hash({k: v for k, v in self._resolved.items() if k != "about"})

    @functools.cached_property
    def fields(self) -> frozenset[str]:
        """Label fields of the library that the targets read."""
        return frozenset().union(*[c.target.fields() for c in self._contrast_specs])

    def view_towers(self) -> dict[str, str]:
        """View -> the tower that it goes to."""
        return {name: view["tower"] for name, view in self._resolved["views"].items()}

    def build_towers(self, *, sample_rate: int | None = None) -> nn.ModuleDict:
        """New towers, by name, with weights from torch's global generator (seed it first).

        Every argument that a constructor takes from its surroundings is given here: the rate, the frontend's bands,
        the encoder's dim.
        """
        rate = sample_rate or self.sample_rate
        towers = self._resolved["towers"]
        return nn.ModuleDict({name: _build_tower(spec, rate, f"towers.{name}") for name, spec in towers.items()})

    def build_strategy(self) -> Strategy:
        """The contrasts with their similarities (which may have weights)."""
        specs = self._contrasts(self._embedding_dim() if self._needs_width() else 0)
        return Strategy(
            [
                Contrast(
                    between=s.between, target=s.target, similarity=s.similarity, candidates=s.candidates,
                    objective=s.objective, weight=s.weight,
                )
                for s in specs
            ]
        )  # fmt: skip

    def build_sampler(self) -> Sampler:
        """The sampler's settings as an object."""
        sampler: Sampler = self._build(Sampler, self._resolved["sampler"], "sampler")
        return sampler

    def build_takes(self) -> dict[str, Crop]:
        """View -> its take."""
        views = self._resolved["views"]
        return {name: self._build(Take, view["take"], f"views.{name}.take") for name, view in views.items()}

    def build_chains(self, *, sample_rate: int | None = None) -> dict[str, tuple[Chain, Chain]]:
        """View -> (chain on waveforms, chain on features)."""
        context = {"sample_rate": sample_rate or self.sample_rate}
        chains = {}
        for name, view in self._resolved["views"].items():
            built = GRAMMAR.build(tuple[Augmentation, ...], view["augment"], context, f"views.{name}.augment")
            made = [a for one in built for a in (one if isinstance(one, tuple) else (one,))]  # a preset is several
            chains[name] = (
                Chain(tuple(a for a in made if a.stage == "waveform")),
                Chain(tuple(a for a in made if a.stage == "features")),
            )
        return chains

    @functools.cached_property
    def _contrast_specs(self) -> list[ContrastSpec]:
        return self._contrasts(1)

    def _contrasts(self, width: int) -> list[ContrastSpec]:
        specs = enumerate(self._resolved["contrasts"])
        return [GRAMMAR.build(ContrastSpec, spec, {"dim_in": width}, f"contrasts[{i}]") for i, spec in specs]

    def _needs_width(self) -> bool:
        return any(c["similarity"]["kind"] == "bilinear" for c in self._resolved["contrasts"])

    def _embedding_dim(self) -> int:
        name, spec = next(iter(self._resolved["towers"].items()))
        dim: int = _build_tower(spec, self.sample_rate, f"towers.{name}").head.dim  # type: ignore[assignment]
        return dim

    def _build(self, wanted: Any, value: Any, place: str) -> Any:
        return GRAMMAR.build(wanted, value, {"sample_rate": self.sample_rate}, place)


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """A shipped recipe by name, or a YAML file, with ``key=value`` overrides.

    Raises:
        RecipeError: no such recipe, not YAML, or mistakes in it.
    """
    written = _read(name_or_path)
    recipe = Recipe(Path(name_or_path).stem, written)
    if not overrides:
        return recipe
    for override in overrides:
        apply_override(written, override, recipe.resolved())
    return Recipe(recipe.name, written)


def recipe_folder() -> Path:
    """Where the shipped recipes are: in the installed package, or at the root of a checkout."""
    packaged = Path(str(resources.files("contramuse"))) / "recipes"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "recipes"


def recipe_names() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in recipe_folder().glob("*.yaml"))


def recipe_schema() -> dict[str, Any]:
    """JSON schema of a recipe file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Contramuse recipe",
        **GRAMMAR.schema(Document),
    }


def _read(name_or_path: str) -> dict[str, Any]:
    is_path = name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path
    path = Path(name_or_path) if is_path else recipe_folder() / f"{name_or_path}.yaml"
    if not is_path and not path.exists():
        raise RecipeError(
            "is not a shipped recipe", name="recipe", value=name_or_path, fix=nearest(name_or_path, recipe_names())
        )
    try:
        written = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise RecipeError(problem, name="recipe", value=path, fix="Check the path.") from error
    except UnicodeDecodeError as error:
        raise RecipeError("is not text", name="recipe", value=path, fix="Give a YAML file in UTF-8.") from error
    except ValueError as error:
        raise RecipeError(f"is not YAML ({error})", name="recipe", value=path, fix="Correct that line.") from error
    if not isinstance(written, dict):
        raise RecipeError("is not a mapping", name="recipe", value=path, fix="See `contramuse recipes show clmr`.")
    return written


def _rate_of(written: Any) -> int:
    """The sample rate that is written, or the default; one that is no number is told with the other mistakes."""
    rate = written.get("sample_rate") if isinstance(written, Mapping) else None
    return rate if type(rate) is int else Document.sample_rate


def _build_tower(spec: Mapping[str, Any], sample_rate: int, place: str) -> Tower:
    context = {"sample_rate": sample_rate}
    frontend = GRAMMAR.build(Frontend, spec["frontend"], context, f"{place}.frontend")
    context["bands"] = frontend.bands
    encoder = GRAMMAR.build(Encoder, spec["encoder"], context, f"{place}.encoder")
    head = GRAMMAR.build(Head, spec["head"], {"dim_in": encoder.dim}, f"{place}.head")
    return Tower(frontend=frontend, encoder=encoder, head=head)


def _check_towers(resolved: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Build the towers without weights: only their constructors know which parts go together."""
    for name, spec in resolved["towers"].items():
        try:
            with torch.device("meta"):
                _build_tower(spec, resolved["sample_rate"], f"towers.{name}")
        except RecipeError as error:
            mistakes.add(error.name, error.value, error.problem, error.fix)


def _check_names(resolved: Mapping[str, Any], mistakes: Mistakes) -> None:
    views, towers = resolved["views"], resolved["towers"]
    for name, view in views.items():
        if view["tower"] not in towers:
            mistakes.add(f"views.{name}.tower", view["tower"], "is not a tower", nearest(view["tower"], towers))
    for i, contrast in enumerate(resolved["contrasts"]):
        for view in contrast["between"]:
            if view not in views:
                mistakes.add(f"contrasts[{i}].between", view, "is not a view", nearest(view, views))
    if resolved["embed"]["tower"] not in towers:
        mistakes.add("embed.tower", resolved["embed"]["tower"], "is not a tower", nearest("audio", towers))


def _refuse(name: str, mistakes: Mistakes) -> None:
    found = mistakes.found
    count = "one mistake" if len(found) == 1 else f"{len(found)} mistakes"
    listed = "".join(f"\n  - {mistake}" for mistake in found)
    raise RecipeError(
        f"has {count}, nothing was done", name="recipe", value=name,
        fix=f"Correct:{listed}\n`contramuse recipes show clmr` shows a whole one.",
    )  # fmt: skip
