"""``contramuse recipes``: list, show, check, schema."""

from __future__ import annotations

import typer

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
    from pathlib import Path

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
    recipes: list[str] = typer.Argument(None, help="Names or YAML files; without any, all shipped recipes."),
) -> None:
    """Resolve recipes and build their parts; exit 2 where one is wrong."""
    from contramuse.errors import ContramuseError
    from contramuse.recipe import load_recipe, recipe_names

    wrong = 0
    for name in recipes or recipe_names():
        try:
            recipe = load_recipe(name)
            towers = recipe.build_towers()
            recipe.build_strategy()
            recipe.build_takes()
            recipe.build_chains()
            weights = sum(p.numel() for p in towers.parameters())
            print(f"ok     {name}  hash {recipe.hash}  {weights:,} weights")
        except ContramuseError as error:
            wrong += 1
            print(f"wrong  {name}\n{error}")
    if wrong:
        raise typer.Exit(2)


@app.command()
def schema() -> None:
    """JSON schema of a recipe; point your editor's YAML support at it."""
    import json

    from contramuse.recipe import recipe_schema

    print(json.dumps(recipe_schema(), indent=1))
