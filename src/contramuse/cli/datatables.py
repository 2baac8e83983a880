"""What ``contramuse data`` shows: the list of datasets, and one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contramuse.recipe.parts import settings

if TYPE_CHECKING:
    from contramuse.catalogue.datasets import Dataset


def dataset_list() -> Any:
    """The table of all datasets."""
    from rich.table import Table

    from contramuse.catalogue.datasets import DATASETS

    table = Table("name", "dataset", "choices", "licence")
    for name, made in sorted(DATASETS.items()):
        table.add_row(name, made.about.title, ", ".join(settings(made)), made.about.licence)
    return table


def dataset_page(name: str, dataset: Dataset) -> str:
    """All that is known of a dataset, as text."""
    about = dataset.about
    lines = [f"{name}: {about.title}", f"  home      {about.home}", f"  audio     {about.audio}"]
    lines += [f"  licence   {about.licence}", f"  cite      {about.citation}", f"  split     {dataset.split_name}"]
    if published := dataset.published():
        lines.append("  published " + ", ".join(f"{split} {count:,}" for split, count in published.items()))
    for key, (_, default) in settings(type(dataset)).items():
        lines.append(f"  choice    {key}={default} ({choices_of(dataset, key)})")
    for one in dataset.needed():
        lines.append(f"  {one.kind:<9.9} {one.path.replace('|', ' or ')}: {one.what}; {one.where}")
    if dataset.remote():
        lines.append(f"  --download fetches {', '.join(one.url for one in dataset.remote())}")
    return "\n".join(lines).replace("[", "\\[")


def choices_of(dataset: Dataset, key: str) -> str:
    """What may be chosen, in words."""
    from contramuse.recipe.parts import name_of

    annotation, _ = settings(type(dataset))[key]
    return name_of(annotation)
