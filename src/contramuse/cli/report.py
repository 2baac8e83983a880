"""``contramuse report``: one self-contained page and its numbers, and a card of the model."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer


def report(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Runs, models, embeddings, evaluations, results of probe and playlists; told apart by content.",
            show_default=False,
        ),
    ] = None,
    embeddings: Annotated[Path | None, typer.Option(help="Folder of embeddings: map and neighbours.")] = None,
    probe: Annotated[Path | None, typer.Option(help="What `contramuse probe --json FILE` wrote.")] = None,
    library: Annotated[
        Path | None, typer.Option("--library", "--data", help="Labels and ledger; the embedded one if not given.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Write a model card (README.md for a hub) of the first model, too.")
    ] = None,
    licence: Annotated[
        str, typer.Option(help="Licence of the model for its card, as the hub calls it: mit.")
    ] = "unknown",
    out: Annotated[Path, typer.Option("--out", "-o", help="The page; its numbers stand beside it as .json.")] = Path(
        "report.html"
    ),
) -> None:
    """Write report.html and report.json: findings in words, intervals, curves, maps, models beside models.

    Every part may be missing; the page loads nothing from the network. With --card a model card is written, too.
    """
    from contramuse.checkpoint.card import ID
    from contramuse.checkpoint.card import card as write_card
    from contramuse.errors import UserError
    from contramuse.files import replacing, write_json
    from contramuse.probes.report import assemble, build_page, gather_sources, numbers
    from contramuse.probes.report.evidence import card_of, evidence_of

    command = shlex.join(["contramuse", *sys.argv[1:]])
    beside = out.with_suffix(".json")
    read = gather_sources(sources or (), embeddings=embeddings, probe=probe, library=library, command=command)
    taken = {Path(place).resolve() for session in read.sessions for place in session.places}
    if out.suffix == ".json" or beside.resolve() in taken:
        problem = "its numbers would be written over what they are read from" if out.suffix != ".json" else "is no page"
        raise UserError(problem, name="--out", value=out, fix="Choose another name, as report.html.")
    if card is not None:
        _check_card(card, taken | {out.resolve(), beside.resolve()})
    found = assemble(read)
    whose = None if card is None else card_of(found)
    page = build_page(found)
    write_json(beside, numbers(found))
    with replacing(out) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
    print(f"{out}: {len(page.encode('utf-8', 'replace')) / 1e6:.2f} MB, open it in any browser; numbers: {beside}")
    if card is not None and whose is not None:
        with replacing(card) as temporary:
            text = write_card(whose.model, ID, evidence=evidence_of(found, whose), licence=licence)
            temporary.write_text(text, encoding="utf-8", errors="replace")
        print(f"{card}: card of {whose.name}; `contramuse push MODEL user/name --card {card}` uploads it")


def _check_card(card: Path, taken: set[Path]) -> None:
    """Make sure that a card is written over no other file than a card.

    Raises:
        UserError: something else has this name.
    """
    from contramuse.errors import UserError

    own = "library_name: contramuse"
    other = card.exists() and own not in card.read_text(encoding="utf-8", errors="replace")
    if other or card.resolve() in taken:
        fix = "Choose another name, as model/README.md."
        raise UserError("is another file, which the card would be written over", name="--card", value=card, fix=fix)
