"""``contramuse search``: the tracks most similar to a file or a track."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contramuse.errors import UserError
from contramuse.files import printable

if TYPE_CHECKING:
    from contramuse.search import Hit, Index, Query

WIDTH_OF_A_PIPE = 180


def search(
    embeddings: Annotated[Path, typer.Argument(help="Folder of embeddings.", show_default=False)],
    query: Annotated[
        str,
        typer.Argument(help="An audio file, a track's id or its beginning, path, or title.", show_default=False),
    ],
    k: Annotated[int, typer.Option("-k", help="How many answers.")] = 10,
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
    """Show the tracks most similar to a file or a track; itself and its duplicates are not answers."""
    from contramuse.embeddings import Embeddings
    from contramuse.search import Index, resolve, shown
    from contramuse.search import search as find

    if k < 1:
        raise UserError("must be at least 1", name="-k", value=k, fix="Give 10, for example.")
    opened = Embeddings.open(embeddings)
    meant = resolve(opened, query, model=model)
    index = Index.open(opened)
    hits = find(opened, meant, k=k, where=where or [], index=index)
    more = shown(opened, show or [])
    if as_json:
        results = [{**hit.to_json(), **{name: texts[hit.row] for name, texts in more.items()}} for hit in hits]
        stated = {name: value for name, value in index.info.items() if name not in ("stamp", "version")}
        facts = {"given": query, "in_collection": meant.row >= 0, **meant.facts}
        answer = {"query": facts, "index": stated, "results": results}
        print(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        _table(meant, hits, index, more)


def _table(query: Query, hits: list[Hit], index: Index, more: dict[str, list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_OF_A_PIPE)
    asked = query.facts
    named = " - ".join(str(asked[name]) for name in ("artist", "title") if asked.get(name))
    path = printable(str(asked.get("path", "")))
    own = "".join(f", {name}: {escape(texts[query.row])}" for name, texts in more.items() if query.row >= 0)
    console.print(f"Most similar to {escape(printable(named))} ({escape(path)}){own}", soft_wrap=True)
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
