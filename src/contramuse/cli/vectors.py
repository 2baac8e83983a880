"""``contramuse vectors``: vectors that a library keeps beside its audio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from contramuse.errors import UserError

app = typer.Typer(
    help="Make vectors of a library's tracks from playlists or from genres and tags; list them.", no_args_is_help=True
)
Target = Annotated[Path, typer.Argument(help="Folder of the library.", show_default=False)]


@app.command()
def cf(
    library: Target,
    name: Annotated[str, typer.Option(help="Name of the vectors.")] = "cf",
    by: Annotated[str, typer.Option(help="Group whose lists are factorised: playlists, or another.")] = "playlists",
    playlists: Annotated[
        Path | None, typer.Option(help="JSON of playlists to use instead (docs/playlists.md).")
    ] = None,
    splits: Annotated[str, typer.Option(help="Tracks that may be known: train, valid or both.")] = "train,valid",
    method: Annotated[str, typer.Option(help="bpr: ranking loss, with a bias per track; als: least squares.")] = "bpr",
    dim: Annotated[int, typer.Option(help="Factors; bpr adds the bias as one number more.")] = 300,
    epochs: Annotated[int | None, typer.Option(help="Passes; 100 for bpr and 15 for als if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Of the first factors.")] = 0,
) -> None:
    """Factorise who is in which playlist: a vector per track, from other tracks' company alone.

    Test tracks are never inside; tracks that are in no playlist get no vector.
    """
    from contramuse.catalogue.cf import Factorisation, make_cf_vectors
    from contramuse.catalogue.library import Library
    from contramuse.catalogue.playlists import library_lists, read_lists

    how = Factorisation(method=cast(Any, method), dim=dim, epochs=epochs, seed=seed)
    opened = Library.open(library)
    lists = library_lists(opened, by) if playlists is None else read_lists(playlists, opened)
    source = f"group {by}" if playlists is None else str(playlists)
    names = _splits(splits)
    made = make_cf_vectors(opened, lists, name=name, how=how, splits=names, source=source)
    print(f"{library / 'vectors' / name}.parquet: {made.dim} numbers for each of {made.with_vector} tracks")
    print(f"  {method}, {how.passes} epochs, {made.lists} of {len(lists)} lists of {source}")
    if lists.unknown:
        print(f"  {lists.unknown} entries of the lists name no track of the library")
    print(f"  without a vector: {made.in_no_list} tracks of {' and '.join(names)} that are in no list,")
    print(f"  and {made.other_splits} tracks of other splits, which are never inside")


@app.command()
def genre(
    library: Target,
    field: Annotated[
        list[str] | None, typer.Option(help="Label field with classes; repeatable; genre and tags if not given.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the vectors.")] = "genre",
    splits: Annotated[str, typer.Option(help="Splits whose tracks are learnt from.")] = "train,valid",
    dim: Annotated[int, typer.Option(help="Numbers per vector.")] = 128,
    epochs: Annotated[int, typer.Option(help="Passes over the tracks.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the first vectors.")] = 0,
) -> None:
    """Learn a vector per genre or tag (word2vec) from which of them a track has together; the mean for every track."""
    from contramuse.catalogue.genre_vectors import Words, default_fields, make_genre_vectors
    from contramuse.catalogue.library import Library

    opened = Library.open(library)
    fields = tuple(field) if field else default_fields(opened)
    made = make_genre_vectors(
        opened, fields, name=name, how=Words(dim=dim, epochs=epochs, seed=seed), splits=_splits(splits)
    )
    print(f"{library / 'vectors' / name}.parquet: {dim} numbers for each of {made.classes} classes")
    print(f"  of {' and '.join(fields)}, and their mean for each of {made.tracks} tracks")
    print(f"  window {made.longest}, {epochs} epochs over the tracks of {' and '.join(_splits(splits))}")
    if made.classes_without:
        print(f"  {made.classes_without} classes that none of these tracks has get no vector")


@app.command("list")
def list_(library: Target) -> None:
    """The vectors that a library has."""
    from rich.console import Console
    from rich.table import Table

    from contramuse.catalogue.library import Library
    from contramuse.catalogue.vectors import stored_vectors

    opened = Library.open(library)
    found = stored_vectors(opened.root)
    if not found:
        print(f"no vectors; make some with `contramuse vectors cf {library}` or `contramuse vectors genre {library}`")
        return
    table = Table("name", "kind", "tracks", "numbers", "made from", box=None)
    for one in found:
        made_from = one.get("source") or ", ".join(one.get("fields", ())) or ""
        table.add_row(
            str(one.get("name")), str(one.get("kind", "")), f"{one.get('tracks')} of {len(opened)}",
            str(one.get("dim")), made_from,
        )  # fmt: skip
    Console().print(table)


def _splits(text: str) -> list[str]:
    found = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not found:
        raise UserError("names no split", name="--splits", value=text, fix="Give train, valid or train,valid.")
    return found
