"""``contramuse demo``: the main job, one printed command after another."""

from __future__ import annotations

from pathlib import Path

import typer


def demo(
    music: str = typer.Option("", help="Folder of your own music; without it the built-in corpus is composed."),
    out: str = typer.Option("demo", "-o", "--out", help="Folder for everything that is made."),
    minutes: float = typer.Option(4.0, help="Minutes of training."),
    recipe: str = typer.Option("masked", help="Recipe to train."),
    tracks: int = typer.Option(240, help="Tracks of the built-in corpus."),
    seconds: float = typer.Option(30.0, help="Seconds of each of them."),
) -> None:
    """From a folder of music to a trained encoder, a report against baselines, and one search.

    Every step is a command of its own, printed before it runs; steps that are done are not done again.
    """
    from contramuse.catalogue import Library
    from contramuse.embeddings import Embeddings

    root = Path(out)
    library, run, embeddings = root / "library", root / "run", root / "embeddings"
    results, report = root / "probe.json", root / "report.html"
    if not music:
        music = str(root / "music")
        if not (root / "music" / "labels.csv").exists():
            _say(["corpus", "-o", music, "--tracks", str(tracks), "--seconds", f"{seconds:g}", "--seed", "0"])
    # Whatever can be read is used; the summary, the ledger and the report list what cannot.
    _say(["prepare", music, "-o", str(library), "--max-failed", "1"])
    if not (run / "model" / "model.json").exists():
        where = ["--resume", str(run)] if (run / "run.json").exists() else ["-o", str(run)]
        budget = ["--minutes", f"{minutes:g}"]
        _say(["train", recipe, *_fitting(recipe, library), "--data", str(library), *where, *budget])
    _say(["embed", str(run), str(library), "-o", str(embeddings)])
    _say(["probe", str(embeddings), "--json", str(results)])
    _say(["report", str(run), "--embeddings", str(embeddings), "--probe", str(results), "-o", str(report)])
    example = Embeddings.open(embeddings)
    show = ["--show", "genre"] if "genre" in Library.open(library).fields else []
    _say(["search", str(embeddings), str(example.ids[len(example.ids) // 2]), "-k", "5", *show])
    print(f"\nThe report is {report}: open it in a browser. Did the search find tracks that sound alike? Listen.")


def _fitting(recipe: str, library: Path) -> list[str]:
    """The override that a library with fewer training tracks than the recipe's batch needs."""
    from contramuse.catalogue import Library
    from contramuse.recipe import load_recipe

    tracks = len(Library.open(library).rows("train"))
    return [f"train.batch={tracks}"] if 1 < tracks < load_recipe(recipe).train.batch else []


def _say(arguments: list[str]) -> None:
    """Print a command and run it in a process of its own; its failure ends the demo with its status."""
    import shlex
    import subprocess
    import sys

    print(f"\n$ contramuse {shlex.join(arguments)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "contramuse", *arguments], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
