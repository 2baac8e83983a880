"""contramuse ledger: what became of every file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def ledger(
    library: Annotated[Path, typer.Argument(help="Folder of the library.")],
    verdict: Annotated[
        str | None, typer.Option(help='Only these: ok, repaired, failed, "too short", silent, duplicate, "no file".')
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line, all columns.")] = False,
) -> None:
    """Show what became of every file that looks like audio, and why."""
    from contramuse.catalogue.ledger import counts, entries
    from contramuse.files import printable

    if json:
        from json import dumps

        for entry in entries(library, verdict=verdict):
            print(dumps(entry, ensure_ascii=True))
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    if verdict is None:
        console.print(", ".join(f"{count} {name}" for name, count in counts(library).items()))
    for entry in entries(library, verdict=verdict):
        if verdict is None and entry["verdict"] == "ok":
            continue
        path, note = (escape(printable(entry[name] or "")) for name in ("path", "note"))
        damaged = f" ({entry['damaged_seconds']:.2f} s damaged)" if entry["damaged_seconds"] else ""
        console.print(f"[bold]{entry['verdict']:9}[/] {path}{damaged}  [dim]{note}[/]")
