"""docs/recipes.md has every shipped recipe and every kind of part, as they are.

After a change to either: ``python tests/docs/test_recipes_page.py`` writes its tables anew.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from contramuse.recipe import load_recipe, recipe_folder, recipe_names
from contramuse.recipe.grammar import GRAMMAR, ContrastSpec, TowerSpec, ViewSpec
from contramuse.recipe.parts import plain_value, settings
from contramuse.recipe.settings import Embed, Train
from contramuse.strategy import Contrast
from doctables import DOCS

PAGE = DOCS / "recipes.md"
BLOCK = re.compile(r"(<!-- (recipes|sections|parts): .*? -->\n)(.*?)(<!-- end of \2 -->)", re.DOTALL)
NOTHING = '""'
PARTS = {
    "Sampler": ("Samplers", "`sampler`: which tracks stand together in a batch; more in [playlists](playlists.md)."),
    "Take": ("Takes", "`views.NAME.take`: what is seen of a track."),
    "Augmentation": ("Augmentations", "`views.NAME.augment`: a list; more in [augmentation](augmentation.md)."),
    "Frontend": ("Frontends", "`towers.NAME.frontend`: from a waveform to features; more in [encoders](encoders.md)."),
    "Encoder": ("Encoders", "`towers.NAME.encoder`: from features to a vector; more in [encoders](encoders.md)."),
    "Head": ("Heads", "`towers.NAME.head`: the projection, dropped after training; more in [encoders](encoders.md)."),
    "Target": ("Targets", "`contrasts.N.target`: who should be alike."),
    "Similarity": ("Similarities", "`contrasts.N.similarity`: how alike embeddings are."),
    "Candidates": (
        "Candidates",
        "`contrasts.N.candidates`: which keys a query is compared with; of several, all must agree.",
    ),
    "Objective": ("Objectives", "`contrasts.N.objective`: the loss of target, similarity and candidates."),
    "Optimizer": ("Optimizers", "`train.optimizer`: how weights move."),
    "Schedule": ("Schedules", "`train.schedule`: the learning rate over the run."),
}
SECTIONS = {
    "views.NAME": (ViewSpec, ViewSpec),
    "towers.NAME": (TowerSpec, TowerSpec),
    "contrasts.N": (ContrastSpec, Contrast),
    "train": (Train, Train),
    "embed": (Embed, Embed),
}


def recipes() -> str:
    """The table of all shipped recipes."""
    lines = ["| recipe | what it is | paper | a library needs |", "|---|---|---|---|"]
    for name in recipe_names():
        recipe = load_recipe(name)
        about, needs = recipe.about.strip().splitlines()[0], "; ".join(_needs(recipe.resolved()))
        lines.append(f"| `{name}` | {about} | {_paper(name)} | {needs} |")
    return "\n".join(lines) + "\n"


def _paper(name: str) -> str:
    """What the header of a recipe says after "Paper:"."""
    found = re.search(r"^# Paper:(.*?)(?=^# ?\w+:|^[^#])", (recipe_folder() / f"{name}.yaml").read_text(), re.M | re.S)
    return "ours" if found is None else " ".join(found[1].replace("#", "").split()).removesuffix(".")


def _needs(recipe: dict[str, Any]) -> list[str]:
    """What a library must have for a recipe: rate, groups, label fields, stems, vectors."""
    found: dict[str, list[str]] = {"groups": [], "labels": [], "numbers": [], "stems": [], "vectors": []}
    for part in _parts(recipe):
        if part["kind"] in ("together", "one_of", "not_same"):
            found["groups"].append(part["by"])
        if part["kind"] == "stem":
            found["stems"] += part["stems"]
        if part["kind"] == "vector":
            found["vectors"].append(part["name"])
        found["labels"] += [part[key] for key in ("labels",) if isinstance(part.get(key), str)]
        found["numbers"] += [part["value"]] if isinstance(part.get("value"), str) else []
    told = [
        f"{what} {', '.join(f'`{name}`' for name in dict.fromkeys(names))}" for what, names in found.items() if names
    ]
    return [f"{recipe['sample_rate']:,} Hz", *told]


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and "kind" in value:
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(below)


def sections() -> str:
    """The settings that are no parts: of views, towers, contrasts, training and embedding."""
    lines = list[str]()
    for place, (made, documented) in SECTIONS.items():
        lines += [f"### `{place}`", "", "| setting | is |", "|---|---|"]
        told = _arguments(inspect.getdoc(documented) or "")
        lines += [f"| {_setting(name, told_of)} | {told[name]} |" for name, told_of in settings(made).items()]
        lines.append("")
    return "\n".join(lines)


def _arguments(doc: str) -> dict[str, str]:
    """What the section Args of a docstring says of each argument, on one line each."""
    found, last = dict[str, str](), ""
    for line in doc.partition("Args:\n")[2].split("\n\n")[0].splitlines():
        start = re.match(r"    (\w+): (.*)", line)
        last = start[1] if start else last
        found[last] = start[2] if start else f"{found[last]} {line.strip()}"
    return {name: _plain(text) for name, text in found.items()}


def parts() -> str:
    """All kinds of all parts, with their settings and defaults."""
    lines = list[str]()
    for part, table in GRAMMAR.tables.items():
        title, about = PARTS[part.__name__]
        lines += [f"### {title}", "", about, "", "| kind | is | settings |", "|---|---|---|"]
        for kind, made in sorted(table.items()):
            line = _plain((inspect.getdoc(made) or "").split("\n\n")[0].replace("\n", " "))
            lines.append(f"| `{kind}` | {line} | {', '.join(_setting(*item) for item in settings(made).items())} |")
        lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Words of a docstring in the cell of a table."""
    return re.sub(r":\w+:`", "`", text).replace("``", "`").replace("|", "\\|")


def _setting(name: str, told: tuple[Any, Any]) -> str:
    """A setting with its default; in bold where it has none."""
    default = told[1]
    if default is inspect.Parameter.empty:
        return f"**`{name}`**"
    try:
        shown = str(plain_value(default)).replace("'", "")
    except TypeError:  # a part: its kind
        return f"`{name}`"
    return f"`{name}: {'null' if default is None else shown or NOTHING}`"


def written(page: str) -> str:
    """The page with its tables as they should be."""
    blocks = {"recipes": recipes, "sections": sections, "parts": parts}
    return BLOCK.sub(lambda found: f"{found[1]}{blocks[found[2]]()}{found[4]}", page)


def test_the_page_has_every_recipe_and_every_kind() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [found[2] for found in BLOCK.finditer(page)] == ["recipes", "sections", "parts"]
    assert page == written(page), "run: python tests/docs/test_recipes_page.py"


def test_every_kind_says_what_it_is_in_one_line() -> None:
    for line in parts().splitlines():
        if line.startswith("| `"):
            assert 5 < len(re.split(r"(?<!\\)\|", line)[2]) < 170, line


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
