"""A recipe: sampler, views, towers, contrasts, training, embedding; read, overridden, checked, built."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from contramuse.augment import Chain
from contramuse.errors import RecipeError
from contramuse.files import stable_hash
from contramuse.recipe.chains import build_chain
from contramuse.recipe.grammar import GRAMMAR, ContrastSpec, Document
from contramuse.recipe.overrides import apply_override
from contramuse.recipe.parts import Mistakes, nearest
from contramuse.recipe.reading import read_yaml
from contramuse.recipe.settings import Embed, Train
from contramuse.recipe.towers import all_are_compared, build_towers, check_names, check_towers, embedding_dim
from contramuse.sampling import Sampler
from contramuse.strategy import Contrast, Strategy
from contramuse.views import Take

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library


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
        with torch.device("meta"):  # parts are tried: no weights, no random numbers
            resolved = GRAMMAR.resolve(Document, written, "", mistakes, {"sample_rate": _rate_of(written)})
        if not mistakes.found:
            check_names(resolved, mistakes)
        if not mistakes.found:
            check_towers(resolved, mistakes)
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
        """Label fields of the library that the targets and views read."""
        takes = [take.fields() for take in self.build_takes().values()]
        return frozenset().union(*[c.target.fields() for c in self._contrast_specs], *takes)

    @functools.cached_property
    def taught(self) -> frozenset[str]:
        """Label fields and groups that training sees: those of targets and views, and those of the sampler."""
        return self.fields | self.build_sampler().fields()

    @functools.cached_property
    def followers(self) -> dict[str, tuple[str, float]]:
        """Tower that follows another -> (the other, momentum)."""
        towers = self._resolved["towers"]
        return {name: (spec["follow"], spec["momentum"]) for name, spec in towers.items() if spec["follow"]}

    @property
    def idle(self) -> Literal["some", "none"]:
        """Whether some weights have no part in the loss: those of a head or a tower that no contrast names."""
        return "none" if all_are_compared(self._resolved) else "some"

    @functools.cached_property
    def inputs(self) -> dict[str, str]:
        """View -> the view whose input it sees (its own name, but for views that see another's again)."""
        views = self._resolved["views"]
        return {n: v["take"]["of"] if v["take"]["kind"] == "again" else n for n, v in views.items()}

    def fitted(self, library: Library) -> Recipe:
        """The recipe with the widths that only a library knows (of vectors, tags, classes) written into its encoders.

        Raises:
            LibraryError: the library lacks what a view takes.
            RecipeError: an encoder has a width that is not the library's.
        """
        wide = copy.deepcopy(self._resolved)
        for view, take in self.build_takes().items():
            tower = wide["views"][view]["tower"]
            encoder = wide["towers"][tower].get("encoder") or {}
            if encoder.get("width") == 0:
                encoder["width"] = take.width(library)
            elif encoder.get("width"):
                exact = wide["views"][view]["take"]["kind"] == "vector"
                _check_width(encoder["width"], take.width(library), f"towers.{tower}.encoder", exact=exact)
        return Recipe(self.name, wide)

    def view_towers(self) -> dict[str, str]:
        """View -> the tower that it goes to."""
        return {name: view["tower"] for name, view in self._resolved["views"].items()}

    def build_towers(self, *, sample_rate: int | None = None) -> nn.ModuleDict:
        """New towers, by name, with weights from torch's global generator (seed it first).

        Every argument that a constructor takes from its surroundings is given here: the rate, the frontend's bands,
        the encoder's dim.
        """
        return build_towers(self._resolved["towers"], sample_rate or self.sample_rate)

    def build_strategy(self) -> Strategy:
        """The contrasts with their similarities (which may have weights)."""
        return Strategy(
            [
                Contrast(
                    between=s.between, target=s.target, similarity=s.similarity, candidates=s.candidates,
                    objective=s.objective, weight=s.weight, queries=s.queries, keys=s.keys,
                    negatives=s.negatives, absent=s.absent, queue=s.queue, chunk=s.chunk,
                )
                for s in self._contrasts(self._widths())
            ]
        )  # fmt: skip

    def build_sampler(self) -> Sampler:
        """The sampler's settings as an object."""
        sampler: Sampler = self._build(Sampler, self._resolved["sampler"], "sampler")
        return sampler

    def build_takes(self) -> dict[str, Take]:
        """View -> its take."""
        views = self._resolved["views"]
        return {name: self._build(Take, view["take"], f"views.{name}.take") for name, view in views.items()}

    def build_chains(self, *, sample_rate: int | None = None) -> dict[str, tuple[Chain, Chain]]:
        """View -> (chain on waveforms, chain on features)."""
        rate = sample_rate or self.sample_rate
        return {
            name: build_chain(view["augment"], sample_rate=rate, place=f"views.{name}.augment")
            for name, view in self._resolved["views"].items()
        }

    @functools.cached_property
    def _contrast_specs(self) -> list[ContrastSpec]:
        return self._contrasts([1] * len(self._resolved["contrasts"]))

    def _contrasts(self, widths: Sequence[int]) -> list[ContrastSpec]:
        specs = zip(self._resolved["contrasts"], widths, strict=True)
        return [GRAMMAR.build(ContrastSpec, s, {"dim_in": w}, f"contrasts[{i}]") for i, (s, w) in enumerate(specs)]

    def _widths(self) -> list[int]:
        """Size of the embeddings that each contrast compares; 0 where its similarity need not know."""
        views, contrasts = self._resolved["views"], self._resolved["contrasts"]
        if not any(c["similarity"]["kind"] == "bilinear" for c in contrasts):
            return [0] * len(contrasts)
        with torch.device("meta"):
            towers = build_towers(self._resolved["towers"], self.sample_rate)
        return [embedding_dim(towers, views, c["between"][0]) for c in contrasts]

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


def _check_width(width: int, has: int, place: str, *, exact: bool) -> None:
    """Refuse an encoder of vectors that is not as wide as they are, and one of classes with fewer than there are."""
    if has and (width != has if exact else width < has):
        what = "vectors of" if exact else "classes:"
        fix = f"Set {place}.width=0, which is what the library has."
        raise RecipeError(f"the library has {what} {has}", name=f"{place}.width", value=width, fix=fix)


def _refuse(name: str, mistakes: Mistakes) -> None:
    found = mistakes.found
    count = "one mistake" if len(found) == 1 else f"{len(found)} mistakes"
    listed = "".join(f"\n  - {mistake}" for mistake in found)
    raise RecipeError(
        f"has {count}, nothing was done", name="recipe", value=name,
        fix=f"Correct:{listed}\n`contramuse recipes show clmr` shows a whole one.",
    )  # fmt: skip
