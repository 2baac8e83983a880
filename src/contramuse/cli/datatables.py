"""What ``contramuse data`` shows: the list of datasets, and the page of one."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contramuse.recipe.parts import name_of, settings

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from contramuse.catalogue.datasets import Dataset

SHOWN = 6


def dataset_list(*, width: int) -> RenderableType:
    """The table of all datasets, for a screen of ``width`` characters."""
    from rich import box
    from rich.table import Table

    from contramuse.catalogue.datasets import DATASETS

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True, style="bold")
    table.add_column("dataset", ratio=5)
    table.add_column("items", justify="right", no_wrap=True)
    if width >= 110:
        table.add_column("choices")
    table.add_column("licence", ratio=4)
    table.add_column("download", no_wrap=True)
    for name, made in sorted(DATASETS.items()):
        dataset = made()
        items = sum(dataset.published().values())
        cells = [name, made.about.title, f"{items:,}" if items else ""]
        cells += [", ".join(settings(made))] if width >= 110 else []
        table.add_row(
            *cells, in_short(made.about.licence), "yes" if dataset.remote() else "by hand" * bool(made.about.home)
        )
    table.caption = "items: of the published split. More of one, and all of its licence: contramuse data NAME"
    table.caption_justify = "left"
    return table


def in_short(text: str) -> str:
    """The first clause, with ... where there is more."""
    first = re.split(r"[;.,]? \(|[;:,] |\. |\.$", text)[0]
    return first if first == text.rstrip(".") else f"{first} ..."


def dataset_page(name: str, dataset: Dataset) -> RenderableType:
    """All that is known of a dataset, by the choices taken."""
    from rich.console import Group
    from rich.text import Text

    about, counts = dataset.about, in_words(dataset.published())
    facts = {
        "home": about.home, "audio": about.audio, "licence": about.licence, "cite": about.citation,
        "in here": about.shipped, "split": dataset.split_name, "published": counts,
    }  # fmt: skip
    parts: list[RenderableType] = [Text(f"{name}: {about.title}", style="bold"), _grid(facts)]
    if settings(type(dataset)):
        parts += [Text("\nchoices", style="bold"), _choices(dataset)]
    if dataset.needed():
        parts += [Text("\nlooked for below --root", style="bold"), _needed(dataset)]
    if remotes := dataset.remote():
        more = f"\n  and {len(remotes) - SHOWN} more" if len(remotes) > SHOWN else ""
        size = sum(one.size for one in remotes)
        known = f" ({size / 1e9:,.1f} GB)" if size and all(one.size for one in remotes) else ""
        urls = "\n".join(f"  {one.url}" for one in remotes[:SHOWN])
        listed = Text(urls + more, no_wrap=True, overflow="ignore")  # whole, so that they can be copied
        parts += [Text(f"\nfetched by --download{known}", style="bold"), listed]
    return Group(*parts)


def in_words(counts: Mapping[str, int]) -> str:
    """Published counts: "train 6,400, valid 800, test 800"."""
    return ", ".join(f"{split} {count:,}" for split, count in counts.items())


def parity_table(rows: Sequence[tuple[str, int | None, int, int]], *, found: str) -> Table:
    """Items by split: published, annotated and found; where the first two differ the row says so.

    Args:
        rows: of ``parity``.
        found: what the last number counts.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("split")
    for name in ("published", "annotated", found):
        table.add_column(name, justify="right")
    table.add_column("")
    for split, published, annotated, there in rows:
        differs = published is not None and published != annotated
        known = "" if published is None else f"{published:,}"
        table.add_row(split, known, f"{annotated:,}", f"{there:,}", "[yellow]not as published[/]" if differs else "")
    return table


def _grid(facts: Mapping[str, str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for key, value in facts.items():
        if value:
            grid.add_row(f"  {key}", Text(value))
    return grid


def _choices(dataset: Dataset) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid, told = Table.grid(padding=(0, 2)), arguments(type(dataset))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    last = ""
    for key, value, note, counts in alternatives(dataset):
        if key != last:
            grid.add_row(f"  {key}", Text(told.get(key, "")))
        last, taken = key, str(getattr(dataset, key)) == value
        said = "  ".join(word for word in (value or '""', note, counts) if word)
        grid.add_row("", Text(f"{'*' if taken else ' '} {said}", style="bold" if taken else "dim"))
    return grid


def alternatives(dataset: Dataset) -> Iterator[tuple[str, str, str, str]]:
    """Every choice with every value: (choice, value, "(default)" or "", published counts if values differ in them).

    Of a number or text, which has no list of values, the one that is taken.
    """
    for key, (annotation, default) in settings(type(dataset)).items():
        if typing.get_origin(annotation) is not typing.Literal:
            now = str(getattr(dataset, key))
            yield key, now, f"({name_of(annotation)}{', default' * (now == str(default))})", ""
            continue
        values = typing.get_args(annotation)
        counts = [in_words(dataclasses.replace(dataset, **{key: value}).published()) for value in values]
        for value, said in zip(values, counts, strict=True):
            yield key, str(value), "(default)" if value == default else "", said if len(set(counts)) > 1 else ""


def arguments(made: Any) -> dict[str, str]:
    """What the section Args of a docstring says of each argument, on one line each."""
    found, last = dict[str, str](), ""
    for line in (inspect.getdoc(made) or "").partition("Args:\n")[2].split("\n\n")[0].splitlines():
        start = re.match(r" {4}(\w+): (.*)", line)
        last = start[1] if start else last
        found[last] = start[2] if start else f"{found[last]} {line.strip()}"
    return found


def _needed(dataset: Dataset) -> Table:
    from rich.table import Table
    from rich.text import Text

    words = {"annotations": "needed", "audio": "audio", "optional": "optional"}
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for one in dataset.needed():
        path, *others = one.path.split("|")
        text = Text(path, style="bold")
        text.append(f" (or {', '.join(others)})" if others else "", style="dim not bold")
        text.append(f": {one.what}; {one.where}", style="not bold")
        grid.add_row(f"  {words[one.kind]}", text)
    return grid
