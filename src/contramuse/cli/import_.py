"""``contramuse import``: models that other programs published, and vectors that they made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contramuse.errors import UserError
from contramuse.files import printable

if TYPE_CHECKING:
    from contramuse.checkpoint.foreign import Imported

LISTED = 5

app = typer.Typer(help="Import a model that another program published, or vectors that it made.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Import a model that another program published, or vectors that it made."""


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


Data = Annotated[Path, typer.Option("--data", help="Folder of the library.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the embeddings.", show_default=False)]
Name = Annotated[str | None, typer.Option(help="Of the model, for tables.")]
Windows = Annotated[bool, typer.Option("--keep-windows", help="Store the windows' vectors too.")]


@app.command()
def vectors(
    file: Annotated[Path, typer.Argument(help="Parquet, CSV, JSON lines, npz or npy.", show_default=False)],
    data: Data,
    out: Out,
    id_column: Annotated[str | None, typer.Option(help="Column or array with ids, paths or file names.")] = None,
    vector_column: Annotated[str | None, typer.Option(help="Column of lists, or array, with the vectors.")] = None,
    names: Annotated[Path | None, typer.Option(help="Of a .npy file: a text file with a name per line.")] = None,
    name: Name = None,
    keep_windows: Windows = False,
) -> None:
    """Take vectors that another program made of a library's tracks; probe, search and report read them as ours."""
    from contramuse.embeddings import import_vectors
    from contramuse.files import check_output

    check_output(out, name="--out")
    made = import_vectors(
        file, data, out, id_column=id_column, vector_column=vector_column, names=names, name=name,
        keep="windows" if keep_windows else "vectors",
    )  # fmt: skip
    print(f"{made.tracks} tracks with a vector of {made.dim} numbers ({made.said}) -> {out}")
    print(f"  joined: {', '.join(f'{count} by {way}' for way, count in made.joined.ways.items())}")
    _few("names of no track", made.joined.unknown)
    _few("names that fit several tracks, or a track of another name, not joined", made.joined.ambiguous)
    _few("tracks of the library without a vector", made.without)
    _few("tracks whose vector is not finite, left out", [path for path, _ in made.failed])


@app.command("callable")
def callable_(
    function: Annotated[str, typer.Argument(help="MODULE:FUNCTION, yours: its code is run.", show_default=False)],
    data: Data,
    out: Out,
    sample_rate: Annotated[int | None, typer.Option(help="Hz that it takes; the library's if not given.")] = None,
    name: Name = None,
    version: Annotated[str, typer.Option(help="Of the weights: another one does not go on with this folder.")] = "",
    keep_windows: Windows = False,
) -> None:
    """Embed a library with a Python function of your own: (waveform, rate) to a vector, or one per window.

    MODULE is imported from the current folder or from what is installed, and its code is run. Goes on where it was
    interrupted. Exit status 1 if a track failed.
    """
    from rich.progress import Progress

    from contramuse.catalogue.library import Library
    from contramuse.embeddings import from_callable
    from contramuse.files import check_output

    check_output(out, name="--out")
    called, library = _imported(function), Library.open(data)
    with Progress() as progress:
        task = progress.add_task("embed", total=len(library))
        made = from_callable(
            called, library, out, sample_rate=sample_rate, name=name, version=version,
            keep="windows" if keep_windows else "vectors",
            advance=lambda tracks, seconds: progress.update(task, advance=tracks),
        )  # fmt: skip
    before = f", {made.kept} were there before" if made.kept else ""
    print(f"{made.tracks} tracks ({made.seconds / 3600:.2f} h) embedded{before}, {len(made.failed)} failed -> {out}")
    _few("failed", [f"{path}: {reason}" for path, reason in made.failed])
    if made.failed:
        raise typer.Exit(1)


def _imported(text: str) -> Any:
    """The function that MODULE:FUNCTION names; the module's code is run.

    Raises:
        UserError: there is none.
    """
    import importlib
    import sys

    module, mark, name = text.partition(":")
    fix = "Write MODULE:FUNCTION, such as my_model:embed for the function embed of my_model.py in this folder."
    if not mark or not module or not name:
        raise UserError("names no function", name="FUNCTION", value=text, fix=fix)
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        raise UserError(f"cannot be imported ({error})", name="FUNCTION", value=text, fix=fix) from error
    except AttributeError as error:
        raise UserError("is not in that module", name="FUNCTION", value=text, fix=fix) from error
    if not callable(found):
        raise UserError("is no function", name="FUNCTION", value=text, fix=fix)
    return found


def _few(what: str, names: Sequence[str]) -> None:
    """How many there are, and the first of them; nothing where there are none."""
    if names:
        more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
        print(f"  {len(names)} {what}: {', '.join(printable(name) for name in names[:LISTED])}{more}")


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
        more = f", ... ({len(made.left_out)} in all)" if len(made.left_out) > 3 else ""
        print(f"  left out: {', '.join(made.left_out[:3])}{more}")
