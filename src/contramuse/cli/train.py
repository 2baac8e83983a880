"""``contramuse train``: a recipe and a library become a model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from contramuse.errors import UserError


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="Shipped recipe or YAML file; left out with --resume.", show_default=False)
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Settings as key=value: train.batch=64 ...", show_default=False)
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", help="Library that `contramuse prepare` wrote; several are joined to one.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run; runs/RECIPE-NUMBER by itself.", show_default=False),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Train this long, instead of train.steps; the schedule ends then.", min=0.05)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, from its last checkpoint.")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Start from the weights of this model (folder, run or hub id), wherever they fit.",
            show_default=False,
        ),
    ] = None,
    devices: Annotated[str, typer.Option(help="Number of devices or processes, or auto.")] = "auto",
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu, mps, ...")] = "auto",
) -> None:
    """Train a recipe on a library.

    Ctrl-C finishes the step and saves; `contramuse train --resume RUN` goes on, also after a crash.
    """
    began = time.monotonic()
    if resume is None and recipe is None:
        raise UserError("is missing", name="RECIPE", fix="Give one of `contramuse recipes`, e.g. masked.")
    if recipe is not None and "=" in recipe and not Path(recipe).exists():
        fix = "A run goes on with its own settings." if resume else "Write RECIPE first: contramuse train masked ..."
        raise UserError("is a setting, and no recipe stands before it", name="RECIPE", value=recipe, fix=fix)
    if resume is not None and out is not None:
        raise UserError("goes on in its own folder", name="--resume", value=resume, fix="Leave out -o.")
    if resume is not None and origin is not None:
        fix = "Leave out --from; a new run can start from this one: train RECIPE --from RUN."
        raise UserError("goes on with its own weights", name="--resume", value=resume, fix=fix)
    if resume is None and not data:
        raise UserError("is missing", name="--data", fix="Give the library that `contramuse prepare` wrote.")
    _run(
        recipe, overrides=overrides or [], data=data or [], out=out, minutes=minutes, resume=resume,
        origin=origin, devices=devices, accelerator=accelerator, began=began,
    )  # fmt: skip


def _run(
    name: str | None,
    *,
    overrides: list[str],
    data: list[Path],
    out: Path | None,
    minutes: float | None,
    resume: Path | None,
    origin: str | None,
    devices: str,
    accelerator: str,
    began: float,
) -> None:
    from contramuse.encoders.memory import keep_freed_memory

    keep_freed_memory()
    from rich.console import Console

    from contramuse.catalogue.joined import Joined, join
    from contramuse.catalogue.library import Library
    from contramuse.recipe import load_recipe
    from contramuse.train.fit import fit
    from contramuse.train.runs import next_run, stored_recipe, stored_run

    if resume is not None:
        facts = stored_run(resume)
        if facts.get("kind") == "fine-tuning":
            fix = f"Go on with `contramuse finetune --resume {resume}`."
            raise UserError("is a run of fine-tuning", name="--resume", value=resume, fix=fix)
        places: list[Path] = data or [Path(place) for place in facts.get("libraries", [facts["library"]])]
        found, run = stored_recipe(resume), resume
        minutes = minutes or facts["minutes"]
    else:
        found, places = load_recipe(str(name), overrides), data
        run = out or next_run(found.name)
    console = Console()
    library = join([Library.open(place) for place in places])
    for line in library.said if isinstance(library, Joined) else ():
        console.print(line, style="yellow")
    if resume is not None and name is not None and load_recipe(name, overrides).fitted(library).hash != found.hash:
        raise UserError(
            f"the run in {resume} was started with another recipe or other settings",
            name="RECIPE", value=name, fix="Leave it out to go on, or start a new run.",
        )  # fmt: skip
    outcome = fit(
        found, library, run, minutes=minutes, start="resume" if resume else "new",
        origin=origin, devices=_count(devices), accelerator=accelerator, console=console, began=began,
    )  # fmt: skip
    if outcome.stopped_by.startswith("SIG"):
        raise typer.Exit(130)


def _count(devices: str) -> int:
    if devices == "auto":
        return -1
    if not devices.isdigit() or devices == "0":
        raise UserError("is not a number of devices", name="--devices", value=devices, fix="Give 1, 2, ... or auto.")
    return int(devices)
