"""The signature is the schema: what a recipe writes is checked against the constructor of the named part.

A part is written as ``{kind: name, setting: value, ...}``, or ``name`` where it needs no settings. ``resolve``
checks and fills in every default (so that a stored recipe means the same after a default changes), tries the
constructors whose surroundings are known, and collects all mistakes; ``build`` calls the constructors; ``schema``
writes JSON schema for editors. A constructor names the argument that it refuses, and the grammar where that stands.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from pydantic import TypeAdapter, ValidationError

from contramuse.errors import RecipeError, UserError

INJECTED = {
    "sample_rate": "the library's rate",
    "bands": "the frontend",
    "frames": "the crop and the frontend",
    "dim_in": "the part before it",
}
"""Constructor arguments that come from the surroundings and are never written in a recipe."""


@dataclass
class Mistakes:
    """What is wrong in a recipe, all of it, each as "place: value: problem. next step"."""

    found: list[str] = field(default_factory=list)

    def add(self, place: str, value: object, problem: str, fix: str) -> None:
        """Note one mistake."""
        shown = json.dumps(value, default=str, ensure_ascii=False)
        self.found.append(f"{place}: {shown if len(shown) < 80 else shown[:77] + '...'}: {problem}. {fix}")


@dataclass(frozen=True)
class Grammar:
    """Which constructors may stand where.

    Args:
        tables: base class of a part -> its table of kinds.
        sections: classes written without a kind.
    """

    tables: Mapping[type, Mapping[str, Callable[..., Any]]]
    sections: tuple[type, ...]

    def resolve(self, wanted: Any, value: Any, place: str, mistakes: Mistakes, context: Mapping[str, Any]) -> Any:
        """``value`` as plain data with all defaults, checked against the annotation ``wanted``.

        Args:
            wanted: the annotation of what stands at ``place``.
            value: what is written there.
            place: in the recipe, e.g. "views.audio.augment[0]".
            mistakes: takes what is wrong.
            context: injected arguments that are known; parts that need no others are tried.
        """
        before = len(mistakes.found)
        resolved = self._resolved(wanted, value, place, mistakes, context)
        known = wanted in self.tables or wanted in self.sections
        if known and len(mistakes.found) == before and self._needs(wanted, resolved) <= context.keys():
            try:
                self.build(wanted, resolved, context, place)
            except RecipeError as error:
                mistakes.add(error.name, error.value, error.problem, error.fix)
        return resolved

    def _resolved(self, wanted: Any, value: Any, place: str, mistakes: Mistakes, context: Mapping[str, Any]) -> Any:
        if wanted in self.tables:
            return self._resolve_part(self.tables[wanted], value, place, mistakes, context)
        if wanted in self.sections:
            if not isinstance(value, Mapping):
                mistakes.add(place, value, "must be a mapping of settings", f"Settings: {', '.join(settings(wanted))}.")
                return None
            return self._resolve_settings(wanted, value, place, mistakes, context)
        inner, shape = _container(wanted)
        if shape == "optional" and self._has_parts(inner):
            return None if value is None else self.resolve(inner, value, place, mistakes, context)
        if shape == "list" and self._has_parts(inner):
            items = value if isinstance(value, list) else [value]
            return [self.resolve(inner, item, f"{place}[{i}]", mistakes, context) for i, item in enumerate(items)]
        if shape == "mapping" and self._has_parts(inner):
            if not isinstance(value, Mapping) or not value:
                mistakes.add(place, value, "must be a mapping of names", "Give at least one name.")
                return None
            return {str(k): self.resolve(inner, v, f"{place}.{k}", mistakes, context) for k, v in value.items()}
        return _leaf(wanted, value, place, mistakes)

    def build(self, wanted: Any, value: Any, context: Mapping[str, Any], place: str) -> Any:
        """The objects for resolved ``value``; injected arguments are taken from ``context``.

        Raises:
            RecipeError: a constructor refuses an argument; it is named by its place in the recipe.
        """
        if wanted in self.tables or wanted in self.sections:
            return self._call(self._made(wanted, value), value, context, place)
        inner, shape = _container(wanted)
        if self._has_parts(inner):
            if value is None:
                return None
            if shape == "list":
                return tuple(self.build(inner, item, context, f"{place}[{i}]") for i, item in enumerate(value))
            if shape == "mapping":
                return {k: self.build(inner, v, context, f"{place}.{k}") for k, v in value.items()}
            return self.build(inner, value, context, place)
        return TypeAdapter(wanted).validate_json(json.dumps(value))

    def schema(self, wanted: Any) -> dict[str, Any]:
        """JSON schema of what may be written for ``wanted``; parts are under ``$defs``, where they can be shared."""
        parts = {base.__name__: self._schema_of_table(table) for base, table in self.tables.items()}
        return {**self._schema(wanted), "$defs": parts}

    def _schema(self, wanted: Any) -> dict[str, Any]:
        if wanted in self.tables:
            return {"$ref": f"#/$defs/{wanted.__name__}"}
        if wanted in self.sections:
            return self._schema_of(wanted, None)
        inner, shape = _container(wanted)
        if not self._has_parts(inner):
            return TypeAdapter(wanted).json_schema()
        below = self._schema(inner)
        if shape == "list":
            return {"anyOf": [below, {"type": "array", "items": below}]}
        if shape == "mapping":
            return {"type": "object", "additionalProperties": below}
        return {"anyOf": [below, {"type": "null"}]}

    def _schema_of_table(self, table: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
        bare = [kind for kind, made in table.items() if not _required(made)]
        forms = [self._schema_of(made, kind) for kind, made in table.items()]
        return {"anyOf": [*([{"enum": bare}] if bare else []), *forms]}

    def _has_parts(self, wanted: Any) -> bool:
        inner, shape = _container(wanted)
        return wanted in self.tables or wanted in self.sections or (shape != "none" and self._has_parts(inner))

    def _resolve_part(
        self,
        table: Mapping[str, Callable[..., Any]],
        value: Any,
        place: str,
        mistakes: Mistakes,
        context: Mapping[str, Any],
    ) -> dict[str, Any] | None:
        written = {"kind": value} if isinstance(value, str) else value
        if not isinstance(written, Mapping) or not isinstance(written.get("kind"), str):
            mistakes.add(place, value, "must name a kind", f"Kinds: {', '.join(table)}.")
            return None
        kind = written["kind"]
        if kind not in table:
            mistakes.add(place, kind, "is not a kind", nearest(kind, table))
            return None
        rest = {k: v for k, v in written.items() if k != "kind"}
        return {"kind": kind, **self._resolve_settings(table[kind], rest, place, mistakes, context)}

    def _resolve_settings(
        self,
        made: Callable[..., Any],
        written: Mapping[str, Any],
        place: str,
        mistakes: Mistakes,
        context: Mapping[str, Any],
    ) -> dict[str, Any]:
        known = settings(made)
        for name in written:
            below = f"{place}.{name}" if place else str(name)
            if name in injected(made):
                mistakes.add(below, written[name], f"is set by {INJECTED[name]}", "Remove it.")
            elif name not in known:
                mistakes.add(below, written[name], "is not a setting", nearest(str(name), known))
        resolved = {}
        for name, (annotation, default) in known.items():
            below = f"{place}.{name}" if place else name
            if name in written:
                resolved[name] = self.resolve(annotation, written[name], below, mistakes, context)
            elif default is inspect.Parameter.empty:
                mistakes.add(below, None, "is missing", f"Give {name_of(annotation)}.")
            else:
                resolved[name] = self._plain(annotation, default)
        return resolved

    def _plain(self, annotation: Any, default: Any) -> Any:
        """A default that is a part, or holds parts, back as plain data."""
        if annotation in self.tables or annotation in self.sections:
            written = {n: self._plain(a, getattr(default, n)) for n, (a, _) in settings(type(default)).items()}
            kinds = [k for k, made in self.tables.get(annotation, {}).items() if made is type(default)]
            return {"kind": kinds[0], **written} if kinds else written
        inner, shape = _container(annotation)
        if default is None or not self._has_parts(inner):
            return plain_value(default)
        return [self._plain(inner, item) for item in default] if shape == "list" else self._plain(inner, default)

    def _made(self, wanted: Any, value: Mapping[str, Any]) -> Callable[..., Any]:
        """The constructor that the resolved ``value`` of a part or section is for."""
        made: Callable[..., Any] = self.tables[wanted][value["kind"]] if wanted in self.tables else wanted
        return made

    def _call(self, made: Callable[..., Any], value: Mapping[str, Any], context: Mapping[str, Any], place: str) -> Any:
        arguments = {
            name: self.build(annotation, value[name], context, f"{place}.{name}")
            for name, (annotation, _) in settings(made).items()
        }
        try:
            return made(**arguments, **{name: context[name] for name in injected(made)})
        except UserError as error:
            name = f"{place}.{error.name}"
            raise RecipeError(error.problem, name=name, value=error.value, fix=error.fix) from error

    def _needs(self, wanted: Any, value: Any) -> set[str]:
        """The injected arguments of all constructors that ``build`` calls."""
        if wanted in self.tables or wanted in self.sections:
            made = self._made(wanted, value)
            below = [self._needs(annotation, value[name]) for name, (annotation, _) in settings(made).items()]
            return set(injected(made)).union(*below)
        inner, shape = _container(wanted)
        if value is None or not self._has_parts(inner):
            return set()
        items = {"list": value, "mapping": value.values() if shape == "mapping" else (), "optional": [value]}[shape]
        return set().union(*[self._needs(inner, item) for item in items])

    def _schema_of(self, made: Callable[..., Any], kind: str | None) -> dict[str, Any]:
        head = {"kind": {"const": kind}} if kind else {}
        known = settings(made)
        return {
            "type": "object",
            "description": (inspect.getdoc(made) or "").split("\n\n")[0].replace("\n", " "),
            "properties": {**head, **{name: self._schema(annotation) for name, (annotation, _) in known.items()}},
            "required": [*head, *_required(made)],
            "additionalProperties": False,
        }


@functools.cache
def parameters(made: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    """Arguments of a constructor: name -> (annotation, default or ``inspect.Parameter.empty``)."""
    hints = typing.get_type_hints(made.__init__ if inspect.isclass(made) else made)
    signature = inspect.signature(made)
    named = {n: p for n, p in signature.parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    made_by = {f.name: f.default_factory for f in dataclasses.fields(made)} if dataclasses.is_dataclass(made) else {}
    factories = {name: make for name, make in made_by.items() if make is not dataclasses.MISSING}
    defaults = {name: factories[name]() if name in factories else p.default for name, p in named.items()}
    return {name: (hints.get(name, Any), default) for name, default in defaults.items()}


def injected(made: Callable[..., Any]) -> list[str]:
    """The arguments that come from the surroundings: those of ``INJECTED`` that have no default."""
    return [n for n, (_, default) in parameters(made).items() if n in INJECTED and default is inspect.Parameter.empty]


def settings(made: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    """The arguments that a recipe may write."""
    return {name: pair for name, pair in parameters(made).items() if name not in injected(made)}


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """ "Did you mean ...?" where something is near, else what there is."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.55)
    listed = ", ".join(names) if names else "none"
    return f"Did you mean {close[0]!r}? Known: {listed}." if close else f"Known: {listed}."


