"""``contramuse import``: models that other programs published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Import a model that another program published.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Import a model that another program published."""


@app.command()
def clmr(
    file: Annotated[Path, typer.Argument(help="Checkpoint of a CLMR encoder, v1 or v2.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model.", show_default=False)],
    head: Annotated[Path | None, typer.Option(help="Checkpoint of a head that was trained on it.")] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="What the head's outputs mean: magnatagatune, msd, gtzan, or a file with a name per line."),
    ] = None,
    sample_rate: Annotated[int | None, typer.Option(help="Hz, where the strides do not tell.")] = None,
) -> None:
    """Turn a published CLMR checkpoint into a model folder. Only weights are read; no code in the file is run."""
    from contramuse.checkpoint.clmr import import_clmr

    names: str | list[str] | None = classes
    if classes is not None and Path(classes).is_file():
        names = [line.strip() for line in Path(classes).read_text(encoding="utf-8").splitlines() if line.strip()]
    made = import_clmr(file, out, head=head, classes=names, sample_rate=sample_rate)
    print(f"{made.folder}: SampleCNN, {made.samples:,} samples at {made.sample_rate:,} Hz, head: {made.head}")
    if made.classes:
        print(f"  classes: {', '.join(made.classes[:5])}{', ...' if len(made.classes) > 5 else ''}")
    if made.left_out:
        more = ", ..." if len(made.left_out) > 3 else ""
        print(f"  left out: {', '.join(made.left_out[:3])}{more}")
