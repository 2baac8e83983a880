"""contramuse stems: the sources of every track, made by a separator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contramuse.errors import ContramuseError, UserError

if TYPE_CHECKING:
    import torch

    from contramuse.catalogue.separate.run import Summary

SHOWN = 10


def stems(
    library: Annotated[Path, typer.Argument(help="Folder of a library, as `contramuse prepare` writes it.")],
    model: Annotated[str, typer.Option(help="demucs, or openunmix where torchaudio is installed.")] = "demucs",
    weights: Annotated[
        Path | None, typer.Option(help="Folder or file of the model's weights; else the package downloads its own.")
    ] = None,
    stems: Annotated[
        list[str] | None, typer.Option("--stems", help="bass, drums, other, vocals, ...; all that the model gives.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...; auto takes a GPU if there is one.")] = "auto",
) -> None:
    """Take every track apart and store its stems in the library.

    Tracks that have these stems, as files of their own or from an earlier run, are left alone; the same command run
    again goes on where it stopped.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from contramuse.catalogue.separate import SEPARATORS
    from contramuse.catalogue.separate.run import Separation, separable

    if model not in SEPARATORS:
        raise UserError("is no separator", name="--model", value=model, fix=f"Use one of: {', '.join(SEPARATORS)}.")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    names = [name for item in stems or () for name in item.replace(",", " ").split()]
    separable(library)  # before weights are downloaded for it
    separator = SEPARATORS[model](weights, device=_device(device))
    with Separation(library, separator, names=names) as separation:
        work = separation.work()
        console.print(
            f"model      {separator.name}\n"
            f"to do      {', '.join(work.names)} of {len(work.rows)} tracks, {work.seconds / 3600:.2f} hours "
            f"({work.kept} tracks have them)\n"
            f"disk       {work.size / 1e9:.2f} GB to write, {work.free / 1e9:.1f} GB free"
        )
        columns = (TextColumn("separating"), BarColumn(), TextColumn("{task.fields[hours]}"), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            shown = bar.add_task("", total=work.seconds, hours="")
            done = 0.0

            def advance(seconds: float) -> None:
                nonlocal done
                done += seconds
                bar.update(shown, completed=done, hours=f"{done / 3600:.2f} of {work.seconds / 3600:.2f} h")

            summary = separation.run(work, advance=advance)
    _show(summary, library)


def _device(name: str) -> torch.device:
    import torch

    try:
        found = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n")[0]
        raise UserError(f"cannot be used ({reason})", name="--device", value=name, fix="Use auto or cpu.") from error
    return found


def _show(summary: Summary, library: Path) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    stored = f", {summary.from_store} of them from the library's own audio (their files are gone or changed)"
    console.print(f"separated  {summary.tracks} tracks{stored if summary.from_store else ''}")
    if not summary.failed:
        return
    console.print(f"failed     {len(summary.failed)}; the same command tries them again")
    for path, reason in summary.failed[:SHOWN]:
        console.print(f"           {escape(path)}: {escape(reason)}")
    if not summary.tracks:
        raise ContramuseError(
            f"none of {len(summary.failed)} tracks could be separated ({summary.failed[0][1]})", name="stems",
            value=library, fix="See the reasons above; try --device cpu.",
        )  # fmt: skip
