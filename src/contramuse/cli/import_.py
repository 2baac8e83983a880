"""``contramuse import``: models that other programs published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contramuse.errors import UserError

if TYPE_CHECKING:
    from contramuse.checkpoint.foreign import Imported

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

    names = listed(Path(classes)) if classes is not None and Path(classes).is_file() else classes
    report(import_clmr(file, out, head=head, classes=names, sample_rate=sample_rate))


@app.command()
def semisupcon(
    file: Annotated[Path, typer.Argument(help="SemiSupCon's checkpoint, of either kind.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model.", show_default=False)],
    classes: Annotated[
        Path | None, typer.Option(help="What a classifier's outputs mean: a file with a name per line.")
    ] = None,
    sample_rate: Annotated[int | None, typer.Option(help="Hz, where it is not 22,050.")] = None,
) -> None:
    """Turn a SemiSupCon checkpoint into a model folder, SampleCNN or TUNe+. Only weights are read; no code is run."""
    from contramuse.checkpoint.semisupcon import import_semisupcon

    names = None if classes is None else listed(classes)
    report(import_semisupcon(file, out, classes=names, sample_rate=sample_rate))


def listed(file: Path) -> list[str]:
    """The lines of a text file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("cannot be read", name="--classes", value=file, fix="Give a text file in UTF-8.") from error


def report(made: Imported) -> None:
    """Print what an import made."""
    print(f"{made.folder}: {made.encoder}, {made.samples:,} samples at {made.sample_rate:,} Hz, head: {made.head}")
    if made.classes:
        print(f"  classes: {', '.join(made.classes[:5])}{', ...' if len(made.classes) > 5 else ''}")
    if made.left_out:
        more = ", ..." if len(made.left_out) > 3 else ""
        print(f"  left out: {', '.join(made.left_out[:3])}{more}")
