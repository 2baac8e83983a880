"""The verbs of the ``contramuse`` command. A verb's heavy imports are inside its function, so that --help is quick."""

from __future__ import annotations

import io
import os
import sys

import typer
from rich.console import Console

from contramuse import __version__
from contramuse.cli import import_, recipes, vectors
from contramuse.cli.convert import convert
from contramuse.cli.corpus import corpus
from contramuse.cli.data import data
from contramuse.cli.demo import demo
from contramuse.cli.embed import embed
from contramuse.cli.evaluate import evaluate
from contramuse.cli.finetune import finetune
from contramuse.cli.hub import pull, push
from contramuse.cli.ledger import ledger
from contramuse.cli.playlists import playlists
from contramuse.cli.prepare import prepare
from contramuse.cli.probe import probe
from contramuse.cli.report import report
from contramuse.cli.search import search
from contramuse.cli.stems import stems
from contramuse.cli.train import train
from contramuse.errors import ContramuseError

app = typer.Typer(
    name="contramuse",
    help="Contrastive learning of music representations: from a folder of music to a trained encoder, "
    "honest numbers and embeddings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


def _version(show: bool) -> None:
    if show:
        print(f"contramuse {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """The options before the verb."""


# One line for each verb, in alphabetical order.
app.command()(convert)
app.command()(corpus)
app.command()(data)
app.command()(demo)
app.command()(embed)
app.command()(evaluate)
app.command()(finetune)
app.add_typer(import_.app, name="import")
app.command()(ledger)
app.command()(playlists)
app.command()(prepare)
app.command()(probe)
app.command()(pull)
app.command()(push)
app.add_typer(recipes.app, name="recipes")
app.command()(report)
app.command()(search)
app.command()(stems)
app.command()(train)
app.add_typer(vectors.app, name="vectors")


INTERRUPTED = "\ninterrupted; run the same command again to go on"


def main() -> None:
    """Run the command; a user's mistake is one message on stderr, never a traceback."""
    # OpenMP reads this when torch is first imported. Waiting threads otherwise spin: where another process wants the
    # core, a step with two threads then takes several times as long as with one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold what no screen can show
    try:
        app()
    except ContramuseError as error:
        if os.environ.get("CONTRAMUSE_TRACEBACK"):
            raise
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"[bold red]error[/] {_plain(error)}")
        sys.exit(error.exit_status)
    except ModuleNotFoundError as error:
        if os.environ.get("CONTRAMUSE_TRACEBACK") or str(error.name).startswith("contramuse"):
            raise
        print(f"error {error.name}: is needed and not installed. Run pip install {error.name}.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        sys.exit(130)
    except SystemExit as leaving:  # typer turns Ctrl-C into a silent exit
        if leaving.__context__ is not None and isinstance(leaving.__context__.__cause__, KeyboardInterrupt):
            print(INTERRUPTED, file=sys.stderr)
        raise


def _plain(error: ContramuseError) -> str:
    from rich.markup import escape

    return escape(str(error))
