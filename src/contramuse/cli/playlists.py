"""``contramuse playlists``: how well embeddings continue playlists with tracks that nobody has heard yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from contramuse.cli.probe import embedded_library, split_words


def playlists(
    embeddings: Annotated[Path, typer.Argument(help="Folder of embeddings of a library.", show_default=False)],
    library: Annotated[
        Path | None, typer.Option("--library", "--data", help="With the playlists; the embedded one if not given.")
    ] = None,
    playlists: Annotated[
        Path | None, typer.Option(help="JSON of playlists to use instead (docs/playlists.md).")
    ] = None,
    by: Annotated[str, typer.Option(help="Group of the library whose lists are continued.")] = "playlists",
    against: Annotated[list[Path] | None, typer.Option(help="Other embeddings of the same tracks; repeatable.")] = None,
    ranking: Annotated[str, typer.Option(help="vote, centroid; the first is the one sentences are about.")] = (
        "vote,centroid"
    ),
    votes: Annotated[
        int | None, typer.Option(help="Votes of a known track; 100, or a tenth of the candidates if that is fewer.")
    ] = None,
    at: Annotated[str, typer.Option(help="The k of NDCG, recall and MAP.")] = "10,100",
    baselines: Annotated[str, typer.Option(help="random (weights), mfcc, mel, popularity, cf; or none.")] = (
        "random,mfcc,mel,popularity,cf"
    ),
    protocol: Annotated[
        str, typer.Option(help="split: test tracks are hidden; folds: each fold once; auto: as `probe` does.")
    ] = "auto",
    folds: Annotated[int, typer.Option(help="How many folds.")] = 5,
    group: Annotated[str | None, typer.Option(help="Group that no two folds share.")] = None,
    scale: Annotated[str, typer.Option(help="standardised dimensions, or raw vectors.")] = "standardised",
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples of the playlists.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of random weights and random orders.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Write all numbers to this file.")] = None,
) -> None:
    """Continue playlists from a cold start: hidden tracks are ranked by their embeddings alone.

    Tracks of the training and validation splits are known, test tracks are hidden and sought among all test tracks;
    NDCG, recall, MAP, R-precision and clicks with 95 % intervals over playlists, beside baselines.
    """
    from rich.console import Console

    from contramuse.catalogue.library import Library
    from contramuse.catalogue.playlists import read_lists
    from contramuse.embeddings import Embeddings
    from contramuse.errors import UserError
    from contramuse.files import write_json
    from contramuse.probes.continuation import Continuation, continue_playlists
    from contramuse.probes.table import continuation_tables

    opened = Embeddings.open(embeddings)
    try:
        cuts = tuple(sorted({int(word) for word in split_words(at)}))
    except ValueError as error:
        raise UserError("is no list of numbers", name="--at", value=at, fix="Give numbers, as 10,100.") from error
    settings = Continuation(
        by=by, rankings=tuple(split_words(ranking)), votes=votes, at=cuts, baselines=tuple(split_words(baselines)),
        protocol=cast(Any, protocol), folds=folds, group=group, scale=cast(Any, scale), resamples=resamples, seed=seed,
    )  # fmt: skip
    home = Library.open(library or embedded_library(opened))
    with Console(stderr=True).status("reading") as status:
        results = continue_playlists(
            opened,
            library=home,
            lists=read_lists(playlists, home) if playlists is not None else None,
            against=[Embeddings.open(other) for other in against or ()],
            settings=settings,
            progress=status.update,
        )
    console = Console()
    for table in continuation_tables(results):
        console.print(table)
    for sentence in results["words"]:
        console.print(sentence, highlight=False, markup=False)
    if json is not None:
        write_json(json, results)
