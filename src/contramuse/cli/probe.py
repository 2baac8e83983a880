"""``contramuse probe``: honest numbers about embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from contramuse.errors import EmbeddingsError, UserError


def probe(
    embeddings: Annotated[Path, typer.Argument(help="Folder of embeddings of a library.", show_default=False)],
    task: Annotated[
        list[str] | None, typer.Option("--task", "--field", help="Label field; may be repeated; all if none is given.")
    ] = None,
    library: Annotated[
        Path | None,
        typer.Option("--library", "--data", help="With the labels; the one that was embedded if not given."),
    ] = None,
    against: Annotated[list[Path] | None, typer.Option(help="Other embeddings of the same tracks; repeatable.")] = None,
    probe: Annotated[str, typer.Option(help="linear, mlp, knn, prototype; sentences are about the first.")] = (
        "linear,mlp,knn"
    ),
    baselines: Annotated[str, typer.Option(help="random, mfcc, mel; or none.")] = "random,mfcc,mel",
    protocol: Annotated[
        str, typer.Option(help="split, folds, or auto: the stored split if it tests 200 tracks, else folds.")
    ] = "auto",
    folds: Annotated[int | None, typer.Option(help="Cross-validate with this many folds by group.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Group that no two folds share; if not given, the one of the library's split.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 3,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.")] = 1000,
    permutations: Annotated[int, typer.Option(help="Of the paired permutation tests.")] = 2000,
    resample: Annotated[
        str,
        typer.Option(help="What is drawn whole: auto (dataset's group, split's, artist), tracks, or a group."),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of the random weights.")] = 0,
    train_on: Annotated[str, typer.Option(help="tracks, or segments: every window is an item (CLMR v1).")] = "tracks",
    aggregate: Annotated[
        str, typer.Option(help="Mean over a tested track's windows of: embeddings, probabilities, logits.")
    ] = "embeddings",
    shares: Annotated[str, typer.Option(help="Shares of the labels, each a probe of its own: 1,0.1,0.01.")] = "1",
    share_rule: Annotated[str, typer.Option(help="exact, or powerset (CLMR v1).")] = "exact",
    shots: Annotated[
        str, typer.Option(help="Also with few labels: so many tracks a class (1,5,10,20), beside 1, 5, 10 and 100 %.")
    ] = "none",
    draws: Annotated[int, typer.Option(help="Of few labels, each other tracks.")] = 10,
    json: Annotated[Path | None, typer.Option(help="Write all numbers to this file.")] = None,
) -> None:
    """Probe frozen embeddings against a library's labels, beside baselines that are added by themselves.

    Linear, MLP and k-NN probes with settings chosen on validation tracks; 95 % bootstrap intervals over tracks and
    paired differences. The baselines: the same encoder with random weights, MFCC statistics, mean log-mel.
    """
    from rich.console import Console

    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings
    from contramuse.files import write_json
    from contramuse.probes import Settings
    from contramuse.probes import probe as run
    from contramuse.probes.cache import remembered, results_key
    from contramuse.probes.few import Few, run_few
    from contramuse.probes.table import few_tables, tables
    from contramuse.probes.words import left_out

    opened = Embeddings.open(embeddings)
    settings = Settings(
        tasks=tuple(task) if task else None,
        probes=cast(Any, tuple(split_words(probe))),
        baselines=tuple(split_words(baselines)),
        protocol=cast(Any, "folds" if folds is not None and protocol == "auto" else protocol),
        folds=5 if folds is None else folds,
        group=group,
        seeds=seeds,
        resamples=resamples,
        permutations=permutations,
        resample=resample,
        seed=seed,
        train_on=cast(Any, train_on),
        aggregate=cast(Any, aggregate),
        shares=tuple(_share(word) for word in split_words(shares)),
        share_rule=cast(Any, share_rule),
    )
    catalogue = Library.open(library or embedded_library(opened))
    others = [Embeddings.open(other) for other in against or ()]
    with Console(stderr=True).status("reading") as status:
        results, kept = remembered(
            opened.root / "probes",
            results_key([opened, *others], catalogue, settings),
            lambda: run(opened, library=catalogue, against=others, settings=settings, progress=status.update),
        )
        if split_words(shots):
            few = Few(probe=settings, shots=tuple(_count(word) for word in split_words(shots)), draws=draws)
            part, _ = remembered(
                opened.root / "probes",
                results_key([opened, *others], catalogue, few),
                lambda: {"few": run_few(opened, library=catalogue, against=others, settings=few,
                                        progress=status.update)},
            )  # fmt: skip
            results |= part
    console = Console()
    for table in (*tables(results), *few_tables(results.get("few", ()))):
        console.print(table)
    for sentence in results["words"]:
        console.print(sentence, highlight=False, markup=False)
    if results["tasks"] and results["skipped"]:
        console.print(f"Left out: {'; '.join(left_out(results))}.", highlight=False, markup=False)
    if kept:
        said = f"Computed on {results['created']} from the same vectors, labels and settings; kept in"
        console.print(f"{said} {opened.root / 'probes'}.", highlight=False, markup=False)
    if json is not None:
        write_json(json, results)


def _share(word: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise UserError("is not a number", name="--shares", value=word, fix="Give shares as 1,0.1,0.01.") from error


def _count(word: str) -> int:
    try:
        return int(word)
    except ValueError as error:
        raise UserError("is not a number", name="--shots", value=word, fix="Give tracks a class as 1,5,10.") from error


def split_words(text: str) -> list[str]:
    """The words of a list with commas; none for "none"."""
    return [] if text == "none" else [word.strip() for word in text.split(",") if word.strip()]


def embedded_library(opened: Any) -> Path:
    """Folder of the library that was embedded.

    Raises:
        EmbeddingsError: files were embedded.
    """
    root = opened.meta.get("library_root")
    if not root:
        raise EmbeddingsError(
            "were made from files, not from a library, and so have no labels",
            name="embeddings",
            value=opened.root,
            fix="Name the library with --library LIBRARY.",
        )
    return Path(root)
