"""``contramuse corpus``: write the built-in corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def corpus(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write, new or empty.")],
    tracks: Annotated[int, typer.Option(help="How many tracks.")] = 240,
    seconds: Annotated[float, typer.Option(help="Seconds of each track.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Another seed gives other artists and other music.")] = 0,
    soundfont: Annotated[Path | None, typer.Option(help="An .sf2 file to use instead of pretty_midi's.")] = None,
    stems: Annotated[str, typer.Option(help="flac: also write bass, drums, vocals, other; none: do not.")] = "flac",
    sample_rate: Annotated[int, typer.Option(help="Sampling rate of the files, Hz.")] = 22050,
    workers: Annotated[int | None, typer.Option(help="Processes; one per core if not given.")] = None,
) -> None:
    """Compose and render music with known truth: style, instruments, key, tempo, mood, artists, playlists, stems."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from contramuse.catalogue.corpus.write import Settings, write_corpus
    from contramuse.errors import UserError

    if workers is not None and workers < 1:
        raise UserError("is below 1", name="workers", value=workers, fix="Give 1 or more, or leave it out.")
    settings = Settings(
        tracks=tracks, seconds=seconds, seed=seed, sample_rate=sample_rate, stems=stems,
        soundfont=str(soundfont) if soundfont else None,
    )  # fmt: skip
    console = Console(stderr=True)
    columns = (TextColumn("composing"), BarColumn(), MofNCompleteColumn(), TextColumn("tracks"), TimeRemainingColumn())
    start = time.monotonic()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("composing", total=tracks)
        state = write_corpus(output, settings, workers=workers, progress=lambda n: bar.advance(task, n))
        bar.update(task, completed=tracks)
    took = time.monotonic() - start
    if state == "kept":
        print(f"{output} already holds this corpus: {tracks} tracks of {seconds:g} s, seed {seed}")
    else:
        print(
            f"{output}: {tracks} tracks of {seconds:g} s in {took:.1f} s ({tracks * seconds / took:.0f} x real time); "
            "labels.csv, playlists.json and stems beside them"
        )
