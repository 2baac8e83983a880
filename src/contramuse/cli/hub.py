"""``contramuse push`` and ``contramuse pull``: models to and from a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    model: Annotated[Path, typer.Argument(help="Model folder, or run folder.", show_default=False)],
    repo: Annotated[str, typer.Argument(help="user/name on the hub; made if absent.", show_default=False)],
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public, not private.")] = False,
    message: Annotated[str, typer.Option(help="Message of the commit.")] = "",
    card: Annotated[
        Path | None, typer.Option(help="What `contramuse report --card FILE` wrote; without it, recipe and hashes.")
    ] = None,
) -> None:
    """Upload a model with a card that states its recipe and hashes. Log in first: hf auth login."""
    from contramuse.checkpoint.hub import push as upload

    visibility = "public" if public else "private"
    print(upload(model, repo, visibility=visibility, message=message, written=card))


def pull(
    repo: Annotated[str, typer.Argument(help="user/name or user/name@revision.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model.", show_default=False)],
) -> None:
    """Copy a model from the hub into a folder; weights and JSON only, no code is ever run."""
    from contramuse.checkpoint.hub import pull as download
    from contramuse.checkpoint.model import load

    folder = download(repo, out)
    model = load(folder)
    print(f"{folder}: {model.dim} numbers per vector, model hash {model.model_hash[:12]}")
