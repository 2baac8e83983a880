"""``contramuse embed``: whole tracks to vectors on disk."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contramuse.errors import UserError
from contramuse.files import check_output, printable

if TYPE_CHECKING:
    from contramuse.checkpoint.model import Model
    from contramuse.embeddings import Summary

LISTED = 20


def embed(
    model: Annotated[str, typer.Argument(help="Model folder, run folder, or hub id.", show_default=False)],
    music: Annotated[
        list[Path], typer.Argument(help="A library, or audio files and folders of them.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the embeddings.", show_default=False)],
    hop: Annotated[float | None, typer.Option(help="Seconds from window to window; the model's if not given.")] = None,
    window: Annotated[float | None, typer.Option(help="Seconds per window; the model's if not given.")] = None,
    output: Annotated[
        str | None,
        typer.Option(help="encoder, head, or names of heads joined by commas; the model's if not given."),
    ] = None,
    keep_windows: Annotated[bool, typer.Option("--keep-windows", help="Store the windows' vectors too.")] = False,
    dtype: Annotated[str, typer.Option(help="float32 or float16, of the stored numbers.")] = "float32",
    batch: Annotated[int, typer.Option(help="Windows per forward pass; changes the speed, not the result.")] = 16,
    corrupt: Annotated[
        list[str] | None,
        typer.Option(help="Corrupt the windows: mp3, 'semisupcon severity=3'; repeatable, in this order."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps, ...")] = "auto",
) -> None:
    """Embed whole tracks of any length: the mean over their windows, stored with provenance.

    Goes on where it was interrupted; a second run embeds only what is new. Exit status 1 if a file failed.
    """
    from contramuse.checkpoint.model import load
    from contramuse.encoders.memory import keep_freed_memory

    keep_freed_memory()
    check_output(out, name="--out")
    _check_music(music)
    libraries = [path for path in music if (path / "library.json").exists()]
    if libraries and len(music) > 1:
        raise UserError(
            "is a library and stands beside other music", name="MUSIC", value=libraries[0],
            fix="Embed one library at a time, each into a folder of its own.",
        )  # fmt: skip
    keep = "windows" if keep_windows else "vectors"
    settings = {
        "window": window, "hop": hop, "keep": keep, "dtype": dtype, "batch": batch, "corrupt": tuple(corrupt or ())
    }  # fmt: skip
    loaded = load(model)
    given = loaded if output is None else loaded.giving(_words(output))
    _report(embed_with_progress(on_device(given, device), music, libraries, out, settings))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _check_music(music: list[Path]) -> None:
    for path in music:
        fix = "Check the path; nothing was written."
        if not path.exists():
            raise UserError("there is no such file or folder", name="MUSIC", value=path, fix=fix)
        if (path / "work").exists() and not (path / "library.json").exists() and (path / "shards").exists():
            fix = "Run `contramuse prepare` again; `contramuse ledger` says what is wrong with files."
            raise UserError("is a library that is not finished", name="MUSIC", value=path, fix=fix)


def on_device(model: Model, device: str) -> Model:
    """The model on a device; "auto" is a GPU where there is one.

    Raises:
        UserError: there is no such device.
    """
    import torch

    wanted = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        return model.to(wanted)
    except (RuntimeError, AssertionError) as error:
        problem = f"cannot be used ({str(error).splitlines()[0]})"
        raise UserError(problem, name="--device", value=device, fix="Give cpu, or leave it out.") from error


def embed_with_progress(
    model: Model, music: list[Path], libraries: list[Path], out: Path, settings: dict[str, Any]
) -> Summary:
    """Embed a library, or files, under a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from contramuse.catalogue.library import Library
    from contramuse.embeddings import embed_files, embed_library, find_files

    columns = (
        TextColumn("embed"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn()
    )  # fmt: skip
    library = Library.open(libraries[0]) if libraries else None
    files = [] if libraries else find_files(music)
    with _quiet_codecs(), Progress(*columns) as progress:
        task = progress.add_task("embed", total=len(files) if library is None else len(library), rate="")
        done = [0, 0.0]

        def advance(tracks: int, seconds: float) -> None:
            done[0], done[1] = done[0] + tracks, done[1] + seconds
            elapsed = max(progress.tasks[0].elapsed or 0.0, 1e-3)
            rate = f"{done[0] / elapsed:.1f} tracks/s, {done[1] / elapsed:,.0f} x real time"
            progress.update(task, advance=tracks, rate=rate)

        if library is not None:
            return embed_library(model, library, out, advance=advance, **settings)
        return embed_files(model, files, out, advance=advance, **settings)


@contextlib.contextmanager
def _quiet_codecs() -> Iterator[None]:
    """Silence what codecs write to the process's standard error about broken files; those are listed at the end."""
    sys.stderr.flush()
    before = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(silence)


def _report(summary: Summary) -> None:
    before = f", {summary.kept} were there before" if summary.kept else ""
    print(
        f"{summary.tracks} tracks ({summary.seconds / 3600:.2f} h) embedded{before}, {len(summary.failed)} failed "
        f"-> {summary.out}"
    )
    for path, reason in summary.failed[:LISTED]:
        print(f"  failed: {printable(path)}: {printable(reason)}")
    if len(summary.failed) > LISTED:
        print(f"  ... and {len(summary.failed) - LISTED} more, all listed in {summary.out / 'embeddings.json'}")
    if summary.failed:
        raise typer.Exit(1)