def plain_value(value: Any) -> Any:
    """Tuples as lists, as YAML and JSON have them."""
    return json.loads(json.dumps(value))


def _required(made: Callable[..., Any]) -> list[str]:
    return [name for name, (_, default) in settings(made).items() if default is inspect.Parameter.empty]


def _container(annotation: Any) -> tuple[Any, str]:
    """(element, "list" | "mapping" | "optional" | "none") of an annotation."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (tuple, list, Sequence) and (len(inner) == 1 or inner[1:] == (...,)):
        return inner[0], "list"
    if origin in (dict, Mapping):
        return inner[1], "mapping"
    if origin in (Union, types.UnionType) and len(inner) == 2 and type(None) in inner:
        return next(a for a in inner if a is not type(None)), "optional"
    return annotation, "none"


def _leaf(annotation: Any, value: Any, place: str, mistakes: Mistakes) -> Any:
    try:
        return plain_value(TypeAdapter(annotation).validate_json(json.dumps(value), strict=True))
    except (ValidationError, TypeError, ValueError) as error:
        if isinstance(error, ValidationError):
            problem = error.errors()[0]["msg"]
        else:
            problem = f"must be {name_of(annotation)}"
        choices = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
        fix = nearest(str(value), map(str, choices)) if choices else f"It takes {name_of(annotation)}."
        mistakes.add(place, value, problem[0].lower() + problem[1:], fix)
        return None


def name_of(annotation: Any) -> str:
    """An annotation in words: "a list of 2 numbers"."""
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    if annotation in names:
        return names[annotation]
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(map(str, inner))
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(name_of(one) for one in inner)
    element, shape = _container(annotation)
    if shape == "list":
        return f"a list, each {name_of(element)}"
    if shape == "mapping":
        return "a mapping from names to settings"
    if typing.get_origin(annotation) is tuple:
        return f"a list of {len(inner)}: {', '.join(name_of(one) for one in inner)}"
    return f"the settings of {getattr(annotation, '__name__', str(annotation))}"
