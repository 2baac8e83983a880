"""``contramuse report``: one self-contained page."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path | None, typer.Argument(help="Folder of a run or a model.", show_default=False)] = None,
    embeddings: Annotated[Path | None, typer.Option(help="Folder of embeddings: map and neighbours.")] = None,
    probe: Annotated[Path | None, typer.Option(help="What `contramuse probe --json FILE` wrote.")] = None,
    library: Annotated[
        Path | None, typer.Option(help="Labels and ledger; the library that was embedded if not given.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.")] = Path("report.html"),
) -> None:
    """Write report.html: findings in words, probes with intervals, curves, a map, neighbours, what was left out.

    Every part may be missing; the page loads nothing from the network.
    """
    from contramuse.files import replacing
    from contramuse.probes.report import build_page, gather_sources

    command = shlex.join(["contramuse", *sys.argv[1:]])
    sources = gather_sources(run, embeddings=embeddings, probe=probe, library=library, command=command)
    page = build_page(sources)
    with replacing(out) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
    print(f"{out}: {len(page.encode('utf-8', 'replace')) / 1e6:.2f} MB, open it in any browser")
