"""``contramuse data``: a published dataset, as it lies on disk, to a library with its published split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contramuse.errors import ContramuseError, UserError

if TYPE_CHECKING:
    from contramuse.catalogue.datasets import Dataset
    from contramuse.catalogue.datasets.make import Checked

SHOWN = 5


def data(
    name: Annotated[str | None, typer.Argument(help="Of the dataset; --list shows all.", show_default=False)] = None,
    choices: Annotated[
        list[str] | None, typer.Argument(help="key=value, such as split=cleaned.", show_default=False)
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of the dataset, in its published layout.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the library.", show_default=False)] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the datasets.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only look at what is there and what is missing.")] = False,
    download: Annotated[
        bool, typer.Option("--download", help="First fetch into the root what may be fetched.")
    ] = False,
    table: Annotated[
        Path | None, typer.Option(help="Write what the annotations say to this Parquet file; no audio is needed.")
    ] = None,
    rate: Annotated[int, typer.Option(min=2000, max=192000, help="Sample rate of the stored audio, in Hz.")] = 22050,
    seed: Annotated[int, typer.Option(help="Of splits, where the dataset has none.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Decoding processes; else one per core.")] = None,
    max_missing: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of missing or failed items above which the status is 1.")
    ] = 0.05,
) -> None:
    """Read a published dataset: its labels, class order and split, exactly; what is missing is listed.

    `contramuse data NAME` alone tells about it; the same command run again decodes only what is new.

    Status 0: done; 1: more is missing or failed than --max-missing, or not all could be fetched; 2: a mistake, or
    annotations are absent.
    """
    from rich.console import Console

    from contramuse.cli.datatables import dataset_list, dataset_page

    console = Console(soft_wrap=True, highlight=False)
    if list_ or name is None:
        screen = Console(highlight=False)
        screen.print(dataset_list(width=screen.width))
        return
    dataset = chosen(name, choices or [])
    if root is None:
        if out is not None or check or download or table is not None:
            raise UserError("is needed", name="--root", fix=f"Give the folder that holds {dataset.about.title}.")
        Console(highlight=False).print(dataset_page(name, dataset))
        return
    if check and out is not None:
        fix = "Leave out --check to make the library, or -o to look only."
        raise UserError("makes no library", name="--check", fix=fix)
    if table is not None and table.suffix.lower() not in (".parquet", ".pq"):
        raise UserError("is written as Parquet", name="--table", value=table, fix="Call it NAME.parquet.")
    if download:
        _download(dataset, root)
    if check or table is not None:
        missing = _check(dataset, name, root, table, console)
        if check:
            _enough(missing, max_missing, f"`contramuse data {name}` tells where they are to be had.")
    if out is not None:
        _make(dataset, name, root, out, rate, seed, workers, max_missing, console)
    elif not (check or download or table is not None):
        raise UserError("is needed", name="--out", fix="Give -o LIBRARY, or --check to look at what is there.")


def chosen(name: str, choices: list[str]) -> Dataset:
    """The dataset of this name with the user's choices.

    Raises:
        UserError: there is no such dataset or choice.
    """
    from contramuse.catalogue.datasets import DATASETS, Dataset
    from contramuse.recipe.overrides import apply_override
    from contramuse.recipe.parts import Grammar, Mistakes, nearest, settings

    if name not in DATASETS:
        raise UserError("is no dataset that is known", name="NAME", value=name,
                        fix=f"{nearest(name.lower(), DATASETS)} `contramuse data --list` shows all.")  # fmt: skip
    written: dict[str, Any] = {"kind": name}
    known = settings(DATASETS[name])
    for choice in choices:
        key, equals, text = choice.partition("=")
        if not key or not equals:
            fix = f"Write e.g. {next(iter(known), 'split')}=...; `contramuse data {name}` shows the choices."
            raise UserError("is not key=value", name="choices", value=choice, fix=fix)
        if known.get(key, (None,))[0] is str:
            written[key] = text  # as it stands: a separator such as "," or "#" is no YAML
        else:
            apply_override(written, choice, {})
    grammar, mistakes = Grammar({Dataset: DATASETS}, ()), Mistakes()
    resolved = grammar.resolve(Dataset, written, name, mistakes, {})
    if mistakes.found:
        fix = f"`contramuse data {name}` shows the choices."
        raise UserError("; ".join(mistakes.found).removesuffix("."), name="choices", value=" ".join(choices), fix=fix)
    made: Dataset = grammar.build(Dataset, resolved, {}, name)
    return made


def _download(dataset: Dataset, root: Path) -> None:
    from rich.console import Console

    from contramuse.catalogue.datasets.download import fetch_all

    remotes = dataset.remote()
    if not remotes:
        fix = f"{dataset.about.audio} {dataset.about.home}".strip()
        raise UserError("has nothing that may be fetched from here", name="--download", fix=fix)
    fetch_all(remotes, root, console=Console(stderr=True))


def _check(dataset: Dataset, name: str, root: Path, table: Path | None, console: Any) -> tuple[int, int]:
    """Tell what is there; how many items lack their audio, of how many."""
    from contramuse.catalogue.datasets.make import absent_error, check, parity, write_table
    from contramuse.cli.datatables import parity_table

    found = check(dataset, root)
    reading = found.reading
    if reading is None:
        raise absent_error(found, root)
    console.print(f"dataset    {name}: {dataset.split_name}", markup=False)
    _tell(found, console)
    lost = {*found.missing, *found.empty}
    there = Counter(entry.split or "unsplit" for entry in reading.entries if entry.path not in lost)
    console.print(f"audio      {sum(there.values()):,} of {len(reading.entries):,} files are there")
    console.print(parity_table(parity(dataset, reading, there), found="audio is there"))
    if table is not None:
        console.print(f"{table}: {write_table(reading, root, table):,} rows", markup=False)
    return len(lost), len(reading.entries)


def _enough(missing: tuple[int, int], max_missing: float, fix: str) -> None:
    lost, of = missing
    if lost > max_missing * of:
        problem = f"{lost:,} of {of:,} items are missing or failed, more than allowed"
        raise ContramuseError(problem, name="--max-missing", value=max_missing, fix=fix)


def _tell(found: Checked, console: Any) -> None:
    for one in found.absent:
        console.print(f"[yellow]absent[/]     {one.path.replace('|', ' or ')}: {one.what}; {one.where}")
    for one, said in found.wrong:
        console.print(f"[yellow]warning[/]    {one.path}: {said}")
    for what, paths in (("missing", found.missing), ("no bytes", found.empty)):
        if paths:
            more = f" and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else ""
            console.print(f"{what:<10} {len(paths):,} audio files: {', '.join(paths[:SHOWN])}{more}", markup=False)
    if found.reading is not None:
        for reason, items in found.reading.left_out.items():
            if items:
                more = ", ..." if len(items) > SHOWN else ""
                shown = ", ".join(list(items)[:SHOWN])
                console.print(f"left out   {len(items):,}: {reason}: {shown}{more}", markup=False)
        for line in found.reading.said:
            console.print(f"           {line}", markup=False)


def _make(
    dataset: Dataset, name: str, root: Path, out: Path, rate: int, seed: int, workers: int | None, max_missing: float,
    console: Any,
) -> None:  # fmt: skip
    from rich.console import Console

    from contramuse.catalogue.datasets.make import SHORTEST, make_library, parity
    from contramuse.catalogue.decoding import Decoding
    from contramuse.catalogue.grouping import Splitting
    from contramuse.cli.datatables import parity_table
    from contramuse.cli.prepare import show

    summary, found = make_library(
        dataset, name, root, out, decoding=Decoding(sample_rate=rate, workers=workers, min_seconds=SHORTEST),
        splitting=Splitting(seed=seed), console=Console(stderr=True),
    )  # fmt: skip
    assert found.reading is not None
    _tell(found, console)
    show(summary)
    console.print(f"dataset    {name}: {dataset.split_name}", markup=False)
    console.print(parity_table(parity(dataset, found.reading, summary.splits), found="in the library"))
    lost = len(found.reading.entries) - summary.tracks
    fix = f"The library is complete without them; {out}/dataset.json and `contramuse ledger {out}` list them."
    _enough((lost, len(found.reading.entries)), max_missing, fix)
