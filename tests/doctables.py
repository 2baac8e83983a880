"""Tables of the pages under docs/, and what the names in them mean."""

import importlib
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from contramuse.cli import app
from contramuse.cli.data import chosen
from contramuse.errors import ContramuseError
from contramuse.recipe import load_recipe, recipe_names
from contramuse.recipe.grammar import GRAMMAR
from contramuse.train.finetune.settings import WORDS

DOCS = Path(__file__).parents[1] / "docs"
NOTHING = "—"


@dataclass(frozen=True)
class Row:
    """A row of a table: the sections that it stands in, from the outermost, its line, and its cells by column."""

    sections: tuple[str, ...]
    line: int
    cells: dict[str, str]

    def __str__(self) -> str:
        return f"line {self.line}: {' | '.join(self.cells.values())}"


def rows(page: Path) -> list[Row]:
    """All rows of all tables of a page."""
    found, heads, columns = list[Row](), list[str](), list[str]()
    for line, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if text.startswith("#"):
            level, _, title = text.partition(" ")
            heads = [*heads[: len(level) - 1], title]
        if not text.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
        if not columns:
            columns = cells
        elif not set(text) <= set("|-: "):
            assert len(cells) == len(columns), (
                f"{page.name}, line {line}: {len(cells)} cells for {len(columns)} columns"
            )
            found.append(Row(tuple(heads), line, dict(zip(columns, cells, strict=True))))
    return found


def names(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def problem(name: str, *, recipe: str) -> str:
    """Why ``name`` is nothing of ours; "" if it is something.

    Args:
        name: a command (`contramuse train --minutes`), a dataset with choices (`contramuse data gtzan`), a shipped
            recipe (`recipe clmr`), a kind of part (`encoder: sample_cnn`), a setting of a recipe (`train.batch`,
            `train.batch=8`; of another recipe `cola train.batch=8`), or something of the package (`contramuse.load`).
        recipe: that settings are of where no other is named.
    """
    if name.startswith("contramuse."):
        return _import_problem(name)
    words = shlex.split(name)
    if words[0] == "contramuse":
        return _command_problem(words[1:])
    if words[0] == "recipe":
        return "" if words[1:] and words[1] in recipe_names() else "no such recipe is shipped"
    if re.fullmatch(r"[a-z]+: \w+", name):
        return _kind_problem(*name.split(": "))
    if words[0] in recipe_names():
        return _settings_problem(words[0], tuple(words[1:]))
    return _settings_problem(recipe, tuple(words))


def _dataset_problem(name: str, choices: list[str]) -> str:
    try:
        chosen(name, choices)
    except ContramuseError as error:
        return str(error)
    return ""


def _import_problem(name: str) -> str:
    path, _, attribute = name.rpartition(".")
    try:
        getattr(importlib.import_module(path), attribute)
    except (ImportError, AttributeError) as error:
        return str(error)
    return ""


def _kind_problem(table: str, kind: str) -> str:
    tables = {part.__name__.lower().removesuffix("ation"): known for part, known in GRAMMAR.tables.items()}
    if table not in tables:
        return f"there is no table of {table}, there are {', '.join(tables)}"
    return "" if kind in tables[table] else f"there is no {table} {kind}"


def _settings_problem(recipe: str, settings: tuple[str, ...]) -> str:
    try:
        resolved = _resolved(recipe, tuple(setting for setting in settings if "=" in setting))
    except ContramuseError as error:
        return str(error)
    for setting in settings:
        place: Any = resolved
        for step in () if "=" in setting else setting.split("."):
            try:
                place = place[int(step)] if isinstance(place, list) else place[step]
            except (KeyError, IndexError, ValueError, TypeError):
                return f"{recipe} has no setting {setting}"
    return ""


@cache
def _resolved(recipe: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    return load_recipe(recipe, overrides).resolved()


@cache
def _commands() -> Any:
    return get_command(app)


def _command_problem(words: list[str]) -> str:
    if words[:1] == ["data"] and len(words) > 1 and not words[1].startswith("-"):
        return _dataset_problem(words[1], words[2:])
    command = _commands()
    while isinstance(command, TyperGroup):
        if not words:
            return ""
        if words[0] not in command.commands:
            return f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    options = {option: p for p in command.params if isinstance(p, TyperOption) for option in p.opts}
    arguments = {p.name.upper() for p in command.params if isinstance(p, TyperArgument) and p.name}
    known = {*arguments, *(recipe_names() if {"RECIPE", "MODEL"} & arguments else [])}
    left = list(words)
    while left:
        word = left.pop(0)
        if word.startswith("-"):
            if word not in options:
                return f"{command.name} has no option {word}"
            takes_value = (
                left and not options[word].is_flag and not left[0].startswith("-") and left[0] not in arguments
            )
            value = left.pop(0) if takes_value else ""
            allowed = WORDS.get(word.removeprefix("--").replace("-", "_"), ()) if command.name == "finetune" else ()
            if value and allowed and value not in allowed:
                return f"{word} is one of {', '.join(allowed)}"
        elif word not in known:
            return f"{command.name} takes no {word}; it takes {', '.join(sorted(arguments))}"
    return ""
