"""``contramuse recipes``: list, show, check, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from contramuse.recipe import Recipe

app = typer.Typer(no_args_is_help=True, help="List, show and check recipes; print their JSON schema.")


@app.command("list")
def list_() -> None:
    """The shipped recipes, a line each."""
    from rich.console import Console
    from rich.table import Table

    from contramuse.recipe import load_recipe, recipe_names

    table = Table("recipe", "what it is", "encoder", box=None)
    for name in recipe_names():
        recipe = load_recipe(name)
        tower = recipe.resolved()["towers"][recipe.embed.tower]
        table.add_row(name, recipe.about.strip().split("\n")[0], tower["encoder"]["kind"])
    Console().print(table)


@app.command()
def show(
    recipe: str = typer.Argument(help="Name of a shipped recipe, or a YAML file."),
    overrides: list[str] = typer.Argument(None, help="key=value, e.g. train.batch=64."),
    resolved: bool = typer.Option(False, "--resolved", help="With every default, as it is stored with a model."),
) -> None:
    """Print a recipe as written, or resolved."""
    import yaml

    from contramuse.recipe import load_recipe, recipe_folder

    loaded = load_recipe(recipe, overrides or [])
    if resolved or overrides:
        print(f"# recipe {loaded.name}, hash {loaded.hash}")
        print(yaml.safe_dump(loaded.resolved(), sort_keys=False, allow_unicode=True), end="")
        return
    shipped = recipe_folder() / f"{recipe}.yaml"
    print((shipped if shipped.exists() else Path(recipe)).read_text(encoding="utf-8"), end="")


@app.command()
def check(
    recipes: list[str] = typer.Argument(None, help="Names or YAML files, and key=value; none: all shipped recipes."),
    data: list[Path] = typer.Option(
        None, "--data", help="Library to try one recipe on: shapes of every part, statistics of features."
    ),
) -> None:
    """Resolve recipes and build their parts; exit 2 where one is wrong."""
    from contramuse.errors import ContramuseError, UserError
    from contramuse.recipe import load_recipe, recipe_names

    overrides = [word for word in recipes or [] if "=" in word]
    names = [word for word in recipes or [] if "=" not in word]
    if data and len(names) != 1:
        fix = "For example `contramuse recipes check clmr --data LIBRARY`."
        raise UserError("takes one recipe", name="--data", value=", ".join(map(str, data)), fix=fix)
    wrong = 0
    for name in names or recipe_names():
        try:
            recipe = load_recipe(name, overrides)
            towers = recipe.build_towers()
            recipe.build_strategy()
            recipe.build_takes()
            recipe.build_chains()
            weights = sum(p.numel() for p in towers.parameters())
            lines = _on(recipe, data) if data else []
            print(f"ok     {name}  hash {recipe.hash}  {weights:,} weights")
            for line in lines:
                print(f"       {line}")
        except ContramuseError as error:
            wrong += 1
            print(f"wrong  {name}\n{error}")
    if wrong:
        raise typer.Exit(2)


def _on(recipe: Recipe, data: list[Path]) -> list[str]:
    from contramuse.catalogue.joined import join
    from contramuse.catalogue.library import Library
    from contramuse.train.preview import preview

    return preview(recipe, join([Library.open(place) for place in data]))


@app.command()
def schema() -> None:
    """JSON schema of a recipe; point your editor's YAML support at it."""
    import json

    from contramuse.recipe import recipe_schema

    print(json.dumps(recipe_schema(), indent=1))
