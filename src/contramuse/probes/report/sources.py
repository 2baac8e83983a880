"""What a report is made of, read from the folders that other commands wrote; every part may be missing."""

from __future__ import annotations

import csv
import json
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contramuse import __version__
from contramuse.embeddings.store import corrupted_by
from contramuse.errors import LibraryError, UserError

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

MOST_FILES = 200
"""Files of the ledger that are listed."""


@dataclass(frozen=True)
class Ledger:
    """Decoding: how many files had each verdict, and the first of those that were left out or repaired."""

    counts: Mapping[str, int]
    files: tuple[Mapping[str, Any], ...]
    unlisted: int


@dataclass(frozen=True)
class Sources:
    """All that a page is built from.

    Args:
        name: of the run or model.
        recipe: resolved; None if unknown.
        log: rows of log.csv, column -> value.
        run: run.json. model: model.json. results: of `contramuse probe`.
        embeddings, library, ledger: None where not given or not there.
        command: that made the report.
    """

    name: str = "report"
    recipe: Mapping[str, Any] | None = None
    log: tuple[Mapping[str, float], ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] | None = None
    embeddings: Embeddings | None = None
    library: Library | None = None
    ledger: Ledger | None = None
    command: str = ""

    def provenance(self) -> dict[str, Any]:
        """Hashes, versions and places, by name; unknown ones are left out."""
        meta = self.embeddings.meta if self.embeddings is not None else {}
        facts = {
            "command": self.command,
            "contramuse": __version__,
            "trained with": self.run.get("code_version") or self.model.get("code_version"),
            "model hash": self.model.get("model_hash") or meta.get("model_hash"),
            "recipe hash": self.model.get("recipe_hash") or self.run.get("recipe_hash") or meta.get("recipe_hash"),
            "preprocessing hash": self.model.get("preprocessing_hash") or meta.get("preprocessing_hash"),
            "trained on library": self.model.get("library_fingerprint") or self.run.get("library_fingerprint"),
            "embedded library": meta.get("library_fingerprint"),
            "library folder": str(self.library.root) if self.library is not None else meta.get("library_root"),
            "embeddings": str(self.embeddings.root) if self.embeddings is not None else None,
            "corrupted by": corrupted_by(meta),
            "window and hop": f"{meta['window']:g} s every {meta['hop']:g} s" if "window" in meta else None,
            "probed": self.results.get("created") if self.results is not None else None,
            "Python": platform.python_version(),
        }
        return {name: value for name, value in facts.items() if value}


def gather_sources(
    run: Path | None = None,
    *,
    embeddings: Path | None = None,
    probe: Path | None = None,
    library: Path | None = None,
    command: str = "",
) -> Sources:
    """Read what is given.

    Args:
        run: folder of a run (recipe.yaml, log.csv, model/) or of a model (model.json).
        embeddings: folder of embeddings.
        probe: results of ``contramuse probe --json``.
        library: with labels and ledger; the embedded one when it is still where it was.
        command: to be shown.

    Raises:
        UserError: nothing is given, or something given is not what it should be.
    """
    if run is None and embeddings is None and probe is None:
        raise UserError("nothing to report on", name="report", fix="Give a run, --embeddings or --probe.")
    if run is not None and not any((run / name).exists() for name in ("recipe.yaml", "model.json", "model")):
        raise UserError(
            "is neither a run nor a model", name="run", value=run, fix="Give the folder that `contramuse train` made."
        )
    model = {} if run is None else _json(run / "model.json") or _json(run / "model" / "model.json")
    opened = _embeddings(embeddings)
    results = None if probe is None else read_results(probe)
    place = library or _embedded_library(opened, results)
    found = _library(place, asked=library is not None)
    return Sources(
        name=run.resolve().name if run is not None else (embeddings or probe or Path("report")).stem,
        recipe=_recipe(run, model),
        log=() if run is None else _log(run / "log.csv"),
        run={} if run is None else _json(run / "run.json"),
        model=model,
        results=results,
        embeddings=opened,
        library=found,
        ledger=None if found is None else read_ledger(found.root),
        command=command,
    )


def read_results(path: Path) -> dict[str, Any]:
    """The checked content of a results file.

    Raises:
        UserError: it is missing, damaged or another program's.
    """
    fix = "Give the file that `contramuse probe EMBEDDINGS --json FILE` wrote."
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read ({error})", name="--probe", value=path, fix=fix) from error
    if not isinstance(results, dict) or results.get("format") != "contramuse probe" or results.get("version") != 1:
        raise UserError("is no result of contramuse probe", name="--probe", value=path, fix=fix)
    return results


def read_ledger(library: Path) -> Ledger | None:
    """Counts of verdicts, and the files that are not simply ok; None where the library has no ledger.

    Raises:
        LibraryError: it is damaged.
    """
    from contramuse.catalogue.ledger import counts, entries

    if not (library / "ledger.parquet").exists():
        return None
    found = Counter(counts(library))
    files = tuple(islice((row for row in entries(library) if row["verdict"] != "ok"), MOST_FILES))
    return Ledger(dict(found.most_common()), files, found.total() - found["ok"] - len(files))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _recipe(run: Path | None, model: Mapping[str, Any]) -> Mapping[str, Any] | None:
    import yaml

    if run is not None and (run / "recipe.yaml").exists():
        try:
            found = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))
        except yaml.YAMLError:
            found = None
        if isinstance(found, dict):
            return found
    recipe = model.get("recipe")
    return recipe if isinstance(recipe, dict) else None


def _log(path: Path) -> tuple[dict[str, float], ...]:
    if not path.exists():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{name: _number(text) for name, text in row.items() if name} for row in csv.DictReader(file)]
    return tuple({name: value for name, value in row.items() if value is not None} for row in rows)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _embeddings(folder: Path | None) -> Embeddings | None:
    from contramuse.embeddings import Embeddings

    return None if folder is None else Embeddings.open(folder)


def _embedded_library(opened: Embeddings | None, results: Mapping[str, Any] | None) -> Path | None:
    root = opened.meta.get("library_root") if opened is not None else (results or {}).get("library", {}).get("root")
    return Path(root) if root else None


def _library(place: Path | None, *, asked: bool) -> Library | None:
    from contramuse.catalogue.library import Library

    if place is None:
        return None
    try:
        return Library.open(place)
    except LibraryError:
        if asked:
            raise
        return None
