"""``contramuse search``: the tracks most similar to a file, a track, tags or a playlist."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contramuse.errors import UserError
from contramuse.files import printable

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings
    from contramuse.search import Hit, Index, Query

WIDTH_OF_A_PIPE = 180


def search(
    embeddings: Annotated[Path, typer.Argument(help="Folder of embeddings.", show_default=False)],
    query: Annotated[
        str | None,
        typer.Argument(help="An audio file, a track's id or its beginning, path, or title.", show_default=False),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many answers.")] = 10,
    genre: Annotated[
        list[str] | None, typer.Option(help="Ask for a genre, if the model has a tower of genres; repeatable.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="FIELD=VALUE: ask for a class of another such field; repeatable.")
    ] = None,
    playlist: Annotated[str | None, typer.Option(help="Ask for what fits a playlist of the library.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Library with the playlist; the one that was embedded if not given.")
    ] = None,
    weigh: Annotated[
        list[str] | None,
        typer.Option(help="Weights of the embeddings' parts (heads), e.g. key=2,tempo=0.5,timbre=0; others weigh 1."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Condition FIELD=VALUE with = != < <= > >=, e.g. artist!=@query (other artists than the query's). "
            "Several are joined by commas, or the option is repeated.",
        ),
    ] = None,
    show: Annotated[
        list[str] | None, typer.Option(help="A field of the library to print with every track, e.g. genre; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    model: Annotated[str | None, typer.Option(help="The model, if it is not where the embeddings say.")] = None,
) -> None:
    """Show the tracks most similar to a file or a track, or nearest to tags or a playlist.

    The query itself and its duplicates are not answers, nor are the tracks of the playlist that it was made of.
    """
    from contramuse.embeddings import Embeddings
    from contramuse.search import Index, read_weights, shown, weights_of
    from contramuse.search import search as find

    if k < 1:
        raise UserError("must be at least 1", name="-k", value=k, fix="Give 10, for example.")
    opened = Embeddings.open(embeddings)
    tags = _tags(genre or [], tag or [])
    weights = {name: weight for text in weigh or [] for name, weight in read_weights(text).items()}
    weights_of(opened.parts, weights)
    meant = _resolve(opened, query, tags, playlist, data, model).weighed(weights)
    index = Index.open(opened, compared=meant.compared)
    hits = find(opened, meant, k=k, where=where or [], index=index)
    more = shown(opened, show or [])
    if as_json:
        results = [{**hit.to_json(), **{name: texts[hit.row] for name, texts in more.items()}} for hit in hits]
        stated = {name: value for name, value in index.info.items() if name not in ("stamp", "version")}
        given = {"given": query} if query is not None else {"means": meant.means}
        facts = {**given, "in_collection": meant.row >= 0, **meant.facts}
        weighing = weights_of(opened.parts, meant.weights)
        answer = {"query": facts, "index": stated, "weights": weighing, "results": results}
        print(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        _table(meant, hits, index, more)


def _tags(genres: Sequence[str], pairs: Sequence[str]) -> dict[str, list[str]]:
    """Classes that are asked for, by field."""
    tags: dict[str, list[str]] = {"genre": list(genres)} if genres else {}
    for pair in pairs:
        field, _, value = (piece.strip() for piece in pair.partition("="))
        if not field or not value:
            raise UserError("is no tag", name="--tag", value=pair, fix="Write FIELD=VALUE, e.g. genre=rock.")
        tags.setdefault(field, []).append(value)
    return tags


def _resolve(
    embeddings: Embeddings,
    text: str | None,
    tags: dict[str, list[str]],
    playlist: str | None,
    data: Path | None,
    model: str | None,
) -> Query:
    from contramuse.search import from_playlist, from_tags, resolve

    given: dict[str, Any] = {"QUERY": text, "--genre or --tag": tags or None, "--playlist": playlist}
    asked = [name for name, value in given.items() if value is not None]
    if len(asked) != 1:
        problem = f"{' and '.join(asked)} are given" if asked else "is missing"
        raise UserError(problem, name="QUERY", fix="Ask for one: a file or a track; tags; or a playlist.")
    if data is not None and playlist is None:
        raise UserError("is read for --playlist alone", name="--data", value=data, fix="Leave it out.")
    if tags:
        return from_tags(embeddings, tags, model=model)
    if playlist is not None:
        return from_playlist(embeddings, _library(embeddings, data), playlist, model=model)
    return resolve(embeddings, str(text), model=model)


def _library(embeddings: Embeddings, data: Path | None) -> Library:
    from contramuse.catalogue.library import Library
    from contramuse.search import library_of

    found = library_of(embeddings) if data is None else Library.open(data)
    if found is None:
        raise UserError("is missing", name="--data", fix="Give the library that has the playlist.")
    return found


def _table(query: Query, hits: list[Hit], index: Index, more: dict[str, list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_OF_A_PIPE)
    console.print(_headline(query, index, more), soft_wrap=True)
    if not hits:
        console.print("No track meets the conditions.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("rank", index.info["similarity"]):
        table.add_column(name, justify="right")
    for name in ("title", "artist", *more, "album", "path"):
        table.add_column(name, overflow="fold")
    for hit in hits:
        facts = (hit.title, hit.artist, *(column[hit.row] for column in more.values()), hit.album, hit.path)
        texts = (escape(printable(text)) for text in facts)
        table.add_row(str(hit.rank), f"{hit.similarity:.3f}", *texts)
    console.print(table)


def _headline(query: Query, index: Index, more: dict[str, list[str]]) -> str:
    from rich.markup import escape

    from contramuse.search import weights_of

    weighed = weights_of(index.space.parts, query.weights) if len(index.space.parts) > 1 else {}
    parts = "; weights: " * bool(weighed) + ", ".join(f"{escape(n)} {weight:g}" for n, weight in weighed.items())
    if query.means:
        return f"Nearest to {escape(printable(query.means))}{parts}"
    asked = query.facts
    named = " - ".join(str(asked[name]) for name in ("artist", "title") if asked.get(name))
    path = printable(str(asked.get("path", "")))
    own = "".join(f", {name}: {escape(texts[query.row])}" for name, texts in more.items() if query.row >= 0)
    return f"Most similar to {escape(printable(named))} ({escape(path)}){own}{parts}"
