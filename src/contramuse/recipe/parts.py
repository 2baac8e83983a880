"""The signature is the schema: what a recipe writes is checked against the constructor of the named part.

A part is written as ``{kind: name, setting: value, ...}``, or ``name`` where it needs no settings. ``resolve``
checks and fills in every default (so that a stored recipe means the same after a default changes) and collects all
mistakes; ``build`` calls the constructors; ``schema`` writes JSON schema for editors.
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

    def resolve(self, wanted: Any, value: Any, place: str, mistakes: Mistakes) -> Any:
        """``value`` as plain data with all defaults, checked against the annotation ``wanted``."""
        if wanted in self.tables:
            return self._resolve_part(self.tables[wanted], value, place, mistakes)
        if wanted in self.sections:
            if not isinstance(value, Mapping):
                mistakes.add(place, value, "must be a mapping of settings", f"Settings: {', '.join(settings(wanted))}.")
                return None
            return self._resolve_settings(wanted, value, place, mistakes)
        inner, shape = _container(wanted)
        if shape == "optional" and self._has_parts(inner):
            return None if value is None else self.resolve(inner, value, place, mistakes)
        if shape == "list" and self._has_parts(inner):
            items = value if isinstance(value, list) else [value]
            return [self.resolve(inner, item, f"{place}[{i}]", mistakes) for i, item in enumerate(items)]
        if shape == "mapping" and self._has_parts(inner):
            if not isinstance(value, Mapping) or not value:
                mistakes.add(place, value, "must be a mapping of names", "Give at least one name.")
                return None
            return {str(k): self.resolve(inner, v, f"{place}.{k}", mistakes) for k, v in value.items()}
        return _leaf(wanted, value, place, mistakes)

    def build(self, wanted: Any, value: Any, context: Mapping[str, Any]) -> Any:
        """The objects for resolved ``value``; injected arguments are taken from ``context``."""
        if wanted in self.tables:
            made = self.tables[wanted][value["kind"]]
            return self._call(made, {k: v for k, v in value.items() if k != "kind"}, context)
        if wanted in self.sections:
            return self._call(wanted, value, context)
        inner, shape = _container(wanted)
        if self._has_parts(inner):
            if value is None:
                return None
            if shape == "list":
                return tuple(self.build(inner, item, context) for item in value)
            if shape == "mapping":
                return {k: self.build(inner, v, context) for k, v in value.items()}
            return self.build(inner, value, context)
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
        self, table: Mapping[str, Callable[..., Any]], value: Any, place: str, mistakes: Mistakes
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
        return {"kind": kind, **self._resolve_settings(table[kind], rest, place, mistakes)}

    def _resolve_settings(
        self, made: Callable[..., Any], written: Mapping[str, Any], place: str, mistakes: Mistakes
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
                resolved[name] = self.resolve(annotation, written[name], below, mistakes)
            elif default is inspect.Parameter.empty:
                mistakes.add(below, None, "is missing", f"Give a {_name_of(annotation)}.")
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

    def _call(self, made: Callable[..., Any], value: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
        known = settings(made)
        arguments = {name: self.build(known[name][0], below, context) for name, below in value.items()}
        return made(**arguments, **{name: context[name] for name in injected(made)})

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
            problem = f"must be a {_name_of(annotation)}"
        choices = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
        fix = nearest(str(value), map(str, choices)) if choices else f"It takes a {_name_of(annotation)}."
        mistakes.add(place, value, problem[0].lower() + problem[1:], fix)
        return None


def _name_of(annotation: Any) -> str:
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return names.get(annotation, str(annotation).replace("typing.", "").replace("contramuse.", ""))
