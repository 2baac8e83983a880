"""The folder of a run: its name, what it was made from, and how it is read back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from contramuse import __version__
from contramuse.errors import LibraryError, UserError
from contramuse.files import replacing, write_json

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.recipe import Recipe

_SHARED = "CONTRAMUSE_RUN"
"""Environment variable that tells the processes launched for other devices the folder of the first."""

_MADE_BY = "Give the folder that `contramuse train` or `finetune` made."
_BEFORE_TRAINING = ("recipe.yaml", "run.json", "log.csv", "tensorboard", "checkpoints")


def next_run(recipe: str, *, root: Path = Path("runs")) -> Path:
    """The first free ``runs/<recipe>-<number>``.

    Raises:
        UserError: a launcher started several processes, which could not agree on a number.
    """
    if is_launched() and _SHARED in os.environ:
        return Path(os.environ[_SHARED])
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("is missing", name="-o", fix="Processes that are launched together need the same RUN: give -o.")
    number = 1
    while (root / f"{recipe}-{number}").exists():
        number += 1
    return root / f"{recipe}-{number}"


def is_launched() -> bool:
    """Whether this process is another than the first of those that train together."""
    return any(int(os.environ.get(name, "0")) > 0 for name in ("LOCAL_RANK", "RANK", "SLURM_PROCID"))


def claim(run: Path, *, verb: str = "train") -> None:
    """Make sure that ``run`` is ours to write into; ``verb`` is the command that would go on with what is there.

    Raises:
        UserError: there is something in it.
    """
    if run.exists() and not run.is_dir():
        raise UserError("is a file", name="run", value=run, fix="Choose a folder with -o.")
    if run.exists() and any(run.iterdir()):
        go_on = f"Go on with `contramuse {verb} --resume {run}`, or choose" if (run / "run.json").exists() else "Choose"
        raise UserError("is not empty", name="run", value=run, fix=f"{go_on} another folder with -o.")
    os.environ[_SHARED] = str(run)


def abandon(run: Path) -> None:
    """Remove what a run that came to no checkpoint has written into its new folder."""
    for name in _BEFORE_TRAINING:
        path = run / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if run.exists() and not any(run.iterdir()):
        run.rmdir()


def describe(run: Path, recipe: Recipe, library: Library, *, minutes: float | None, facts: dict[str, Any]) -> None:
    """Write recipe.yaml (resolved) and run.json (where everything came from)."""
    with replacing(run / "recipe.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(recipe.resolved(), sort_keys=False, allow_unicode=True), encoding="utf-8")
    write_json(
        run / "run.json",
        {
            "recipe": recipe.name,
            "recipe_hash": recipe.hash,
            "library": str(Path(library.root).absolute()),
            "libraries": [str(Path(root).absolute()) for root in library.info.get("joined", [library.root])],
            "library_fingerprint": library.fingerprint,
            "code_version": code_version(),
            "minutes": minutes,
            **facts,
        },
    )


def stored_run(run: Path) -> dict[str, Any]:
    """What run.json says.

    Raises:
        UserError: the folder is no run.
    """
    try:
        facts: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError("is not the folder of a run", name="run", value=run, fix=_MADE_BY) from error
    if not isinstance(facts, dict) or not {"library", "library_fingerprint", "minutes"} <= facts.keys():
        raise UserError("is damaged or another program's", name="run", value=run / "run.json", fix=_MADE_BY)
    return facts


def set_minutes(run: Path, minutes: float | None) -> None:
    """Note the budget that a resumed run was given, so that it holds when it is resumed once more."""
    facts = stored_run(run)
    if minutes is not None and facts["minutes"] != minutes:
        write_json(run / "run.json", {**facts, "minutes": minutes})


def stored_recipe(run: Path) -> Recipe:
    """The recipe that the run was started with.

    Raises:
        UserError: the folder is no run.
        RecipeError: recipe.yaml was changed into something that is no recipe.
    """
    from contramuse.recipe import Recipe

    try:
        written = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError("has no recipe.yaml that can be read", name="run", value=run, fix=_MADE_BY) from error
    if not isinstance(written, dict):
        raise UserError("is no recipe", name="run", value=run / "recipe.yaml", fix=_MADE_BY)
    return Recipe.from_resolved(written, name=written.get("name", "stored"))


def same_library(run: Path, library: Library) -> None:
    """Make sure that a resumed run goes on with its own tracks.

    Raises:
        LibraryError: it is another library, or was prepared anew since.
    """
    facts = stored_run(run)
    if facts["library_fingerprint"] != library.fingerprint:
        raise LibraryError(
            f"the run was started with other tracks ({facts['library']}, {facts['library_fingerprint']})",
            name="library",
            value=library.root,
            fix="Resume with that library as it was, or start a new run.",
        )


def same_vectors(run: Path, vectors: Mapping[str, str]) -> None:
    """Make sure that a resumed run goes on with the vectors that it began with: factors made anew have other axes.

    Args:
        run: its folder.
        vectors: names of the vectors that it takes -> hash of their numbers now.

    Raises:
        LibraryError: they were made anew since.
    """
    before = stored_run(run).get("vectors", {})
    for name, found in vectors.items():
        if before.get(name, found) != found:
            raise LibraryError(
                "the vectors were made anew since the run was started", name="vectors", value=name,
                fix="Start a new run, or put the vectors back as they were.",
            )  # fmt: skip


def code_version() -> str:
    """The version, and the commit where the code runs from a checkout."""
    here = Path(__file__).parent
    if not any((folder / ".git").exists() for folder in here.parents):
        return __version__
    try:
        found = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return __version__
    return f"{__version__}+{found.stdout.strip()}" if found.returncode == 0 else __version__
