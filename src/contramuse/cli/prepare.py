"""contramuse prepare: from a folder of music to a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contramuse.errors import ContramuseError, UserError

if TYPE_CHECKING:
    from contramuse.catalogue.prepare import Summary


def prepare(
    folder: Annotated[Path, typer.Argument(help="Folder of music, of any size and nesting.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the library; brought up to date if it is there.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV, TSV, Parquet or JSON lines; without it labels.csv in the folder is used if there."),
    ] = None,
    join: Annotated[str | None, typer.Option(help="Column of the labels file that names the audio files.")] = None,
    separator: Annotated[str | None, typer.Option(help='Between the labels of one cell; else ";" or "|".')] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="NAME=KIND: read a column as multiclass, multilabel, numeric, key or text (left out)."),
    ] = None,
    only_labelled: Annotated[
        bool, typer.Option("--only-labelled", help="Take only the files that the labels file names.")
    ] = False,
    group: Annotated[
        list[str] | None, typer.Option(help="A column that says what belongs together, and is no label.")
    ] = None,
    stems: Annotated[
        str | None,
        typer.Option(help='How files of stems are named, e.g. "{track}/{stem}.wav"; else stems/{track}/{stem}.*'),
    ] = None,
    split_by: Annotated[
        str, typer.Option(help="What splits must not tear: auto, artist, album, folder, track, or a group.")
    ] = "auto",
    shares: Annotated[str, typer.Option(help="Of train, valid and test.")] = "0.8,0.1,0.1",
    stratify: Annotated[
        str, typer.Option(help="Label field whose classes have about the same share in each split; groups stay whole.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the splits.")] = 0,
    rate: Annotated[int, typer.Option(min=2000, max=192000, help="Sample rate of the stored audio, in Hz.")] = 22050,
    features: Annotated[
        bool, typer.Option("--features", help="The files are .npy arrays of features (bands x frames), not audio.")
    ] = False,
    frame_rate: Annotated[
        float, typer.Option(min=1.0, max=1000.0, help="Of features, in frames per second; 62.5 is Melon's.")
    ] = 62.5,
    bands: Annotated[int, typer.Option(min=0, help="Of features; 0: what the first array has.")] = 0,
    min_seconds: Annotated[float, typer.Option(min=0.0, help='Shorter files are "too short".')] = 1.0,
    max_seconds: Annotated[float, typer.Option(min=1.0, help="What lies beyond is left out, and said.")] = 14400.0,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds per file; and one more for each 2 MiB.")] = 60.0,
    workers: Annotated[int | None, typer.Option(min=1, help="Decoding processes; else one per core.")] = None,
    max_failed: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of failed files above which the exit status is 1.")
    ] = 0.05,
) -> None:
    """Scan a folder of music, decode every file once, and index it.

    The same command run again does only what is new: unchanged files (same size, time and inode) are not decoded again.
    """
    from rich.console import Console

    from contramuse.catalogue.decoding import Decoding
    from contramuse.catalogue.grouping import Splitting
    from contramuse.catalogue.prepare import LabelSource
    from contramuse.catalogue.prepare import prepare as run
    from contramuse.catalogue.stems import DEFAULT, StemPattern

    summary = run(
        folder,
        out,
        decoding=Decoding(
            sample_rate=round(frame_rate) if features else rate,
            min_seconds=min_seconds,
            max_seconds=max_seconds,
            timeout=timeout,
            workers=workers,
            frame_rate=frame_rate if features else 0.0,
            bands=bands if features else 0,
        ),
        labels=LabelSource(
            labels, separator, tuple(group or ()), _kinds(field or []), join, "labelled" if only_labelled else "all"
        ),
        splitting=Splitting(split_by, seed, _shares(shares), stratify),
        stems=DEFAULT if stems is None else StemPattern(stems),
        console=Console(stderr=True),
    )
    show(summary)
    if summary.failed_share > max_failed:
        raise ContramuseError(
            f"{summary.verdicts['failed']} of {sum(summary.verdicts.values())} files failed, more than allowed",
            name="--max-failed",
            value=max_failed,
            fix=f"The library is complete without them. `contramuse ledger {out} --verdict failed` says why; "
            "allow more with --max-failed.",
        )


def _kinds(fields: list[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in fields]
    for name, mark, kind in pairs:
        if not (name and mark and kind):
            raise UserError("is not NAME=KIND", name="--field", value=name, fix="For example --field year=multiclass.")
    return {name: kind for name, _, kind in pairs}


def _shares(text: str) -> tuple[float, float, float]:
    try:
        train, valid, test = map(float, text.split(","))
    except ValueError as error:
        raise UserError("are not three numbers", name="--shares", value=text, fix="For example 0.8,0.1,0.1.") from error
    return train, valid, test


def show(summary: Summary) -> None:
    """Print what a run did, and what the library holds."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    changes = ", ".join(f"{count} {name}" for name, count in summary.changes.items() if count)
    console.print(f"files      {changes}; {summary.decoded} decoded now (same size, time and inode is unchanged)")
    order = ("ok", "repaired", "failed", "too short", "silent", "duplicate")
    counts = ", ".join(f"{summary.verdicts[name]} {name}" for name in order if name in summary.verdicts)
    console.print(f"verdicts   {counts}")
    damaged = f", {summary.damaged_seconds:.1f} s of them damaged or missing" if summary.damaged_seconds else ""
    stems = f", {summary.stems} with stems" if summary.stems else ""
    console.print(f"tracks     {summary.tracks}, {summary.seconds / 3600:.2f} hours{damaged}{stems}")
    console.print("splits     " + ", ".join(f"{name} {count}" for name, count in summary.splits.items()))
    for line in summary.lines:
        style = "[yellow]" if line.startswith("warning") else ""
        console.print(f"           {style}{escape(line)}")
    console.print(f"library    {escape(str(summary.library))}")
