"""docs/datasets.md has every dataset with its choices, splits, layout, licence and citation, as they are.

After a change to a reader: ``python tests/docs/test_datasets_page.py`` writes its table and sections anew.
"""

import importlib.util
import inspect
import re
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))
from contramuse.catalogue.datasets import DATASETS, Dataset
from contramuse.cli.datatables import alternatives, arguments, in_short, in_words
from doctables import DOCS

PAGE = DOCS / "datasets.md"
MINIS = Path(__file__).parents[1] / "catalogue/datasets"
BLOCK = re.compile(r"(<!-- (datasets|sections): .*? -->\n)(.*?)(<!-- end of \2 -->)", re.DOTALL)
ADAPTERS = {"mirdata"}
"""Readers whose label fields depend on the dataset that is asked for, and on another package."""
KINDS = {"annotations": "needed", "audio": "audio", "optional": "optional"}


def datasets() -> str:
    """The table of all datasets."""
    lines = ["| name | dataset | items by split | label fields | licence |", "|---|---|---|---|---|"]
    for name, made in sorted(DATASETS.items()):
        counts = in_words(made().published()) or "none published"
        link = f"[`{name}`](#{_anchor(name, made)})"
        cells = (link, made.about.title, counts if made.about.home else "", _fields(name), in_short(made.about.licence))
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines) + "\n"


def sections() -> str:
    """A section for each dataset."""
    return "\n".join(_section(name, made()) for name, made in sorted(DATASETS.items()))


def _anchor(name: str, made: type[Dataset]) -> str:
    return re.sub(r"[^\w\- ]", "", _heading(name, made).lower()).replace(" ", "-")


def _heading(name: str, made: type[Dataset]) -> str:
    return f"{name}: {made.about.title}"


def _section(name: str, dataset: Dataset) -> str:
    about, made = dataset.about, type(dataset)
    lines = [f"### {_heading(name, made)}", "", *_prose(made), ""]
    facts = {
        "Home": about.home, "Audio": about.audio, "Licence": about.licence, "In this package": about.shipped,
        "Split by default": _split(dataset), "Label fields": _fields(name), "To cite": about.citation,
        "Fetched by `--download`": f"{len(dataset.remote())} files" if dataset.remote() else "",
    }  # fmt: skip
    lines += [f"- {key}: {_plain(value)}" for key, value in facts.items() if value]
    lines += ["", *_choices(dataset), *_layout(dataset)]
    return "\n".join(lines)


def _split(dataset: Dataset) -> str:
    counts = in_words(dataset.published())
    return f"{dataset.split_name}; {counts}" if counts else dataset.split_name


def _choices(dataset: Dataset) -> list[str]:
    told, last = arguments(type(dataset)), ""
    lines = ["| choice | value | published | is |", "|---|---|---|---|"]
    for key, value, note, counts in alternatives(dataset):
        shown = f"`{value or chr(34) * 2}` {note}"
        lines.append(f"| {'' if key == last else f'`{key}`'} | {shown.strip()} | {counts} | "
                     f"{'' if key == last else _plain(told[key])} |")  # fmt: skip
        last = key
    return [*lines, ""] if len(lines) > 2 else []


def _layout(dataset: Dataset) -> list[str]:
    lines = ["| below ROOT | | is | where it is to be had |", "|---|---|---|---|"]
    for one in dataset.needed():
        paths = " or ".join(f"`{path}`" for path in one.path.split("|"))
        lines.append(f"| {paths} | {KINDS[one.kind]} | {_cell(one.what)} | {_cell(one.where)} |")
    return [*lines, ""] if len(lines) > 2 else []


def _prose(made: type[Dataset]) -> list[str]:
    """The docstring without its arguments."""
    return [_plain(line) for line in (inspect.getdoc(made) or "").partition("\nArgs:\n")[0].strip().splitlines()]


def _plain(text: str) -> str:
    """Words of a docstring in the cell of a table."""
    return _cell(re.sub(r":\w+:`", "`", text).replace("``", "`"))


def _cell(text: str) -> str:
    words = text.replace("|", r"\|").split("`")
    return "`".join(word if i % 2 else word.replace("<", "&lt;") for i, word in enumerate(words))


@cache
def _fields(name: str) -> str:
    """The label fields of the dataset by its defaults, as its miniature has them."""
    if name in ADAPTERS or not DATASETS[name].about.home:
        return ""
    spec = importlib.util.spec_from_file_location(f"mini_{name}", MINIS / f"mini_{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with TemporaryDirectory() as folder:
        module.miniature(Path(folder))
        fields = DATASETS[name]().read(Path(folder)).fields
    return ", ".join(f"`{field.name}` ({field.kind})" for field in fields)


def written(page: str) -> str:
    """The page with its table and sections as they should be."""
    blocks = {"datasets": datasets, "sections": sections}
    return BLOCK.sub(lambda found: f"{found[1]}{blocks[found[2]]()}{found[4]}", page)


def test_the_page_has_every_dataset_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [found[2] for found in BLOCK.finditer(page)] == ["datasets", "sections"]
    assert page == written(page), "run: python tests/docs/test_datasets_page.py"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
