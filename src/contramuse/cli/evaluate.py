"""``contramuse evaluate``: everything that is measured about models on a library, in one command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from contramuse.cli.probe import split_words
from contramuse.errors import ContramuseError, UserError

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings


def evaluate(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Models, runs, hub ids, or folders of embeddings of the library.", show_default=False),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Library, with or without labels.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for everything that is measured.")] = None,
    parts: Annotated[str, typer.Option(help="What to measure, or all; --list shows the parts.")] = "probe,own",
    protocol: Annotated[
        list[str] | None, typer.Option(help="Protocol of the field; those that fit the library if none is given.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List parts and protocols.")] = False,
    task: Annotated[
        list[str] | None, typer.Option("--task", "--field", help="Label field; the protocol's, or all.")
    ] = None,
    probe: Annotated[str | None, typer.Option(help="linear, mlp, knn, prototype; the first is spoken of.")] = None,
    baselines: Annotated[str, typer.Option(help="random, mfcc, mel; or none.")] = "random,mfcc,mel",
    aggregate: Annotated[
        str | None, typer.Option(help="Mean over a track's windows of: embeddings, probabilities, logits.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="What no two folds share, where the library is probed by folds.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 3,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.")] = 1000,
    tracks: Annotated[int, typer.Option(min=20, help="Tested tracks that are corrupted, at most.")] = 200,
    seed: Annotated[int, typer.Option(help="Of random weights and everything that is drawn.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps, ...")] = "auto",
) -> None:
    """Embed a library with every model, and measure: probes, few labels, robustness, invariances, retrieval.

    On a library of a published dataset by the field's protocols, under the name of its split. What is done is kept:
    the same command run again measures only what is new. `contramuse report OUT` makes a page of it.

    Status 0: done, what is left out is told; 1: nothing could be measured; 2: a mistake.
    """
    from rich.console import Console

    from contramuse.catalogue.library import Library
    from contramuse.probes import Settings
    from contramuse.probes.evaluation import PARTS, Request
    from contramuse.probes.evaluation import evaluate as run
    from contramuse.probes.published import protocols_for

    console = Console()
    if list_:
        _list(console)
        return
    if not models or data is None or out is None:
        missing = "MODEL" if not models else "--data" if data is None else "--out"
        raise UserError("is needed", name=missing, fix="contramuse evaluate MODEL --data LIBRARY -o FOLDER")
    usual = Settings()
    settings = Settings(
        tasks=tuple(task) if task else None,
        probes=usual.probes if probe is None else cast(Any, tuple(split_words(probe))),
        baselines=tuple(split_words(baselines)),
        aggregate=usual.aggregate if aggregate is None else cast(Any, aggregate),
        group=group,
        seeds=seeds,
        resamples=resamples,
        seed=seed,
    )
    wanted = tuple(PARTS) if parts == "all" else tuple(split_words(parts))
    request = Request(wanted, tuple(protocol or ()), settings, tracks)
    library = Library.open(data)
    protocols_for(library, request.protocols)  # what cannot be is told before a library is embedded for hours
    for name in task or ():
        if name not in library.fields:
            fix = f"The library has: {', '.join(library.fields) or 'no labels'}."
            raise UserError("is no label field of the library", name="--task", value=name, fix=fix)
    given = [embedded(model, library, out / "embeddings", device=device) for model in models]

    def shown(name: str, part: Any, state: str) -> None:
        if part is None:
            console.print(f"{name} is left out: {state}", markup=False, highlight=False)
            return
        for table in PARTS[name].tables(part):
            console.print(table)
        for sentence in part.get("words", ()) if isinstance(part, Mapping) else ():
            console.print(sentence, markup=False, highlight=False)

    with Console(stderr=True).status("reading") as status:
        results = run(given, library=library, out=out, request=request, progress=status.update, shown=shown)
    console.print(f"{out / 'evaluation.json'}; `contramuse report {out}` makes a page of it", highlight=False)
    if not any(name in results["parts"] for name in wanted):
        fix = "Above it says why. Give a larger library, or other --parts."
        raise ContramuseError("nothing could be measured", name="--parts", value=parts, fix=fix)


def embedded(model: str, library: Library, folder: Path, *, device: str) -> Embeddings:
    """The library's embeddings by a model: those in a folder of embeddings, or made now with their windows kept.

    Raises:
        UserError: the model or its embeddings cannot be used.
    """
    from contramuse.checkpoint.model import load
    from contramuse.cli.embed import embed_with_progress, on_device
    from contramuse.embeddings import Embeddings

    if (Path(model) / "embeddings.json").exists():
        return Embeddings.open(model)
    loaded = on_device(load(model), device)
    name = f"{Path(model).resolve().name if Path(model).exists() else model.replace('/', '--')}-{loaded.model_hash[:8]}"
    settings = {"window": None, "hop": None, "keep": "windows", "dtype": "float32", "batch": 16, "corrupt": ()}
    embed_with_progress(loaded, [], [Path(library.root)], folder / name, settings)
    return Embeddings.open(folder / name)


def _list(console: Any) -> None:
    from rich.table import Table

    from contramuse.probes.evaluation import PARTS
    from contramuse.probes.published import PROTOCOLS

    table = Table("part", "what it says", title="parts", title_justify="left")
    for name, part in PARTS.items():
        table.add_row(name, part.what)
    console.print(table)
    table = Table(title="protocols", title_justify="left")
    for title, wrap in (
        ("protocol", True),
        ("library of `contramuse data`", False),
        ("metric", True),
        ("figures", True),
    ):
        table.add_column(title, no_wrap=wrap)
    for name, one in PROTOCOLS.items():
        choices = " ".join(f"{key}={value}" for key, value in one.choices.items())
        table.add_row(name, f"{one.dataset} {choices}", one.metrics[0], str(len(one.references) or ""))
    console.print(table)
