"""Conditions on tracks: ``artist!=@query, seconds>60 and tags=piano`` to a mask over the rows.

A condition is FIELD OPERATOR VALUE with = != < <= > >=, several are joined by commas or ``and``: all must hold. A field
is a column of the embeddings, or, where the library is still there, one of its label fields, genre, year, or a group
such as playlists. ``@query`` stands for the query's own value. Text is compared without regard to case. A field with
several values (tags) equals a value when one of them does. A track whose value is unknown meets ``!=`` and no other
condition.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contramuse.embeddings import Embeddings
from contramuse.embeddings.store import TEXT
from contramuse.errors import LibraryError, UserError

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library

_QUOTED = re.compile(r'"[^"]*"')
_START = re.compile(
    r"(?:^|,|\band\b)\s*(?P<field>[^\W\d][\w.-]*(?: [\w.-]+){0,4}?) ?(?P<operator>!=|<=|>=|=|<|>)", re.IGNORECASE
)
_HELP = 'Write FIELD=VALUE with = != < <= > >=, e.g. "artist!=@query, seconds>60".'
COLUMNS = (*TEXT, "seconds")


@dataclass(frozen=True)
class Condition:
    """One condition.

    Args:
        field: name of a column, label field or group.
        operator: one of = != < <= > >=.
        value: as written, without quotes; "@query" is the query's own.
    """

    field: str
    operator: str
    value: str


def parse(text: str) -> list[Condition]:
    """The conditions in ``text``.

    Raises:
        UserError: it has another form.
    """
    given = text.strip()
    # Quoted text is hidden from the search for where conditions begin.
    starts = list(_START.finditer(_QUOTED.sub(lambda quoted: '"' + "_" * (len(quoted[0]) - 2) + '"', given)))
    if given and (not starts or starts[0].start() > 0):
        raise UserError("is not a condition", name="--where", value=text, fix=_HELP)
    ends = [*(start.start() for start in starts), len(given)][1:]
    values = [given[start.end() : end].strip() for start, end in zip(starts, ends, strict=True)]
    return [
        Condition(start["field"], start["operator"], value[1:-1] if _QUOTED.fullmatch(value) else value)
        for start, value in zip(starts, values, strict=True)
    ]


def select(
    embeddings: Embeddings, conditions: Sequence[Condition], query: Mapping[str, Any] | None = None
) -> NDArray[np.bool_]:
    """The rows that meet all conditions, bool [n].

    Args:
        embeddings: the collection.
        conditions: from ``parse``.
        query: the query's own values by field, for ``@query``; a list for a field with several.

    Raises:
        UserError: an unknown field, a value that does not fit, or a query whose value is unknown.
    """
    fields = _Fields(embeddings)
    mask = np.ones(len(embeddings), np.bool_)
    for condition in conditions:
        mask &= _holds(condition, fields.values(condition.field), query)
    return mask


def shown(embeddings: Embeddings, names: Sequence[str]) -> dict[str, list[str]]:
    """What the rows are in the fields ``names``, as text: field -> n texts, empty where unknown.

    Raises:
        UserError: an unknown field.
    """
    fields = _Fields(embeddings, option="--show")
    return {name: [_text(value) for value in fields.values(name)] for name in names}


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if math.isnan(value) else f"{value:g}"


def library_of(embeddings: Embeddings) -> Library | None:
    """The library that was embedded, None where it is not there any more (or there never was one)."""
    from contramuse.catalogue.library import Library

    root = embeddings.meta.get("library_root")
    if not root:
        return None
    try:
        return Library.open(root)
    except LibraryError:
        return None


class _Fields:
    """Values of the rows by field; the library is opened when a field first needs it."""

    def __init__(self, embeddings: Embeddings, *, option: str = "--where") -> None:
        self.embeddings, self._option = embeddings, option
        self._library: Library | None = None
        self._opened = False

    def values(self, name: str) -> Any:
        """float64 [n] for numbers (NaN unknown), else a list of tuples of text ([] unknown)."""
        if name == "seconds":
            return self.embeddings.seconds
        if name in TEXT:
            return [(value,) if value else () for value in self.embeddings.column(name).tolist()]
        if not self._opened:
            self._library, self._opened = library_of(self.embeddings), True
        found = None if self._library is None else library_values(self._library, name)
        if found is None or self._library is None:
            more = [] if self._library is None else library_names(self._library)
            known = dict.fromkeys([*COLUMNS, *more])
            raise UserError("is not a field", name=self._option, value=name, fix=f"Fields: {', '.join(known)}.")
        place = {identity: row for row, identity in enumerate(self._library.ids.tolist())}
        rows = [place.get(identity, -1) for identity in self.embeddings.ids.tolist()]
        if isinstance(found, np.ndarray):
            return np.array([found[row] if row >= 0 else np.nan for row in rows])
        return [found[row] if row >= 0 else () for row in rows]


def library_names(library: Library) -> list[str]:
    """What a library can be asked for, besides the columns of the embeddings."""
    groups = [name for name in library.info.get("groups", []) if isinstance(name, str)]
    return ["genre", "year", *library.fields, *groups]


def library_values(library: Library, name: str) -> Any:
    """Values of every track: float64 [n] for numbers, a list of tuples of text otherwise, None for an unknown name."""
    if name in library.fields:
        if library.fields[name].kind == "numeric":
            return library.labels(name)
        column = library.column(f"label.{name}")
        return [tuple(v) if isinstance(v, list) else (() if v is None else (v,)) for v in column]
    if name == "year":
        return np.array([np.nan if year is None else float(year) for year in library.column("year")])
    if name == "genre":
        return [(value,) if value else () for value in library.column("genre")]
    try:
        return library.groups(name)
    except LibraryError:
        return None


def _holds(condition: Condition, values: Any, query: Mapping[str, Any] | None) -> NDArray[np.bool_]:
    wanted = _wanted(condition, query)
    if isinstance(values, np.ndarray):
        return _compare(condition, values, _number(condition, wanted))
    if condition.operator not in ("=", "!="):
        raise UserError(
            "is text, which has no order", name="--where", value=f"{condition.field}{condition.operator}",
            fix="Use = or != with it.",
        )  # fmt: skip
    known = {str(value).casefold() for value in wanted}
    equal = np.array([any(v.casefold() in known for v in row) for row in values], np.bool_)
    if condition.value.startswith("@") and condition.value.casefold() != "@query" and not equal.any():
        fix = "@query is the query's own value; no track has this one."
        raise UserError("is not known", name=f"--where {condition.field}", value=condition.value, fix=fix)
    return equal if condition.operator == "=" else ~equal


def _wanted(condition: Condition, query: Mapping[str, Any] | None) -> list[Any]:
    if condition.value.casefold() != "@query":
        return [condition.value]
    value = (query or {}).get(condition.field)
    several = list(value) if isinstance(value, (list, tuple)) else [value]
    known = [v for v in several if v is not None and v != "" and v == v]
    if not known:
        raise UserError(
            "the query's own value is not known", name="--where", value=f"{condition.field}{condition.operator}@query",
            fix="Write the value out, or leave the condition out.",
        )  # fmt: skip
    return known


def _number(condition: Condition, wanted: list[Any]) -> float:
    try:
        return float(wanted[0])
    except ValueError as error:
        raise UserError(
            "is not a number", name=f"--where {condition.field}", value=wanted[0], fix="Write a number, e.g. 60."
        ) from error


def _compare(condition: Condition, values: NDArray[Any], wanted: float) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        compared = {
            "=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
            ">=": np.greater_equal,
        }[condition.operator](values, wanted)  # fmt: skip
    return np.asarray(compared, np.bool_)
